"""The encoder loop: instances to rows of embeddings, the same for every back end."""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import AbstractContextManager, closing, nullcontext
from itertools import chain, islice
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from hf_relation.embedding import precision
from hf_relation.embedding.devices import model_device
from hf_relation.embedding.forward import BatchForward, BatchFunction
from hf_relation.embedding.precision import EmbeddingDtype, bfloat16_is_fast, check_dtype
from hf_relation.embedding.reading_ahead import made_ahead
from hf_relation.embedding.sinks import open_sink
from hf_relation.errors import UsageError
from hf_relation.processing import EncodedInstance, RelationProcessor


logger = logging.getLogger(__name__)

# A piece is sorted by length and tokenised at once; the first one is small, since the model waits for it.
_FIRST_ROWS = 1_000
_CHUNK_ROWS = 10_000
_CPU_BATCH_TOKENS = 1_024
_DEVICE_BATCH_TOKENS = 16_384


class BatchedEncoder:
    """An [`~hf_relation.embedding.Encoder`] that puts batches through a model; a subclass says how one batch is run.

    Args:
        model (`nn.Module`): takes the processor's columns as keywords and returns an object with `embeddings` `(B, d)`.
        processor ([`RelationProcessor`]): the model's processor.
        dtype (`str`, defaults to `"float32"`): `"float32"`, `"bfloat16"` or `"auto"`: float32 below 20,000 rows, and where
            bfloat16 is not faster.
        max_tokens_per_batch (`int`, *optional*): tokens of a padded batch, at least 1. Default: 1,024 on a CPU (more spills its
            caches and is slower), 16,384 elsewhere.
        device (`torch.device`, *optional*): defaults to the model's own.

    Raises:
        UsageError: an argument is out of range.
    """

    backend: str
    _bfloat16_is_possible: ClassVar[bool] = True

    def __init__(
        self,
        model: nn.Module,
        processor: RelationProcessor,
        *,
        dtype: EmbeddingDtype = "float32",
        max_tokens_per_batch: int | None = None,
        device: torch.device | None = None,
    ) -> None:
        check_dtype(dtype)
        tokens = max_tokens_per_batch
        if tokens is not None and (isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < 1):
            raise UsageError(f"`max_tokens_per_batch` must be None or an integer of at least 1, got {tokens!r}.")
        self.model, self.processor, self.dtype, self.device = model, processor, dtype, device
        self.max_tokens_per_batch = max_tokens_per_batch

    def __reduce__(self) -> tuple[Any, ...]:
        # What was made of the model, a session say, stays here: it is made anew where the copy is used.
        return _remade, (type(self), self.model, self.processor, self._settings())

    def _settings(self) -> dict[str, Any]:
        return {"dtype": self.dtype, "max_tokens_per_batch": self.max_tokens_per_batch, "device": self.device}

    def _running(self, device: torch.device, *, bfloat16: bool) -> AbstractContextManager[BatchFunction]:
        """A context in which batches can be run; gives the function that runs one."""
        raise NotImplementedError

    def embed(
        self,
        instances: Iterable[Mapping[str, Any]],
        *,
        progress: bool = False,
        out: np.ndarray | str | os.PathLike[str] | None = None,
    ) -> np.ndarray:
        """Embed instances: one row each, in their order; see [`~hf_relation.embedding.Encoder`]."""
        if isinstance(instances, (Mapping, str, bytes)) or not isinstance(instances, Iterable):
            raise UsageError(
                f"A list of instances is needed, got {type(instances).__name__}. Put a single instance in a list."
            )
        num_rows = len(instances) if isinstance(instances, Sized) else None
        device = self._target()
        rows = iter(instances)
        if num_rows is None and self.dtype == "auto":
            first = list(islice(rows, precision.AUTO_BFLOAT16_ROWS))
            bfloat16, rows = self._in_bfloat16(len(first), device), chain(first, rows)
            del first
        else:
            bfloat16 = self._in_bfloat16(num_rows or 0, device)
        with (
            _progress_bar(num_rows, shown=progress) as bar,
            self._running(device, bfloat16=bfloat16) as run,
            open_sink(out, num_rows) as sink,
        ):
            forward = BatchForward(
                run, self.processor, device, max_tokens=self._batch_tokens(device), on_batch=bar.update
            )
            with closing(self._parts(rows, forward)) as parts:
                for part in parts:
                    sink.append(part)
        return sink.result()

    def embed_encoded(
        self, encoded: Sequence[EncodedInstance], *, progress: bool = False, check_finite: bool = True
    ) -> np.ndarray:
        """Embed instances that the processor has encoded before, at least one.

        Args:
            encoded (`Sequence[EncodedInstance]`): as `processor.encode` gives them.
            progress (`bool`, defaults to `False`): a progress bar on stderr.
            check_finite (`bool`, defaults to `True`): raise where a row's embedding is not finite, else return it as it is.

        Returns:
            `np.ndarray` of shape `(n, d)`, float32.
        """
        device = self._target()
        with (
            _progress_bar(len(encoded), shown=progress) as bar,
            self._running(device, bfloat16=self._in_bfloat16(len(encoded), device)) as run,
        ):
            forward = BatchForward(
                run,
                self.processor,
                device,
                max_tokens=self._batch_tokens(device),
                on_batch=bar.update,
                check_finite=check_finite,
            )
            return forward(encoded)

    def _target(self) -> torch.device:
        return model_device(self.model) if self.device is None else self.device

    def _batch_tokens(self, device: torch.device) -> int:
        if self.max_tokens_per_batch is not None:
            return self.max_tokens_per_batch
        return _CPU_BATCH_TOKENS if device.type == "cpu" else _DEVICE_BATCH_TOKENS

    def _in_bfloat16(self, num_rows: int, device: torch.device) -> bool:
        if self.dtype != "auto":
            return self.dtype == "bfloat16"
        enough = num_rows >= precision.AUTO_BFLOAT16_ROWS
        return enough and self._bfloat16_is_possible and bfloat16_is_fast(device)

    def _parts(self, rows: Iterator[Mapping[str, Any]], forward: BatchForward) -> Generator[np.ndarray, None, None]:
        num_embeddings = _num_embeddings(self.model)
        done = num_truncated = 0
        first = min(_FIRST_ROWS, _CHUNK_ROWS)
        with closing(made_ahead(rows, self._encode, first=first, rest=_CHUNK_ROWS)) as parts:
            for encoded in parts:
                if num_embeddings is not None:
                    _check_ids(encoded, done, num_embeddings)
                yield forward(encoded, first_index=done)
                done += len(encoded)
                num_truncated += sum(row.truncated for row in encoded)
                del encoded
        if num_truncated:
            logger.warning(
                "%d of %d texts are longer than %d tokens; a window around the two mentions was embedded.",
                num_truncated,
                done,
                self.processor.max_length,
            )
        if not done:
            # Only the model knows its dimension: ask it with a text of two letters.
            probe = {"text": "a b", "head": {"start": 0, "end": 1}, "tail": {"start": 2, "end": 3}}
            yield forward(self.processor.encode([probe]))[:0]

    def _encode(self, rows: list[Mapping[str, Any]], before: int) -> list[EncodedInstance]:
        return self.processor.encode(rows, first_index=before)


