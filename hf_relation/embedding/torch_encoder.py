"""The encoder that runs the model itself, in torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from hf_relation.embedding.batched_encoder import BatchedEncoder
from hf_relation.embedding.forward import BatchFunction, inference_state, torch_run
from hf_relation.embedding.precision import in_bfloat16, is_spread, weights_version
from hf_relation.processing import RelationProcessor


class TorchEncoder(BatchedEncoder):
    """An [`~hf_relation.embedding.Encoder`] in torch; the model's training flags and device are as before after each call.

    float32 embeddings agree to 1e-5 across batch sizes and orders. In bfloat16 the weights themselves are converted, in a copy of
    the model (autocast, which converts them anew for every batch, takes some 5 % longer); cosines to float32 are above
    0.999 with MiniLM.

    Args:
        model (`nn.Module`), processor ([`RelationProcessor`]), dtype (`str`), max_tokens_per_batch (`int`, *optional*),
            device (`torch.device`, *optional*): see [`~hf_relation.embedding.make_encoder`].
        compile (`bool`, defaults to `False`): through `torch.compile`, once for batches of all sizes. Meant for accelerators: it
            takes some 20 s before the first row, and gains about 3 % on a CPU.

    Example:

    ```python
    >>> from transformers import BertTokenizerFast
    >>> from hf_relation.embedding import TorchEncoder
    >>> from hf_relation.models.more import MOREConfig, MOREModel
    >>> from hf_relation.processing import RelationProcessor
    >>> words = "[PAD] [UNK] [CLS] [SEP] [MASK] ada was born in lindau .".split()
    >>> processor = RelationProcessor(BertTokenizerFast(vocab={word: i for i, word in enumerate(words)}))
    >>> sizes = {"model_type": "bert", "vocab_size": processor.vocab_size, "hidden_size": 16, "num_hidden_layers": 1,
    ...          "num_attention_heads": 2, "intermediate_size": 16}
    >>> encoder = TorchEncoder(MOREModel(MOREConfig(backbone_config=sizes, projection_dim=8)), processor, dtype="bfloat16")
    >>> row = {"text": "Ada was born in Lindau.", "head": {"start": 0, "end": 3}, "tail": {"start": 16, "end": 22}}
    >>> encoder.embed([row, row]).shape
    (2, 8)

    ```
    """

    def __init__(
        self, model: nn.Module, processor: RelationProcessor, *, compile: bool = False, **settings: Any
    ) -> None:
        super().__init__(model, processor, **settings)
        self.backend = "torch-compile" if compile else "torch"
        self.compile = compile
        self._half: tuple[Any, nn.Module] | None = None  # what it was made of, and the copy in bfloat16
        self._compiled: tuple[nn.Module, Any] | None = None  # a model, and what torch.compile made of it

    def _settings(self) -> dict[str, Any]:
        return super()._settings() | {"compile": self.compile}

    @contextmanager
    def _running(self, device: torch.device, *, bfloat16: bool) -> Iterator[BatchFunction]:
        # Spread weights belong together with what gathers them, and cannot be copied: autocast converts them.
        copied = bfloat16 and not is_spread(self.model)
        model = self._in_half(device) if copied else self.model
        with inference_state(model, device):
            yield torch_run(self._as_run(model), device, bfloat16=bfloat16 and not copied)

    def _in_half(self, device: torch.device) -> nn.Module:
        made_of = (device, weights_version(self.model))
        if self._half is None or self._half[0] != made_of:
            self._half = (made_of, in_bfloat16(self.model).to(device))
        return self._half[1]

    def _as_run(self, model: nn.Module) -> Any:
        if not self.compile:
            return model
        if self._compiled is None or self._compiled[0] is not model:
            self._compiled = (model, torch.compile(model, dynamic=True))
        return self._compiled[1]
