"""Pairwise Kullback-Leibler loss: a classifier learns from which rows belong together, not from class numbers."""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from hf_relation.errors import UsageError
from hf_relation.losses._inputs import IGNORED_LABEL, prepare


Pairs = Literal["all", "distinct"]
PAIRS: tuple[str, ...] = get_args(Pairs)


def pairwise_kl_loss(
    logits: Tensor,
    pseudo_labels: Tensor,
    *,
    sigma: float = 2.0,
    pairs: Pairs = "all",
    weights: Tensor | None = None,
) -> Tensor:
    r"""Draw the predictions for rows of one pseudo class together, and push those of different ones apart.

    With \\(P_i\\) the softmax of row i and \\(P^*_i\\) the same as a constant, a pair of one pseudo class costs
    \\(KL(P^*_i || P_j) + KL(P^*_j || P_i)\\), a pair of two classes
    \\(\\max(0, \\sigma - KL(P^*_i || P_j)) + \\max(0, \\sigma - KL(P^*_j || P_i))\\). Only equality of pseudo labels
    counts, so the numbers that clustering gives may change from epoch to epoch. Computed in float32 (float64 for
    float64 input), also under autocast; memory grows with the square of the rows.

    Args:
        logits (`torch.Tensor` of shape `(n, k)`, floating, finite): of the classifier over novel relations.
        pseudo_labels (`torch.Tensor` of shape `(n,)`, integer): cluster ids from 0. Rows with label -100 are left out.
        sigma (`float`, defaults to 2.0): divergence beyond which rows of different classes are far enough, above 0.
        pairs (`str`, defaults to `"all"`): what the mean is over. `"all"`: all n x n ordered pairs, as in the authors'
            code; a row with itself costs nothing but is counted. `"distinct"`: pairs i < j.
        weights (`torch.Tensor` of shape `(n,)`, floating, *optional*): how far the pseudo label of each row is
            trusted, at least 0. A pair weighs the product of both; the mean becomes the weighted mean.

    Returns:
        `torch.Tensor`: scalar, at least 0 but for rounding; 0 where there is no pair, or no pair of weight above 0.

    Raises:
        TypeError: logits or weights are not floating, or pseudo labels are not integers.
        ValueError: shapes do not fit, a pseudo label is negative and not -100, a weight is negative, `sigma` is not
            above 0, or `pairs` is unknown.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.losses import pairwise_kl_loss
    >>> logits = torch.tensor([[2.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 3.0]])
    >>> round(pairwise_kl_loss(logits, torch.tensor([0, 0, 1])).item(), 5)
    0.41817
    >>> round(pairwise_kl_loss(logits, torch.tensor([0, 0, 1]), pairs="distinct").item(), 5)
    0.62725

    ```

    Reference: Zhao et al., "A Relation-Oriented Clustering Method for Open Relation Extraction" (RoCORE), EMNLP 2021,
    equations 9 to 13. The weights are an addition.
    """
    _check_settings(sigma, pairs)
    with torch.autocast(logits.device.type, enabled=False):
        rows, y = prepare(logits, pseudo_labels, name="logits", labels_name="pseudo_labels")
        weight = _pair_weights(weights, logits, pseudo_labels)
        log_p = torch.log_softmax(rows, dim=1)
        constant = log_p.detach()
        p = constant.exp()
        # divergence[i, j] = KL(P*_i || P_j): its gradient reaches row j alone
        divergence = (p * constant).sum(1, keepdim=True) - p @ log_p.T  # (n, n)
        same = y[:, None] == y[None, :]
        cost = torch.where(same, divergence, torch.relu(sigma - divergence))
        cost = cost + cost.T
        if weight is None:
            weight = cost.new_ones(cost.shape)
        if pairs == "distinct":
            weight = weight.clone().fill_diagonal_(
                0
            )  # every i < j now stands there twice, in the sum and in the total
        total = weight.sum()
        return (cost * weight).sum() / torch.where(total == 0, 1, total)


class PairwiseKLLoss(nn.Module):
    """[`pairwise_kl_loss`] as a module; see there for the equation and the reference.

    Args:
        sigma (`float`, defaults to 2.0): above 0.
        pairs (`str`, defaults to `"all"`): `"all"` or `"distinct"`.

    Raises:
        ValueError: `sigma` is not above 0, or `pairs` is unknown.

    Example:

    ```python
    >>> from hf_relation.losses import PairwiseKLLoss
    >>> PairwiseKLLoss(pairs="distinct")
    PairwiseKLLoss(sigma=2.0, pairs='distinct')

    ```
    """

    def __init__(self, *, sigma: float = 2.0, pairs: Pairs = "all") -> None:
        super().__init__()
        _check_settings(sigma, pairs)
        self.sigma = sigma
        self.pairs: Pairs = pairs

    def forward(self, logits: Tensor, pseudo_labels: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return the scalar loss of `logits` `(n, k)` with cluster ids `pseudo_labels` `(n,)`."""
        return pairwise_kl_loss(logits, pseudo_labels, sigma=self.sigma, pairs=self.pairs, weights=weights)

    def extra_repr(self) -> str:
        return f"sigma={self.sigma}, pairs={self.pairs!r}"


def _pair_weights(weights: Tensor | None, logits: Tensor, pseudo_labels: Tensor) -> Tensor | None:
    if weights is None:
        return None
    if not weights.is_floating_point():
        raise TypeError(f"`weights` must be a floating tensor, got {weights.dtype}.")
    if weights.shape != (len(logits),):
        raise ValueError(
            f"`weights` must have shape ({len(logits)},), one per row of `logits`, got {tuple(weights.shape)}."
        )
    if (weights < 0).any():
        row = int((weights < 0).nonzero()[0])
        raise ValueError(f"`weights` must be at least 0, got {float(weights[row])} in row {row}.")
    kept = weights.detach()[pseudo_labels != IGNORED_LABEL]
    kept = kept.to(torch.float64 if logits.dtype == torch.float64 else torch.float32)
    return kept[:, None] * kept[None, :]


def _check_settings(sigma: float, pairs: str) -> None:
    if isinstance(sigma, bool) or not isinstance(sigma, (int, float)) or not 0 < sigma < math.inf:
        raise UsageError(f"`sigma` must be a finite number above 0, got {sigma!r}.")
    if pairs not in PAIRS:
        raise UsageError(f"`pairs` must be one of {', '.join(map(repr, PAIRS))}, got {pairs!r}.")
