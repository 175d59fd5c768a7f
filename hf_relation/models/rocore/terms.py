"""The terms of RoCORE's objective, from what its parts computed."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch.nn import functional

from hf_relation.errors import UsageError
from hf_relation.losses import center_loss, pairwise_kl_loss, reconstruction_loss
from hf_relation.models.rocore.configuration_rocore import RoCOREConfig


IGNORED_LABEL = -100


class RoCORETerms(NamedTuple):
    """What [`rocore_terms`] returns: scalars, unweighted; the last two only where the config says so."""

    reconstruction: torch.Tensor
    center: torch.Tensor
    pairwise: torch.Tensor
    cross_entropy: torch.Tensor
    incremental: torch.Tensor | None
    pseudo_label: torch.Tensor | None = None


def rocore_terms(
    config: RoCOREConfig,
    *,
    source: torch.Tensor,
    latent: torch.Tensor,
    reconstruction: torch.Tensor,
    known_logits: torch.Tensor,
    novel_logits: torch.Tensor,
    centroids: torch.Tensor,
    centroids_present: torch.Tensor,
    labels: torch.Tensor | None,
    pseudo_labels: torch.Tensor | None,
    novel_mask: torch.Tensor | None = None,
    pseudo_label_weights: torch.Tensor | None = None,
) -> RoCORETerms:
    r"""The terms of a batch; 0 where it has no row for one of them.

    Args:
        config ([`RoCOREConfig`]): reductions, sigma, label smoothing, and whether there is an incremental term.
        source (`torch.Tensor` of shape `(n, d)`): h as the autoencoder got it.
        latent (`torch.Tensor` of shape `(n, m)`): g(h).
        reconstruction (`torch.Tensor` of shape `(n, d)`): d(g(h)).
        known_logits (`torch.Tensor` of shape `(n, known)`, or `(n, known + novel)` with `incremental`).
        novel_logits (`torch.Tensor` of shape `(n, novel)`).
        centroids (`torch.Tensor` of shape `(known, m)`), centroids_present (`torch.Tensor` of shape `(known,)`, bool).
        labels, pseudo_labels (`torch.Tensor` of shape `(n,)`, *optional*): -100 for rows without; `None` for all such.
        novel_mask (`torch.Tensor` of shape `(n,)`, bool, *optional*): default the rows with a pseudo label.
        pseudo_label_weights (`torch.Tensor` of shape `(n,)`, *optional*): trust in every pseudo label.

    Returns:
        [`RoCORETerms`].

    Raises:
        UsageError: a label is no known relation, or a row is both known and novel.

    Reference: Zhao et al., EMNLP 2021: equations 6 (first term), 4, 9 to 13, 15, and 17 (second term). With `novel_loss`
    `"unified"`, `cross_entropy` and `pseudo_label` are of one softmax over known and novel relations, as in Fini et al., "UNO",
    ICCV 2021, equation 2.
    """
    none = torch.full(latent.shape[:1], IGNORED_LABEL, dtype=torch.long, device=latent.device)
    labels = none if labels is None else labels
    pseudo_labels = none if pseudo_labels is None else pseudo_labels
    _check_rows(config, labels, pseudo_labels, novel_mask)
    known = labels != IGNORED_LABEL
    # A relation without a centroid has no centre to be drawn to.
    centred = known & centroids_present[labels.clamp_min(0)]
    incremental = pseudo_label = None
    if config.novel_loss == "unified":
        unified = torch.cat([known_logits.float(), novel_logits.float()], dim=1)
        pseudo = torch.where(pseudo_labels == IGNORED_LABEL, pseudo_labels, pseudo_labels + config.num_known_relations)
        pseudo_label = _cross_entropy(unified, pseudo, config.label_smoothing, pseudo_label_weights)
    else:
        unified = known_logits
    if config.incremental:
        novel = pseudo_labels != IGNORED_LABEL if novel_mask is None else novel_mask.to(torch.bool)
        predicted = config.num_known_relations + novel_logits.argmax(dim=1)
        incremental = _cross_entropy(known_logits, predicted.masked_fill(~novel, IGNORED_LABEL))
    return RoCORETerms(
        reconstruction=reconstruction_loss(
            reconstruction,
            source,
            reduction=config.reconstruction_reduction,  # type: ignore[arg-type]
            detach_target=config.autoencoder_route == "autoencoder",
        ),
        center=center_loss(latent, labels.masked_fill(~centred, IGNORED_LABEL), centroids),
        pairwise=pairwise_kl_loss(
            novel_logits,
            pseudo_labels,
            sigma=config.sigma,
            pairs=config.pairs,  # type: ignore[arg-type]
            weights=pseudo_label_weights,
        ),
        cross_entropy=_cross_entropy(unified, labels, config.label_smoothing),
        incremental=incremental,
        pseudo_label=pseudo_label,
    )


def _cross_entropy(
    logits: torch.Tensor, labels: torch.Tensor, label_smoothing: float = 0.0, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean, weighted where weights are given, over the rows with a label; 0 where there is none; in float32."""
    losses = functional.cross_entropy(
        logits.float(), labels.long(), ignore_index=IGNORED_LABEL, label_smoothing=label_smoothing, reduction="none"
    )
    labelled = labels != IGNORED_LABEL
    if weights is None:
        return losses.sum() / labelled.sum().clamp_min(1)
    counted = weights.float() * labelled
    total = counted.sum()
    return (losses * counted).sum() / torch.where(total > 0, total, torch.ones_like(total))


def _check_rows(
    config: RoCOREConfig, labels: torch.Tensor, pseudo_labels: torch.Tensor, novel_mask: torch.Tensor | None
) -> None:
    for name, value in (("labels", labels), ("pseudo_labels", pseudo_labels), ("novel_mask", novel_mask)):
        if value is not None and value.shape != labels.shape[:1]:
            raise UsageError(f"`{name}` must have shape ({len(labels)},), got {tuple(value.shape)}.")
    known = labels != IGNORED_LABEL
    wrong = known & ((labels < 0) | (labels >= config.num_known_relations))
    if wrong.any():
        row = int(wrong.nonzero()[0])
        raise UsageError(
            f"`labels` must be known relations from 0 to {config.num_known_relations - 1}, or {IGNORED_LABEL}; got "
            f"{int(labels[row])} in row {row}. Novel rows carry `pseudo_labels`."
        )
    both = known & (pseudo_labels != IGNORED_LABEL)
    if novel_mask is not None:
        both = both | (known & novel_mask.to(torch.bool))
    if both.any():
        row = int(both.nonzero()[0])
        raise UsageError(
            f"Row {row} is both known (label {int(labels[row])}) and novel. Give a row either a label, or a pseudo label "
            "and a place in `novel_mask`."
        )
