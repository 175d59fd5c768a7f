"""Clustering by neighbours: a sentence and those most like it belong to one cluster, and all clusters are used."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from hf_relation.errors import UsageError
from hf_relation.losses._inputs import check_rows, check_same_shape
from hf_relation.losses.negative_cosine import mean_cosine


OverNeighbors = Literal["sum", "mean"]
OVER_NEIGHBORS: tuple[str, ...] = get_args(OverNeighbors)


class ScanOutput(NamedTuple):
    """What [`scan_loss`] returns.

    Args:
        loss (`torch.Tensor`): scalar, `consistency - entropy_weight * entropy`.
        consistency (`torch.Tensor`): scalar, at least 0: how far predictions for neighbours disagree.
        entropy (`torch.Tensor`): scalar from 0, where all rows are in one cluster, to log k.
    """

    loss: Tensor
    consistency: Tensor
    entropy: Tensor


def scan_loss(
    logits: Tensor,
    neighbor_logits: Tensor,
    *,
    entropy_weight: float = 1.0,
    over_neighbors: OverNeighbors = "sum",
) -> ScanOutput:
    r"""Predict the same cluster, with certainty, for a row and its neighbours, and use every cluster.

    With \\(\\Phi\\) the softmax over the clusters, N(i) the neighbours of row i and \\(\\bar\\Phi\\) the mean of \\(\\Phi\\) over
    the rows,

        - 1/n * sum over i, sum over k in N(i) of log < Phi(i), Phi(k) >  +  w * sum over c of mean Phi_c * log mean Phi_c

    Computed from log-probabilities in float32 (float64 for float64 input), also under autocast.

    Args:
        logits (`torch.Tensor` of shape `(n, k)`, floating, finite): of the clustering head for the rows.
        neighbor_logits (`torch.Tensor` of shape `(n, K, k)`, floating, finite): for K >= 1 neighbours of every row.
            Gradients flow into them too; detach them to take them as constants.
        entropy_weight (`float`, defaults to 1.0): w, at least 0. The paper does not give it (SCAN has 5, with one
            neighbour at a time).
        over_neighbors (`str`, defaults to `"sum"`): `"sum"`: as in the equation, so that the first term grows with K
            and `entropy_weight` has to grow with it; `"mean"`: over the neighbours, which does not depend on K.

    Returns:
        [`ScanOutput`]: the loss and its two parts; zeros for a batch of no rows.

    Raises:
        TypeError: logits are not floating.
        ValueError: shapes do not fit, there is no neighbour, `entropy_weight` is negative, or `over_neighbors` is unknown.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.losses import scan_loss
    >>> logits = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    >>> neighbors = torch.tensor([[[1.0, 0.0, 0.0]], [[0.0, 0.0, 2.0]]])
    >>> [round(part.item(), 4) for part in scan_loss(logits, neighbors)]
    [0.0335, 1.0397, 1.0062]

    ```

    Reference: Siamese-URE, ECAI 2023, equations 7 and 8; Van Gansbeke et al., "SCAN: Learning to Classify Images
    without Labels", ECCV 2020, equation 2.
    """
    _check_settings(entropy_weight, over_neighbors)
    with torch.autocast(logits.device.type, enabled=False):
        rows = check_rows(logits, "logits", "(n, k)")
        neighbors = check_rows(neighbor_logits, "neighbor_logits", "(n, K, k)")
        n, num_neighbors, k = neighbors.shape
        if (n, k) != tuple(rows.shape) or num_neighbors == 0:
            raise ValueError(
                f"`neighbor_logits` must have shape ({rows.shape[0]}, K, {rows.shape[1]}) with at least one neighbour a "
                f"row, got {tuple(neighbors.shape)}."
            )
        if n == 0:
            zero = rows.sum() + neighbors.sum()  # with a gradient
            return ScanOutput(zero, zero, zero)
        log_p = torch.log_softmax(rows, dim=1)
        log_agreement = torch.logsumexp(log_p[:, None] + torch.log_softmax(neighbors, dim=2), dim=2)  # (n, K)
        if over_neighbors == "sum":
            consistency = -log_agreement.sum() / n
        else:
            consistency = -log_agreement.mean()
        log_mean = torch.logsumexp(log_p, dim=0) - math.log(n)
        entropy = -(log_mean.exp() * log_mean).sum()
        return ScanOutput(consistency - entropy_weight * entropy, consistency, entropy)


class ScanLoss(nn.Module):
    """[`scan_loss`] as a module; see there for the equation and the reference.

    Args:
        entropy_weight (`float`, defaults to 1.0): at least 0.
        over_neighbors (`str`, defaults to `"sum"`): `"sum"` or `"mean"`.

    Raises:
        ValueError: `entropy_weight` is negative, or `over_neighbors` is unknown.

    Example:

    ```python
    >>> from hf_relation.losses import ScanLoss
    >>> ScanLoss(entropy_weight=5.0, over_neighbors="mean")
    ScanLoss(entropy_weight=5.0, over_neighbors='mean')

    ```
    """

    def __init__(self, *, entropy_weight: float = 1.0, over_neighbors: OverNeighbors = "sum") -> None:
        super().__init__()
        _check_settings(entropy_weight, over_neighbors)
        self.entropy_weight = entropy_weight
        self.over_neighbors: OverNeighbors = over_neighbors

    def forward(self, logits: Tensor, neighbor_logits: Tensor) -> ScanOutput:
        """Return the loss of `logits` `(n, k)` with `neighbor_logits` `(n, K, k)`, and its two parts."""
        return scan_loss(
            logits, neighbor_logits, entropy_weight=self.entropy_weight, over_neighbors=self.over_neighbors
        )

    def extra_repr(self) -> str:
        return f"entropy_weight={self.entropy_weight}, over_neighbors={self.over_neighbors!r}"


def neighbor_cosine_loss(h: Tensor, neighbor: Tensor) -> Tensor:
    """Negative mean cosine between rows and one neighbour each, drawn by the caller.

    What the authors' code of Siamese-URE trains with in the place of [`scan_loss`]. Nothing in it keeps rows of
    different clusters apart. Computed in float32 (float64 for float64 input), also under autocast.

    Args:
        h (`torch.Tensor` of shape `(n, d)`, floating): one row per mention pair; rows need not be normalised.
        neighbor (`torch.Tensor` of shape `(n, d)`, floating): a neighbour of each; gradients flow into it too.

    Returns:
        `torch.Tensor`: scalar from -1 to 1; 0 for a batch of no rows.

    Raises:
        TypeError: a tensor is not floating.
        ValueError: shapes do not fit.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.losses import neighbor_cosine_loss
    >>> round(neighbor_cosine_loss(torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 4.0]])).item(), 4)
    -0.6

    ```

    Reference: the authors' code of Siamese-URE, ECAI 2023.
    """
    with torch.autocast(h.device.type, enabled=False):
        first, second = check_rows(h, "h"), check_rows(neighbor, "neighbor")
        check_same_shape(first, second, ("h", "neighbor"))
        return -mean_cosine(first, second)


def _check_settings(entropy_weight: float, over_neighbors: str) -> None:
    number = isinstance(entropy_weight, (int, float)) and not isinstance(entropy_weight, bool)
    if not number or not 0 <= entropy_weight < math.inf:
        raise UsageError(f"`entropy_weight` must be a finite number of at least 0, got {entropy_weight!r}.")
    if over_neighbors not in OVER_NEIGHBORS:
        raise UsageError(
            f"`over_neighbors` must be one of {', '.join(map(repr, OVER_NEIGHBORS))}, got {over_neighbors!r}."
        )
