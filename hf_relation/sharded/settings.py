"""The settings of a sharded discovery."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from hf_relation.errors import UsageError


@dataclass(frozen=True)
class ShardedSettings:
    """Everything that decides what comes out; neither the number of workers nor the order in which they finish does.

    Args:
        model (`str`, *optional*): name or folder of the encoder's checkpoint; not needed with ready embeddings.
        num_relations (`int` or `"auto"`, defaults to `"auto"`): as in [`~hf_relation.RelationDiscovery`]; estimated on the sample.
        algorithm (`str`, defaults to `"kmeans"`): what merges the centres into relations, one of those of
            [`~hf_relation.clustering.cluster`].
        algorithm_kwargs (`Mapping`): its further settings, JSON-able.
        n_init (`int`, defaults to 20): restarts of k-means over the centres.
        whitening (`bool`, defaults to `False`): apply the whitening that is stored with `model`.
        pca_components (`int`, *optional*): reduce to this many dimensions, found on the sample.
        num_relations_calibration (`float`, *optional*): as in [`~hf_relation.RelationDiscovery`].
        seed (`int`, defaults to 0): the one source of chance.
        dtype (`str`, defaults to `"auto"`): precision of the encoder: `"float32"`, `"bfloat16"`, or `"auto"`: float32 below
            20,000 instances in all, and where the machine that begins the run is not faster in bfloat16; it decides for all machines.
        backend (`str`, defaults to `"torch"`): what computes the embeddings, see [`~hf_relation.embedding.make_encoder`].
        max_tokens_per_batch (`int`, *optional*), device (`str`, *optional*): of the encoder. With `"cuda"` every process of a machine
            takes a device of its own, and batches begin as large as its free memory allows.
        shard_rows (`int`, defaults to 20,000): lines of the input in a shard.
        sample_rows (`int`, defaults to 65,536): steps and centres are fitted on this many rows, those whose ids have the smallest
            digests.
        num_centers (`int`, *optional*): centres of the first clustering. By default ten for each relation, 1000 with `"auto"`, at
            most one for four rows of the sample, but never fewer than relations.
        kmeans_rounds (`int`, defaults to 0): with `algorithm="kmeans"`: rounds of Lloyd's algorithm over all rows, from the relations
            that were found on the centres; fewer where no relation changes any more. Each reads all embeddings once. With 0 a row
            belongs to the relation of its nearest centre.
        described_rows (`int`, defaults to 500): keywords, patterns and names of a relation are made from at most so many rows.
        text_options (`Mapping`): for texts and documents, as for [`~hf_relation.discovery.instances_from_texts`], JSON-able.
        plain_text (`bool`, defaults to `False`): every line is a text, as in a `.txt` file, whatever the names of the inputs.
        text_column (`str`, defaults to `"text"`): the column that holds the texts in tables (`.csv`, `.tsv`).
        skip_bad (`bool`, defaults to `False`): leave bad rows out, and count them.

    Raises:
        UsageError: a setting is out of range.

    Example:

    ```python
    >>> from hf_relation.sharded import ShardedSettings
    >>> ShardedSettings(num_relations=0)
    Traceback (most recent call last):
        ...
    hf_relation.errors.UsageError: `num_relations` must be "auto" or an integer from 1 up, got 0.

    ```
    """

    model: str | None = None
    num_relations: int | Literal["auto"] = "auto"
    algorithm: str = "kmeans"
    algorithm_kwargs: Mapping[str, Any] = field(default_factory=dict)
    n_init: int = 20
    whitening: bool = False
    pca_components: int | None = None
    num_relations_calibration: float | None = None
    seed: int = 0
    dtype: Literal["float32", "bfloat16", "auto"] = "auto"
    backend: Literal["torch", "torch-compile", "onnx", "openvino"] = "torch"
    max_tokens_per_batch: int | None = None
    device: str | None = None
    shard_rows: int = 20_000
    sample_rows: int = 65_536
    num_centers: int | None = None
    kmeans_rounds: int = 0
    described_rows: int = 500
    text_options: Mapping[str, Any] = field(default_factory=dict)
    plain_text: bool = False
    text_column: str = "text"
    skip_bad: bool = False

    def __post_init__(self) -> None:
        if self.num_relations != "auto" and not _is_whole(self.num_relations, 1):
            raise UsageError(f'`num_relations` must be "auto" or an integer from 1 up, got {self.num_relations!r}.')
        for name in ("n_init", "shard_rows", "sample_rows", "described_rows"):
            if not _is_whole(getattr(self, name), 1):
                raise UsageError(f"`{name}` must be an integer from 1 up, got {getattr(self, name)!r}.")
        for name in ("pca_components", "num_centers", "max_tokens_per_batch"):
            if getattr(self, name) is not None and not _is_whole(getattr(self, name), 1):
                raise UsageError(f"`{name}` must be None or an integer from 1 up, got {getattr(self, name)!r}.")
        if not _is_whole(self.kmeans_rounds, 0):
            raise UsageError(f"`kmeans_rounds` must be an integer from 0 up, got {self.kmeans_rounds!r}.")
        if self.kmeans_rounds and self.algorithm != "kmeans":
            raise UsageError(
                f'`kmeans_rounds` continue `algorithm="kmeans"`; "{self.algorithm}" has no such rounds. Leave them out.'
            )
        if not _is_whole(self.seed, 0) or self.seed >= 2**32:
            raise UsageError(f"`seed` must be an integer from 0 to 4294967295, got {self.seed!r}.")
        if self.dtype not in ("float32", "bfloat16", "auto"):
            raise UsageError(f'`dtype` must be "float32", "bfloat16" or "auto", got {self.dtype!r}.')
        if self.backend not in ("torch", "torch-compile", "onnx", "openvino"):
            raise UsageError(
                f'`backend` must be "torch", "torch-compile", "onnx" or "openvino", got {self.backend!r}.'
            )
        if not isinstance(self.text_column, str) or not self.text_column:
            raise UsageError(f"`text_column` must be the name of a column, got {self.text_column!r}.")
        if self.whitening and self.model is None:
            raise UsageError("`whitening` is the one stored with the `model`: name one, or leave it out.")

    @classmethod
    def from_pretrained(
        cls, name: str | os.PathLike[str] | None = None, *, revision: str | None = None, **given: Any
    ) -> ShardedSettings:
        """The settings that a checkpoint was saved with, as [`~hf_relation.RelationDiscovery.from_pretrained`] takes them over.

        What it does not say is as given in this class. No model is loaded.

        Args:
            name (`str` or path, *optional*): the default checkpoint (`None`), a local folder, or a Hub id.
            revision (`str`, *optional*): branch, tag or commit of a Hub id.
            **given: settings by name; they win over those of the checkpoint.

        Returns:
            [`ShardedSettings`]: with the local folder of the checkpoint as `model`.

        Raises:
            CheckpointError: no such checkpoint, or its files are damaged or from a newer version.
            UsageError: a setting is out of range, or the checkpoint asks for what is not done in shards.
        """
        from hf_relation.sharded.checkpoint_settings import settings_of_checkpoint

        return settings_of_checkpoint(name, revision, given)

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON-able values by name."""
        return asdict(self)


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
