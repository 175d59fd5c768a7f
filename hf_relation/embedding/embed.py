"""`embed_instances`: the one way from instances to an array of embeddings."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from hf_relation.embedding.devices import resolve_device
from hf_relation.embedding.encoder import Backend, make_encoder
from hf_relation.embedding.precision import EmbeddingDtype
from hf_relation.embedding.torch_encoder import TorchEncoder
from hf_relation.processing import EncodedInstance, RelationProcessor


def embed_instances(
    model: nn.Module,
    processor: RelationProcessor,
    instances: Iterable[Mapping[str, Any]],
    *,
    backend: Backend = "torch",
    dtype: EmbeddingDtype = "float32",
    max_tokens_per_batch: int | None = None,
    device: str | torch.device | None = None,
    progress: bool = False,
    out: np.ndarray | str | os.PathLike[str] | None = None,
) -> np.ndarray:
    """Embed instances: one row each, in their order, whatever the batches.

    Instances are taken 10,000 at a time (the first time 1,000), sorted by length and put through the model in batches of a
    token budget, while another thread tokenises the next ones; the order is restored. With a path for `out` the rows go to a
    file as they are made, so that the memory does not grow with the number of instances, which may come from a generator. A
    batch that does not fit into the memory is halved, down to a single row. The model's training flags and device are as before
    afterwards.

    float32 embeddings agree to 1e-5 across batch sizes, orders and back ends; bfloat16 is about 1.8 times as fast on processors
    with units for it, and agrees less. For several calls with one model make an encoder once ([`make_encoder`]) and call its
    `embed`: a copy of the weights in bfloat16, or a graph, is then made once.

    Args:
        model (`nn.Module`): takes the processor's columns as keywords and returns an object with `embeddings` `(B, d)`.
        processor ([`RelationProcessor`]): the model's processor.
        instances (`Iterable[Mapping]`): instances of the data contract, possibly none; not altered, labels not read.
        backend (`str`, defaults to `"torch"`): what computes: `"torch"`, `"torch-compile"`, `"onnx"` or `"openvino"`, see
            [`make_encoder`].
        dtype (`str`, defaults to `"float32"`): `"float32"`, `"bfloat16"` (the result is float32 all the same) or `"auto"`: float32
            below 20,000 rows and where bfloat16 is not faster.
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
        UsageError: an argument is out of range, a missing device, a model that does not fit the processor, or a back end that
            cannot run it so.
        MissingPackageError: the back end is not installed.
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
    encoder = make_encoder(
        model, processor, backend=backend, dtype=dtype, max_tokens_per_batch=max_tokens_per_batch, device=device
    )
    return encoder.embed(instances, progress=progress, out=out)


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
    target = None if device is None else resolve_device(device)
    encoder = TorchEncoder(model, processor, dtype=dtype, device=target)
    return encoder.embed_encoded(encoded, progress=progress, check_finite=check_finite)
