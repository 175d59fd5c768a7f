"""Adaptive clustering: soft assignments to centres, sharpened towards their own target distribution."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hf_relation.errors import UsageError
from hf_relation.losses._inputs import check_rows, check_same_shape


def soft_assignment(z: Tensor, centers: Tensor, *, alpha: float = 1.0) -> Tensor:
    r"""Share of every row that belongs to every centre, by Student's t-distribution.

    \\(q_{ij} \\propto (1 + \\lVert z_i - \\mu_j \\rVert^2 / \\alpha)^{-(\\alpha + 1) / 2}\\), of sum 1 over j. Computed in float32
    (float64 for float64 input), also under autocast.

    Args:
        z (`torch.Tensor` of shape `(n, d)`, floating): one row per mention pair.
        centers (`torch.Tensor` of shape `(k, d)`, floating): at least one; gradients flow into them.
        alpha (`float`, defaults to 1.0): degrees of freedom, above 0.

    Returns:
        `torch.Tensor` of shape `(n, k)`: rows of sum 1.

    Raises:
        TypeError: a tensor is not floating.
        ValueError: shapes do not fit, there is no centre, or `alpha` is not above 0.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.losses import soft_assignment
    >>> soft_assignment(torch.zeros(1, 2), torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]]))
    tensor([[0.7143, 0.1429, 0.1429]])

    ```

    Reference: Xie et al., "Unsupervised Deep Embedding for Clustering Analysis" (DEC), ICML 2016, equation 1; Hu et al.,
    "SelfORE", EMNLP 2020, section 3.2.
    """
    if isinstance(alpha, bool) or not isinstance(alpha, (int, float)) or not 0 < alpha < math.inf:
        raise UsageError(f"`alpha` must be a finite number above 0, got {alpha!r}.")
    with torch.autocast(z.device.type, enabled=False):
        rows, means = check_rows(z, "z"), check_rows(centers, "centers", "(k, d)")
        if len(means) == 0 or means.shape[1] != rows.shape[1]:
            raise ValueError(
                f"`centers` must have shape (k, {rows.shape[1]}) with k at least 1, got {tuple(means.shape)}."
            )
        means = means.to(rows.dtype)
        origin = means.detach().mean(0)  # differences of large numbers would cost digits far from the origin
        rows, means = rows - origin, means - origin
        products = rows @ means.T
        squares = rows.square().sum(1, keepdim=True) - 2 * products + means.square().sum(1)  # (n, k)
        return torch.softmax(-(alpha + 1) / 2 * torch.log1p(squares.clamp_min(0) / alpha), dim=1)


def target_distribution(q: Tensor) -> Tensor:
    r"""What soft assignments should become: more certain, and with large clusters held back.

    \\(p_{ij} \\propto q_{ij}^2 / \\sum_i q_{ij}\\), of sum 1 over j, without a graph.

    Args:
        q (`torch.Tensor` of shape `(n, k)`, floating): soft assignments from [`soft_assignment`], best of the whole corpus.

    Returns:
        `torch.Tensor` of shape `(n, k)`: rows of sum 1; float64 for float64 input, else float32.

    Raises:
        TypeError: `q` is not floating.
        ValueError: `q` is not a matrix.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.losses import target_distribution
    >>> target_distribution(torch.tensor([[0.8, 0.2], [0.4, 0.6]]))
    tensor([[0.9143, 0.0857],
            [0.2286, 0.7714]])

    ```

    Reference: DEC (see [`soft_assignment`]), equation 3.
    """
    with torch.no_grad(), torch.autocast(q.device.type, enabled=False):
        shares = check_rows(q, "q", "(n, k)")
        tiny = torch.finfo(shares.dtype).tiny
        weights = shares.square() / shares.sum(0).clamp_min(tiny)  # a centre nobody is near to stays empty
        return weights / weights.sum(1, keepdim=True).clamp_min(tiny)


def adaptive_clustering_loss(q: Tensor, target: Tensor | None = None) -> Tensor:
    r"""Divergence of the target distribution from the soft assignments, \\(\\frac{1}{n} \\sum_i KL(p_i || q_i)\\).

    The target is a constant. Computed in float32 (float64 for float64 input), also under autocast.

    Args:
        q (`torch.Tensor` of shape `(n, k)`, floating): soft assignments, with their graph.
        target (`torch.Tensor` of shape `(n, k)`, floating, *optional*): p of these rows, from the corpus as a whole; by
            default [`target_distribution`] of `q`.

    Returns:
        `torch.Tensor`: scalar, at least 0 but for rounding; 0 for a batch of no rows. (The equation has the sum over the
        rows; the mean makes the loss independent of the batch size.)

    Raises:
        TypeError: a tensor is not floating.
        ValueError: shapes do not fit.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.losses import adaptive_clustering_loss
    >>> round(adaptive_clustering_loss(torch.tensor([[0.8, 0.2], [0.4, 0.6]])).item(), 5)
    0.05771

    ```

    Reference: DEC (see [`soft_assignment`]), equation 2.
    """
    with torch.autocast(q.device.type, enabled=False):
        shares = check_rows(q, "q", "(n, k)")
        p = target_distribution(shares) if target is None else check_rows(target.detach(), "target", "(n, k)")
        check_same_shape(shares, p, ("q", "target"))
        log_q = shares.clamp_min(torch.finfo(shares.dtype).tiny).log()
        return (torch.xlogy(p, p) - p * log_q).sum() / max(len(shares), 1)
