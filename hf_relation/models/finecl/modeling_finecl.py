"""FineCL: entities and relations of documents, and the pre-training that tells relations apart by labels it trusts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn
from transformers import initialization as init
from transformers.utils import ModelOutput

from hf_relation.errors import UsageError
from hf_relation.losses import entity_discrimination_loss, learning_order_weights, relation_discrimination_loss
from hf_relation.models.entity_states import entity_states, first_mentions, mention_states, pair_states
from hf_relation.models.finecl.configuration_finecl import FineCLConfig
from hf_relation.models.finecl.masked_lm import MaskedLMHead
from hf_relation.models.pair_encoder import EncoderPreTrainedModel, full_attention_mask


@dataclass
class FineCLOutput(ModelOutput):
    """What [`FineCLModel`] returns.

    Args:
        relations (`torch.Tensor` of shape `(batch, pairs, 2 * hidden)`): r = [head entity; tail entity] of every pair; zeros for
            padding.
        entities (`torch.Tensor` of shape `(batch, mentions, hidden)`): of every mention its entity, the mean over the entity's mentions.
        last_hidden_state (`torch.Tensor` of shape `(batch, tokens, hidden)`): the encoder's last layer.
    """

    relations: torch.Tensor | None = None
    entities: torch.Tensor | None = None
    last_hidden_state: torch.Tensor | None = None


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


class FineCLPreTrainedModel(EncoderPreTrainedModel):
    """Weight initialisation and capabilities shared by FineCL's classes."""

    config_class = FineCLConfig

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, MaskedLMHead):
            init.zeros_(module.bias)


class FineCLModel(FineCLPreTrainedModel):
    """Encoder, entities as means over their mentions, relations as [head; tail].

    Its encoder is what pre-training is for: `MOREModel.from_backbone`, `RoCOREModel.from_backbone`,
    `KernelREModel.from_backbone` and others start from a folder of this model.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.models.finecl import FineCLConfig, FineCLModel
    >>> sizes = {"model_type": "bert", "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1,
    ...          "num_attention_heads": 2, "intermediate_size": 16}
    >>> model = FineCLModel(FineCLConfig(backbone_config=sizes)).eval()
    >>> out = model(input_ids=torch.tensor([[1, 2, 3, 4, 5]]), mention_spans=torch.tensor([[[0, 2], [4, 5]]]),
    ...             pairs=torch.tensor([[[0, 1]]]))
    >>> out.relations.shape
    torch.Size([1, 1, 32])

    ```

    Reference: Hogan, Li and Shang, EMNLP 2022, section 3.2.
    """

    def __init__(self, config: FineCLConfig) -> None:
        super().__init__(config)
        self._build_backbone()
        if self._backbone_takes_mentions:
            raise UsageError(
                f"FineCL reads all entities of a text at once, and a '{self.backbone.config.model_type}' encoder the positions of "
                "one pair. Use a transformer."
            )
        self._build_heads()
        self.post_init()

    def _build_heads(self) -> None:
        """What a subclass has above the encoder."""

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        mention_spans: torch.Tensor | None = None,
        mention_entities: torch.Tensor | None = None,
        pairs: torch.Tensor | None = None,
        text_token_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        return_dict: bool | None = None,
    ) -> FineCLOutput | tuple[torch.Tensor, ...]:
        """Represent the entities and pairs of a batch that [`~hf_relation.processing.DocumentProcessor`] made.

        Args:
            input_ids (`torch.Tensor` of shape `(batch, tokens)`, *optional*): token ids; or give `inputs_embeds`.
            attention_mask (`torch.Tensor` of shape `(batch, tokens)`, *optional*): 1 for tokens; default all ones.
            token_type_ids (`torch.Tensor` of shape `(batch, tokens)`, *optional*): passed on where the encoder has them.
            mention_spans (`torch.Tensor` of shape `(batch, mentions, 2)`): first token and one past the last; -1 in padding.
            mention_entities (`torch.Tensor` of shape `(batch, mentions)`, *optional*): which entity every mention is of, -1 for
                none; by default every mention is an entity.
            pairs (`torch.Tensor` of shape `(batch, pairs, 2)`, *optional*): head and tail, as positions of mentions; -1 in padding.
            text_token_mask (`torch.Tensor`, *optional*): not used.
            inputs_embeds (`torch.Tensor` of shape `(batch, tokens, hidden)`, *optional*): instead of `input_ids`.
            return_dict (`bool`, *optional*): `False` for a plain tuple.

        Returns:
            [`FineCLOutput`].

        Raises:
            UsageError: spans or pairs that do not fit.
        """
        output = FineCLOutput(
            *self._represent(
                input_ids, attention_mask, token_type_ids, mention_spans, mention_entities, pairs, inputs_embeds
            )
        )
        return output.to_tuple() if return_dict is False else output

    def _represent(
        self,
        input_ids: torch.Tensor | None,
        attention_mask: torch.Tensor | None,
        token_type_ids: torch.Tensor | None,
        mention_spans: torch.Tensor | None,
        mention_entities: torch.Tensor | None,
        pairs: torch.Tensor | None,
        inputs_embeds: torch.Tensor | None,
    ) -> tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor]:
        if attention_mask is None:
            attention_mask = full_attention_mask(input_ids, inputs_embeds)
        extra: dict[str, Any] = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        states = self.backbone(
            input_ids=input_ids,
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            return_dict=True,
            **extra,
        ).last_hidden_state
        if mention_spans is None:
            if pairs is not None:
                raise UsageError("`pairs` need `mention_spans`. DocumentProcessor makes them.")
            return None, None, states
        entities = mention_states(states, mention_spans)
        if mention_entities is not None:
            entities = entity_states(entities, mention_entities)
        if pairs is None:
            return None, entities, states
        return pair_states(entities, mention_spans, pairs), entities, states


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
            _check_labels(labels, learning_order, pairs)
            if mention_entities is None:
                every = torch.arange(mention_spans.shape[1], device=pairs.device)
                mention_entities = every.expand(len(pairs), -1)
            first = first_mentions(mention_entities)
            if config.relation_weight:
                relation_loss = self.relation_loss(relations, pairs, labels, learning_order, first)
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

    def relation_loss(
        self,
        relations: torch.Tensor,
        pairs: torch.Tensor,
        labels: torch.Tensor,
        learning_order: torch.Tensor | None,
        first: torch.Tensor,
    ) -> torch.Tensor:
        """R_D over all pairs of a batch.

        Args:
            relations (`torch.Tensor` of shape `(batch, pairs, 2 * hidden)`): of the forward pass, or cached.
            pairs, labels, learning_order: as for `forward`.
            first (`torch.Tensor` of shape `(batch, mentions)`): of every mention the first one of its entity.

        Returns:
            `torch.Tensor`: scalar.
        """
        config = self.config
        there = labels != -100
        weights = None
        if learning_order is not None:
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
        related = labels != -100
        if self.config.na_id is not None:
            related &= labels != self.config.na_id
        places = first.gather(1, pairs.clamp(min=0).flatten(1)).view_as(pairs)
        related &= places[..., 0] != places[..., 1]  # an entity and itself
        every = torch.arange(first.shape[1], device=first.device)
        return entity_discrimination_loss(
            entities,
            places.masked_fill(~related.unsqueeze(-1), -1),
            (first == every) & (mention_spans >= 0).all(-1),
            temperature=self.config.temperature,
            reduction=self.config.reduction,
        )


def _check_labels(labels: torch.Tensor, learning_order: torch.Tensor | None, pairs: torch.Tensor) -> None:
    for name, given in (("labels", labels), ("learning_order", learning_order)):
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
