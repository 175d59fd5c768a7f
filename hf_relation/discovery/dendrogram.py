"""Which relations would be joined first: a tree over their centres."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hf_relation.errors import UsageError


def relation_linkage(centers: np.ndarray, sizes: Sequence[int] | np.ndarray) -> np.ndarray:
    """Join relation centres by Ward's criterion, each weighing as much as it has instances.

    It is the tree that Ward's clustering gives for the instances, had every one of them stood at its relation's centre.
    `scipy.cluster.hierarchy.linkage` gives every row the weight one; with equal sizes the results are the same.

    Args:
        centers (`np.ndarray` of shape `(r, p)`): one finite row per relation, at least one.
        sizes (`Sequence[int]` of length `r`): how many instances each has; one without any counts as one.

    Returns:
        `np.ndarray` of shape `(r - 1, 4)`: as scipy's: the two that are joined, the height, and how many relations are below. The
        heights are for sizes divided by their mean.

    Raises:
        UsageError: no centre, or another number of sizes.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.discovery.dendrogram import relation_linkage
    >>> relation_linkage(np.array([[0.0], [10.0], [1.0]]), [5, 5, 5])[:, :2]
    array([[0., 2.],
           [1., 3.]])

    ```

    Reference:
        Ward, Hierarchical grouping to optimize an objective function, Journal of the American Statistical Association 1963.
    """
    points = np.array(centers, dtype=np.float64)
    weights = np.maximum(np.asarray(sizes, dtype=np.float64), 1.0)
    count = len(points)
    if points.ndim != 2 or not count or weights.shape != (count,):
        raise UsageError(f"A dendrogram needs one size per centre, got centres {points.shape}, sizes {weights.shape}.")
    weights = weights / weights.mean()
    nodes, below = np.arange(count), np.ones(count, dtype=np.int64)
    costs = np.full((count, count), np.inf)
    for row in range(count):
        costs[row, row + 1 :] = _costs(points, weights, row)[row + 1 :]
    merges = np.zeros((count - 1, 4))
    for step in range(count - 1):
        first, second = np.unravel_index(int(costs.argmin()), costs.shape)
        height = costs[first, second]
        pair = sorted((int(nodes[first]), int(nodes[second])))
        total = weights[first] + weights[second]
        below[first] += below[second]
        merges[step] = [*pair, np.sqrt(height), below[first]]
        points[first] = (weights[first] * points[first] + weights[second] * points[second]) / total
        weights[first], nodes[first] = total, count + step
        costs[second, :] = costs[:, second] = np.inf
        fresh = _costs(points, weights, int(first))
        open_above = np.isfinite(costs[:first, first])
        costs[:first, first] = np.where(open_above, fresh[:first], np.inf)
        open_right = np.isfinite(costs[first, first + 1 :])
        costs[first, first + 1 :] = np.where(open_right, fresh[first + 1 :], np.inf)
    return merges


def _costs(points: np.ndarray, weights: np.ndarray, row: int) -> np.ndarray:
    """Twice what joining a row with each of the others adds to the within-cluster sum of squares."""
    squares = ((points - points[row]) ** 2).sum(axis=1)
    return np.asarray(2 * weights * weights[row] / (weights + weights[row]) * squares)