def _remade(
    kind: type[BatchedEncoder], model: nn.Module, processor: RelationProcessor, settings: dict[str, Any]
) -> BatchedEncoder:
    return kind(model, processor, **settings)


def _check_ids(encoded: list[EncodedInstance], first_index: int, num_embeddings: int) -> None:
    # Without this the CPU says "index out of range in self", and a GPU is unusable until the process ends.
    for i, row in enumerate(encoded):
        if (largest := max(row.input_ids)) >= num_embeddings:
            raise UsageError(
                f"row {first_index + i}: token id {largest} is beyond the model's {num_embeddings} embeddings. "
                "Resize them for the processor's markers with model.resize_token_embeddings(processor.vocab_size), "
                "or load the processor that was saved with the model."
            )


def _num_embeddings(model: nn.Module) -> int | None:
    if not isinstance(model, PreTrainedModel):
        return None
    embeddings = model.get_input_embeddings()
    return embeddings.num_embeddings if isinstance(embeddings, nn.Embedding) else None


class _Bar(Protocol):
    def update(self, n: int, /) -> object: ...


class _SilentBar:
    def update(self, n: int, /) -> None:
        """Show nothing."""


def _progress_bar(total: int | None, *, shown: bool) -> AbstractContextManager[_Bar]:
    if not shown:
        return nullcontext(_SilentBar())
    from tqdm import tqdm  # type: ignore[import-untyped]

    bar: AbstractContextManager[_Bar] = tqdm(total=total, unit="row", desc="Embedding")
    return bar
