"""The encoder of a discovery: where it comes from, what is stored beside it, and how rows become embeddings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hf_relation.clustering.whitening import WithinClassWhitening
from hf_relation.discovery.encoder import load_encoder, state_of_model
from hf_relation.discovery.fitting_length import keep_what_fits
from hf_relation.discovery.inputs import read_inputs, without_labels
from hf_relation.discovery.raw_text import DiscoveryRows, read_discovery_rows
from hf_relation.discovery.state import DiscoveryState
from hf_relation.errors import UsageError


if TYPE_CHECKING:
    from hf_relation.discovery.fitted import FittedRelations
    from hf_relation.embedding import Backend, Encoder


class WithEncoder:
    """The part of [`~hf_relation.RelationDiscovery`] that turns texts and instances into embeddings."""

    model: Any
    processor: Any
    transform: WithinClassWhitening | Literal["whitening"] | None
    dtype: Literal["float32", "bfloat16", "auto"]
    backend: Backend
    max_tokens_per_batch: int | None
    device: Any
    progress: bool
    _loaded: tuple[Any, Any, Any, Any] | None = None  # model and processor as given, and as loaded
    _made: tuple[Any, Any, tuple[Any, ...], Encoder] | None = (
        None  # model, processor and settings, and what was made of them
    )
    _stored: tuple[Any, DiscoveryState | None] | None = None  # model as given, and what lies beside its checkpoint

    if TYPE_CHECKING:

        def _checked_fitted(self) -> FittedRelations: ...

    def read_texts(
        self, texts: Iterable[str | Mapping[str, Any]], entities: Any = None, **options: Any
    ) -> DiscoveryRows:
        """Make instances of plain texts and documents: `discovery.fit(discovery.read_texts(texts, entities).instances)`.

        Pairs that do not fit into the encoder are left out, and counted in the report.

        Args:
            texts (`Iterable[str | Mapping]`): texts, documents (text, mentions, entities) or instances.
            entities (*optional*): what finds the entities of texts: a dictionary of names, a token-classification model, spaCy,
                a KernelRE model, a function; see [`~hf_relation.discovery.read_discovery_rows`].
            **options: `sentences`, `window`, `both_directions`, `max_distance`, `max_pairs_per_text`, `types`,
                `max_characters`, as there.

        Returns:
            [`~hf_relation.discovery.DiscoveryRows`]: `instances` and a `report` of what became of every text.

        Raises:
            UsageError: nothing finds the entities, or an option is out of range.
            InvalidRowError: a bad row, with its position.
        """
        rows, report = read_discovery_rows(texts, entities=entities, device=self.device, **options)
        if report.texts and self.model is not None:
            rows = keep_what_fits(rows, self._encoder()[1], report)
        return DiscoveryRows(rows, report)

    def embed(self, instances: Iterable[Mapping[str, Any]]) -> np.ndarray:
        """Embed instances with the encoder, as `fit` and `predict` do.

        Args:
            instances (`Iterable[Mapping]`): instances of the data contract.

        Returns:
            `np.ndarray` of shape `(n, d)`, float32: one row per instance, in order, before whitening.

        Raises:
            InvalidRowError: a bad row.
            UsageError, CheckpointError: there is no encoder, or it cannot be loaded.
        """
        rows = without_labels(instances)
        model, processor = self._encoder()
        from hf_relation.embedding import make_encoder  # imports torch, which ready embeddings never need

        settings = (self.backend, self.dtype, self.max_tokens_per_batch, self.device)
        if self._made is None or (
            self._made[0] is not model or self._made[1] is not processor or self._made[2] != settings
        ):
            encoder = make_encoder(
                model,
                processor,
                backend=self.backend,
                dtype=self.dtype,
                max_tokens_per_batch=self.max_tokens_per_batch,
                device=self.device,
            )
            self._made = (model, processor, settings, encoder)
        return self._made[3].embed(rows, progress=self.progress)

    def _embedded(self, instances: Any, embeddings: Any) -> tuple[Sequence[Mapping[str, Any]], np.ndarray]:
        rows, _, matrix = read_inputs(instances, embeddings)
        if matrix is None:
            width = self._checked_fitted().steps.n_features_in_ or 1
            matrix = self.embed(rows) if rows else np.empty((0, width), dtype=np.float32)
        return rows, matrix

    def _encoder(self) -> tuple[Any, Any]:
        if self._loaded is None or self._loaded[0] is not self.model or self._loaded[1] is not self.processor:
            self._loaded = (self.model, self.processor, *load_encoder(self.model, self.processor))
        return self._loaded[2:]

    def _state(self) -> DiscoveryState | None:
        """What is stored beside the checkpoint."""
        if self._stored is None or self._stored[0] is not self.model:
            self._stored = (self.model, state_of_model(self.model))
        return self._stored[1]

    def _whitening(self) -> WithinClassWhitening | None:
        if self.transform is None or isinstance(self.transform, WithinClassWhitening):
            return self.transform
        if self.transform != "whitening":
            raise UsageError(
                f'`transform` must be None, "whitening" or a fitted WithinClassWhitening, got {self.transform!r}.'
            )
        state = self._state()
        if state is None or state.whitening is None:
            raise UsageError(
                "`transform` is 'whitening', but no whitening is stored with the model. Name a checkpoint that has one, set "
                "transform=None, or pass a fitted WithinClassWhitening."
            )
        return state.whitening
