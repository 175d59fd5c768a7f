"""Gates on attention heads: numbers that multiply what each head hands to the output projection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn

from hf_relation.models.head_selection import check_heads
from hf_relation.models.model_heads import ModelHeads, head_layout


@contextmanager
def head_gates(model: nn.Module) -> Iterator[list[torch.Tensor]]:
    """Inside, one gate a head multiplies what the head hands to the output projection of its layer.

    The gates are ones, which change nothing (to the bit), and need gradients: `torch.autograd.grad(loss, gates)` gives
    d loss / d gate of all heads from one backward pass, also where all weights are frozen. Write numbers into them (under
    `torch.no_grad()`) to weaken heads. A bias of the output projection is not gated. With gradient checkpointing, which runs the
    layers once more in the backward pass, the backward pass belongs inside as well.

    Args:
        model (`nn.Module`): see [`~hf_relation.models.model_heads.head_layout`].

    Returns:
        Context manager giving `list[torch.Tensor]`: for every layer a float32 tensor of shape `(heads,)`. Heads are counted
        as in the unpruned model; gates of pruned heads do nothing.

    Raises:
        UsageError: the model has no known head layout.

    Example:

    ```python
    >>> import torch
    >>> from transformers import BertConfig, BertModel
    >>> from hf_relation.models.head_gates import head_gates
    >>> sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 16}
    >>> model = BertModel(BertConfig(vocab_size=20, **sizes)).eval()
    >>> with head_gates(model) as gates:
    ...     loss = model(torch.tensor([[1, 2, 3]])).last_hidden_state.square().mean()
    ...     gradients = torch.autograd.grad(loss, gates)
    >>> [tuple(gradient.shape) for gradient in gradients]
    [(4,), (4,)]

    ```

    Reference: Michel et al., "Are Sixteen Heads Really Better than One?", NeurIPS 2019, section 2.2 (their mask variables
    xi).
    """
    heads = head_layout(model)
    gates = [
        torch.ones(heads.num_heads, device=_device(heads, layer), requires_grad=True)
        for layer in range(heads.num_layers)
    ]

    def multiply(layer: int, context: torch.Tensor) -> torch.Tensor:
        return context * gates[layer][list(heads.kept[layer])].to(context.dtype).unsqueeze(-1)

    with changed_contexts(heads, multiply):
        yield gates


@contextmanager
def mask_heads(model: nn.Module, heads: Mapping[int, Iterable[int]]) -> Iterator[None]:
    """Inside, some heads hand nothing to the output projection of their layer.

    What transformers before version 5 did with `head_mask` (which later versions ignore without a word). With gradient
    checkpointing, which runs the layers once more in the backward pass, the backward pass belongs inside as well.

    Args:
        model (`nn.Module`): see [`~hf_relation.models.model_heads.head_layout`].
        heads (`Mapping[int, Iterable[int]]`): layer -> heads, both from 0, counted as in the unpruned model.

    Raises:
        UsageError: the model has no known head layout, or a layer or head that is out of range, named twice or pruned.

    Example:

    ```python
    >>> import torch
    >>> from transformers import BertConfig, BertModel
    >>> from hf_relation.models.head_gates import mask_heads
    >>> sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 16}
    >>> model = BertModel(BertConfig(vocab_size=20, **sizes)).eval()
    >>> with mask_heads(model, {0: [1, 3], 1: [0]}):
    ...     masked = model(torch.tensor([[1, 2, 3]])).last_hidden_state
    >>> torch.equal(masked, model(torch.tensor([[1, 2, 3]])).last_hidden_state)
    False

    ```
    """
    found = head_layout(model)
    chosen = check_heads(found, heads)

    def silence(layer: int, context: torch.Tensor) -> torch.Tensor:
        masked = [head in chosen.get(layer, ()) for head in found.kept[layer]]
        return context.masked_fill(torch.tensor(masked, device=context.device).unsqueeze(-1), 0.0)

    with changed_contexts(found, silence):
        yield


@contextmanager
def changed_contexts(heads: ModelHeads, change: Callable[[int, torch.Tensor], torch.Tensor]) -> Iterator[None]:
    """Inside, what the heads of every layer hand to the output projection is changed first.

    Args:
        heads ([`ModelHeads`]): of the model.
        change (`Callable`): takes the number of the layer and the contexts `(..., heads left, head_dim)`, for most models
            `(batch, tokens, heads left, head_dim)`; returns as many.
    """
    handles = []
    try:
        for layer in range(heads.num_layers):
            hook = partial(_before_output, layer, heads.head_dim, len(heads.kept[layer]), change)
            handles.append(heads.projection(layer, "output").register_forward_pre_hook(hook))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _before_output(
    layer: int,
    head_dim: int,
    num_kept: int,
    change: Callable[[int, torch.Tensor], torch.Tensor],
    module: nn.Module,
    args: tuple[Any, ...],
) -> tuple[Any, ...]:
    context, *rest = args
    changed = change(layer, context.unflatten(-1, (num_kept, head_dim)))
    return (changed.flatten(-2), *rest)


def _device(heads: ModelHeads, layer: int) -> torch.device:
    return next(heads.projection(layer, "output").parameters()).device
