"""The one loop from documents to the scores of their candidate pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import nn

from hf_relation.embedding.devices import model_device, resolve_device
from hf_relation.embedding.forward import inference_state
from hf_relation.embedding.memory import ShrinkingBatches
from hf_relation.errors import HfRelationError, InvalidRowError, UsageError
from hf_relation.processing import DocumentProcessor, EncodedWindow
from hf_relation.processing.pair_choice import PairsName


DTYPES = ("float32", "bfloat16")
_CHUNK_DOCUMENTS = 1_000
# Pairs of entities whose scores are held at once; of documents with very many, fewer are taken together.
_CHUNK_PAIRS = 200_000
_CPU_BATCH_TOKENS = 2_048
_DEVICE_BATCH_TOKENS = 16_384
# Scores of mention pairs x relations in one batch; a batch of texts with many mentions is made smaller.
MOST_SCORES = 16_000_000


@dataclass
class PairScores:
    """The scores of one document.

    Args:
        pairs (`list[tuple[int, int]]`): head and tail positions in the document's `entities`, by head, then tail.
        logits (`np.ndarray` of shape `(pairs, relations)`, float32): log-odds of every relation.
    """

    pairs: list[tuple[int, int]]
    logits: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        """`(pairs, relations)`, float32, in [0, 1], as the model gives them, not calibrated."""
        from scipy.special import expit

        found: np.ndarray = expit(self.logits)
        return found


def score_documents(
    model: nn.Module,
    processor: DocumentProcessor,
    documents: Iterable[Mapping[str, Any]],
    *,
    pairs: PairsName | Iterable[Sequence[tuple[int, int]]] = "all",
    dtype: str = "float32",
    max_tokens_per_batch: int | None = None,
    device: str | torch.device | None = None,
    on_batch: Callable[[int], object] | None = None,
    validate: bool = True,
    rows: Sequence[int] | None = None,
) -> Iterator[PairScores]:
    """Score the candidate pairs of documents, in their order, whatever the batches.

    Documents are taken up to 1,000 at a time (fewer where they have very many entities), cut into windows, sorted by length
    and put through the model in batches of a token budget; texts without a pair are not. A batch that does not fit into the
    memory is halved, down to a single window. The model's training flags and device are as before afterwards.

    Args:
        model (`nn.Module`): takes the processor's columns and returns an object with `logits` `(batch, pairs, relations)`.
        processor ([`~hf_relation.processing.DocumentProcessor`]): the model's processor.
        documents (`Iterable[Mapping]`): documents of the data contract; not altered, labels not read (but for
            `pairs="labelled"`).
        pairs (`str` or one sequence of pairs a document): see [`~hf_relation.processing.DocumentProcessor.encode`].
        dtype (`str`, defaults to `"float32"`): `"float32"` or `"bfloat16"` (autocast).
        max_tokens_per_batch (`int`, *optional*): tokens of a padded batch. Default: 2,048 on a CPU, 16,384 elsewhere.
        device (`str` or `torch.device`, *optional*): defaults to the model's own.
        on_batch (`Callable[[int], None]`, *optional*): called with the number of windows after each batch.
        validate (`bool`, defaults to `True`): check the documents first.
        rows (`Sequence[int]`, *optional*): what error messages call the documents; by default their positions.

    Yields:
        [`PairScores`]: one a document.

    Raises:
        InvalidRowError: a document breaks the data contract or cannot be encoded.
        UsageError: an argument is out of range, there are not as many lists of pairs as documents, or the model has no
            `logits`.
        HfRelationError: a score is not finite, or one window alone is too large for the memory.
    """
    check_dtype(dtype)
    if isinstance(documents, (Mapping, str, bytes)) or not isinstance(documents, Iterable):
        raise UsageError(f"A list of documents is needed, got {type(documents).__name__}. Put a single one in a list.")
    target = model_device(model) if device is None else resolve_device(device)
    budget = batch_tokens(max_tokens_per_batch, target)
    forward = WindowForward(model, processor, target, bfloat16=dtype == "bfloat16", on_batch=on_batch)
    given = pairs if isinstance(pairs, str) else iter(pairs)
    done = 0
    for chunk in _chunks(documents):
        of_chunk = given if isinstance(given, str) else list(islice(given, len(chunk)))
        names = range(done, done + len(chunk)) if rows is None else rows[done : done + len(chunk)]
        try:
            windows = processor.encode(chunk, pairs=of_chunk, validate=validate)
        except InvalidRowError as error:
            raise InvalidRowError(error.reason, index=None if error.index is None else names[error.index]) from None
        scored = [window for window in windows if window.pairs]
        logits: list[np.ndarray] = []
        if scored:
            # What is yielded from within would run in inference mode.
            with inference_state(model, target):
                logits = forward(scored, budget, names)
        yield from _by_document(scored, logits, names, forward.relations)
        done += len(chunk)
    if not isinstance(given, str) and next(given, None) is not None:
        raise UsageError(f"`pairs` must have one list a document ({done}), got more.")


def check_dtype(dtype: str) -> None:
    """Refuse precisions that are not on offer."""
    if dtype not in DTYPES:
        raise UsageError(f"`dtype` must be one of {', '.join(DTYPES)}, got {dtype!r}.")


def batch_tokens(given: int | None, device: torch.device) -> int:
    """Tokens of a padded batch: those asked for, else what suits the device."""
    if given is not None:
        if isinstance(given, bool) or not isinstance(given, int) or given < 1:
            raise UsageError(f"`max_tokens_per_batch` must be an integer of at least 1, got {given!r}.")
        return given
    return _CPU_BATCH_TOKENS if device.type == "cpu" else _DEVICE_BATCH_TOKENS


class WindowForward:
    """Score encoded windows in length-sorted batches; smaller ones when the memory does not hold.

    Args:
        model, processor: as for [`score_documents`].
        device (`torch.device`): where the model lies.
        bfloat16 (`bool`): run under autocast to bfloat16.
        on_batch (`Callable[[int], None]`, *optional*): called with the number of windows after each batch.
    """

    def __init__(
        self,
        model: nn.Module,
        processor: DocumentProcessor,
        device: torch.device,
        *,
        bfloat16: bool = False,
        on_batch: Callable[[int], object] | None = None,
    ) -> None:
        self.model, self.processor, self.device = model, processor, device
        self.bfloat16, self.on_batch = bfloat16, on_batch

    @property
    def relations(self) -> int:
        """Number of relations that the model says it scores; 0 when it does not say."""
        return int(getattr(getattr(self.model, "config", None), "num_relations", 0))

    def __call__(
        self, windows: Sequence[EncodedWindow], max_tokens: int, rows: Sequence[int] | None = None
    ) -> list[np.ndarray]:
        """Score the pairs of every window: `(pairs, relations)` each, in order.

        Args:
            windows (`Sequence[EncodedWindow]`): at least one.
            max_tokens (`int`): tokens of a padded batch, at least 1.
            rows (`Sequence[int]`, *optional*): what error messages call the windows' documents.

        Returns:
            `list[np.ndarray]`.

        Raises:
            HfRelationError: one window alone does not fit into the memory.
            UsageError: the model's output has no `logits` of shape `(batch, pairs, relations)`.
        """

        def too_large(chosen: list[int]) -> bool:
            most = max(len(windows[place].mention_spans) for place in chosen)
            return len(chosen) * most**2 * max(self.relations, 1) > MOST_SCORES

        def alone(place: int) -> str:
            window = windows[place]
            return (
                f"row {window.document if rows is None else rows[window.document]}: out of memory on {self.device} with one "
                f"window of {window.length} tokens and {len(window.mention_spans)} mentions. Use a smaller `max_length`, fewer "
                "entities, a smaller model or another device."
            )

        found: dict[int, np.ndarray] = {}
        batches = ShrinkingBatches(max_tokens, self.device).run(
            [window.length for window in windows],
            lambda chosen: self._forward([windows[place] for place in chosen]),
            alone=alone,
            too_large=too_large,
        )
        for chosen, logits in batches:
            for place, of_window in zip(chosen, logits, strict=True):
                found[place] = of_window[: len(windows[place].pairs)]
            if self.on_batch is not None:
                self.on_batch(len(chosen))
        return [found[place] for place in range(len(windows))]

    def _forward(self, windows: list[EncodedWindow]) -> np.ndarray:
        batch = self.processor.pad(windows, return_tensors="pt").to(self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bfloat16):
            output = self.model(**batch)
        logits = getattr(output, "logits", None)
        if not isinstance(logits, torch.Tensor) or logits.ndim != 3:
            raise UsageError(
                f"{type(self.model).__name__} returned no `logits` of shape (batch, pairs, relations). Use a model that scores "
                "pairs, such as KernelREModel."
            )
        found: np.ndarray = logits.float().cpu().numpy()
        return found


def check_finite(scores: np.ndarray, row: int) -> None:
    """Refuse scores of a text that hold NaN or infinity."""
    if not np.isfinite(scores).all():
        raise HfRelationError(
            f"row {row}: the model's scores hold NaN or infinity. Check the model's weights; with half precision use "
            "dtype='float32'."
        )


def _chunks(documents: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    chunk: list[Mapping[str, Any]] = []
    pairs = 0
    for document in documents:
        entities = document.get("entities") if isinstance(document, Mapping) else None
        of_document = len(entities) ** 2 if isinstance(entities, list) else 0
        if chunk and (len(chunk) == _CHUNK_DOCUMENTS or pairs + of_document > _CHUNK_PAIRS):
            yield chunk
            chunk, pairs = [], 0
        chunk.append(document)
        pairs += of_document
    if chunk:
        yield chunk


def _by_document(
    windows: Sequence[EncodedWindow], logits: Sequence[np.ndarray], rows: Sequence[int], relations: int
) -> list[PairScores]:
    of_document: list[dict[tuple[int, int], np.ndarray]] = [{} for _ in rows]
    for window, scores in zip(windows, logits, strict=True):
        check_finite(scores, rows[window.document])
        of_document[window.document] |= dict(zip(window.pair_entities, scores, strict=True))
    nothing = np.zeros((0, logits[0].shape[1] if logits else relations), dtype=np.float32)
    return [
        PairScores(sorted(scores), np.stack([scores[pair] for pair in sorted(scores)]) if scores else nothing)
        for scores in of_document
    ]
