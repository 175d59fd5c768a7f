"""Settings of KernelRE."""

# No `from __future__ import annotations` here: `strict` checks types, and cannot read those that are strings.

from dataclasses import field
from typing import Any, ClassVar, cast

from huggingface_hub.dataclasses import strict

from hf_relation.errors import UsageError
from hf_relation.losses.token_pairs import CELL_NORMALIZERS, CellLoss
from hf_relation.models.pair_config import EncoderConfig, check_choice, check_number, check_size


TEXT_EMBEDDINGS = ("cls", "pooler", "mean", "none")
KERNEL_LOSSES = ("cells", "pairs")
PAIR_MASKS = ("all_pairs", "labelled_pairs")
REDUCTIONS = ("sum", "mean")


@strict
class KernelREConfig(EncoderConfig):
    r"""Settings of [`KernelREModel`]; the defaults are the paper's, options of the authors' code are named so.

    The relations are `id2label`, as everywhere in transformers; `label2id` follows from it (or it from `label2id`, given
    alone).

    Args:
        backbone_config (`dict` or `PreTrainedConfig`, *optional*): the encoder's settings with its `model_type`;
            untrusted, see [`~hf_relation.models.backbone.build_backbone_config`]. Default: BERT-base.
        kernel_rank (`int`, *optional*): width of each kernel's projections W_h and W_t; by default that of the encoder, which
            is the paper's full rank and costs 2 * relations * width^2 weights (202 million for 171 relations over BERT-base).
        head_layer (`int`, defaults to -2): hidden states E_w of the head side; -2 the last but one.
        tail_layer (`int`, defaults to -1): hidden states E_p of the tail side; -1 the last layer.
        text_embedding (`str`, defaults to `"cls"`): E_a, which is added to every token of the head side: `"cls"`: the last
            layer's state of the first token (paper); `"pooler"`: the encoder's pooler output, with tanh (authors' code);
            `"mean"`: the mean of the last layer's states; `"none"`.
        scale_scores (`bool`, defaults to `False`): divide scores by the square root of the rank (authors' code).
        projection_bias (`bool`, defaults to `False`): projections with a bias (authors' code).
        relation_bias (`bool`, defaults to `False`): one more number a relation, added to its scores; it starts at 0.
        loss (`str`, defaults to `"cells"`): `"cells"`: binary cross entropy over token cells (equations 8 and 9);
            `"pairs"`: over mention pairs, on the mean of the probabilities in their rectangle, as pairs are scored
            (section 3: "we use the average values in each area").
        normalizer (`str`, defaults to `"positives"`): what the sum over the cells (or pairs) of a text and a relation is
            divided by: `"positives"`: how many are positive, at least 1 (equation 9); `"mask"`: how many count at all
            (authors' code); `"none"`: nothing.
        relation_reduction (`str`, defaults to `"sum"`): over relations (equation 10); `"mean"` in the authors' code.
        mask (`str`, defaults to `"all_pairs"`): which pairs count in the loss: `"all_pairs"`: all candidates (equation 6);
            `"labelled_pairs"`: those with a relation (authors' code), so that pairs without one teach nothing.
        positive_weight (`float`, defaults to 1.0): what a positive cell or pair counts in the loss.
        state_dropout (`float`, defaults to 0.0): dropout of the states in front of the kernels, in [0, 1).
        entity_types (`list[str]`, defaults to `[]`): types of a tagger that finds entities in raw text, trained together
            with the kernels; none: no tagger.
        tagger_weight (`float`, defaults to 1.0): weight of the tagger's loss.
        tagger_lstm_dim (`int`, *optional*): width, for both directions together, of a BiLSTM in front of the tagger.
        initializer_range (`float`, defaults to 0.02): standard deviation of new weights.

    Raises:
        UsageError: an unknown name, or a value out of range.

    Example:

    ```python
    >>> from hf_relation.models.kernel_re import KernelREConfig
    >>> config = KernelREConfig(backbone_config={"model_type": "bert", "hidden_size": 48}, id2label={0: "born in", 1: "spouse"})
    >>> config.num_relations, config.rank, config.label2id["spouse"]
    (2, 48, 1)

    ```

    Reference: Li and Tian, "Downstream Model Design of Pre-trained Language Model for Relation Extraction Task", 2020.
    """

    model_type = "kernel_re"
    method: ClassVar[str] = "KernelRE"
    keys_to_ignore_at_inference = ["last_hidden_state", "emissions"]

    id2label: dict[int, str] | dict[str, str] | None = None
    label2id: dict[str, int] | dict[str, str] | None = None
    kernel_rank: int | None = None
    head_layer: int = -2
    tail_layer: int = -1
    text_embedding: str = "cls"
    scale_scores: bool = False
    projection_bias: bool = False
    relation_bias: bool = False
    loss: str = "cells"
    normalizer: str = "positives"
    relation_reduction: str = "sum"
    mask: str = "all_pairs"
    positive_weight: float | int = 1.0
    state_dropout: float | int = 0.0
    entity_types: list[str] = field(default_factory=list)
    tagger_weight: float | int = 1.0
    tagger_lstm_dim: int | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        if self.id2label is None and self.label2id:
            self.id2label = {int(number): name for name, number in self.label2id.items()}
        super().__post_init__(**kwargs)
        if not self.id2label:
            raise UsageError("KernelRE needs at least one relation: give `id2label`, e.g. {0: 'born in'}.")
        names = self._names
        if set(names) != set(range(len(names))):
            raise UsageError(f"`id2label` must number the relations 0, 1, 2, ...; got {sorted(names)}.")
        self.label2id = {name: number for number, name in names.items()}
        if len(self.label2id) < len(names):
            raise UsageError(f"`id2label` must have every relation once; got {list(names.values())}.")

    def _check_settings(self) -> None:
        for name, allowed in (
            ("text_embedding", TEXT_EMBEDDINGS),
            ("loss", KERNEL_LOSSES),
            ("normalizer", CELL_NORMALIZERS),
            ("relation_reduction", REDUCTIONS),
            ("mask", PAIR_MASKS),
        ):
            check_choice(name, getattr(self, name), allowed)
        for name in ("kernel_rank", "tagger_lstm_dim"):
            if getattr(self, name) is not None:
                check_size(name, getattr(self, name))
        if self.tagger_lstm_dim is not None and self.tagger_lstm_dim % 2:
            raise UsageError(f"`tagger_lstm_dim` must be even, for two directions; got {self.tagger_lstm_dim}.")
        self._check_layer(self.head_layer, "head_layer")
        self._check_layer(self.tail_layer, "tail_layer")
        check_number("positive_weight", self.positive_weight, above=True)
        check_number("tagger_weight", self.tagger_weight)
        check_number("state_dropout", self.state_dropout)
        if self.state_dropout >= 1:
            raise UsageError(f"`state_dropout` must be below 1, got {self.state_dropout}.")
        repeated = sorted({name for name in self.entity_types if self.entity_types.count(name) > 1})
        if repeated or not all(self.entity_types):
            raise UsageError(f"`entity_types` must be names, each once; got {self.entity_types}.")

    @property
    def num_relations(self) -> int:
        """Number of relations, which is that of the kernels."""
        return len(self._names)

    @property
    def relations(self) -> list[str]:
        """The relations in the order of their numbers."""
        return [self._names[number] for number in range(self.num_relations)]

    @property
    def _names(self) -> dict[int, str]:
        return cast(dict[int, str], self.id2label)  # numbers that a file holds as strings are numbers again

    @property
    def rank(self) -> int:
        """Width of a kernel's projections."""
        return self.hidden_size if self.kernel_rank is None else self.kernel_rank

    @property
    def cell_loss(self) -> CellLoss:
        """How the loss over token cells is made."""
        return CellLoss(self.normalizer, float(self.positive_weight))
