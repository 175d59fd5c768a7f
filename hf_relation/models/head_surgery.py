"""Removing attention heads for good: rows of the query, key and value projections, columns of the output projection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from hf_relation.models.head_gates import changed_contexts, head_gates, mask_heads
from hf_relation.models.head_layouts import HeadLayout, register_head_layout, supported_head_layouts
from hf_relation.models.head_selection import check_heads, stored_heads
from hf_relation.models.model_heads import KEPT, PARTS, ModelHeads, find_pruned, head_layout


__all__ = [
    "HeadLayout",
    "ModelHeads",
    "changed_contexts",
    "head_gates",
    "head_layout",
    "mask_heads",
    "prune_heads",
    "pruned_heads",
    "register_head_layout",
    "supported_head_layouts",
]

# Where attention modules keep the number of their heads.
_COUNTS = ("num_attention_heads", "n_heads", "num_heads")
# Which of the projected key heads each query head uses, on a key or value projection, where that is no plain repetition.
_REPEATS = "repeated_heads"


def prune_heads(model: nn.Module, heads: Mapping[int, Iterable[int]]) -> None:
    """Remove attention heads from a model, in place.

    Outputs are those with the heads masked, to rounding: a bias of the output projection stays. The model has fewer
    parameters and is faster. All heads of a layer may go. Query heads that share a key head leave it in place until the last
    of them goes.

    Heads are counted as in the *unpruned* model, also when more are pruned later (as in transformers before version 5,
    whose `prune_heads` is gone). The encoder's config keeps its sizes. A model of this package saves which heads are gone
    with its config; for others see [`~hf_relation.models.head_files.save_pruned`].

    Weights that are sliced are new parameters: prune before making an optimizer.

    Args:
        model (`nn.Module`): see [`~hf_relation.models.model_heads.head_layout`].
        heads (`Mapping[int, Iterable[int]]`): layer -> heads, both from 0.

    Raises:
        UsageError: the model has no known head layout, its projections are no plain linear layers, or a layer or head that
            is out of range, named twice or pruned already. The model is as it was then.

    Example:

    ```python
    >>> from transformers import BertConfig, BertModel
    >>> from hf_relation.models.head_surgery import prune_heads, pruned_heads
    >>> sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 16}
    >>> model = BertModel(BertConfig(vocab_size=20, **sizes))
    >>> prune_heads(model, {0: [1, 3]})
    >>> prune_heads(model, {0: [2], 1: [0]})
    >>> pruned_heads(model)
    {0: [1, 2, 3], 1: [0]}

    ```
    """
    found = head_layout(model)
    chosen = check_heads(found, heads)
    for layer in chosen:  # before anything is changed
        for part in PARTS:
            found.linear(layer, part)
        found.position_linears(layer)
    for layer, gone in chosen.items():
        _prune_layer(found, layer, [head for head in found.kept[layer] if head not in gone])
    record_pruned_heads(model)


def pruned_heads(model: nn.Module) -> dict[int, list[int]]:
    """Which heads [`prune_heads`] has removed from a model.

    Args:
        model (`nn.Module`): any model.

    Returns:
        `dict[int, list[int]]`: layer -> heads, counted as in the unpruned model; empty where none was removed.
    """
    return {
        layer: sorted(set(range(num_heads)) - set(kept))
        for layer, kept, num_heads in find_pruned(model)
        if len(kept) < num_heads
    }


def record_pruned_heads(model: nn.Module) -> None:
    """Write which heads are gone into the config of every model inside that saves them with its config."""
    for module in model.modules():
        if isinstance(module, PreTrainedModel) and keeps_pruned_heads(module):
            module.config.pruned_heads = stored_heads(pruned_heads(module)) or None


def keeps_pruned_heads(model: nn.Module) -> bool:
    """Whether a model's config has a place for the heads that were pruned."""
    return isinstance(model, PreTrainedModel) and "pruned_heads" in type(model.config).__dataclass_fields__


