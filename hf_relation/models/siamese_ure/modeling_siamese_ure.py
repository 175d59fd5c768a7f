"""Siamese-URE: two dropout passes of a sentence predict each other, and neighbours share a cluster."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional
from transformers.utils import ModelOutput

from hf_relation.errors import UsageError
from hf_relation.losses import neighbor_cosine_loss, scan_loss, symmetric_negative_cosine
from hf_relation.models.cluster_head import head_at_groups
from hf_relation.models.pair_encoder import PairEncoderPreTrainedModel
from hf_relation.models.siamese_ure.configuration_siamese_ure import SiameseUREConfig
from hf_relation.models.siamese_ure.mappings import build_predictor, build_projector


@dataclass
class SiameseUREOutput(ModelOutput):
    """What [`SiameseUREModel`] returns. Losses are unweighted, and there when the loss was asked for.

    Args:
        loss (`torch.Tensor` of shape `()`, *optional*): `representation_loss + model.cluster_factor * cluster_loss`.
        embeddings (`torch.Tensor` of shape `(batch, config.embedding_dim)`): h of the first pass, scaled to unit length.
        cluster_logits (`torch.Tensor` of shape `(batch, num_clusters)`): of the clustering head, for h of the first pass.
        last_hidden_state (`torch.Tensor` of shape `(batch, tokens, hidden)`, *optional*): the encoder's last layer, first
            pass; while training only where a batch is encoded whole.
        representation_loss (`torch.Tensor` of shape `()`, *optional*): the symmetrised negative cosine, from -1 to 1.
        cluster_loss (`torch.Tensor` of shape `()`, *optional*): SCAN or neighbour cosine; while `cluster_factor` is above 0.
        consistency (`torch.Tensor` of shape `()`, *optional*): of SCAN, how far predictions for neighbours disagree.
        entropy (`torch.Tensor` of shape `()`, *optional*): of SCAN, how evenly the clusters are used; log k is even.
        output_std (`torch.Tensor` of shape `()`, *optional*): standard deviation over the batch of every dimension of the
            outputs of both passes, scaled to unit length, averaged over the dimensions and the passes. 0 after a collapse,
            about `config.uncollapsed_std` where outputs point everywhere; a batch of few rows has less.
    """

    loss: torch.Tensor | None = None
    embeddings: torch.Tensor | None = None
    cluster_logits: torch.Tensor | None = None
    last_hidden_state: torch.Tensor | None = None
    representation_loss: torch.Tensor | None = None
    cluster_loss: torch.Tensor | None = None
    consistency: torch.Tensor | None = None
    entropy: torch.Tensor | None = None
    output_std: torch.Tensor | None = None


class SiameseUREPreTrainedModel(PairEncoderPreTrainedModel):
    """Weight initialisation and capabilities shared by Siamese-URE's classes."""

    config_class = SiameseUREConfig


