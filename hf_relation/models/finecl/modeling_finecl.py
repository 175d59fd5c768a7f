"""FineCL: entities and relations of documents."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from transformers import initialization as init
from transformers.utils import ModelOutput

from hf_relation.errors import UsageError
from hf_relation.models.entity_states import entity_states, mention_states, pair_states
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
        states = self.backbone(
            input_ids=input_ids,
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            return_dict=True,
            **self._token_types(token_type_ids),
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
