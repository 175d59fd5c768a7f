"""Settings of the pair classifier."""

# No `from __future__ import annotations` here: `strict` checks types, and cannot read those that are strings.

from typing import Any, ClassVar, cast

from huggingface_hub.dataclasses import strict

from hf_relation.errors import UsageError
from hf_relation.models.pair_config import EncoderConfig, check_choice, check_number, check_size


KINDS = ("multi_label", "single_label")
COMBINATIONS = ("linear", "bilinear")
TEXTS = ("none", "cls", "mean")


@strict
class PairClassificationConfig(EncoderConfig):
    r"""Settings of [`PairClassificationModel`].

    The relations are `id2label`, as everywhere in transformers; `label2id` follows from it. "No relation" is none of them: it has
    a name of its own.

    Args:
        backbone_config (`dict` or `PreTrainedConfig`, *optional*): the encoder's settings with its `model_type`;
            untrusted, see [`~hf_relation.models.backbone.build_backbone_config`]. Default: BERT-base.
        kind (`str`, defaults to `"multi_label"`): `"multi_label"`: every relation by itself, a pair may have several or none
            (binary cross entropy; documents); `"single_label"`: one of the relations, or none of them where `na_relation` is given
            (softmax; sentences).
        na_relation (`str`, *optional*): what "no relation" is called; with `"single_label"` a class of its own, which wins where
            none of the relations holds. Without it every pair must have a relation.
        combination (`str`, defaults to `"linear"`): of head and tail: `"linear"`: one layer over [head; tail]; `"bilinear"`: a form
            for every relation (DocRED's baselines).
        text (`str`, defaults to `"none"`): what of the text as a whole is added to the pair: its first token (`"cls"`), the mean of its
            tokens (`"mean"`), or nothing.
        hidden_dim (`int`, *optional*): width of a layer with tanh in front of the classes; none by default.
        dropout (`float`, defaults to 0.1): of the pair's representation, in [0, 1).
        positive_weight (`float`, defaults to 1.0): what a relation that holds counts in the loss, with `"multi_label"`.
        initializer_range (`float`, defaults to 0.02): standard deviation of new weights.

    Raises:
        UsageError: no relation, an unknown name, or a value out of range.

    Example:

    ```python
    >>> from hf_relation.models.pair_classification import PairClassificationConfig
    >>> config = PairClassificationConfig(kind="single_label", id2label={0: "born in", 1: "spouse"}, na_relation="Other")
    >>> config.num_relations, config.num_classes, config.label2id["spouse"]
    (2, 3, 1)

    ```
    """

    model_type = "pair_classification"
    method: ClassVar[str] = "PairClassification"

    id2label: dict[int, str] | dict[str, str] | None = None
    label2id: dict[str, int] | dict[str, str] | None = None
    kind: str = "multi_label"
    na_relation: str | None = None
    combination: str = "linear"
    text: str = "none"
    hidden_dim: int | None = None
    dropout: float | int = 0.1
    positive_weight: float | int = 1.0

    def __post_init__(self, **kwargs: Any) -> None:
        if self.id2label is None and self.label2id:
            self.id2label = {int(number): name for name, number in self.label2id.items()}
        super().__post_init__(**kwargs)
        if not self.id2label:
            raise UsageError("A classifier needs at least one relation: give `id2label`, e.g. {0: 'born in'}.")
        names = self._names
        if set(names) != set(range(len(names))):
            raise UsageError(f"`id2label` must number the relations 0, 1, 2, ...; got {sorted(names)}.")
        self.label2id = {name: number for number, name in names.items()}
        if len(self.label2id) < len(names):
            raise UsageError(f"`id2label` must have every relation once; got {list(names.values())}.")
        if self.na_relation in self.label2id:
            raise UsageError(
                f"`na_relation` is {self.na_relation!r}, which is among the relations in `id2label`. Leave it out there: it is a class "
                "of its own."
            )

    def _check_settings(self) -> None:
        for name, allowed in (("kind", KINDS), ("combination", COMBINATIONS), ("text", TEXTS)):
            check_choice(name, getattr(self, name), allowed)
        if self.hidden_dim is not None:
            check_size("hidden_dim", self.hidden_dim)
        check_number("positive_weight", self.positive_weight, above=True)
        check_number("initializer_range", self.initializer_range, above=True)
        check_number("dropout", self.dropout)
        if self.dropout >= 1:
            raise UsageError(f"`dropout` must be below 1, got {self.dropout}.")

    @property
    def _names(self) -> dict[int, str]:
        return cast(dict[int, str], self.id2label)  # numbers that a file holds as strings are numbers again

    @property
    def num_relations(self) -> int:
        """Number of relations, without "no relation"."""
        return len(self._names)

    @property
    def num_classes(self) -> int:
        """Scores a pair gets: the relations, and "no relation" where that is a class."""
        return self.num_relations + int(self.has_na_class)

    @property
    def has_na_class(self) -> bool:
        """Whether "no relation" is a class."""
        return self.kind == "single_label" and self.na_relation is not None

    @property
    def relations(self) -> list[str]:
        """The relations in the order of their numbers."""
        return [self._names[number] for number in range(self.num_relations)]