class SiameseUREModel(SiameseUREPreTrainedModel):
    r"""Encoder, marker pooling to h, a projector g and a predictor d, and a clustering head; trained without labels.

    Each sentence runs through the encoder twice, under two dropout masks. With h and h' the two representations, g = g(h)
    and d = d(g(h)), the model lowers 1/2 [D(d, sg(g')) + D(d', sg(g))], D the negative cosine and sg the
    stop-gradient: g is trained through d alone. The clustering loss compares the clusters of h, of the first pass, with those
    of neighbours that the training loop has mined, and trains the encoder (through the sentence and its neighbours) and the
    head.

    Two plain attributes are not saved. `cluster_scale` (1 at first) multiplies the weight of the clustering loss: 0 is the
    paper's warm-up, for which no neighbours are needed. `length_chunks` (1 at first): while training, a batch goes through
    the encoder in so many parts of similar length, which saves padding; the losses are those of the whole batch. The head
    starts at random, or at clusters of h that are at hand, with [`start_clusters`].

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.models.siamese_ure import SiameseUREConfig, SiameseUREModel
    >>> sizes = {"model_type": "bert", "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1,
    ...          "num_attention_heads": 2, "intermediate_size": 16}
    >>> model = SiameseUREModel(SiameseUREConfig(backbone_config=sizes, predictor_dim=8)).train()
    >>> model.cluster_scale = 0.0
    >>> out = model(input_ids=torch.tensor([[1, 2, 3], [4, 5, 6]]), head_marker_index=torch.tensor([0, 1]),
    ...             tail_marker_index=torch.tensor([2, 2]))
    >>> out.embeddings.shape, out.loss.shape, out.cluster_loss is None
    (torch.Size([2, 32]), torch.Size([]), True)

    ```

    Reference: Zhang and Chen, "Siamese Representation Learning for Unsupervised Relation Extraction", ECAI 2023, section 2.
    """

    def __init__(self, config: SiameseUREConfig) -> None:
        super().__init__(config)
        self._build_backbone()
        self.projector: nn.Module = nn.Identity()
        self.predictor: nn.Module = nn.Identity()
        if config.use_projection:
            dims = config.projector_dims or [config.pooled_dim] * 3
            self.projector = build_projector(config.pooled_dim, dims)  # g
            self.predictor = build_predictor(dims[-1], config.predictor_dim)  # d
        self.cluster_head = nn.Linear(config.pooled_dim, config.num_clusters)
        self.cluster_scale = 1.0
        self.post_init()

    @property
    def cluster_factor(self) -> float:
        """What the clustering loss counts now: `config.cluster_weight * cluster_scale`, 0 without clustering."""
        return self.config.cluster_weight * self.cluster_scale if self.config.use_clustering else 0.0

    @torch.no_grad()
    def start_clusters(self, h: torch.Tensor, labels: torch.Tensor, *, sharpness: float = 10.0) -> None:
        r"""Set the clustering head so that it gives every row the cluster whose centre lies in its direction.

        With m the mean of all rows, s the root mean square of |h - m| and c the centre of a cluster, its logit is
        `sharpness * <c - m, h - m> / (|c - m| s)`: `sharpness` times about the cosine. A head that starts at random has to
        find clusters from neighbours alone, and settles for worse ones.

        Args:
            h (`torch.Tensor` of shape `(n, blocks * hidden)`): pair representations, not scaled to unit length.
            labels (`torch.Tensor` of shape `(n,)`, int64): cluster of every row, from 0; all of `config.num_clusters` occur.
            sharpness (`float`, defaults to 10.0): above 0; a larger one makes the first predictions more certain.

        Raises:
            UsageError: not one label per row, a cluster without a row, or a label out of range.
        """
        weight, bias = head_at_groups(h, labels, self.config.num_clusters, sharpness=sharpness)
        self.cluster_head.weight.copy_(weight)
        self.cluster_head.bias.copy_(bias)

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
        neighbor_input_ids: torch.Tensor | None = None,
        neighbor_attention_mask: torch.Tensor | None = None,
        neighbor_token_type_ids: torch.Tensor | None = None,
        neighbor_head_token_mask: torch.Tensor | None = None,
        neighbor_tail_token_mask: torch.Tensor | None = None,
        neighbor_between_token_mask: torch.Tensor | None = None,
        neighbor_head_marker_index: torch.Tensor | None = None,
        neighbor_tail_marker_index: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        return_loss: bool | None = None,
        return_dict: bool | None = None,
    ) -> SiameseUREOutput | tuple[torch.Tensor, ...]:
        """Embed a batch that [`~hf_relation.RelationProcessor`] made, and compare its two views.

        Args:
            input_ids (`torch.Tensor` of shape `(batch, tokens)`, *optional*): token ids; or give `inputs_embeds`.
            attention_mask (`torch.Tensor` of shape `(batch, tokens)`, *optional*): 1 for tokens; default all ones.
            token_type_ids (`torch.Tensor` of shape `(batch, tokens)`, *optional*): passed on where the encoder has them.
            head_token_mask, tail_token_mask, between_token_mask (`torch.Tensor` of shape `(batch, tokens)`): 1 at the
                tokens of the head mention, the tail mention, and between the two.
            head_marker_index, tail_marker_index (`torch.Tensor` of shape `(batch,)`): positions of the start markers.
            inputs_embeds (`torch.Tensor` of shape `(batch, tokens, hidden)`, *optional*): instead of `input_ids`.
            neighbor_input_ids and the other `neighbor_` columns (`torch.Tensor` of shape `(batch, neighbours, tokens)`, or
                `(batch, neighbours)` for the marker indices): the same columns of the neighbours of every row, padded
                together; needed for the clustering loss.
            labels (`torch.Tensor`, *optional*): not used. Batches of a corpus with labels may carry them.
            return_loss (`bool`, *optional*): whether to run the second pass and compute the losses; default: while
                training. In evaluation mode both passes are the same.
            return_dict (`bool`, *optional*): `False` for a plain tuple.

        Returns:
            [`SiameseUREOutput`].

        Raises:
            UsageError: the clustering loss is on and there are no neighbours, or their columns do not fit the batch.
        """
        columns: dict[str, torch.Tensor | None] = {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "token_type_ids": token_type_ids,
            "head_token_mask": head_token_mask,
            "tail_token_mask": tail_token_mask,
            "between_token_mask": between_token_mask,
            "head_marker_index": head_marker_index,
            "tail_marker_index": tail_marker_index,
            "inputs_embeds": inputs_embeds,
        }
        with_loss = self.training if return_loss is None else return_loss
        h, last_hidden_state = self.encode_in_parts(self.config.layer, **columns)
        cluster_logits = self.cluster_head(h)
        # DDP waits for a gradient of every weight that an output leads back to. In a training step, the layers above the pooled
        # one have none, and without SCAN the head has none.
        clustered = self.cluster_factor > 0 and self.config.cluster_loss == "scan"
        if with_loss and last_hidden_state is not None and self.config.layer not in (-1, self.config.depth):
            last_hidden_state = last_hidden_state.detach()
        output = SiameseUREOutput(
            embeddings=functional.normalize(h.float(), dim=-1, eps=1e-6),
            cluster_logits=cluster_logits if clustered or not with_loss else cluster_logits.detach(),
            last_hidden_state=last_hidden_state,
        )
        if with_loss:
            h_other = self.encode_in_parts(self.config.layer, **columns)[0]
            g, g_other = self.projector(h), self.projector(h_other)
            loss = symmetric_negative_cosine(self.predictor(g), self.predictor(g_other), g, g_other)
            parts = {"representation_loss": loss, "output_std": (_spread(g) + _spread(g_other)) / 2}
            if self.cluster_factor > 0:
                neighbors = {
                    "input_ids": neighbor_input_ids,
                    "attention_mask": neighbor_attention_mask,
                    "token_type_ids": neighbor_token_type_ids,
                    "head_token_mask": neighbor_head_token_mask,
                    "tail_token_mask": neighbor_tail_token_mask,
                    "between_token_mask": neighbor_between_token_mask,
                    "head_marker_index": neighbor_head_marker_index,
                    "tail_marker_index": neighbor_tail_marker_index,
                }
                parts |= self._cluster_terms(h, cluster_logits, neighbors)
                loss = loss + self.cluster_factor * parts["cluster_loss"]
            output = SiameseUREOutput(loss=loss, **output, **parts)
        return output.to_tuple() if return_dict is False else output

    def _cluster_terms(
        self, h: torch.Tensor, logits: torch.Tensor, neighbors: dict[str, torch.Tensor | None]
    ) -> dict[str, torch.Tensor]:
        """The clustering loss of `h` `(batch, blocks * hidden)` with `logits` `(batch, num_clusters)`, and its parts."""
        ids = neighbors["input_ids"]
        if ids is None:
            raise UsageError(
                "The clustering loss needs the neighbours of every row, `neighbor_input_ids` and the other `neighbor_` "
                "columns. To train without it, set `use_clustering=False` in the config, or `model.cluster_scale = 0` for a "
                "time."
            )
        if ids.ndim != 3 or len(ids) != len(h) or ids.shape[1] == 0:
            raise UsageError(
                f"`neighbor_input_ids` must have shape ({len(h)}, neighbours, tokens) with at least one neighbour, got "
                f"{tuple(ids.shape)}."
            )
        for name, column in neighbors.items():
            if column is not None and column.shape[:2] != ids.shape[:2]:
                raise UsageError(
                    f"`neighbor_{name}` must begin with {tuple(ids.shape[:2])}, as `neighbor_input_ids` does, got "
                    f"{tuple(column.shape)}."
                )
        flat = {name: None if column is None else column.flatten(0, 1) for name, column in neighbors.items()}
        near = self.encode_in_parts(self.config.layer, **flat)[0]  # (batch * neighbours, blocks * hidden)
        if self.config.cluster_loss == "neighbor_cosine":
            return {"cluster_loss": neighbor_cosine_loss(h.repeat_interleave(ids.shape[1], dim=0), near)}
        loss, consistency, entropy = scan_loss(
            logits,
            self.cluster_head(near).unflatten(0, ids.shape[:2]),
            entropy_weight=self.config.entropy_weight,
            over_neighbors=self.config.over_neighbors,
        )
        return {"cluster_loss": loss, "consistency": consistency, "entropy": entropy}


@torch.no_grad()
def _spread(rows: torch.Tensor) -> torch.Tensor:
    """Standard deviation over the rows, scaled to unit length, averaged over the columns; without a gradient."""
    return functional.normalize(rows.float(), dim=-1, eps=1e-6).std(dim=0, correction=0).mean()
