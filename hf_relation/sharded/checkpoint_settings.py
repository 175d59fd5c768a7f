"""The settings that a checkpoint was saved with, for a sharded discovery."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from types import SimpleNamespace
from typing import Any, cast

from hf_relation.errors import UsageError
from hf_relation.sharded.settings import ShardedSettings


_SHARED = (
    *("num_relations", "algorithm", "n_init", "pca_components", "num_relations_calibration", "seed"),
    *("backend", "dtype", "max_tokens_per_batch", "device"),
)
_OWN = {field.name for field in fields(ShardedSettings)} - {*_SHARED, "model", "algorithm_kwargs", "whitening"}


def settings_of_checkpoint(
    name: str | os.PathLike[str] | None, revision: str | None, given: Mapping[str, Any]
) -> ShardedSettings:
    """What [`ShardedSettings.from_pretrained`] gives.

    Args:
        name (`str` or path, *optional*), revision (`str`, *optional*): the checkpoint.
        given (`Mapping`): settings by name, or arguments of [`~hf_relation.RelationDiscovery`].

    Returns:
        [`ShardedSettings`].

    Raises:
        CheckpointError: no such checkpoint, or its files are damaged or from a newer version.
        UsageError: a setting is out of range, or the checkpoint asks for what is not done in shards.
    """
    from hf_relation.checkpoints import checkpoint_folder
    from hf_relation.discovery.settings import check_settings, merged_settings
    from hf_relation.discovery.state import read_checkpoint

    own = {key: value for key, value in given.items() if key in _OWN}
    others = {key: value for key, value in given.items() if key not in _OWN}
    if "whitening" in others:
        others["transform"] = "whitening" if others.pop("whitening") else None
    unknown = sorted(others.keys() - {*_SHARED, "algorithm_kwargs", "transform", "pair_weighting"})
    if unknown:
        raise UsageError(f"There is no setting {unknown[0]!r}; see ShardedSettings for those there are.")
    model, state = read_checkpoint(checkpoint_folder(name, revision=revision))
    if model is None:
        raise UsageError(f"{name} holds no encoder to embed the instances with. Name another checkpoint.")
    merged = merged_settings({} if state is None else state.settings, others)
    if merged.get("pair_weighting"):
        raise UsageError(
            f"`pair_weighting` ({merged['pair_weighting']}) looks for near-duplicates among all instances at once, which is not done in "
            "shards. Set it to 0, or discover in memory."
        )
    kwargs = dict(merged.get("algorithm_kwargs") or {})
    settings = ShardedSettings(
        model=model,
        algorithm_kwargs=kwargs,
        whitening=merged.get("transform") is not None,
        **{key: merged[key] for key in _SHARED if key in merged},
        **own,
    )
    # It asks for nothing but settings; the estimator itself would need torch, which only the workers do.
    check_settings(cast("Any", SimpleNamespace(**vars(settings), pair_weighting=0, _seed=settings.seed)), kwargs)
    return settings
