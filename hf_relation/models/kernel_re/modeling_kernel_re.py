"""KernelRE: a kernel for every relation between the tokens of two mentions; several relations for one pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn
from transformers import initialization as init
from transformers.utils import ModelOutput

from hf_relation.errors import UsageError
from hf_relation.losses import LinearChainCRF
from hf_relation.losses.token_pairs import pair_loss
from hf_relation.models.kernel_re.configuration_kernel_re import KernelREConfig
from hf_relation.models.kernel_re.kernels import MentionPairScores, RelationKernels
from hf_relation.models.kernel_re.mention_tokens import mention_tokens
from hf_relation.models.kernel_re.pair_inputs import check_labels, check_pairs, on_mentions
from hf_relation.models.kernel_re.tagger import EntityTagger, init_field
from hf_relation.models.pair_encoder import EncoderPreTrainedModel, full_attention_mask
from hf_relation.models.text_states import text_state
from hf_relation.processing.bio import bio_labels


@dataclass
class KernelREOutput(ModelOutput):
    """What [`KernelREModel`] returns.

    Args:
        loss (`torch.Tensor` of shape `()`, *optional*): the loss over the batch, when `labels` or `tags` were given.
        logits (`torch.Tensor` of shape `(batch, pairs, relations)`, float32): log-odds of the mean probability of a pair's
            rectangle; 0 for pairs that are padding. Their sigmoid is the score of equation 10's model.
        relation_loss (`torch.Tensor` of shape `()`, *optional*): the part of the kernels.
        tagger_loss (`torch.Tensor` of shape `()`, *optional*): the part of the tagger, before it is weighted.
        emissions (`torch.Tensor` of shape `(batch, tokens, tags)`, *optional*): scores of the tagger, where there is one.
        last_hidden_state (`torch.Tensor` of shape `(batch, tokens, hidden)`): the encoder's last layer.
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    relation_loss: torch.Tensor | None = None
    tagger_loss: torch.Tensor | None = None
    emissions: torch.Tensor | None = None
    last_hidden_state: torch.Tensor | None = None


class TextStates(NamedTuple):
    """What [`KernelREModel.encode`] returns, all of shape `(batch, tokens, hidden)`.

    Args:
        head (`torch.Tensor`): E_b = E_w + E_a.
        tail (`torch.Tensor`): E_p.
        last (`torch.Tensor`): the encoder's last layer.
    """

    head: torch.Tensor
    tail: torch.Tensor
    last: torch.Tensor


class KernelREPreTrainedModel(EncoderPreTrainedModel):
    """Weight initialisation and capabilities shared by KernelRE's classes."""

    config_class = KernelREConfig

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, RelationKernels):
            for weight in (module.head_weight, module.tail_weight):
                init.normal_(weight, mean=0.0, std=self.config.initializer_range)
            for bias in (module.head_bias, module.tail_bias, module.relation_bias):
                if bias is not None:
                    init.zeros_(bias)
        # Not of the tagger as a whole: transformers takes modules without weights of their own for initialised.
        if isinstance(module, LinearChainCRF):
            init_field(module, bio_labels(self.config.entity_types))


