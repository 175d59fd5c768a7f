"""Centre loss: rows of a relation gather at its centroid."""

from __future__ import annotations

import torch
from torch import Tensor

from hf_relation.errors import UsageError
from hf_relation.losses._inputs import check_rows, prepare


def center_loss(h: Tensor, labels: Tensor, centroids: Tensor) -> Tensor:
    r"""Squared distance of every labelled row to the centroid of its relation.

    \\(\\frac{1}{2N} \\sum_i \\lVert h_i - c_{y_i} \\rVert^2\\) over the N labelled rows. The centroids are constants: no
    gradient flows into them. Computed in float32 (float64 for float64 input), also under autocast.

    Args:
        h (`torch.Tensor` of shape `(n, d)`, floating): one row per mention pair.
        labels (`torch.Tensor` of shape `(n,)`, integer): class ids from 0 to k - 1. Rows with label -100 are left out.
        centroids (`torch.Tensor` of shape `(k, d)`, floating): one row per class, e.g. from [`class_centroids`] over
            the corpus, as of the start of the epoch.

    Returns:
        `torch.Tensor`: scalar, at least 0; 0 for a batch without a labelled row.

    Raises:
        TypeError: `h` or `centroids` are not floating, or labels are not integers.
        ValueError: shapes do not fit, or a label is neither a row of `centroids` nor -100.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.losses import center_loss
    >>> h = torch.tensor([[1.0, 2.0], [3.0, 4.0], [-1.0, 0.0], [0.0, 0.0]])
    >>> center_loss(h, torch.tensor([0, 0, 1, 1]), torch.tensor([[2.0, 3.0], [-0.5, 0.0]])).item()
    0.5625

    ```

    Reference: Zhao et al., "A Relation-Oriented Clustering Method for Open Relation Extraction" (RoCORE), EMNLP 2021,
    equation 4.
    """
    with torch.autocast(h.device.type, enabled=False):
        rows, y = prepare(h, labels, name="h")
        c = check_rows(centroids, "centroids", "(k, d)").detach()
        if c.shape[1] != rows.shape[1]:
            raise ValueError(f"`centroids` must have {rows.shape[1]} columns, as `h` has, got {c.shape[1]}.")
        _check_classes(y, len(c), f"`centroids` has {len(c)} rows; give it one row per class.")
        return (rows - c.to(rows.dtype)[y.long()]).square().sum() / (2 * max(len(rows), 1))


def class_centroids(h: Tensor, labels: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    r"""Mean of the rows of every class, \\(c_r = \\frac{1}{|D_r|} \\sum_{i \\in D_r} h_i\\).

    Args:
        h (`torch.Tensor` of shape `(n, d)`, floating): one row per mention pair.
        labels (`torch.Tensor` of shape `(n,)`, integer): class ids from 0 to k - 1. Rows with label -100 are left out.
        num_classes (`int`): k, at least 1.

    Returns:
        `tuple[torch.Tensor, torch.Tensor]`: the centroids, `(k, d)`, without a graph, float64 for float64 input, else
        float32; and which classes have a row, `(k,)`, bool. A class without a row has a centroid of zeros that means
        nothing: do not use it.

    Raises:
        TypeError: `h` is not floating, or labels are not integers.
        ValueError: shapes do not fit, `num_classes` is below 1, or a label is not one of the classes.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.losses import class_centroids
    >>> centroids, present = class_centroids(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([0, 0]), 2)
    >>> centroids.tolist(), present.tolist()
    ([[2.0, 3.0], [0.0, 0.0]], [True, False])

    ```

    Reference: RoCORE (see [`center_loss`]), equation 5.
    """
    if isinstance(num_classes, bool) or not isinstance(num_classes, int) or num_classes < 1:
        raise UsageError(f"`num_classes` must be an integer of at least 1, got {num_classes!r}.")
    with torch.no_grad(), torch.autocast(h.device.type, enabled=False):
        rows, y = prepare(h, labels, name="h")
        _check_classes(y, num_classes, f"Raise `num_classes` ({num_classes}) or number the classes from 0.")
        y = y.long()
        counts = torch.bincount(y, minlength=num_classes)
        sums = rows.new_zeros(num_classes, rows.shape[1]).index_add_(0, y, rows)
        return sums / counts.clamp_min(1)[:, None].to(sums.dtype), counts > 0


def _check_classes(labels: Tensor, num_classes: int, advice: str) -> None:
    if len(labels) and int(labels.max()) >= num_classes:
        raise ValueError(f"`labels` must be at most {num_classes - 1}, got {int(labels.max())}. {advice}")
