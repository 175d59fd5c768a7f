"""MORE: a metric-learned pair encoder whose embeddings are clustered into relations."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional
from transformers.utils import ModelOutput

from hf_relation.losses import RandomState, VirtualAdversarialLoss, build_loss
from hf_relation.models.more.configuration_more import MOREConfig
from hf_relation.models.pair_encoder import PairEncoderPreTrainedModel, full_attention_mask


@dataclass
class MOREOutput(ModelOutput):
    """What [`MOREModel`] returns.

    Args:
        loss (`torch.Tensor` of shape `()`, *optional*): the loss over the batch, when `labels` were given.
        embeddings (`torch.Tensor` of shape `(batch, config.embedding_dim)`): one unit-length row per instance.
        last_hidden_state (`torch.Tensor` of shape `(batch, tokens, hidden)`): the encoder's last layer.
        adversarial_loss (`torch.Tensor` of shape `()`, *optional*): the virtual adversarial loss, a mean over the rows,
            before it is weighted; only while training with gradients and `adversarial_factor` above 0.
    """

    loss: torch.Tensor | None = None
    embeddings: torch.Tensor | None = None
    last_hidden_state: torch.Tensor | None = None
    adversarial_loss: torch.Tensor | None = None


class MOREPreTrainedModel(PairEncoderPreTrainedModel):
    """Weight initialisation and capabilities shared by MORE's classes."""

    config_class = MOREConfig


