"""What turns instances into embeddings, whichever library computes them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np
import torch
from torch import nn

from hf_relation.embedding.devices import resolve_device
from hf_relation.embedding.precision import EmbeddingDtype
from hf_relation.embedding.torch_encoder import TorchEncoder
from hf_relation.errors import UsageError
from hf_relation.processing import RelationProcessor


Backend = Literal["torch", "torch-compile", "onnx", "openvino"]


@runtime_checkable
class Encoder(Protocol):
    """Instances in, one row of numbers each out: what discovery calls, in one process or over shards.

    Made by [`make_encoder`]. All back ends give the embeddings of torch in float32: to 1e-5 in float32, in bfloat16 with cosines
    that are above 0.999 for MiniLM; those of graphs (ONNX Runtime, OpenVINO) check themselves with a few texts before the first
    row, and refuse a model that comes out otherwise.
    """

    @property
    def backend(self) -> str:
        """What computes: one of `Backend`, or a name of your own."""

    def embed(
        self,
        instances: Iterable[Mapping[str, Any]],
        *,
        progress: bool = False,
        out: np.ndarray | str | os.PathLike[str] | None = None,
    ) -> np.ndarray:
        """Embed instances.

        Args:
            instances (`Iterable[Mapping]`): instances of the data contract, possibly none; not altered, labels not read.
            progress (`bool`, defaults to `False`): a progress bar on stderr.
            out (`np.ndarray` or path, *optional*): a float32 array of shape `(n, d)` to fill, or the name of a `.npy` file.

        Returns:
            `np.ndarray` of shape `(n, d)`, float32, in the order of the instances: a new array, or `out`, or for a path the file
            as a read-only memory map.

        Raises:
            InvalidRowError: a bad row, with its position.
            HfRelationError: a row's embedding is not finite, or one row alone is too large for the memory.
        """


def make_encoder(
    model: nn.Module,
    processor: RelationProcessor,
    *,
    backend: Backend = "torch",
    dtype: EmbeddingDtype = "float32",
    max_tokens_per_batch: int | None = None,
    device: str | torch.device | None = None,
) -> Encoder:
    """Make an encoder of a model.

    Args:
        model (`nn.Module`): takes the processor's columns as keywords and returns an object with `embeddings` `(B, d)`.
        processor ([`RelationProcessor`]): the model's processor.
        backend (`str`, defaults to `"torch"`): `"torch"`; `"torch-compile"`, the same through `torch.compile`, for accelerators;
            `"onnx"`: ONNX Runtime; `"openvino"`: OpenVINO, on Intel's and other processors. The last two run a graph that is made
            of the model once (15 s for MiniLM) and kept in the cache, see [`~hf_relation.embedding.graph_files.graph_of`].
        dtype (`str`, defaults to `"float32"`): `"float32"`, `"bfloat16"` (the result is float32 all the same) or `"auto"`: float32
            below 20,000 rows and where bfloat16 is not faster. ONNX Runtime has no bfloat16 on processors.
        max_tokens_per_batch (`int`, *optional*): tokens of a padded batch, at least 1; a row longer than that gets a batch of
            its own. Default: 1,024 on a CPU, 16,384 elsewhere.
        device (`str` or `torch.device`, *optional*): defaults to the model's own.

    Returns:
        [`Encoder`]: it sees later changes of the model's weights.

    Raises:
        UsageError: an argument is out of range, or a back end that cannot run on this device or in this precision. A model that
            it cannot run is found out, and told, by the first call of `embed`.
        MissingPackageError: the back end is not installed (extras `onnx` and `openvino`).

    Example:

    ```python
    >>> from transformers import BertTokenizerFast
    >>> from hf_relation.embedding import Encoder, make_encoder
    >>> from hf_relation.models.more import MOREConfig, MOREModel
    >>> from hf_relation.processing import RelationProcessor
    >>> words = "[PAD] [UNK] [CLS] [SEP] [MASK] ada was born in lindau .".split()
    >>> processor = RelationProcessor(BertTokenizerFast(vocab={word: i for i, word in enumerate(words)}))
    >>> sizes = {"model_type": "bert", "vocab_size": processor.vocab_size, "hidden_size": 16, "num_hidden_layers": 1,
    ...          "num_attention_heads": 2, "intermediate_size": 16}
    >>> encoder = make_encoder(MOREModel(MOREConfig(backbone_config=sizes, projection_dim=8)), processor)
    >>> isinstance(encoder, Encoder), encoder.backend
    (True, 'torch')
    >>> row = {"text": "Ada was born in Lindau.", "head": {"start": 0, "end": 3}, "tail": {"start": 16, "end": 22}}
    >>> encoder.embed([row]).shape
    (1, 8)

    ```
    """
    check_backend(backend)
    settings: dict[str, Any] = {
        "dtype": dtype,
        "max_tokens_per_batch": max_tokens_per_batch,
        "device": None if device is None else resolve_device(device),
    }
    if backend == "onnx":
        from hf_relation.embedding.onnx_encoder import OnnxEncoder

        return OnnxEncoder(model, processor, **settings)
    if backend == "openvino":
        from hf_relation.embedding.openvino_encoder import OpenVINOEncoder

        return OpenVINOEncoder(model, processor, **settings)
    return TorchEncoder(model, processor, compile=backend == "torch-compile", **settings)


def check_backend(backend: str) -> None:
    """Refuse a name that is no [`Backend`].

    Raises:
        UsageError: names those there are.
    """
    if backend not in get_args(Backend):
        raise UsageError(f"`backend` must be one of {', '.join(map(repr, get_args(Backend)))}, got {backend!r}.")
