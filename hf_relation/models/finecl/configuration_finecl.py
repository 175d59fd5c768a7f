"""Settings of FineCL."""

# No `from __future__ import annotations` here: `strict` checks types, and cannot read those that are strings.

import math
from typing import Any, ClassVar

from huggingface_hub.dataclasses import strict

from hf_relation.errors import UsageError
from hf_relation.losses.relation_discrimination import REDUCTIONS
from hf_relation.models.pair_config import EncoderConfig, check_choice, check_number, check_size


@strict
class FineCLConfig(EncoderConfig):
    r"""Settings of [`FineCLModel`] and [`FineCLForPreTraining`]; the defaults are the paper's, options of the authors' code are named so.

    Args:
        backbone_config (`dict` or `PreTrainedConfig`, *optional*): the encoder's settings with its `model_type`;
            untrusted, see [`~hf_relation.models.backbone.build_backbone_config`]. Default: BERT-base.
        temperature (`float`, defaults to 0.05): T of both contrastive losses.
        alpha (`float`, defaults to e): weight of what was learned first; 1 weighs all labels the same (plain contrastive learning).
        first_epoch, last_epoch (`int`, default to 1): k_min and k_max of the corpus' learning order; the same: all weigh 1.
        late_from (`int`, *optional*): instances learned in this epoch or later count as learned last (5 in the authors' code).
        never_weight (`float`, *optional*): weight of instances never learned, above 0; by default that of the last epoch, 1.
        weighted_positive (`bool`, defaults to `True`): `False`: the positive has weight 1 in the denominator (authors' code).
        num_negatives (`int`, *optional*): pairs of other relations drawn for every pair, in the place of all (64 in the authors' code).
        skip_shared_entities (`bool`, defaults to `False`): pairs of one text that share an entity do not meet (authors' code).
        na_relation (`str`, *optional*): the name, among `id2label`, of "no relation": such pairs are alike in nothing and are only
            what others are told apart from.
        reduction (`str`, defaults to `"sum"`): of both contrastive losses over their pairs, as printed; or `"mean"`, with which
            the parts weigh the same in batches of any size; or `"anchors"`, with which frequent relations do not count by the square of
            their number, see [`~hf_relation.losses.relation_discrimination_loss`].
        entity_weight, relation_weight, mlm_weight (`float`, default to 1.0): of the three losses; 0 leaves one out.
        id2label (`dict[int, str]`, *optional*): names of the relations; needed with `na_relation`.
        initializer_range (`float`, defaults to 0.02): standard deviation of new weights.

    Raises:
        UsageError: an unknown name, or a value out of range.

    Example:

    ```python
    >>> from hf_relation.models.finecl import FineCLConfig
    >>> config = FineCLConfig(backbone_config={"model_type": "bert", "hidden_size": 48}, first_epoch=1, last_epoch=5)
    >>> config.hidden_size, config.relation_dim
    (48, 96)

    ```

    Reference: Hogan, Li and Shang, "Fine-grained Contrastive Learning for Relation Extraction", EMNLP 2022, section 3.
    """

    model_type = "finecl"
    method: ClassVar[str] = "FineCL"
    keys_to_ignore_at_inference = ["last_hidden_state", "entities"]

    id2label: dict[int, str] | dict[str, str] | None = None
    label2id: dict[str, int] | dict[str, str] | None = None
    temperature: float | int = 0.05
    alpha: float | int = math.e
    first_epoch: int = 1
    last_epoch: int = 1
    late_from: int | None = None
    never_weight: float | int | None = None
    weighted_positive: bool = True
    num_negatives: int | None = None
    skip_shared_entities: bool = False
    na_relation: str | None = None
    reduction: str = "sum"
    entity_weight: float | int = 1.0
    relation_weight: float | int = 1.0
    mlm_weight: float | int = 1.0

    def _check_settings(self) -> None:
        for name in ("temperature", "alpha", "initializer_range"):
            check_number(name, getattr(self, name), above=True)
        for name in ("entity_weight", "relation_weight", "mlm_weight"):
            check_number(name, getattr(self, name))
        if self.never_weight is not None:
            check_number("never_weight", self.never_weight, above=True)
        check_choice("reduction", self.reduction, REDUCTIONS)
        for name in ("first_epoch", "last_epoch", "late_from", "num_negatives"):
            value = getattr(self, name)
            if value is not None:
                check_size(name, value)
        if self.last_epoch < self.first_epoch:
            raise UsageError(
                f"`last_epoch` must be at least `first_epoch`, got {self.last_epoch} and {self.first_epoch}."
            )

    def __post_init__(self, **kwargs: Any) -> None:
        if self.id2label is None and self.label2id:
            self.id2label = {int(number): name for name, number in self.label2id.items()}
        super().__post_init__(**kwargs)
        self.label2id = {str(name): int(number) for number, name in (self.id2label or {}).items()}
        if self.na_relation is not None and self.na_relation not in self.label2id:
            raise UsageError(f"`na_relation` is {self.na_relation!r}, which is not among the relations in `id2label`.")

    @property
    def na_id(self) -> int | None:
        """Class id of "no relation", if there is one."""
        return None if self.na_relation is None else int((self.label2id or {})[self.na_relation])

    @property
    def relation_dim(self) -> int:
        """Width of a relation representation, [head; tail]."""
        return 2 * self.hidden_size