class MOREModel(MOREPreTrainedModel):
    """Encoder, pair pooling, an optional projection, unit length.

    The distance between two rows of `embeddings` says how likely two instances express the same relation, also for
    relations never seen in training: cluster the rows to discover relations.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.models.more import MOREConfig, MOREModel
    >>> sizes = {"model_type": "bert", "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1,
    ...          "num_attention_heads": 2, "intermediate_size": 16}
    >>> model = MOREModel(MOREConfig(backbone_config=sizes, projection_dim=8)).eval()
    >>> out = model(input_ids=torch.tensor([[1, 2, 3], [4, 5, 6]]), head_marker_index=torch.tensor([0, 1]),
    ...             tail_marker_index=torch.tensor([2, 2]), labels=torch.tensor([0, 0]))
    >>> out.embeddings.shape, out.loss.shape
    (torch.Size([2, 8]), torch.Size([]))

    ```

    With `config.adversarial_weight` above 0, training adds the virtual adversarial loss: clean and perturbed passes share
    their dropout masks; with `start="scaled"` the forward pass leaves mixed precision, in whose rounding so small a
    direction is lost. `adversarial_scale` (1 by default, not saved) multiplies the weight; the warm-up of
    [`RelationTrainer`] sets it.

    Reference: Wang et al., "MORE", ICASSP 2021, section 2 (equations 1-7); the ranked list loss is the default.
    """

    def __init__(self, config: MOREConfig) -> None:
        super().__init__(config)
        self._build_backbone()
        width = config.projection_dim
        self.projection = None if width is None else nn.Linear(config.pooled_dim, width)
        self.relation_loss = build_loss(config.loss, **(config.loss_kwargs or {}))
        self.adversarial_loss = VirtualAdversarialLoss(**(config.adversarial_kwargs or {}))
        self.adversarial_scale = 1.0
        self.post_init()

    @property
    def adversarial_factor(self) -> float:
        """What the virtual adversarial loss counts now: `config.adversarial_weight * adversarial_scale`."""
        return self.config.adversarial_weight * self.adversarial_scale

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        head_token_mask: torch.Tensor | None = None,
        tail_token_mask: torch.Tensor | None = None,
        between_token_mask: torch.Tensor | None = None,
        head_marker_index: torch.Tensor | None = None,
        tail_marker_index: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        weights: torch.Tensor | None = None,
        return_dict: bool | None = None,
    ) -> MOREOutput | tuple[torch.Tensor, ...]:
        """Embed a batch that [`~hf_relation.RelationProcessor`] made.

        Args:
            input_ids (`torch.Tensor` of shape `(batch, tokens)`, *optional*): token ids; or give `inputs_embeds`.
            attention_mask (`torch.Tensor` of shape `(batch, tokens)`, *optional*): 1 for tokens; default all ones.
            token_type_ids (`torch.Tensor` of shape `(batch, tokens)`, *optional*): passed on where the encoder has them.
            head_token_mask, tail_token_mask, between_token_mask (`torch.Tensor` of shape `(batch, tokens)`): 1 at the
                tokens of the head mention, the tail mention, and between the two.
            head_marker_index, tail_marker_index (`torch.Tensor` of shape `(batch,)`): positions of the start markers.
            inputs_embeds (`torch.Tensor` of shape `(batch, tokens, hidden)`, *optional*): instead of `input_ids`.
            labels (`torch.Tensor` of shape `(batch,)`, *optional*): integer relation ids, -100 for unlabelled rows.
            weights (`torch.Tensor` of shape `(batch,)`, *optional*): how much every row counts in the relation loss, for labels
                that may be wrong; at least 0.
            return_dict (`bool`, *optional*): `False` for a plain tuple.

        Returns:
            [`MOREOutput`].
        """
        if attention_mask is None:
            attention_mask = full_attention_mask(input_ids, inputs_embeds)
        inputs: dict[str, torch.Tensor | None] = {
            "input_ids": input_ids,
            "inputs_embeds": inputs_embeds,
            "attention_mask": attention_mask,
            "token_type_ids": token_type_ids,
            "head_token_mask": head_token_mask,
            "tail_token_mask": tail_token_mask,
            "between_token_mask": between_token_mask,
            "head_marker_index": head_marker_index,
            "tail_marker_index": tail_marker_index,
        }
        wanted = self.training and self.adversarial_factor > 0
        adversarial = wanted and torch.is_grad_enabled()
        # The perturbation found from a direction of length one is nearly the same in bfloat16; a direction of length 0.02,
        # spread over a sentence, is lost in rounding. Passes without gradients (gradient caching) must match those with.
        exact = wanted and self.adversarial_loss.start == "scaled"
        precision = torch.autocast(attention_mask.device.type, enabled=False) if exact else nullcontext()
        with precision:
            random_state = RandomState(attention_mask.device) if adversarial else None
            embeddings, last_hidden_state, width = self._embed(inputs)
            adversarial_loss = None
            if adversarial:
                adversarial_loss = self.adversarial_loss(
                    lambda change: self._embed(inputs, change)[0],
                    embeddings,
                    attention_mask,
                    width,
                    random_state,
                )
        loss = None if labels is None else self.compute_loss(embeddings, labels, weights)
        if loss is not None and adversarial_loss is not None:
            loss = loss + self.adversarial_factor * adversarial_loss
        output = MOREOutput(
            loss=loss,
            embeddings=embeddings,
            last_hidden_state=last_hidden_state,
            adversarial_loss=adversarial_loss,
        )
        return output.to_tuple() if return_dict is False else output

    def _embed(
        self, inputs: dict[str, torch.Tensor | None], perturbation: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, int]:
        """Embeddings `(batch, embedding_dim)`, the last hidden state, and the width of the word embeddings."""
        pooled, last_hidden_state, width = self.encode_pairs(self.config.layer, perturbation=perturbation, **inputs)
        if self.projection is not None:
            pooled = self.projection(pooled)  # (batch, projection_dim)
        return functional.normalize(pooled.float(), dim=-1, eps=1e-6), last_hidden_state, width

    def compute_loss(
        self, embeddings: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The relation loss of ready embeddings: that of `forward` with `labels`, without the virtual adversarial loss.

        Args:
            embeddings (`torch.Tensor` of shape `(n, config.embedding_dim)`): rows of unit length.
            labels (`torch.Tensor` of shape `(n,)`): integer relation ids, -100 for unlabelled rows.
            weights (`torch.Tensor` of shape `(n,)`, *optional*): of every row, as for `forward`.

        Returns:
            `torch.Tensor` of shape `()`.
        """
        # A loss of two arguments may have been put in the place of the model's own.
        given = (embeddings, labels) if weights is None else (embeddings, labels, weights)
        loss: torch.Tensor = self.relation_loss(*given)
        return loss
