"""FineCL's pre-training: relations told apart by labels that are trusted, entities, and masked words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn
from transformers.utils import ModelOutput

from hf_relation.errors import UsageError
from hf_relation.losses import entity_discrimination_loss, learning_order_weights, relation_discrimination_loss
from hf_relation.models.entity_states import first_mentions
from hf_relation.models.finecl.masked_lm import MaskedLMHead
from hf_relation.models.finecl.modeling_finecl import FineCLModel


@dataclass
class FineCLPreTrainingOutput(ModelOutput):
    """What [`FineCLForPreTraining`] returns.

    Args:
        loss (`torch.Tensor` of shape `()`, *optional*): the weighted sum of the parts that were computed.
        relation_loss, entity_loss (`torch.Tensor` of shape `()`, *optional*): R_D and E_D, with `labels`.
        mlm_loss (`torch.Tensor` of shape `()`, *optional*): masked language modelling, with `mlm_labels`.
        relations, entities, last_hidden_state: as [`FineCLOutput`].
    """

    loss: torch.Tensor | None = None
    relation_loss: torch.Tensor | None = None
    entity_loss: torch.Tensor | None = None
    mlm_loss: torch.Tensor | None = None
    relations: torch.Tensor | None = None
    entities: torch.Tensor | None = None
    last_hidden_state: torch.Tensor | None = None


class FineCLForPreTraining(FineCLModel):
    """FineCL's pre-training: relation discrimination, entity discrimination and masked language modelling over one forward pass.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.models.finecl import FineCLConfig, FineCLForPreTraining
    >>> sizes = {"model_type": "bert", "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1,
    ...          "num_attention_heads": 2, "intermediate_size": 16}
    >>> model = FineCLForPreTraining(FineCLConfig(backbone_config=sizes, first_epoch=1, last_epoch=4))
    >>> out = model(input_ids=torch.tensor([[1, 2, 3, 4, 5, 6]]), mention_spans=torch.tensor([[[0, 1], [2, 3], [5, 6]]]),
    ...             pairs=torch.tensor([[[0, 1], [2, 1]]]), labels=torch.tensor([[7, 7]]),
    ...             learning_order=torch.tensor([[1, 3]]), mlm_labels=torch.tensor([[-100, -100, -100, 9, -100, -100]]))
    >>> out.loss.shape, torch.allclose(out.loss, out.relation_loss + out.entity_loss + out.mlm_loss)
    (torch.Size([]), True)

    ```

    Reference: Hogan, Li and Shang, EMNLP 2022, equation 7.
    """

    def _build_heads(self) -> None:
        table = cast(nn.Embedding, self.get_input_embeddings())
        self.lm_head = MaskedLMHead(self.config.hidden_size, table.embedding_dim, self.config.vocab_size)

    def get_output_embeddings(self) -> None:
        """There are none: the head scores with the encoder's own table."""

    def resize_token_embeddings(self, *args: Any, **kwargs: Any) -> nn.Embedding:
        """As `PreTrainedModel.resize_token_embeddings`; new words start with a bias of 0."""
        table = super().resize_token_embeddings(*args, **kwargs)
        self.lm_head.resize(table.num_embeddings)
        return table

    def forward(  # type: ignore[override]
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        mention_spans: torch.Tensor | None = None,
        mention_entities: torch.Tensor | None = None,
        pairs: torch.Tensor | None = None,
        text_token_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        learning_order: torch.Tensor | None = None,
        pair_weights: torch.Tensor | None = None,
        mlm_labels: torch.Tensor | None = None,
        return_dict: bool | None = None,
    ) -> FineCLPreTrainingOutput | tuple[torch.Tensor, ...]:
        """Represent a batch as [`FineCLModel`] does, and compute the losses for which there are labels.

        Args:
            input_ids ... inputs_embeds: as for [`FineCLModel`].
            labels (`torch.Tensor` of shape `(batch, pairs)`, *optional*): class id of every pair's relation; -100 for pairs that do not
                count. A pair with several relations stands in `pairs` several times.
            learning_order (`torch.Tensor` of shape `(batch, pairs)`, *optional*): the epoch at which the label was learned, -1 for
                never; without it all weigh 1.
            pair_weights (`torch.Tensor` of shape `(batch, pairs)`, *optional*): what every label counts, above 0, in the place of what the
                learning order says.
            mlm_labels (`torch.Tensor` of shape `(batch, tokens)`, *optional*): ids of the tokens that were masked, -100 elsewhere.
            return_dict (`bool`, *optional*): `False` for a plain tuple.

        Returns:
            [`FineCLPreTrainingOutput`].

        Raises:
            UsageError: spans, pairs or labels that do not fit.
        """
        relations, entities, states = self._represent(
            input_ids, attention_mask, token_type_ids, mention_spans, mention_entities, pairs, inputs_embeds
        )
        config = self.config
        parts: list[torch.Tensor] = []
        relation_loss = entity_loss = mlm_loss = None
        if labels is not None:
            if relations is None or entities is None or pairs is None or mention_spans is None:
                raise UsageError("`labels` need `mention_spans` and `pairs`. DocumentProcessor makes them.")
            _check_labels(labels, learning_order, pair_weights, pairs)
            first = self.first_mentions(mention_spans, mention_entities)
            if config.relation_weight:
                relation_loss = self.relation_loss(relations, pairs, labels, learning_order, first, pair_weights)
                parts.append(config.relation_weight * relation_loss)
            if config.entity_weight:
                entity_loss = self.entity_loss(entities, mention_spans, pairs, labels, first)
                parts.append(config.entity_weight * entity_loss)
        if mlm_labels is not None and config.mlm_weight:
            mlm_loss = self.lm_head.loss(states, mlm_labels, cast(nn.Embedding, self.get_input_embeddings()))
            parts.append(config.mlm_weight * mlm_loss)
        output = FineCLPreTrainingOutput(
            loss=torch.stack(parts).sum() if parts else None,
            relation_loss=relation_loss,
            entity_loss=entity_loss,
            mlm_loss=mlm_loss,
            relations=relations,
            entities=entities,
            last_hidden_state=states,
        )
        return output.to_tuple() if return_dict is False else output

    @staticmethod
    def first_mentions(mention_spans: torch.Tensor, mention_entities: torch.Tensor | None) -> torch.Tensor:
        """For every mention of a batch the first one of its entity, `(batch, mentions)`; arguments as for `forward`."""
        if mention_entities is None:
            every = torch.arange(mention_spans.shape[1], device=mention_spans.device)
            mention_entities = every.expand(len(mention_spans), -1)
        return first_mentions(mention_entities)

    def relation_loss(
        self,
        relations: torch.Tensor,
        pairs: torch.Tensor,
        labels: torch.Tensor,
        learning_order: torch.Tensor | None,
        first: torch.Tensor,
        pair_weights: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """R_D over all pairs of a batch.

        Args:
            relations (`torch.Tensor` of shape `(batch, pairs, 2 * hidden)`): of the forward pass, or cached.
            pairs, labels, learning_order: as for `forward`.
            first (`torch.Tensor` of shape `(batch, mentions)`): of every mention the first one of its entity.
            pair_weights: as for `forward`.

        Returns:
            `torch.Tensor`: scalar.
        """
        config = self.config
        there = labels != -100
        weights = None if pair_weights is None else pair_weights[there]
        if weights is None and learning_order is not None:
            weights = learning_order_weights(
                learning_order[there],
                first=config.first_epoch,
                last=config.last_epoch,
                alpha=config.alpha,
                late_from=config.late_from,
                never_weight=config.never_weight,
            )
        text = torch.arange(len(pairs), device=pairs.device)[:, None].expand_as(labels)[there]
        places = first.gather(1, pairs.clamp(min=0).flatten(1)).view_as(pairs)[there]  # (n, 2), entities by a mention
        one_text = text[:, None] == text[None, :]
        equal = places[:, None] == places[None, :]  # (n, n, 2): head with head, tail with tail
        apart = one_text & equal.all(-1)
        if config.skip_shared_entities:
            crossed = places[:, None] == places[None].flip(-1)
            apart = one_text & (equal | crossed).any(-1)
        return relation_discrimination_loss(
            relations[there],
            labels[there],
            weights,
            apart=apart,
            temperature=config.temperature,
            na_label=config.na_id,
            weighted_positive=config.weighted_positive,
            num_negatives=config.num_negatives,
            reduction=config.reduction,
        )

    def entity_loss(
        self,
        entities: torch.Tensor,
        mention_spans: torch.Tensor,
        pairs: torch.Tensor,
        labels: torch.Tensor,
        first: torch.Tensor,
    ) -> torch.Tensor:
        """E_D over the pairs of a batch that have a relation; arguments as for [`relation_loss`].

        Returns:
            `torch.Tensor`: scalar.
        """
        related, places = self.triples(pairs, labels, first)
        every = torch.arange(first.shape[1], device=first.device)
        return entity_discrimination_loss(
            entities,
            places.masked_fill(~related.unsqueeze(-1), -1),
            (first == every) & (mention_spans >= 0).all(-1),
            temperature=self.config.temperature,
            reduction=self.config.reduction,
        )

    def triples(
        self, pairs: torch.Tensor, labels: torch.Tensor, first: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Which pairs of a batch are triples of E_D; arguments as for [`relation_loss`].

        Returns:
            `tuple`: which pairs have a relation and two entities, `(batch, pairs)`, bool; and their entities, each by its first mention,
            `(batch, pairs, 2)`.
        """
        related = labels != -100
        if self.config.na_id is not None:
            related = related & (labels != self.config.na_id)
        places = first.gather(1, pairs.clamp(min=0).flatten(1)).view_as(pairs)
        return related & (places[..., 0] != places[..., 1]), places


def _check_labels(
    labels: torch.Tensor,
    learning_order: torch.Tensor | None,
    pair_weights: torch.Tensor | None,
    pairs: torch.Tensor,
) -> None:
    for name, given in (("labels", labels), ("learning_order", learning_order), ("pair_weights", pair_weights)):
        if given is not None and given.shape != pairs.shape[:2]:
            raise UsageError(
                f"`{name}` must have shape {tuple(pairs.shape[:2])} (batch, pairs), got {tuple(given.shape)}."
            )
    padding = (pairs < 0).any(-1)
    wrong = padding & (labels != -100)
    if bool(wrong.any()):
        text, pair = (int(number) for number in wrong.nonzero()[0])
        raise UsageError(
            f"`labels`[{text}, {pair}] is {int(labels[text, pair])}, but that pair is padding; -100 leaves it out."
        )
