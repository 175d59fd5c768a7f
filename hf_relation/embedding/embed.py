"""`embed_instances`: the one way from instances to an array of embeddings."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import AbstractContextManager, nullcontext
from itertools import chain, islice
from typing import Any, Literal, Protocol, get_args

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from hf_relation.embedding.devices import model_device, resolve_device
from hf_relation.embedding.forward import BatchForward, inference_state
from hf_relation.embedding.sinks import EmbeddingSink, open_sink
from hf_relation.errors import UsageError
from hf_relation.processing import EncodedInstance, RelationProcessor


logger = logging.getLogger(__name__)

EmbeddingDtype = Literal["float32", "bfloat16", "auto"]

# Below this many rows the time does not matter and exact agreement does.
AUTO_BFLOAT16_ROWS = 20_000
_CHUNK_ROWS = 10_000
_CPU_BATCH_TOKENS = 1_024
_DEVICE_BATCH_TOKENS = 16_384


def embed_instances(
    model: nn.Module,
    processor: RelationProcessor,
    instances: Iterable[Mapping[str, Any]],
    *,
    dtype: EmbeddingDtype = "float32",
    max_tokens_per_batch: int | None = None,
    device: str | torch.device | None = None,
    progress: bool = False,
    out: np.ndarray | str | os.PathLike[str] | None = None,
) -> np.ndarray:
    """Embed instances: one row each, in their order, whatever the batches.

    Instances are taken 10,000 at a time, sorted by length and put through the model in batches of a token budget; the
    order is restored. With a path for `out` the rows go to a file as they are made, so that the memory does not grow with
    the number of instances, which may come from a generator. A batch that does not fit into the memory is halved, down to
    a single row. The model's training flags and device are as before afterwards.

    float32 embeddings agree to 1e-5 across batch sizes and orders; bfloat16 is about 1.8 times as fast on CPUs that know
    it, and agrees less.

    Args:
        model (`nn.Module`): takes the processor's columns as keywords and returns an object with `embeddings` `(B, d)`.
        processor ([`RelationProcessor`]): the model's processor.
        instances (`Iterable[Mapping]`): instances of the data contract, possibly none; not altered, labels not read.
        dtype (`str`, defaults to `"float32"`): `"float32"`, `"bfloat16"` (autocast; the result is float32 all the same)
            or `"auto"`: float32 below 20,000 rows, otherwise bfloat16.
        max_tokens_per_batch (`int`, *optional*): tokens of a padded batch, at least 1; a row longer than that gets a
            batch of its own. Default: 1,024 on a CPU (more spills its caches and is slower), 16,384 elsewhere.
        device (`str` or `torch.device`, *optional*): defaults to the model's own.
        progress (`bool`, defaults to `False`): a progress bar on stderr.
        out (`np.ndarray` or path, *optional*): a float32 array of shape `(n, d)` to fill, or the name of a `.npy` file.

    Returns:
        `np.ndarray` of shape `(n, d)`, float32: a new array, or `out`, or for a path the file as a read-only memory map.
        Without instances the shape is `(0, d)`.

    Raises:
        InvalidRowError: a row breaks the data contract or cannot be encoded; no file is left behind.
        UsageError: an argument is out of range, a missing device, or a model that does not fit the processor.
        HfRelationError: a row's embedding is not finite, or one row alone is too large for the memory.

    Example:

    ```python
    >>> from transformers import BertTokenizerFast
    >>> from hf_relation.embedding import embed_instances
    >>> from hf_relation.models.more import MOREConfig, MOREModel
    >>> from hf_relation.processing import RelationProcessor
    >>> words = "[PAD] [UNK] [CLS] [SEP] [MASK] ada was born in lindau .".split()
    >>> processor = RelationProcessor(BertTokenizerFast(vocab={word: i for i, word in enumerate(words)}))
    >>> sizes = {"model_type": "bert", "vocab_size": processor.vocab_size, "hidden_size": 16, "num_hidden_layers": 1,
    ...          "num_attention_heads": 2, "intermediate_size": 16}
    >>> model = MOREModel(MOREConfig(backbone_config=sizes, projection_dim=8))
    >>> row = {"text": "Ada was born in Lindau.", "head": {"start": 0, "end": 3}, "tail": {"start": 16, "end": 22}}
    >>> embed_instances(model, processor, [row, row]).shape
    (2, 8)

    ```
    """
    if dtype not in get_args(EmbeddingDtype):
        raise UsageError(f"`dtype` must be one of {', '.join(map(repr, get_args(EmbeddingDtype)))}, got {dtype!r}.")
    if max_tokens_per_batch is not None and (
        isinstance(max_tokens_per_batch, bool) or not isinstance(max_tokens_per_batch, int) or max_tokens_per_batch < 1
    ):
        raise UsageError(
            f"`max_tokens_per_batch` must be None or an integer of at least 1, got {max_tokens_per_batch!r}."
        )
    if isinstance(instances, (Mapping, str, bytes)) or not isinstance(instances, Iterable):
        raise UsageError(
            f"A list of instances is needed, got {type(instances).__name__}. Put a single instance in a list."
        )
    target = model_device(model) if device is None else resolve_device(device)
    if max_tokens_per_batch is None:
        max_tokens_per_batch = _default_batch_tokens(target)
    num_rows = len(instances) if isinstance(instances, Sized) else None
    rows = iter(instances)
    if dtype == "auto":
        if num_rows is None:
            first = list(islice(rows, AUTO_BFLOAT16_ROWS))
            bfloat16, rows = len(first) >= AUTO_BFLOAT16_ROWS, chain(first, rows)
            del first
        else:
            bfloat16 = num_rows >= AUTO_BFLOAT16_ROWS
    else:
        bfloat16 = dtype == "bfloat16"
    with (
        _progress_bar(num_rows, shown=progress) as bar,
        inference_state(model, target),
        open_sink(out, num_rows) as sink,
    ):
        forward = BatchForward(
            model, processor, target, max_tokens=max_tokens_per_batch, bfloat16=bfloat16, on_batch=bar.update
        )
        _embed_all(forward, rows, sink, num_embeddings=_num_embeddings(model))
    return sink.result()


def embed_encoded(
    model: nn.Module,
    processor: RelationProcessor,
    encoded: Sequence[EncodedInstance],
    *,
    dtype: EmbeddingDtype = "float32",
    device: str | torch.device | None = None,
    progress: bool = False,
    check_finite: bool = True,
) -> np.ndarray:
    """Embed instances that the processor has encoded before, as [`embed_instances`] embeds instances.

    Args:
        model, processor, dtype, device, progress: as for [`embed_instances`].
        encoded (`Sequence[EncodedInstance]`): at least one, as `processor.encode` gives them.
        check_finite (`bool`, defaults to `True`): raise where a row's embedding is not finite, else return it as it is.

    Returns:
        `np.ndarray` of shape `(n, d)`, float32.

    Raises:
        UsageError: a missing device, or a model without `embeddings`.
        HfRelationError: a row's embedding is not finite, or one row alone is too large for the memory.
    """
    target = model_device(model) if device is None else resolve_device(device)
    bfloat16 = dtype == "bfloat16" or (dtype == "auto" and len(encoded) >= AUTO_BFLOAT16_ROWS)
    with _progress_bar(len(encoded), shown=progress) as bar, inference_state(model, target):
        forward = BatchForward(
            model,
            processor,
            target,
            max_tokens=_default_batch_tokens(target),
            bfloat16=bfloat16,
            on_batch=bar.update,
            check_finite=check_finite,
        )
        return forward(encoded)


def _default_batch_tokens(device: torch.device) -> int:
    return _CPU_BATCH_TOKENS if device.type == "cpu" else _DEVICE_BATCH_TOKENS


def _embed_all(
    forward: BatchForward, rows: Iterator[Mapping[str, Any]], sink: EmbeddingSink, *, num_embeddings: int | None
) -> None:
    done = num_truncated = 0
    while chunk := list(islice(rows, _CHUNK_ROWS)):
        encoded = forward.processor.encode(chunk, first_index=done)
        if num_embeddings is not None:
            _check_ids(encoded, done, num_embeddings)
        sink.append(forward(encoded, first_index=done))
        done += len(encoded)
        num_truncated += sum(row.truncated for row in encoded)
    if num_truncated:
        logger.warning(
            "%d of %d texts are longer than %d tokens; a window around the two mentions was embedded.",
            num_truncated,
            done,
            forward.processor.max_length,
        )
    if not done:
        # Only the model knows its dimension: ask it with a text of two letters.
        probe = {"text": "a b", "head": {"start": 0, "end": 1}, "tail": {"start": 2, "end": 3}}
        sink.append(forward(forward.processor.encode([probe]))[:0])


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
