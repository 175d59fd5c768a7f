"""The attention heads found in a model: its layers, their projections, and which heads are left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from torch import nn
from transformers import PreTrainedModel

from hf_relation.errors import UsageError
from hf_relation.models.head_layouts import HOW_TO_DESCRIBE, HeadLayout, find_head_layout, supported_head_layouts


Part = Literal["query", "key", "value", "output"]
PARTS: tuple[Part, ...] = ("query", "key", "value", "output")
# Kept on an attention module whose heads were pruned: the original numbers of those that are left.
KEPT = "kept_heads"


@dataclass(frozen=True)
class ModelHeads:
    """The attention heads found in a model.

    Heads are counted as in the unpruned model, from 0, in every layer.

    Args:
        encoder (`PreTrainedModel`): the part that holds the layers.
        layout ([`HeadLayout`]): where they are.
        layers (`nn.ModuleList`): the layers.
        num_heads (`int`): query heads of a layer before pruning.
        num_key_heads (`int`): key heads of a layer before pruning; fewer where query heads share them.
        head_dim (`int`): width of a head's context.
        kept (`tuple[tuple[int, ...], ...]`): for every layer the heads that are left, in their order.
    """

    encoder: PreTrainedModel
    layout: HeadLayout
    layers: nn.ModuleList
    num_heads: int
    num_key_heads: int
    head_dim: int
    kept: tuple[tuple[int, ...], ...]

    @property
    def num_layers(self) -> int:
        return len(self.kept)

    def key_head(self, head: int) -> int:
        """Which key head a query head uses."""
        return head // (self.num_heads // self.num_key_heads)

    def core(self, layer: int) -> nn.Module:
        """The attention module of a layer: the one that holds the query projection."""
        return self.layers[layer].get_submodule(self.layout.query.rpartition(".")[0])

    def projection(self, layer: int, part: Part) -> nn.Module:
        """One of the projections of a layer."""
        return self.layers[layer].get_submodule(getattr(self.layout, part))

    def linear(self, layer: int, part: Part) -> nn.Linear:
        """As [`projection`], for work on its weight.

        Raises:
            UsageError: it is no plain linear layer, for instance one with an adapter or with quantised weights.
        """
        return check_linear(self.projection(layer, part), getattr(self.layout, part), layer)

    def position_linears(self, layer: int) -> list[nn.Linear]:
        """The projections of `layout.positions` that this model has."""
        found: list[nn.Linear] = []
        for path in self.layout.positions:
            module = submodule(self.layers[layer], path)
            if module is not None:
                found.append(check_linear(module, path, layer))
        return found


def check_linear(module: nn.Module, path: str, layer: int) -> nn.Linear:
    """Refuse a projection whose weight is not a plain matrix of rows and columns.

    Raises:
        UsageError: it has an adapter, quantised weights or the like.
    """
    if isinstance(module, nn.Linear) and module.weight.shape == (module.out_features, module.in_features):
        return module
    raise UsageError(
        f"`{path}` of layer {layer} is a {type(module).__name__}, not a plain torch.nn.Linear, so that its rows cannot be "
        "told apart. Merge adapters into the weights first (peft: `model.merge_and_unload()`), or load the model without "
        "quantisation."
    )


def submodule(module: nn.Module, path: str) -> nn.Module | None:
    """The submodule at a dotted path, `None` where there is none."""
    try:
        return module.get_submodule(path)
    except AttributeError:
        return None


def head_layout(model: nn.Module) -> ModelHeads:
    """Find the attention heads of an encoder, alone or inside a model with a task head, ours among them.

    Args:
        model (`nn.Module`): a transformers model, or a module with exactly one inside.

    Returns:
        [`ModelHeads`].

    Raises:
        UsageError: no encoder with a known layout (the message names those that are, and how to describe another), several
            encoders, or one whose modules do not fit the layout.

    Example:

    ```python
    >>> from transformers import BertConfig, BertForTokenClassification
    >>> from hf_relation.models.model_heads import head_layout
    >>> sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 16}
    >>> heads = head_layout(BertForTokenClassification(BertConfig(vocab_size=20, **sizes)))
    >>> heads.num_layers, heads.num_heads, heads.head_dim
    (2, 4, 4)

    ```
    """
    found = _encoders(model)
    if not found:
        raise UsageError(_no_layout(model))
    if len(found) > 1:
        names = ", ".join(type(encoder).__name__ for encoder, _ in found)
        raise UsageError(f"The model holds several encoders with attention heads ({names}). Pass one of them.")
    encoder, layout = found[0]
    layers = encoder.get_submodule(layout.layers)
    if not isinstance(layers, nn.ModuleList) or not layers:
        raise UsageError(f"`{layout.layers}` of {type(encoder).__name__} is no list of layers. {HOW_TO_DESCRIBE}")
    for path in (layout.query, layout.key, layout.value, layout.output):
        for layer, module in enumerate(layers):
            if submodule(module, path) is None:
                raise UsageError(
                    f"Layer {layer} of {type(encoder).__name__} has no `{path}`, where the head layout of "
                    f"{encoder.config.model_type!r} expects a projection. {HOW_TO_DESCRIBE}"
                )
    num_heads = int(encoder.config.num_attention_heads)
    num_key_heads = int(getattr(encoder.config, "num_key_value_heads", None) or num_heads)
    cores = [module.get_submodule(layout.query.rpartition(".")[0]) for module in layers]
    heads = ModelHeads(
        encoder=encoder,
        layout=layout,
        layers=layers,
        num_heads=num_heads,
        num_key_heads=num_key_heads,
        head_dim=_head_dim(cores[0], encoder),
        kept=tuple(tuple(getattr(core, KEPT, range(num_heads))) for core in cores),
    )
    _check_widths(heads)
    return heads


def find_pruned(model: nn.Module) -> Iterable[tuple[int, tuple[int, ...], int]]:
    """For every layer with pruned heads: its number, the heads left, and how many there were. Never raises."""
    for encoder, layout in _encoders(model):
        for layer, module in enumerate(encoder.get_submodule(layout.layers).children()):
            kept = getattr(submodule(module, layout.query.rpartition(".")[0]), KEPT, None)
            if kept is not None:
                yield layer, kept, int(encoder.config.num_attention_heads)


def _encoders(model: nn.Module) -> list[tuple[PreTrainedModel, HeadLayout]]:
    if not isinstance(model, nn.Module):
        raise UsageError(f"`model` must be a torch module, got {type(model).__name__}.")
    found: list[tuple[PreTrainedModel, HeadLayout]] = []
    for module in model.modules():
        if isinstance(module, PreTrainedModel):
            layout = find_head_layout(module.config.model_type)
            if layout is not None and submodule(module, layout.layers) is not None:
                found.append((module, layout))
    return found


def _no_layout(model: nn.Module) -> str:
    types = {module.config.model_type for module in model.modules() if isinstance(module, PreTrainedModel)}
    return (
        f"No attention heads are known for {type(model).__name__} "
        f"({', '.join(sorted(types)) or 'no transformers model'}). Supported layouts: "
        f"{', '.join(supported_head_layouts())}. {HOW_TO_DESCRIBE}"
    )


def _head_dim(core: nn.Module, encoder: PreTrainedModel) -> int:
    for name in ("attention_head_size", "head_dim"):
        if isinstance(getattr(core, name, None), int):
            return int(getattr(core, name))
    return int(encoder.config.hidden_size) // int(encoder.config.num_attention_heads)


def _check_widths(heads: ModelHeads) -> None:
    if heads.num_heads % heads.num_key_heads or (heads.layout.fused and heads.num_heads != heads.num_key_heads):
        raise UsageError(
            f"{heads.num_heads} query heads over {heads.num_key_heads} key heads: every key head must serve as many query "
            "heads, and in a fused projection exactly one."
        )
    for layer, kept in enumerate(heads.kept):
        width = len(kept) * heads.head_dim
        rows = 3 * width if heads.layout.fused else width
        parts: tuple[tuple[Part, str, int], ...] = (("output", "in_features", width), ("query", "out_features", rows))
        for part, name, size in parts:
            actual = getattr(heads.projection(layer, part), name, size)
            if actual != size:
                raise UsageError(
                    f"`{getattr(heads.layout, part)}` of layer {layer} is {actual} wide, but {len(kept)} heads of "
                    f"{heads.head_dim} make {size}. The head layout does not fit this model. {HOW_TO_DESCRIBE}"
                )
