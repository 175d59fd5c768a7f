"""RoCORE: known relations teach a space in which novel ones are clustered, and the clusters teach the encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import nn
from torch.nn import functional
from transformers import initialization as init
from transformers.utils import ModelOutput

from hf_relation.errors import UsageError
from hf_relation.losses import sigmoid_rampup
from hf_relation.models.mapping import build_mapping
from hf_relation.models.pair_encoder import PairEncoderPreTrainedModel
from hf_relation.models.rocore.configuration_rocore import RoCOREConfig
from hf_relation.models.rocore.terms import RoCORETerms, rocore_terms


Phase = Literal["pretraining", "joint"]


@dataclass
class RoCOREOutput(ModelOutput):
    """What [`RoCOREModel`] returns. Losses are there when `labels` or `pseudo_labels` were given, each unweighted.

    Args:
        loss (`torch.Tensor` of shape `()`, *optional*): the weighted sum of those below that the phase trains.
        embeddings (`torch.Tensor` of shape `(batch, config.embedding_dim)`): one unit-length row per instance.
        known_logits (`torch.Tensor` of shape `(batch, known)`): of the known classifier; over known and then novel
            relations, `(batch, known + novel)`, where the config says `incremental`.
        novel_logits (`torch.Tensor` of shape `(batch, novel)`): of the novel classifier; its argmax is the prediction.
        last_hidden_state (`torch.Tensor` of shape `(batch, tokens, hidden)`, *optional*): the encoder's last layer.
        reconstruction_loss (`torch.Tensor` of shape `()`, *optional*): over all rows.
        center_loss (`torch.Tensor` of shape `()`, *optional*): over the labelled rows whose centroid is set.
        pairwise_loss (`torch.Tensor` of shape `()`, *optional*): over the rows with a pseudo label.
        cross_entropy_loss (`torch.Tensor` of shape `()`, *optional*): over the labelled rows.
        incremental_loss (`torch.Tensor` of shape `()`, *optional*): over the novel rows, before mu(t); with `incremental`.
        pseudo_label_loss (`torch.Tensor` of shape `()`, *optional*): over the rows with a pseudo label, in the place of
            `pairwise_loss`; with `novel_loss="unified"`.
    """

    loss: torch.Tensor | None = None
    embeddings: torch.Tensor | None = None
    known_logits: torch.Tensor | None = None
    novel_logits: torch.Tensor | None = None
    last_hidden_state: torch.Tensor | None = None
    reconstruction_loss: torch.Tensor | None = None
    center_loss: torch.Tensor | None = None
    pairwise_loss: torch.Tensor | None = None
    cross_entropy_loss: torch.Tensor | None = None
    incremental_loss: torch.Tensor | None = None
    pseudo_label_loss: torch.Tensor | None = None


class RoCOREPreTrainedModel(PairEncoderPreTrainedModel):
    """Weight initialisation and capabilities shared by RoCORE's classes."""

    config_class = RoCOREConfig

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, RelationCentroids):
            init.zeros_(module.rows)
            init.zeros_(module.present)


