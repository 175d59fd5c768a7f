"""What the settings of all models over an encoder have in common."""

# No `from __future__ import annotations` here: `strict` checks types, and cannot read those that are strings.

import math
from dataclasses import field
from functools import partial
from typing import Any, ClassVar

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec

from hf_relation.errors import UsageError
from hf_relation.hub_class import HubClass
from hf_relation.models.backbone import LARGEST_SIZE, build_backbone_config
from hf_relation.models.encoder import check_blocks
from hf_relation.models.head_selection import read_heads, stored_heads
from hf_relation.models.untrusted_settings import UntrustedConfig, damaged_settings


def _default_pooling() -> list[str]:
    return ["head_marker", "tail_marker"]


@strict
class EncoderConfig(HubClass, UntrustedConfig):
    r"""Settings of [`~hf_relation.models.pair_encoder.EncoderPreTrainedModel`]: an encoder, and weights above it.

    Args:
        backbone_config (`dict` or `PreTrainedConfig`, *optional*): the encoder's settings with its `model_type`;
            untrusted, see [`~hf_relation.models.backbone.build_backbone_config`]. Default: BERT-base.
        initializer_range (`float`, defaults to 0.02): standard deviation of new weights.
        pruned_heads (`dict[str, list[int]]`, *optional*): attention heads of the encoder that are gone, layer -> heads,
            both from 0, layers as strings as JSON has them; see [`~hf_relation.models.head_surgery.prune_heads`].

    Raises:
        UsageError: a value out of range.
    """

    #: The method's name in messages, e.g. "MORE".
    method: ClassVar[str] = "this model"
    keys_to_ignore_at_inference = ["last_hidden_state"]
    sub_configs_defaults = {"backbone_config": SubConfigSpec(config_class=AutoConfig, model_type="bert")}

    backbone_config: dict[str, Any] | PreTrainedConfig | None = None
    initializer_range: float | int = 0.02
    pruned_heads: dict[str, list[int]] | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        # Built here, not by the parent: the parent would follow a `backbone=` keyword to the Hub.
        self.backbone_config = build_backbone_config(self.backbone_config)
        for name, least in (("hidden_size", 1), ("vocab_size", 1), ("num_hidden_layers", 0)):
            if isinstance(value := getattr(self.backbone_config, name, None), int):
                check_size(f"backbone_config.{name}", value, least=least)
        check_number("initializer_range", self.initializer_range)
        self.pruned_heads = self._checked_heads()
        self._check_settings()
        super().__post_init__(**kwargs)

    def _check_settings(self) -> None:
        """Refuse values out of range; the encoder's settings are built already."""

    def _checked_heads(self) -> dict[str, list[int]] | None:
        """`pruned_heads`, which comes from files and is untrusted, without layers that lost none."""
        if not self.pruned_heads:
            return None
        sizes = self.backbone_config.get_text_config()  # type: ignore[union-attr]
        num_heads = getattr(sizes, "num_attention_heads", 0)
        if not num_heads:
            raise UsageError(f"`pruned_heads`: a {sizes.model_type!r} encoder has no attention heads.")
        heads = read_heads(self.pruned_heads, num_layers=self.depth, num_heads=num_heads, what="`pruned_heads`")
        return stored_heads(heads) or None

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """As `PreTrainedConfig.from_dict`; refuses the settings of another kind of model.

        Raises:
            UsageError: `config_dict` has another `model_type`, e.g. that of a plain encoder, or is damaged.
            StrictDataclassError: transformers refuses a value, by its type for instance.
        """
        model_type = config_dict.get("model_type", cls.model_type)
        if model_type != cls.model_type:
            raise UsageError(
                f"These are the settings of a '{model_type}' model, not of {cls.method}. To start {cls.method} from a "
                f"plain encoder, use `{cls.__name__.removesuffix('Config')}Model.from_backbone(name_or_path)`."
            )
        make = partial(super().from_dict, config_dict, **kwargs)
        return damaged_settings(make, f"the config of a '{model_type}' model")

    @property
    def depth(self) -> int:
        """Number of the encoder's layers."""
        return int(self.backbone_config.get_text_config().num_hidden_layers)  # type: ignore[union-attr]

    @property
    def hidden_size(self) -> int:
        return int(self.backbone_config.hidden_size)  # type: ignore[union-attr]

    @property
    def vocab_size(self) -> int:
        return int(self.backbone_config.vocab_size)  # type: ignore[union-attr]

    def get_text_config(self, decoder: bool | None = None, encoder: bool | None = None) -> PreTrainedConfig:
        # `resize_token_embeddings` writes the new size here.
        return self.backbone_config

    def _check_layer(self, layer: int, name: str = "layer") -> None:
        if not -self.depth - 1 <= layer <= self.depth:
            raise UsageError(f"`{name}` must be from {-self.depth - 1} to {self.depth} for this encoder, got {layer}.")


@strict
class PairEncoderConfig(EncoderConfig):
    r"""Settings of [`~hf_relation.models.pair_encoder.PairEncoderPreTrainedModel`], an encoder and a pair pooling.

    Args:
        pooling (`list[str]`, defaults to `["head_marker", "tail_marker"]`): what of the token states makes a pair
            representation, in this order; names in `hf_relation.models.encoder.POOLING_BLOCKS`.
        normalize_blocks (`bool`, defaults to `False`): scale every block to unit length before joining them.
        **kwargs: those of [`EncoderConfig`].

    Raises:
        UsageError: an unknown pooling block, or a value out of range.
    """

    pooling: list[str] = field(default_factory=_default_pooling)
    normalize_blocks: bool = False

    def __post_init__(self, **kwargs: Any) -> None:
        check_blocks(self.pooling)
        super().__post_init__(**kwargs)

    @property
    def pooled_dim(self) -> int:
        """Width of a pair representation h."""
        return len(self.pooling) * self.hidden_size


def check_number(name: str, value: float, *, least: float = 0.0, most: float = math.inf, above: bool = False) -> None:
    """Refuse a number that is not finite or not from `least` to `most`.

    Args:
        name (`str`): the setting, for the message.
        value (`float`): what it was given.
        least, most (`float`): what is allowed; `above=True` leaves `least` itself out.

    Raises:
        UsageError: the value is not allowed.

    Example:

    ```python
    >>> from hf_relation.models.pair_config import check_number
    >>> check_number("sigma", 0.0, above=True)
    Traceback (most recent call last):
    ...
    hf_relation.errors.UsageError: `sigma` must be a finite number above 0, got 0.0.

    ```
    """
    if _is_finite(value) and (value > least if above else value >= least) and value <= most:
        return
    allowed = f"a finite number {'above' if above else 'of at least'} {least:g}"
    if most < math.inf:
        allowed += f" and at most {most:g}"
    raise UsageError(f"`{name}` must be {allowed}, got {value}.")


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        return False


def check_size(name: str, value: int, *, least: int = 1) -> None:
    """Refuse a width or a count that is below `least` or beyond what any model has.

    Raises:
        UsageError: the value is not allowed.
    """
    if not least <= value <= LARGEST_SIZE:
        raise UsageError(f"`{name}` must be from {least} to {LARGEST_SIZE}, got {value}.")


def check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse a name that is not one of `allowed`.

    Raises:
        UsageError: the value is not allowed.
    """
    if value not in allowed:
        raise UsageError(f"`{name}` must be one of {list(allowed)}, got {value!r}.")
