"""Settings of MORE."""

from __future__ import annotations

import inspect
import math
from dataclasses import field
from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec

from hf_relation.errors import UsageError
from hf_relation.losses import VirtualAdversarialLoss
from hf_relation.models.backbone import LARGEST_SIZE, build_backbone_config
from hf_relation.models.encoder import check_blocks


_LOSSES = ("ranked_list", "sup_con")


def _default_pooling() -> list[str]:
    return ["head_marker", "tail_marker"]


def _check_adversarial(settings: dict[str, Any]) -> None:
    allowed = list(inspect.signature(VirtualAdversarialLoss).parameters)
    unknown = sorted(set(settings) - set(allowed))
    if unknown:
        raise UsageError(
            f"`adversarial_kwargs` has no setting {', '.join(map(repr, unknown))}. It has {', '.join(allowed)}."
        )
    VirtualAdversarialLoss(**settings)


@strict
class MOREConfig(PreTrainedConfig):
    r"""Settings of [`MOREModel`]; the defaults are the paper's.

    Args:
        backbone_config (`dict` or `PreTrainedConfig`, *optional*): the encoder's settings with its `model_type`;
            untrusted, see [`~hf_relation.models.backbone.build_backbone_config`]. Default: BERT-base.
        pooling (`list[str]`, defaults to `["head_marker", "tail_marker"]`): what of the token states makes a pair
            representation, in this order; names in `hf_relation.models.encoder.POOLING_BLOCKS`.
        normalize_blocks (`bool`, defaults to `False`): scale every block to unit length before joining them.
        layer (`int`, defaults to -1): which hidden states are pooled; -1 the last layer, 0 the embeddings.
        projection_dim (`int`, *optional*, defaults to 64): width of the linear layer after pooling (the paper's FC;
            64 in the authors' code); `None` for no projection.
        loss (`str`, defaults to `"ranked_list"`): the loss `forward` computes from `labels`: `"ranked_list"` (MORE) or
            `"sup_con"` (supervised contrastive).
        loss_kwargs (`dict`, *optional*): arguments of that loss.
        adversarial_weight (`float`, defaults to 0.0): weight beta of the virtual adversarial loss (equation 7; the paper
            uses 1); 0 turns it off.
        adversarial_kwargs (`dict`, *optional*): its settings, see [`~hf_relation.losses.VirtualAdversarialLoss`]:
            `epsilon`, `num_power_iterations`, `start`, `detach_clean`.
        initializer_range (`float`, defaults to 0.02): standard deviation of new weights.

    Raises:
        UsageError: an unknown pooling block, loss or adversarial setting, or a value out of range.

    Example:

    ```python
    >>> from hf_relation.models.more.configuration_more import MOREConfig
    >>> config = MOREConfig(backbone_config={"model_type": "bert", "hidden_size": 48}, projection_dim=32)
    >>> config.hidden_size, config.embedding_dim
    (48, 32)

    ```

    Reference: Lou et al., "MORE: A Metric Learning Based Framework for Open-Domain Relation Extraction", ICASSP 2021.
    """

    model_type = "more"
    keys_to_ignore_at_inference = ["last_hidden_state"]
    sub_configs_defaults = {"backbone_config": SubConfigSpec(config_class=AutoConfig, model_type="bert")}

    backbone_config: dict[str, Any] | PreTrainedConfig | None = None
    pooling: list[str] = field(default_factory=_default_pooling)
    normalize_blocks: bool = False
    layer: int = -1
    projection_dim: int | None = 64
    loss: str = "ranked_list"
    loss_kwargs: dict[str, Any] | None = None
    adversarial_weight: float = 0.0
    adversarial_kwargs: dict[str, Any] | None = None
    initializer_range: float = 0.02

    def __post_init__(self, **kwargs: Any) -> None:
        # Built here, not by the parent: the parent would follow a `backbone=` keyword to the Hub.
        backbone = build_backbone_config(self.backbone_config)
        self.backbone_config = backbone
        for key in (
            "backbone",
            "backbone_kwargs",
            "use_timm_backbone",
            "use_pretrained_backbone",
            "trust_remote_code",
        ):
            kwargs.pop(key, None)
        check_blocks(self.pooling)
        if self.loss not in _LOSSES:
            raise UsageError(f"`loss` must be one of {list(_LOSSES)}, got {self.loss!r}.")
        if self.projection_dim is not None and not 1 <= self.projection_dim <= LARGEST_SIZE:
            raise UsageError(f"`projection_dim` must be None or from 1 to {LARGEST_SIZE}, got {self.projection_dim}.")
        if not 0 <= self.adversarial_weight < math.inf:
            raise UsageError(f"`adversarial_weight` must be a finite number from 0 up, got {self.adversarial_weight}.")
        _check_adversarial(self.adversarial_kwargs or {})
        depth = backbone.get_text_config().num_hidden_layers
        if not -depth - 1 <= self.layer <= depth:
            raise UsageError(f"`layer` must be from {-depth - 1} to {depth} for this encoder, got {self.layer}.")
        super().__post_init__(**kwargs)

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """As `PreTrainedConfig.from_dict`; refuses the settings of another kind of model.

        Raises:
            UsageError: `config_dict` has a `model_type` that is not `"more"`, e.g. that of a plain encoder.
        """
        model_type = config_dict.get("model_type", cls.model_type)
        if model_type != cls.model_type:
            raise UsageError(
                f"These are the settings of a '{model_type}' model, not of MORE. To start MORE from a plain encoder, use "
                "`MOREModel.from_backbone(name_or_path)`."
            )
        return super().from_dict(config_dict, **kwargs)

    @property
    def hidden_size(self) -> int:
        return int(self.backbone_config.hidden_size)  # type: ignore[union-attr]

    @property
    def vocab_size(self) -> int:
        return int(self.backbone_config.vocab_size)  # type: ignore[union-attr]

    @property
    def embedding_dim(self) -> int:
        """Width of the rows of `MOREOutput.embeddings`."""
        return self.projection_dim if self.projection_dim is not None else len(self.pooling) * self.hidden_size

    def get_text_config(self, decoder: bool | None = None, encoder: bool | None = None) -> PreTrainedConfig:
        # `resize_token_embeddings` writes the new size here.
        return self.backbone_config