class RelationCentroids(nn.Module):
    """Centroids of the known relations in the latent space, saved with the model; none is set at first.

    Args:
        num_relations (`int`): known relations.
        dim (`int`): width of the latent space.
    """

    rows: torch.Tensor
    present: torch.Tensor

    def __init__(self, num_relations: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("rows", torch.zeros(num_relations, dim))
        self.register_buffer("present", torch.zeros(num_relations, dtype=torch.bool))


class RoCOREModel(RoCOREPreTrainedModel):
    r"""Encoder, mention pooling to h, an autoencoder g and d over h, a known and a novel classifier.

    What trains what, as in algorithm 1 of the paper: reconstruction and centre loss train g and d (phi), which see h as a
    constant; cross-entropy and pairwise loss train the encoder (theta) and the classifiers (psi). No parameter is reached by
    both, so that one backward pass over the sum serves; the algorithm steps theta and psi first and computes the gradient of
    phi from the new h, here as in the authors' code both are of the same pass.

    `phase` (`"joint"` at first) and `epoch` (0 at first), plain attributes that are not saved, are for the training loop:
    in `"pretraining"` the loss is the reconstruction loss alone, lines 1 to 3 of the algorithm; `epoch` is t of the ramp
    mu(t). So is `length_chunks` (1 at first): while training, a batch goes through the encoder in so many parts of similar
    length, which saves padding; the losses are those of the whole batch, and there is no `last_hidden_state` then.
    Centroids are set with [`set_centroids`]; a relation without one has no centre loss.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.models.rocore import RoCOREConfig, RoCOREModel
    >>> sizes = {"model_type": "bert", "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1,
    ...          "num_attention_heads": 2, "intermediate_size": 16}
    >>> config = RoCOREConfig(backbone_config=sizes, autoencoder_dims=[12, 8], num_known_relations=3, num_novel_relations=2)
    >>> model = RoCOREModel(config).eval()
    >>> out = model(input_ids=torch.tensor([[1, 2, 3], [4, 5, 6]]), head_token_mask=torch.tensor([[1, 0, 0], [1, 0, 0]]),
    ...             tail_token_mask=torch.tensor([[0, 0, 1], [0, 1, 0]]), labels=torch.tensor([2, -100]),
    ...             pseudo_labels=torch.tensor([-100, 1]))
    >>> out.embeddings.shape, out.known_logits.shape, out.novel_logits.shape, out.loss.shape
    (torch.Size([2, 8]), torch.Size([2, 3]), torch.Size([2, 2]), torch.Size([]))

    ```

    Reference: Zhao et al., "A Relation-Oriented Clustering Method for Open Relation Extraction", EMNLP 2021, section 3.
    """

    def __init__(self, config: RoCOREConfig) -> None:
        super().__init__(config)
        self._build_backbone()
        dims = [config.pooled_dim, *config.autoencoder_dims]
        self.autoencoder_encoder = build_mapping(dims, activation=config.activation)  # g
        self.autoencoder_decoder = build_mapping(dims[::-1], activation=config.activation)  # d
        classes = config.num_known_relations + (config.num_novel_relations if config.incremental else 0)
        self.known_classifier = nn.Linear(config.pooled_dim, classes)
        self.novel_classifier = nn.Linear(config.pooled_dim, config.num_novel_relations)
        self.centroids = RelationCentroids(config.num_known_relations, config.latent_dim)
        self.phase: Phase = "joint"
        self.epoch = 0.0
        self.post_init()

    @property
    def incremental_weight(self) -> float:
        """mu(t), what the incremental term counts in the epoch that `epoch` says (equation 17)."""
        return sigmoid_rampup(self.epoch, maximum=self.config.rampup_maximum, length=self.config.rampup_length)

    def set_centroids(self, centroids: torch.Tensor, present: torch.Tensor | None = None) -> None:
        """Replace the centroids of the known relations, as at the start of every epoch.

        Args:
            centroids (`torch.Tensor` of shape `(known, latent)`): one row per known relation, in the space of g(h) before
                it is scaled, e.g. from [`~hf_relation.losses.class_centroids`] over [`latent`] of the labelled corpus.
            present (`torch.Tensor` of shape `(known,)`, bool, *optional*): which of them mean something; default all.

        Raises:
            UsageError: a shape does not fit, or a row that is present is not finite.
        """
        buffers = self.centroids
        if present is None:
            present = torch.ones(len(buffers.present), dtype=torch.bool)
        if centroids.shape != buffers.rows.shape or present.shape != buffers.present.shape:
            raise UsageError(
                f"`centroids` must have shape {tuple(buffers.rows.shape)} and `present` {tuple(buffers.present.shape)}, "
                f"got {tuple(centroids.shape)} and {tuple(present.shape)}."
            )
        present = present.to(buffers.present)
        rows = torch.where(present[:, None], centroids.detach().to(buffers.rows), torch.zeros_like(buffers.rows))
        if not torch.isfinite(rows).all():
            row = int((~torch.isfinite(rows).all(dim=1)).nonzero()[0])
            raise UsageError(f"The centroid of relation {row} is not finite. Its rows hold NaN, or training diverged.")
        buffers.rows.copy_(rows)
        buffers.present.copy_(present)

    def latent(self, pooled: torch.Tensor) -> torch.Tensor:
        """g(h), `(n, latent)`, of pair representations `(n, pooled_dim)`; not scaled to unit length."""
        latent: torch.Tensor = self.autoencoder_encoder(pooled)
        return latent

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
        pseudo_labels: torch.Tensor | None = None,
        novel_mask: torch.Tensor | None = None,
        pseudo_label_weights: torch.Tensor | None = None,
        return_dict: bool | None = None,
    ) -> RoCOREOutput | tuple[torch.Tensor, ...]:
        """Embed and classify a batch that [`~hf_relation.RelationProcessor`] made.

        Args:
            input_ids (`torch.Tensor` of shape `(batch, tokens)`, *optional*): token ids; or give `inputs_embeds`.
            attention_mask (`torch.Tensor` of shape `(batch, tokens)`, *optional*): 1 for tokens; default all ones.
            token_type_ids (`torch.Tensor` of shape `(batch, tokens)`, *optional*): passed on where the encoder has them.
            head_token_mask, tail_token_mask, between_token_mask (`torch.Tensor` of shape `(batch, tokens)`): 1 at the
                tokens of the head mention, the tail mention, and between the two.
            head_marker_index, tail_marker_index (`torch.Tensor` of shape `(batch,)`): positions of the start markers.
            inputs_embeds (`torch.Tensor` of shape `(batch, tokens, hidden)`, *optional*): instead of `input_ids`.
            labels (`torch.Tensor` of shape `(batch,)`, *optional*): known relations, 0 to known - 1; -100 for other rows.
            pseudo_labels (`torch.Tensor` of shape `(batch,)`, *optional*): clusters of the novel rows, from 0; -100 for
                other rows, and for novel ones whose cluster is not to be trusted.
            novel_mask (`torch.Tensor` of shape `(batch,)`, bool, *optional*): the rows of the incremental term; default
                those with a pseudo label.
            pseudo_label_weights (`torch.Tensor` of shape `(batch,)`, *optional*): trust in every pseudo label, at least 0.
            return_dict (`bool`, *optional*): `False` for a plain tuple.

        Returns:
            [`RoCOREOutput`].

        Raises:
            UsageError: `phase` is unknown, a label is no known relation, a row has a label and a pseudo label, or
                `novel_mask` names a labelled row.
        """
        constant = self.config.autoencoder_route == "autoencoder"
        pretraining = self.phase == "pretraining"
        with torch.set_grad_enabled(torch.is_grad_enabled() and not (pretraining and constant)):
            pooled, last_hidden_state = self.encode_in_parts(
                self.config.pooled_layer,
                input_ids=input_ids,
                attention_mask=attention_mask,
                token_type_ids=token_type_ids,
                inputs_embeds=inputs_embeds,
                head_token_mask=head_token_mask,
                tail_token_mask=tail_token_mask,
                between_token_mask=between_token_mask,
                head_marker_index=head_marker_index,
                tail_marker_index=tail_marker_index,
            )
        source = pooled.detach() if constant else pooled
        latent = self.latent(source)
        known_logits, novel_logits = self.known_classifier(pooled), self.novel_classifier(pooled)
        rows = latent if self.config.embedding == "latent" else pooled
        # DDP waits for a gradient of every weight that an output leads back to.
        if pretraining:
            known_logits, novel_logits, rows = known_logits.detach(), novel_logits.detach(), rows.detach()
        if pretraining or self.config.pooled_layer not in (-1, self.config.depth):
            last_hidden_state = None if last_hidden_state is None else last_hidden_state.detach()
        output = RoCOREOutput(
            embeddings=functional.normalize(rows.float(), dim=-1, eps=1e-6),
            known_logits=known_logits,
            novel_logits=novel_logits,
            last_hidden_state=last_hidden_state,
        )
        if labels is not None or pseudo_labels is not None:
            terms = rocore_terms(
                self.config,
                source=source,
                latent=latent,
                reconstruction=self.autoencoder_decoder(latent),
                known_logits=known_logits,
                novel_logits=novel_logits,
                centroids=self.centroids.rows,
                centroids_present=self.centroids.present,
                labels=labels,
                pseudo_labels=pseudo_labels,
                novel_mask=novel_mask,
                pseudo_label_weights=pseudo_label_weights,
            )
            output = RoCOREOutput(
                loss=self._weighted(terms),
                **output,
                reconstruction_loss=terms.reconstruction,
                center_loss=terms.center,
                pairwise_loss=terms.pairwise,
                cross_entropy_loss=terms.cross_entropy,
                incremental_loss=terms.incremental,
                pseudo_label_loss=terms.pseudo_label,
            )
        return output.to_tuple() if return_dict is False else output

    def _weighted(self, terms: RoCORETerms) -> torch.Tensor:
        """The loss of the phase. Terms that are turned off count zero times, which keeps a gradient for every batch."""
        config = self.config
        if self.phase not in get_args(Phase):
            raise UsageError(f"`phase` must be one of {list(get_args(Phase))}, got {self.phase!r}.")
        reconstruction = config.use_reconstruction * config.reconstruction_weight * terms.reconstruction
        if self.phase == "pretraining":
            return reconstruction
        loss = reconstruction + config.use_center * config.center_weight * terms.center
        novel = terms.pairwise if terms.pseudo_label is None else terms.pseudo_label
        loss = loss + config.use_pairwise * novel + config.use_cross_entropy * terms.cross_entropy
        if terms.incremental is not None:
            loss = loss + config.use_cross_entropy * self.incremental_weight * terms.incremental
        return loss
