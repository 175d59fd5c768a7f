"""The one loop from documents to the scores of their candidate pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import nn

from hf_relation.embedding.batching import token_budget_batches
from hf_relation.embedding.devices import model_device, resolve_device
from hf_relation.embedding.forward import inference_state, is_out_of_memory
from hf_relation.errors import HfRelationError, UsageError
from hf_relation.processing import DocumentProcessor, EncodedWindow
from hf_relation.processing.processing_document import Pairs


DTYPES = ("float32", "bfloat16")
_CHUNK_DOCUMENTS = 1_000
_CPU_BATCH_TOKENS = 2_048
_DEVICE_BATCH_TOKENS = 16_384
# Scores of mention pairs x relations in one batch; a batch of texts with many mentions is made smaller.
_MOST_SCORES = 16_000_000


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
    pairs: Pairs | Sequence[Sequence[tuple[int, int]]] = "all",
    dtype: str = "float32",
    max_tokens_per_batch: int | None = None,
    device: str | torch.device | None = None,
    on_batch: Callable[[int], object] | None = None,
    validate: bool = True,
) -> Iterator[PairScores]:
    """Score the candidate pairs of documents, in their order, whatever the batches.

    Documents are taken 1,000 at a time, cut into windows, sorted by length and put through the model in batches of a token
    budget. A batch that does not fit into the memory is halved, down to a single window. The model's training flags and
    device are as before afterwards.

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

    Yields:
        [`PairScores`]: one a document.

    Raises:
        InvalidRowError: a document breaks the data contract or cannot be encoded.
        UsageError: an argument is out of range, or the model has no `logits`.
        HfRelationError: a score is not finite, or one window alone is too large for the memory.
    """
    if dtype not in DTYPES:
        raise UsageError(f"`dtype` must be one of {', '.join(DTYPES)}, got {dtype!r}.")
    target = model_device(model) if device is None else resolve_device(device)
    budget = max_tokens_per_batch or (_CPU_BATCH_TOKENS if target.type == "cpu" else _DEVICE_BATCH_TOKENS)
    rows = iter(documents)
    done = 0
    while chunk := list(islice(rows, _CHUNK_DOCUMENTS)):
        given = pairs if isinstance(pairs, str) else pairs[done : done + len(chunk)]
        windows = processor.encode(chunk, pairs=given, validate=validate, first_index=done)
        forward = WindowForward(model, processor, target, bfloat16=dtype == "bfloat16", on_batch=on_batch)
        # What is yielded from within would run in inference mode.
        with inference_state(model, target):
            logits = forward(windows, budget)
        yield from _by_document(windows, logits, len(chunk), done)
        done += len(chunk)


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

    def __call__(self, windows: Sequence[EncodedWindow], max_tokens: int) -> list[np.ndarray]:
        """Score the pairs of every window: `(pairs, relations)` each, in order.

        Args:
            windows (`Sequence[EncodedWindow]`): at least one.
            max_tokens (`int`): tokens of a padded batch, at least 1.

        Returns:
            `list[np.ndarray]`.
        """
        found: list[np.ndarray | None] = [None] * len(windows)
        relations = int(getattr(getattr(self.model, "config", None), "num_relations", 1))
        waiting = token_budget_batches([window.length for window in windows], max_tokens)[::-1]
        while waiting:
            rows = waiting.pop()
            half = (len(rows) + 1) // 2
            most = max(len(windows[row].mention_spans) for row in rows)
            if len(rows) > 1 and len(rows) * most**2 * relations > _MOST_SCORES:
                waiting += [rows[half:], rows[:half]]
                continue
            logits = self._try([windows[row] for row in rows])
            if logits is None:
                waiting += [rows[half:], rows[:half]]
                continue
            for row, of_window in zip(rows, logits, strict=True):
                found[row] = of_window[: len(windows[row].pairs)]
            if self.on_batch is not None:
                self.on_batch(len(rows))
        return [part for part in found if part is not None]

    def _try(self, windows: list[EncodedWindow]) -> np.ndarray | None:
        """The logits of a batch, or `None` when it does not fit and can be made smaller."""
        try:
            batch = self.processor.pad(windows, return_tensors="pt").to(self.device)
            with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bfloat16):
                output = self.model(**batch)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if len(windows) == 1:
                raise HfRelationError(
                    f"row {windows[0].document}: out of memory on {self.device} with one window of {windows[0].length} tokens "
                    f"and {len(windows[0].mention_spans)} mentions. Use a smaller `max_length`, fewer entities, a smaller "
                    "model or another device."
                ) from error
            return None
        logits = getattr(output, "logits", None)
        if not isinstance(logits, torch.Tensor) or logits.ndim != 3:
            raise UsageError(
                f"{type(self.model).__name__} returned no `logits` of shape (batch, pairs, relations). Use a model that scores "
                "pairs, such as KernelREModel."
            )
        found: np.ndarray = logits.float().cpu().numpy()
        return found


def _by_document(
    windows: Sequence[EncodedWindow], logits: Sequence[np.ndarray], documents: int, first: int
) -> list[PairScores]:
    relations = logits[0].shape[1] if logits else 0
    of_document: list[dict[tuple[int, int], np.ndarray]] = [{} for _ in range(documents)]
    for window, scores in zip(windows, logits, strict=True):
        if not np.isfinite(scores).all():
            raise HfRelationError(
                f"row {first + window.document}: the model's scores hold NaN or infinity. Check the model's weights; with half "
                "precision use dtype='float32'."
            )
        of_document[window.document] |= dict(zip(window.pair_entities, scores, strict=True))
    return [
        PairScores(
            sorted(scores),
            np.stack([scores[pair] for pair in sorted(scores)])
            if scores
            else np.zeros((0, relations), dtype=np.float32),
        )
        for scores in of_document
    ]
