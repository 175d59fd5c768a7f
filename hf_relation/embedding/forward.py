"""Batches through a model, smaller ones when the memory does not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from hf_relation.embedding.batching import token_budget_batches
from hf_relation.embedding.devices import model_device
from hf_relation.errors import HfRelationError, UsageError
from hf_relation.processing import EncodedInstance, RelationProcessor


@contextmanager
def inference_state(model: nn.Module, device: torch.device) -> Iterator[None]:
    """As [`evaluation_state`], without gradients.

    Args:
        model (`nn.Module`), device (`torch.device`): what and where.
    """
    with evaluation_state(model, device), torch.inference_mode():
        yield


@contextmanager
def evaluation_state(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Put a model on a device and into evaluation mode, and back into its own state at the end.

    Args:
        model (`nn.Module`): each of its modules gets its own training flag back.
        device (`torch.device`): moved there only when it lies elsewhere, and moved back afterwards.
    """
    home = model_device(model)
    training = [(module, module.training) for module in model.modules()]
    moved = not _same_device(home, device)
    try:
        if moved:
            model.to(device)
        model.eval()
        yield
    finally:
        for module, flag in training:
            module.training = flag
        if moved:
            model.to(home)


class BatchForward:
    """Embed encoded instances in length-sorted batches.

    When a batch does not fit into the memory it is cut in two, and no later batch is made as large.

    Args:
        model (`nn.Module`): takes the columns of a batch as keywords and returns an object with `embeddings` `(B, d)`.
        processor ([`RelationProcessor`]): pads the rows.
        device (`torch.device`): where the model lies.
        max_tokens (`int`): tokens of a padded batch, at least 1.
        bfloat16 (`bool`): run under autocast to bfloat16.
        on_batch (`Callable[[int], None]`, *optional*): called with the number of rows after each batch.
        check_finite (`bool`, defaults to `True`): raise where a row's embedding is not finite.
    """

    def __init__(
        self,
        model: nn.Module,
        processor: RelationProcessor,
        device: torch.device,
        *,
        max_tokens: int,
        bfloat16: bool,
        on_batch: Callable[[int], object] | None = None,
        check_finite: bool = True,
    ) -> None:
        self.model = model
        self.processor = processor
        self.device = device
        self.max_tokens = max_tokens
        self.bfloat16 = bfloat16
        self.on_batch = on_batch
        self.check_finite = check_finite

    def __call__(self, encoded: Sequence[EncodedInstance], *, first_index: int = 0) -> np.ndarray:
        """Embed rows.

        Args:
            encoded (`Sequence[EncodedInstance]`): at least one row.
            first_index (`int`): row number of the first one, for messages.

        Returns:
            `np.ndarray` of shape `(n, d)`, float32: one row each, in order.

        Raises:
            HfRelationError: not even a single row fits into the memory, or a row's embedding is not finite.
            UsageError: the model's output has no `embeddings` of shape `(B, d)`.
        """
        lengths = [row.length for row in encoded]
        result: np.ndarray | None = None
        waiting = token_budget_batches(lengths, self.max_tokens)[::-1]
        while waiting:
            rows = waiting.pop()
            half = (len(rows) + 1) // 2
            longest = max(lengths[row] for row in rows)
            if len(rows) > 1 and longest * len(rows) > self.max_tokens:
                waiting += [rows[half:], rows[:half]]  # made before the budget was lowered
                continue
            embeddings = self._try([encoded[row] for row in rows], first_index + rows[0])
            if embeddings is None:
                self.max_tokens = max(longest * half, 1)
                waiting += [rows[half:], rows[:half]]
                continue
            if result is None:
                result = np.empty((len(encoded), embeddings.shape[1]), dtype=np.float32)
            result[rows] = embeddings
            if self.on_batch is not None:
                self.on_batch(len(rows))
        if result is None:
            raise ValueError("at least one row is needed")
        if self.check_finite:
            _check_finite(result, first_index)
        return result

    def _try(self, rows: list[EncodedInstance], index: int) -> np.ndarray | None:
        """The embeddings of a batch, or `None` when it does not fit and can be made smaller."""
        try:
            return self._forward(rows)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if len(rows) == 1:
                raise HfRelationError(
                    f"row {index}: out of memory on {self.device} with this row alone ({rows[0].length} tokens). "
                    "Use a processor with a smaller `max_length`, dtype='bfloat16', a smaller model or another device."
                ) from error
        # Out here the exception, and with it the tensors of the failed batch, is gone.
        if self.device.type != "cpu":
            torch.accelerator.empty_cache()
        return None

    def _forward(self, rows: list[EncodedInstance]) -> np.ndarray:
        batch = self.processor.pad(rows, return_tensors="pt").to(self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bfloat16):
            output = self.model(**batch)
        try:
            embeddings = output.embeddings  # (B, d)
        except AttributeError:
            raise UsageError(
                f"{type(self.model).__name__} returned {type(output).__name__} without `embeddings`. Use a model whose "
                "output has `embeddings` of shape (batch, dim), such as MOREModel."
            ) from None
        if not isinstance(embeddings, torch.Tensor) or embeddings.ndim != 2 or len(embeddings) != len(rows):
            found = tuple(embeddings.shape) if isinstance(embeddings, torch.Tensor) else type(embeddings).__name__
            raise UsageError(f"The model's `embeddings` must have shape ({len(rows)}, dim), got {found}.")
        return embeddings.float().cpu().numpy()


def _check_finite(embeddings: np.ndarray, first_index: int) -> None:
    bad = np.flatnonzero(~np.isfinite(embeddings).all(axis=1))
    if len(bad):
        raise HfRelationError(
            f"row {first_index + int(bad[0])}: the model's embedding holds NaN or infinity ({len(bad)} such rows among "
            f"{len(embeddings)}). Check the model's weights; with half precision use dtype='float32'."
        )


def is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    message = str(error).lower()
    return "out of memory" in message or "can't allocate memory" in message  # accelerators; the CPU's allocator


def _same_device(one: torch.device, other: torch.device) -> bool:
    return one.type == other.type and (one.index or 0) == (other.index or 0)