class KernelREModel(KernelREPreTrainedModel):
    r"""Encoder and one asymmetric bilinear kernel a relation; with `config.entity_types`, a tagger beside them.

    Of every candidate pair and every relation it says independently how probable it is that the relation holds: several
    relations of one pair, shared entities and pairs without a relation need nothing special.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.models.kernel_re import KernelREConfig, KernelREModel
    >>> sizes = {"model_type": "bert", "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2,
    ...          "num_attention_heads": 2, "intermediate_size": 16}
    >>> model = KernelREModel(KernelREConfig(backbone_config=sizes, id2label={0: "born in", 1: "spouse"})).eval()
    >>> out = model(input_ids=torch.tensor([[1, 2, 3, 4, 5]]), mention_spans=torch.tensor([[[0, 2], [4, 5]]]),
    ...             pairs=torch.tensor([[[0, 1], [1, 0]]]), labels=torch.tensor([[[1.0, 0.0], [0.0, 0.0]]]))
    >>> out.logits.shape, out.loss.shape
    (torch.Size([1, 2, 2]), torch.Size([]))

    ```

    Reference: Li and Tian, 2020, equations 1-10; the joint tagger: the end of their section 1.
    """

    def __init__(self, config: KernelREConfig) -> None:
        super().__init__(config)
        self._build_backbone()
        if self._backbone_takes_mentions:
            raise UsageError(
                f"KernelRE scores all pairs of a text at once, and a '{self.backbone.config.model_type}' encoder reads the "
                "positions of one pair. Use a transformer."
            )
        self.dropout = nn.Dropout(float(config.state_dropout))
        self.kernels = RelationKernels(
            config.hidden_size,
            config.num_relations,
            config.rank,
            scale=config.scale_scores,
            projection_bias=config.projection_bias,
            relation_bias=config.relation_bias,
        )
        self.tagger = (
            EntityTagger(config.hidden_size, config.entity_types, lstm_dim=config.tagger_lstm_dim)
            if config.entity_types
            else None
        )
        self.post_init()

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        mention_spans: torch.Tensor | None = None,
        pairs: torch.Tensor | None = None,
        text_token_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        tags: torch.Tensor | None = None,
        return_dict: bool | None = None,
    ) -> KernelREOutput | tuple[torch.Tensor, ...]:
        """Score the candidate pairs of a batch that [`~hf_relation.processing.DocumentProcessor`] made.

        Args:
            input_ids (`torch.Tensor` of shape `(batch, tokens)`, *optional*): token ids; or give `inputs_embeds`.
            attention_mask (`torch.Tensor` of shape `(batch, tokens)`, *optional*): 1 for tokens; default all ones.
            token_type_ids (`torch.Tensor` of shape `(batch, tokens)`, *optional*): passed on where the encoder has them.
            mention_spans (`torch.Tensor` of shape `(batch, mentions, 2)`, *optional*): first token and one past the last of
                every mention; -1 in padding.
            pairs (`torch.Tensor` of shape `(batch, pairs, 2)`, *optional*): candidates, as head and tail positions in
                `mention_spans`; -1 in padding.
            text_token_mask (`torch.Tensor` of shape `(batch, tokens)`, *optional*): 1 for tokens of the text, 0 for special
                tokens, markers and padding; for the tagger. Default: `attention_mask`.
            inputs_embeds (`torch.Tensor` of shape `(batch, tokens, hidden)`, *optional*): instead of `input_ids`.
            labels (`torch.Tensor` of shape `(batch, pairs, relations)`, *optional*): 1 where the relation holds, else 0; rows
                of -100 for pairs that do not count.
            tags (`torch.Tensor` of shape `(batch, tokens)`, *optional*): numbers in `model.tagger.labels`, -100 outside the
                text.
            return_dict (`bool`, *optional*): `False` for a plain tuple.

        Returns:
            [`KernelREOutput`].

        Raises:
            UsageError: spans or pairs that do not fit, labels of another shape, or tags without a tagger.
        """
        if attention_mask is None:
            attention_mask = full_attention_mask(input_ids, inputs_embeds)
        states = self.encode(input_ids, attention_mask, token_type_ids, inputs_embeds)
        logits = relation_loss = emissions = tagger_loss = None
        if pairs is not None and mention_spans is not None:
            logits, relation_loss = self.score_pairs(states, mention_spans, pairs, labels)
        elif labels is not None:
            raise UsageError("`labels` need `mention_spans` and `pairs`. DocumentProcessor makes them.")
        if self.tagger is not None:
            emissions = self.tagger(states.last, attention_mask if text_token_mask is None else text_token_mask)
            if tags is not None:
                tagger_loss = self.tagger.loss(emissions, tags)
        elif tags is not None:
            raise UsageError("`tags` need a model with a tagger: set `entity_types` in its config.")
        losses = [] if relation_loss is None else [relation_loss]
        if tagger_loss is not None:
            losses.append(self.config.tagger_weight * tagger_loss)
        output = KernelREOutput(  # at once: a plain tuple has what is set in the order in which it was
            loss=torch.stack(losses).sum() if losses else None,
            logits=logits,
            relation_loss=relation_loss,
            tagger_loss=tagger_loss,
            emissions=emissions,
            last_hidden_state=states.last,
        )
        return output.to_tuple() if return_dict is False else output

    def encode(
        self,
        input_ids: torch.Tensor | None,
        attention_mask: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
    ) -> TextStates:
        """Run the encoder once and make the states of both sides (equations 1 and 2).

        Args:
            input_ids, attention_mask, token_type_ids, inputs_embeds: as for `forward`.

        Returns:
            [`TextStates`].

        Raises:
            UsageError: `text_embedding="pooler"` over an encoder without a pooler.
        """
        extra = self._token_types(token_type_ids)
        encoded = self.backbone(
            input_ids=input_ids,
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            output_hidden_states=True,
            return_dict=True,
            **extra,
        )
        layers, last = encoded.hidden_states, encoded.last_hidden_state
        depth = self.config.depth

        def layer(number: int) -> torch.Tensor:
            # Some encoders normalise their last layer once more, outside the list of hidden states.
            return last if number in (-1, depth) else layers[number]

        head = layer(self.config.head_layer)
        if self.config.text_embedding != "none":
            model_type = self.backbone.config.model_type
            text = text_state(self.config.text_embedding, encoded, attention_mask, model_type)
            head = head + text.unsqueeze(1)
        return TextStates(self.dropout(head), self.dropout(layer(self.config.tail_layer)), last)

    def score_pairs(
        self,
        states: TextStates,
        mention_spans: torch.Tensor,
        pairs: torch.Tensor,
        labels: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Score candidate pairs of texts that have been encoded.

        Args:
            states ([`TextStates`]): of [`encode`].
            mention_spans, pairs, labels: as for `forward`.

        Returns:
            `tuple`: logits `(batch, pairs, relations)`, and the loss `()`, `None` without labels.
        """
        tokens = mention_tokens(mention_spans, states.last.shape[1])
        real = check_pairs(mention_spans, pairs, states.last.shape[0])
        places = pairs.clamp(min=0)
        rows = torch.arange(pairs.shape[0], device=pairs.device).unsqueeze(1)
        counts, on_cells = None, None
        if labels is not None:
            labels = check_labels(labels, pairs, self.config.num_relations)
            counts = real & (labels >= 0).all(dim=-1)
            if self.config.mask == "labelled_pairs":
                counts = counts & (labels > 0).any(dim=-1)
            if self.config.loss == "cells":
                on_cells = on_mentions(mention_spans.shape[1], rows, places, counts, labels)
        scores: MentionPairScores = self.kernels(
            states.head,
            states.tail,
            tokens,
            pair_mask=None if on_cells is None else on_cells[0],
            targets=None if on_cells is None else on_cells[1],
            loss=None if on_cells is None else self.config.cell_loss,
        )
        positive = scores.log_positive[rows, places[..., 0], places[..., 1]]  # (B, P, R)
        negative = scores.log_negative[rows, places[..., 0], places[..., 1]]
        logits = (positive - negative).masked_fill(~real.unsqueeze(-1), 0.0)
        if labels is None or counts is None:
            return logits, None
        if scores.cells is not None:
            each = scores.cells  # (B, R)
        else:
            wanted = labels.masked_fill(~counts.unsqueeze(-1), -100)
            each = pair_loss(positive, negative, wanted, float(self.config.positive_weight)).sum(dim=1)
            if self.config.normalizer != "none":
                counted = (wanted > 0) if self.config.normalizer == "positives" else (wanted >= 0)
                each = each / counted.sum(dim=1).clamp(min=1)
        over_relations = each.sum(dim=-1) if self.config.relation_reduction == "sum" else each.mean(dim=-1)
        return logits, over_relations.mean()