def _prune_layer(found: ModelHeads, layer: int, kept: list[int]) -> None:
    before, core = found.kept[layer], found.core(layer)
    places = [before.index(head) for head in kept]
    own_rows = _rows(places, found.head_dim)
    if found.layout.fused:
        rows = [part * len(before) * found.head_dim + row for part in range(3) for row in own_rows]
        _slice(found.linear(layer, "query"), rows, dim=0)
    else:
        _slice(found.linear(layer, "query"), own_rows, dim=0)
        _prune_keys(found, layer, before, kept)
    for linear in found.position_linears(layer):
        _slice(linear, own_rows, dim=0)
    _slice(found.linear(layer, "output"), own_rows, dim=1)
    setattr(core, KEPT, tuple(kept))
    for name in _COUNTS:
        if hasattr(core, name):
            setattr(core, name, len(kept))
    if hasattr(core, "all_head_size"):
        setattr(core, "all_head_size", len(own_rows))  # noqa: B010  (a plain attribute, no tensor)
    if not kept:
        path = found.layout.output.removeprefix(found.layout.query.rpartition(".")[0] + ".")
        inside = path != found.layout.output
        core.forward = partial(_attend_to_nothing, core, path if inside else None)
    elif found.layout.bias_argument is not None and len(before) == found.num_heads:
        core.register_forward_pre_hook(partial(_select_biases, found.layout.bias_argument))


def _prune_keys(found: ModelHeads, layer: int, before: Sequence[int], kept: Sequence[int]) -> None:
    """Keep the key and value heads that the query heads left still use, and say which uses which."""
    there = sorted({found.key_head(head) for head in before})
    needed = sorted({found.key_head(head) for head in kept})
    rows = _rows([there.index(head) for head in needed], found.head_dim)
    users = Counter(found.key_head(head) for head in kept)
    even = len(set(users.values())) <= 1
    repeats = None if even else [needed.index(found.key_head(head)) for head in kept]
    for linear in (found.linear(layer, "key"), found.linear(layer, "value")):
        _slice(linear, rows, dim=0)
        if repeats is not None and not hasattr(linear, _REPEATS):
            linear.register_forward_hook(partial(_repeat_heads, found.head_dim))
        if repeats is not None or hasattr(linear, _REPEATS):
            setattr(linear, _REPEATS, repeats)
    core = found.core(layer)
    if hasattr(core, "num_key_value_groups"):
        groups = next(iter(users.values()), 1) if even else 1
        setattr(core, "num_key_value_groups", groups)  # noqa: B010


def _rows(heads: Iterable[int], head_dim: int) -> list[int]:
    return [head * head_dim + row for head in heads for row in range(head_dim)]


@torch.no_grad()
def _slice(linear: nn.Linear, rows: list[int], *, dim: int) -> None:
    """Keep some rows (`dim=0`) or columns (`dim=1`) of a linear layer, in place.

    Unlike `transformers.pytorch_utils.prune_linear_layer` it keeps the layer's type, hooks, dtype and frozen weights, and
    draws no random numbers.
    """
    index = torch.tensor(rows, dtype=torch.long, device=linear.weight.device)

    def kept(parameter: torch.Tensor) -> nn.Parameter:
        values = parameter.detach().index_select(dim, index).contiguous()
        return nn.Parameter(values, requires_grad=parameter.requires_grad)

    linear.weight = kept(linear.weight)
    if dim == 1:
        linear.in_features = len(rows)
        return
    linear.out_features = len(rows)
    if linear.bias is not None:
        linear.bias = kept(linear.bias)


# What follows is called by pruned models; module-level functions, so that these can be copied.


def _repeat_heads(
    head_dim: int, module: nn.Module, args: tuple[Any, ...], output: torch.Tensor
) -> torch.Tensor | None:
    repeats = getattr(module, _REPEATS)
    return None if repeats is None else output.unflatten(-1, (-1, head_dim))[..., repeats, :].flatten(-2)


def _select_biases(place: int, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
    if len(args) <= place or args[place] is None:
        return None
    return (*args[:place], args[place][:, list(getattr(module, KEPT))], *args[place + 1 :])


def _attend_to_nothing(
    core: nn.Module, output: str | None, hidden_states: torch.Tensor, *args: Any, **kwargs: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """The forward pass of an attention module without heads; views of no elements cannot guess a size."""
    *batch, tokens, _ = hidden_states.shape
    context = hidden_states.new_zeros(*batch, tokens, 0)
    cache = kwargs.get("past_key_values")
    if cache is not None:  # it counts its tokens by the keys of a layer
        nothing = hidden_states.new_zeros(*batch, 1, tokens, 1)
        cache.update(nothing, nothing, core.layer_idx)
    if output is not None:
        context = core.get_submodule(output)(context)
    return context, hidden_states.new_zeros(*batch, 0, tokens, tokens)
