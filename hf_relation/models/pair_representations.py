"""The pair representations h of a model, for what embeds instances in batches of its own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from hf_relation.models.pair_encoder import PairEncoderPreTrainedModel


@dataclass
class PairRepresentation:
    """What [`PairRepresentations`] returns.

    Args:
        embeddings (`torch.Tensor` of shape `(batch, blocks * hidden)`): h, as it is pooled, not scaled to unit length.
    """

    embeddings: torch.Tensor


class PairRepresentations(nn.Module):
    """The encoder and the pooling of a model, for [`~hf_relation.embedding.embed_instances`].

    Args:
        model ([`~hf_relation.models.pair_encoder.PairEncoderPreTrainedModel`]): the model.
        layer (`int`): which hidden states are pooled; -1 the last layer, 0 the embeddings.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.models.pair_representations import PairRepresentations
    >>> from hf_relation.models.siamese_ure import SiameseUREConfig, SiameseUREModel
    >>> sizes = {"model_type": "bert", "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1,
    ...          "num_attention_heads": 2, "intermediate_size": 16}
    >>> pairs = PairRepresentations(SiameseUREModel(SiameseUREConfig(backbone_config=sizes)).eval(), layer=-1)
    >>> pairs(input_ids=torch.tensor([[1, 2, 3]]), head_marker_index=torch.tensor([0]),
    ...       tail_marker_index=torch.tensor([2])).embeddings.shape
    torch.Size([1, 32])

    ```
    """

    def __init__(self, model: PairEncoderPreTrainedModel, layer: int) -> None:
        super().__init__()
        self.model = model
        self.layer = layer

    def forward(self, **columns: torch.Tensor) -> PairRepresentation:
        """Give h of a batch that [`~hf_relation.RelationProcessor`] made."""
        states = self.model.encode_pairs(
            self.layer,
            input_ids=columns.pop("input_ids"),
            attention_mask=columns.pop("attention_mask", None),
            **columns,
        )
        return PairRepresentation(states.pooled)
