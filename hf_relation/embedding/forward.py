"""Batches through a model, smaller ones when the memory does not hold."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import nn

from hf_relation.embedding.devices import model_device
from hf_relation.embedding.memory import ShrinkingBatches
from hf_relation.errors import HfRelationError, UsageError
from hf_relation.processing import EncodedInstance, RelationProcessor


class _Running(NamedTuple):
    """A model that is in use, and the state that it goes back to when its last user is done."""

    users: list[object]
    home: torch.device
    training: list[tuple[nn.Module, bool]]


_running: WeakKeyDictionary[nn.Module, _Running] = WeakKeyDictionary()
_lock = threading.Lock()


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

    Several threads may use a model at once, on one device: the last one puts it back.

    Args:
        model (`nn.Module`): each of its modules gets its own training flag back.
        device (`torch.device`): moved there only when it lies elsewhere, and moved back afterwards.
    """
    user = object()
    with _lock:
        state = _running.get(model)
        if state is None:
            training = [(module, module.training) for module in model.modules()]
            state = _running[model] = _Running([], model_device(model), training)
        state.users.append(user)
    try:
        with _lock:
            if not _same_device(model_device(model), device):
                model.to(device)
            model.eval()
        yield
    finally:
        with _lock:
            state.users.remove(user)
            if not state.users:
                del _running[model]
                for module, flag in state.training:
                    module.training = flag
                if not _same_device(model_device(model), state.home):
                    model.to(state.home)


# The columns of a padded batch to its embeddings, `(B, d)`, float32.
BatchFunction = Callable[[Mapping[str, np.ndarray]], np.ndarray]


class BatchForward:
    """Embed encoded instances in length-sorted batches.

    When a batch does not fit into the memory it is cut in two, and no later batch is made as large.

    Args:
        run (`Callable`): takes the columns of a padded batch, arrays by name, and returns its embeddings `(B, d)`, float32.
        processor ([`RelationProcessor`]): pads the rows.
        device (`torch.device`): whose memory it is.
        max_tokens (`int`): tokens of a padded batch, at least 1.
        on_batch (`Callable[[int], None]`, *optional*): called with the number of rows after each batch.
        check_finite (`bool`, defaults to `True`): raise where a row's embedding is not finite.
    """

    def __init__(
        self,
        run: BatchFunction,
        processor: RelationProcessor,
        device: torch.device,
        *,
        max_tokens: int,
        on_batch: Callable[[int], object] | None = None,
        check_finite: bool = True,
    ) -> None:
        self.run = run
        self.processor = processor
        self.device = device
        self.batches = ShrinkingBatches(max_tokens, device)
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
            UsageError: see [`torch_run`].
        """
        result: np.ndarray | None = None
        for rows, embeddings in self.batches.run(
            [row.length for row in encoded],
            lambda rows: self.run(self.processor.pad([encoded[row] for row in rows], return_tensors="np")),
            alone=lambda row: (
                f"row {first_index + row}: out of memory on {self.device} with this row alone ({encoded[row].length} tokens). "
                "Use a processor with a smaller `max_length`, dtype='bfloat16', a smaller model or another device."
            ),
        ):
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


def torch_run(model: nn.Module, device: torch.device, *, bfloat16: bool = False) -> BatchFunction:
    """A model of torch as a function of the columns of a batch.

    Args:
        model (`nn.Module`): takes the columns as keywords and returns an object with `embeddings` `(B, d)`.
        device (`torch.device`): where it lies.
        bfloat16 (`bool`): under autocast to bfloat16; without it autocast is off, also where a caller has turned it on.

    Raises:
        UsageError: by the function: the model's output has no `embeddings` of shape `(B, d)`.
    """

    def run(columns: Mapping[str, np.ndarray]) -> np.ndarray:
        batch = {name: torch.from_numpy(column).to(device) for name, column in columns.items()}
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bfloat16):
            output = model(**batch)
        rows = len(next(iter(batch.values())))
        try:
            embeddings = output.embeddings  # (B, d)
        except AttributeError:
            raise UsageError(
                f"{type(model).__name__} returned {type(output).__name__} without `embeddings`. Use a model whose "
                "output has `embeddings` of shape (batch, dim), such as MOREModel."
            ) from None
        if not isinstance(embeddings, torch.Tensor) or embeddings.ndim != 2 or len(embeddings) != rows:
            found = tuple(embeddings.shape) if isinstance(embeddings, torch.Tensor) else type(embeddings).__name__
            raise UsageError(f"The model's `embeddings` must have shape ({rows}, dim), got {found}.")
        return embeddings.float().cpu().numpy()

    return run


def _check_finite(embeddings: np.ndarray, first_index: int) -> None:
    bad = np.flatnonzero(~np.isfinite(embeddings).all(axis=1))
    if len(bad):
        raise HfRelationError(
            f"row {first_index + int(bad[0])}: the model's embedding holds NaN or infinity ({len(bad)} such rows among "
            f"{len(embeddings)}). Check the model's weights; with half precision use dtype='float32'."
        )


def _same_device(one: torch.device, other: torch.device) -> bool:
    return one.type == other.type and (one.index or 0) == (other.index or 0)
