"""Negative cosine between two views of a batch, each predicting the other."""

from __future__ import annotations

import torch
from torch import Tensor

from hf_relation.losses._inputs import check_rows, check_same_shape, unit_rows


def symmetric_negative_cosine(d: Tensor, d_other: Tensor, g: Tensor, g_other: Tensor) -> Tensor:
    r"""Make what is predicted from each view of a sentence point the way of the other view.

    \\(\\frac{1}{2}\\left[ D(d, sg(g')) + D(d', sg(g)) \\right]\\) with D the negative mean cosine over the rows. The targets g
    and g' are constants here (sg, stop-gradient); g is trained through d, which is computed from it. Without that
    asymmetry all rows collapse to one. Computed in float32 (float64 for float64 input), also under autocast.

    Args:
        d (`torch.Tensor` of shape `(n, p)`, floating): predictions from the first view; rows need not be normalised. A
            row of zeros has cosine 0 to every other.
        d_other (`torch.Tensor` of shape `(n, p)`, floating): predictions from the second view (another dropout mask).
        g (`torch.Tensor` of shape `(n, p)`, floating): projections of the first view.
        g_other (`torch.Tensor` of shape `(n, p)`, floating): projections of the second view.

    Returns:
        `torch.Tensor`: scalar from -1, where every prediction points the right way, to 1; 0 for a batch of no rows.

    Raises:
        TypeError: a tensor is not floating.
        ValueError: shapes do not fit.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.losses import symmetric_negative_cosine
    >>> d, d_other = torch.tensor([[1.0, 0.0], [3.0, 4.0]]), torch.tensor([[0.0, 2.0], [1.0, 1.0]])
    >>> g, g_other = torch.tensor([[0.0, 1.0], [2.0, 0.0]]), torch.tensor([[1.0, 1.0], [4.0, 3.0]])
    >>> round(symmetric_negative_cosine(d, d_other, g, g_other).item(), 5)
    -0.84355

    ```

    Reference: Siamese-URE, ECAI 2023, equations 5 and 6; the loss is from Chen & He, "Exploring Simple Siamese
    Representation Learning" (SimSiam), CVPR 2021, equations 1 and 2.
    """
    with torch.autocast(d.device.type, enabled=False):
        first, second = check_rows(d, "d", "(n, p)"), check_rows(d_other, "d_other", "(n, p)")
        target, other_target = check_rows(g.detach(), "g", "(n, p)"), check_rows(g_other.detach(), "g_other", "(n, p)")
        for rows, name in ((second, "d_other"), (target, "g"), (other_target, "g_other")):
            check_same_shape(first, rows, ("d", name))
        return -(mean_cosine(first, other_target) + mean_cosine(second, target)) / 2


def mean_cosine(first: Tensor, second: Tensor) -> Tensor:
    """Mean over the rows of the cosine between two matrices of one shape; 0 for no rows."""
    return (unit_rows(first) * unit_rows(second)).sum() / max(len(first), 1)
