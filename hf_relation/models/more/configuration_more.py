"""Settings of MORE."""

# No `from __future__ import annotations` here: `strict` checks types, and cannot read those that are strings.

import inspect
from typing import Any, ClassVar

from huggingface_hub.dataclasses import strict

from hf_relation.errors import UsageError
from hf_relation.losses import VirtualAdversarialLoss
from hf_relation.models.pair_config import PairEncoderConfig, check_choice, check_number, check_size


_LOSSES = ("ranked_list", "sup_con")


def _check_adversarial(settings: dict[str, Any]) -> None:
    allowed = list(inspect.signature(VirtualAdversarialLoss).parameters)
    unknown = sorted(set(settings) - set(allowed))
    if unknown:
        raise UsageError(
            f"`adversarial_kwargs` has no setting {', '.join(map(repr, unknown))}. It has {', '.join(allowed)}."
        )
    VirtualAdversarialLoss(**settings)


@strict
class MOREConfig(PairEncoderConfig):
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

    Reference: Wang et al., "MORE: A Metric Learning Based Framework for Open-Domain Relation Extraction", ICASSP 2021.
    """

    model_type = "more"
    method: ClassVar[str] = "MORE"

    layer: int = -1
    projection_dim: int | None = 64
    loss: str = "ranked_list"
    loss_kwargs: dict[str, Any] | None = None
    adversarial_weight: float | int = 0.0
    adversarial_kwargs: dict[str, Any] | None = None

    def _check_settings(self) -> None:
        check_choice("loss", self.loss, _LOSSES)
        if self.projection_dim is not None:
            check_size("projection_dim", self.projection_dim)
        check_number("adversarial_weight", self.adversarial_weight)
        _check_adversarial(self.adversarial_kwargs or {})
        self._check_layer(self.layer)

    @property
    def embedding_dim(self) -> int:
        """Width of the rows of `MOREOutput.embeddings`."""
        return self.projection_dim if self.projection_dim is not None else self.pooled_dim
