"""A classifier of entity pairs: entities as means over their mentions, one layer or a bilinear form above."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional
from transformers.utils import ModelOutput

from hf_relation.errors import UsageError
from hf_relation.models.entity_states import entity_states, mention_states, pair_states
from hf_relation.models.kernel_re.pair_inputs import check_labels
from hf_relation.models.pair_classification.configuration_pair_classification import PairClassificationConfig
from hf_relation.models.pair_encoder import EncoderPreTrainedModel, full_attention_mask
from hf_relation.models.text_states import text_state


# Of a probability of one, in float32.
_LARGEST_LOG_ODDS = 16.0


@dataclass
class PairClassificationOutput(ModelOutput):
    """What [`PairClassificationModel`] returns.

    Args:
        loss (`torch.Tensor` of shape `()`, *optional*): the mean over the pairs that count, when `labels` were given.
        logits (`torch.Tensor` of shape `(batch, pairs, relations)`, float32): log-odds of every relation; their sigmoid is its
            probability, with `"single_label"` that of the softmax. 0 for pairs that are padding.
        class_logits (`torch.Tensor` of shape `(batch, pairs, classes)`): what the layer gives; with a class "no relation", that is
            the last.
        emissions: none; for [`~hf_relation.RelationExtractor`], whose models may have a tagger.
        last_hidden_state (`torch.Tensor` of shape `(batch, tokens, hidden)`): the encoder's last layer.
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    class_logits: torch.Tensor | None = None
    emissions: torch.Tensor | None = None
    last_hidden_state: torch.Tensor | None = None


class EncodedText(NamedTuple):
    """What [`PairClassificationModel.encode`] returns.

    Args:
        last (`torch.Tensor` of shape `(batch, tokens, hidden)`): the encoder's last layer.
        text (`torch.Tensor` of shape `(batch, hidden)`, *optional*): the text as a whole, where the config asks for it.
    """

    last: torch.Tensor
    text: torch.Tensor | None = None


