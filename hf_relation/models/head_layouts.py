"""Where the attention heads of an encoder are: one layout a family of models, and those of your own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hf_relation.errors import UsageError


HOW_TO_DESCRIBE = "Describe another architecture with hf_relation.models.head_layouts.register_head_layout(model_type, HeadLayout(...))."


@dataclass(frozen=True)
class HeadLayout:
    """Where the attention heads of one family of models are; paths are dotted names of submodules.

    Head h owns rows `h * head_dim` to `(h + 1) * head_dim` of the query projection (an `nn.Linear`; rows of its weight are
    what it puts out) and as many columns of the output projection, which takes the heads' contexts side by side. Where there
    are fewer keys than queries, neighbouring query heads share a key and a value head.

    Args:
        layers (`str`): the list of layers, from the encoder without a task head, e.g. `"encoder.layer"`.
        query, key, value (`str`): the projections, from a layer. The same path three times for a fused projection, whose
            rows are all queries, then all keys, then all values.
        output (`str`): the projection of the heads' contexts, from a layer.
        positions (`tuple[str, ...]`, defaults to none): further projections, from a layer, with rows of every head, such as
            those of relative positions in DeBERTa; a model may lack some of them.
        bias_argument (`int`, *optional*): which positional argument of the attention module (the one that holds the query
            projection) has one matrix per head in its second dimension, such as MPNet's position bias.
        gated (`bool`, defaults to `False`): the feed-forward layers multiply the activation by another projection.

    Example: see [`register_head_layout`].
    """

    layers: str
    query: str
    key: str
    value: str
    output: str
    positions: tuple[str, ...] = ()
    bias_argument: int | None = None
    gated: bool = False

    @property
    def fused(self) -> bool:
        return self.query == self.key


def _layout(layers: str, attention: str, names: str, output: str, **more: Any) -> HeadLayout:
    query, key, value = (f"{attention}.{name}" for name in names.split())
    return HeadLayout(layers, query, key, value, output, **more)


_BERT = _layout("encoder.layer", "attention.self", "query key value", "attention.output.dense")
_DECODER = _layout("layers", "self_attn", "q_proj k_proj v_proj", "self_attn.o_proj", gated=True)
_LAYOUTS: dict[str, HeadLayout] = {
    **dict.fromkeys(("bert", "roberta", "xlm-roberta", "camembert", "electra"), _BERT),
    "distilbert": _layout("transformer.layer", "attention", "q_lin k_lin v_lin", "attention.out_lin"),
    "mpnet": _layout("encoder.layer", "attention.attn", "q k v", "attention.attn.o", bias_argument=2),
    "deberta-v2": _layout(
        "encoder.layer",
        "attention.self",
        "query_proj key_proj value_proj",
        "attention.output.dense",
        positions=("attention.self.pos_key_proj", "attention.self.pos_query_proj"),
    ),
    "modernbert": _layout("layers", "attn", "Wqkv Wqkv Wqkv", "attn.Wo", gated=True),
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3", "gemma"), _DECODER),
}


def supported_head_layouts() -> list[str]:
    """The `model_type` of every family whose heads can be measured, masked and pruned.

    Example:

    ```python
    >>> from hf_relation.models.head_layouts import supported_head_layouts
    >>> supported_head_layouts()[:4]
    ['bert', 'camembert', 'deberta-v2', 'distilbert']

    ```
    """
    return sorted(_LAYOUTS)


def register_head_layout(model_type: str, layout: HeadLayout, *, replace: bool = False) -> None:
    """Say where the heads of another family of models are.

    Args:
        model_type (`str`): as its config has it.
        layout ([`HeadLayout`]): where its heads are.
        replace (`bool`, defaults to `False`): whether a layout that is there may be replaced.

    Raises:
        UsageError: `model_type` has a layout, or one part of a fused projection has another path.

    Example:

    ```python
    >>> from hf_relation.models.head_layouts import HeadLayout, register_head_layout, supported_head_layouts
    >>> parts = [f"attention.self.{name}" for name in ("query", "key", "value")]
    >>> register_head_layout("ernie", HeadLayout("encoder.layer", *parts, output="attention.output.dense"), replace=True)
    >>> "ernie" in supported_head_layouts()
    True

    ```
    """
    if model_type in _LAYOUTS and not replace:
        raise UsageError(f"There is a head layout for {model_type!r}. To replace it, pass `replace=True`.")
    if len({layout.query, layout.key, layout.value}) == 2:
        raise UsageError(
            "Two of `query`, `key` and `value` have the same path. Give three different ones, or the same three times for a "
            "fused projection (all queries, all keys, all values)."
        )
    _LAYOUTS[model_type] = layout


def find_head_layout(model_type: str) -> HeadLayout | None:
    """The layout of a family by the `model_type` of its config, `None` where none is known."""
    return _LAYOUTS.get(model_type)