class PairClassificationModel(EncoderPreTrainedModel):
    """Encoder and a classifier of its entity pairs, for sentences (one pair each) and documents.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.models.pair_classification import PairClassificationConfig, PairClassificationModel
    >>> sizes = {"model_type": "bert", "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1,
    ...          "num_attention_heads": 2, "intermediate_size": 16}
    >>> config = PairClassificationConfig(backbone_config=sizes, kind="single_label", id2label={0: "born in"}, na_relation="none")
    >>> model = PairClassificationModel(config).eval()
    >>> out = model(input_ids=torch.tensor([[1, 2, 3, 4, 5]]), mention_spans=torch.tensor([[[0, 2], [4, 5]]]),
    ...             pairs=torch.tensor([[[0, 1], [1, 0]]]), labels=torch.tensor([[[1.0], [0.0]]]))
    >>> out.logits.shape, out.class_logits.shape, out.loss.shape
    (torch.Size([1, 2, 1]), torch.Size([1, 2, 2]), torch.Size([]))

    ```

    Reference: the fine-tuning of Hogan, Li and Shang, "Fine-grained Contrastive Learning for Relation Extraction", EMNLP 2022;
    the bilinear form: Yao et al., "DocRED", ACL 2019.
    """

    config_class = PairClassificationConfig
    #: Models of extraction may have one.
    tagger = None

    def __init__(self, config: PairClassificationConfig) -> None:
        super().__init__(config)
        self._build_backbone()
        if self._backbone_takes_mentions:
            raise UsageError(
                f"The classifier reads all pairs of a text at once, and a '{self.backbone.config.model_type}' encoder the positions "
                "of one pair. Use a transformer."
            )
        hidden, extra = config.hidden_size, config.hidden_size if config.text != "none" else 0
        self.dropout = nn.Dropout(float(config.dropout))
        self.bilinear: nn.Linear | None = None
        if config.combination == "bilinear":
            self.pair_layer = None if config.hidden_dim is None else nn.Linear(hidden, config.hidden_dim)
            width = config.hidden_dim or hidden
            self.bilinear = nn.Linear(width, config.num_classes * width, bias=False)
            self.classifier = nn.Linear(2 * width + extra, config.num_classes)
        else:
            width = 2 * hidden + extra
            self.pair_layer = None if config.hidden_dim is None else nn.Linear(width, config.hidden_dim)
            self.classifier = nn.Linear(config.hidden_dim or width, config.num_classes)
        self.post_init()

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
        labels: torch.Tensor | None = None,
        return_dict: bool | None = None,
    ) -> PairClassificationOutput | tuple[torch.Tensor, ...]:
        """Score the candidate pairs of a batch that [`~hf_relation.processing.DocumentProcessor`] made.

        Args:
            input_ids (`torch.Tensor` of shape `(batch, tokens)`, *optional*): token ids; or give `inputs_embeds`.
            attention_mask (`torch.Tensor` of shape `(batch, tokens)`, *optional*): 1 for tokens; default all ones.
            token_type_ids (`torch.Tensor` of shape `(batch, tokens)`, *optional*): passed on where the encoder has them.
            mention_spans (`torch.Tensor` of shape `(batch, mentions, 2)`): first token and one past the last; -1 in padding.
            mention_entities (`torch.Tensor` of shape `(batch, mentions)`, *optional*): which entity every mention is of; then an entity
                is the mean over its mentions. By default a pair is judged by its two mentions.
            pairs (`torch.Tensor` of shape `(batch, pairs, 2)`): head and tail, as positions of mentions; -1 in padding.
            text_token_mask (`torch.Tensor` of shape `(batch, tokens)`, *optional*): not used.
            inputs_embeds (`torch.Tensor` of shape `(batch, tokens, hidden)`, *optional*): instead of `input_ids`.
            labels (`torch.Tensor` of shape `(batch, pairs, relations)`, *optional*): 1 where the relation holds, else 0; rows of -100 for
                pairs that do not count. With `"single_label"` at most one of a row is 1, and none means "no relation".
            return_dict (`bool`, *optional*): `False` for a plain tuple.

        Returns:
            [`PairClassificationOutput`].

        Raises:
            UsageError: spans, pairs or labels that do not fit.
        """
        if mention_spans is None or pairs is None:
            raise UsageError("The classifier needs `mention_spans` and `pairs`. DocumentProcessor makes them.")
        if attention_mask is None:
            attention_mask = full_attention_mask(input_ids, inputs_embeds)
        states = self.encode(input_ids, attention_mask, token_type_ids, inputs_embeds)
        class_logits = self._class_logits(states, mention_spans, pairs, mention_entities)
        logits, loss = self._logits_and_loss(class_logits, pairs, labels)
        real = (pairs >= 0).all(-1, keepdim=True)
        output = PairClassificationOutput(
            loss=loss,
            logits=logits,
            class_logits=class_logits.masked_fill(~real, 0.0),
            last_hidden_state=states.last,
        )
        return output.to_tuple() if return_dict is False else output

    def encode(
        self,
        input_ids: torch.Tensor | None,
        attention_mask: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
    ) -> EncodedText:
        """Run the encoder once.

        Args:
            input_ids, attention_mask, token_type_ids, inputs_embeds: as for `forward`.

        Returns:
            [`EncodedText`].
        """
        encoded = self.backbone(
            input_ids=input_ids,
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            return_dict=True,
            **self._token_types(token_type_ids),
        )
        text = None
        if self.config.text != "none":
            text = text_state(self.config.text, encoded, attention_mask, self.backbone.config.model_type)
        return EncodedText(encoded.last_hidden_state, text)

    def score_pairs(
        self,
        states: EncodedText,
        mention_spans: torch.Tensor,
        pairs: torch.Tensor,
        labels: torch.Tensor | None = None,
        mention_entities: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Score candidate pairs of texts that have been encoded.

        Args:
            states ([`EncodedText`]): of [`encode`].
            mention_spans, pairs, labels, mention_entities: as for `forward`.

        Returns:
            `tuple`: logits `(batch, pairs, relations)`, and the loss `()`, `None` without labels.
        """
        return self._logits_and_loss(self._class_logits(states, mention_spans, pairs, mention_entities), pairs, labels)

    def _class_logits(
        self,
        states: EncodedText,
        mention_spans: torch.Tensor,
        pairs: torch.Tensor,
        mention_entities: torch.Tensor | None,
    ) -> torch.Tensor:
        entities = mention_states(states.last, mention_spans)
        if mention_entities is not None:
            entities = entity_states(entities, mention_entities)
        return self._classify(entities, mention_spans, pairs, states.text).float()

    def _logits_and_loss(
        self, class_logits: torch.Tensor, pairs: torch.Tensor, labels: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        real = (pairs >= 0).all(-1, keepdim=True)
        loss = None
        if labels is not None:
            loss = self._loss(class_logits, check_labels(labels, pairs, self.config.num_relations))
        return self._log_odds(class_logits).masked_fill(~real, 0.0), loss

    def _classify(
        self, entities: torch.Tensor, mention_spans: torch.Tensor, pairs: torch.Tensor, text: torch.Tensor | None
    ) -> torch.Tensor:
        if self.bilinear is not None and self.pair_layer is not None:
            entities = torch.tanh(self.pair_layer(entities))
        both = pair_states(self.dropout(entities), mention_spans, pairs)  # (B, P, 2 * width)
        joined = both if text is None else torch.cat([both, text[:, None].expand(-1, both.shape[1], -1)], -1)
        if self.bilinear is None:
            if self.pair_layer is not None:
                joined = self.dropout(torch.tanh(self.pair_layer(joined)))
            return self.classifier(joined)
        head, tail = both.chunk(2, -1)
        forms = self.bilinear(head).unflatten(-1, (self.config.num_classes, -1))  # (B, P, C, width)
        return (forms * tail.unsqueeze(-2)).sum(-1) + self.classifier(joined)

    def _log_odds(self, class_logits: torch.Tensor) -> torch.Tensor:
        relations = self.config.num_relations
        if self.config.kind == "multi_label":
            return class_logits
        log_p = functional.log_softmax(class_logits, -1)[..., :relations]
        # log(1 - p); a probability that rounds to one has no odds.
        log_rest = torch.log(-torch.expm1(log_p.clamp(max=-1e-7)))
        return (log_p - log_rest).clamp(-1e4, _LARGEST_LOG_ODDS)

    def _loss(self, class_logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        counts = (labels >= 0).all(-1)
        scores, wanted = class_logits[counts], labels[counts]
        if not len(scores):
            return class_logits.sum() * 0
        if self.config.kind == "multi_label":
            weight = torch.full_like(wanted[0], float(self.config.positive_weight))
            return functional.binary_cross_entropy_with_logits(scores, wanted, pos_weight=weight)
        several = wanted.sum(-1)
        if bool((several > 1).any()):
            text, pair = (int(number) for number in (counts & (labels.sum(-1) > 1)).nonzero()[0])
            raise UsageError(
                f"`labels`[{text}, {pair}] has several relations, which a classifier with one label cannot have."
            )
        if not self.config.has_na_class and bool((several == 0).any()):
            text, pair = (int(number) for number in (counts & (labels.sum(-1) == 0)).nonzero()[0])
            raise UsageError(
                f"`labels`[{text}, {pair}] has no relation: give the config a `na_relation`, or -100 to leave it out."
            )
        classes = torch.where(several > 0, wanted.argmax(-1), self.config.num_relations)
        return functional.cross_entropy(scores, classes)
