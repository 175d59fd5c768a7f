"""Stable relation ids, relation centres, and how well instances fit them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics.pairwise import euclidean_distances

from hf_relation.clustering.rows import BLOCK_ROWS, check_matrix, group_rows, map_distinct_rows, normalize_rows
from hf_relation.clustering.threads import one_thread
from hf_relation.errors import UsageError


def canonical_labels(labels: Any, keys: Sequence[Any] | np.ndarray) -> np.ndarray:
    """Renumber clusters by size, largest first, and equal sizes by their smallest key.

    The result names the same partition, whatever numbers the clustering algorithm gave and in whatever order the rows
    came, as long as each row keeps its key.

    Args:
        labels (`(n,)` integers): -1 or above; -1 marks a row left out, and stays.
        keys (sequence of `n` strings or of `n` numbers): one per row, usually the instance ids; best if distinct.

    Returns:
        `np.ndarray` of shape `(n,)`, int64: 0 to the number of clusters less one, or -1.

    Raises:
        UsageError: lengths differ, labels are not integers from -1 up, or keys mix strings and numbers.

    Example:

    ```python
    >>> from hf_relation.clustering import canonical_labels
    >>> canonical_labels([7, 3, 3, -1, 9], ["d", "e", "a", "b", "c"]).tolist()
    [2, 0, 0, -1, 1]

    ```
    """
    old = check_labels(labels)
    key_list = keys.tolist() if isinstance(keys, np.ndarray) else list(keys)
    if len(key_list) != len(old):
        raise UsageError(f"`keys` must be as many as `labels`: {len(key_list)} keys, {len(old)} labels.")
    if any(isinstance(key, str) for key in key_list) and not all(isinstance(key, str) for key in key_list):
        raise UsageError("`keys` must be strings only or numbers only.")
    rank = {key: position for position, key in enumerate(sorted(set(key_list)))}
    ranks = np.array([rank[key] for key in key_list], dtype=np.int64)
    ids, inverse, sizes = np.unique(old, return_inverse=True, return_counts=True)
    smallest = np.full(len(ids), len(rank), dtype=np.int64)
    np.minimum.at(smallest, inverse, ranks)
    left_out = ids == -1
    order = np.lexsort((smallest, -sizes, left_out))  # left-out rows last
    new = np.empty(len(ids), dtype=np.int64)
    new[order] = np.arange(len(ids))
    new[left_out] = -1
    return new[inverse]


def cluster_centers(X: Any, labels: Any, weights: Any = None) -> np.ndarray:
    """Return the mean of every cluster's rows after scaling them to length one.

    Args:
        X (array-like of shape `(n, d)`): one row per instance.
        labels (`(n,)` integers): 0 to k - 1 without gaps, or -1 for rows that count towards no centre.
        weights (array-like of shape `(n,)`, *optional*): how much every row counts, above 0; all alike by default.

    Returns:
        `np.ndarray` of shape `(k, d)`, float32; `(0, d)` when every row is left out. The length of a centre is the
        mean cosine between it and its rows.

    Raises:
        UsageError: lengths differ, or labels are not integers from -1 up or skip a number.
        InvalidRowError: a row holds NaN or infinity.

    Example:

    ```python
    >>> from hf_relation.clustering import cluster_centers
    >>> cluster_centers([[2.0, 0.0], [0.0, 5.0], [0.0, 7.0]], [0, 1, 1]).tolist()
    [[1.0, 0.0], [0.0, 1.0]]

    ```
    """
    rows = check_matrix(X)
    ids = check_labels(labels, num_rows=len(rows))
    num_clusters = int(ids.max()) + 1 if len(ids) else 0
    sizes = np.bincount(ids[ids >= 0], minlength=num_clusters)
    if (sizes == 0).any():
        missing = int(np.flatnonzero(sizes == 0)[0])
        raise UsageError(f"`labels` must be 0 to {num_clusters - 1} without gaps, but no row has {missing}.")
    counts = None if weights is None else check_weights(weights, len(rows))
    centers = np.empty((num_clusters, rows.shape[1]), dtype=np.float32)
    order = np.lexsort((group_rows(rows)[1], ids))[len(ids) - int(sizes.sum()) :]  # by cluster, then by value
    for cluster, members in enumerate(np.split(order, np.cumsum(sizes)[:-1]) if num_clusters else []):
        unit = normalize_rows(rows[members].astype(np.float64))
        centers[cluster] = unit.mean(axis=0) if counts is None else np.average(unit, axis=0, weights=counts[members])
    return centers


def assign(X: Any, centers: Any) -> tuple[np.ndarray, np.ndarray]:
    """Give every row the nearest centre, and a score for how clear the choice was.

    Rows are scaled to length one first. With Euclidean distances `d1 <= d2` to the nearest and second-nearest
    centre, the score is `1 - d1 / d2`: 1 on a centre, 0 half way between two. With a single centre there is no rival
    and the score is 1. Of equally near centres the lowest number wins, with score 0.

    Args:
        X (array-like of shape `(n, d)`): one row per instance; may be empty.
        centers (array-like of shape `(k, d)`): from [`cluster_centers`], at least one.

    Returns:
        `tuple[np.ndarray, np.ndarray]`: labels of shape `(n,)`, int64; scores of shape `(n,)`, float64 in [0, 1].

    Raises:
        UsageError: no centre, or different numbers of columns.
        InvalidRowError: a row holds NaN or infinity.

    Example:

    ```python
    >>> from hf_relation.clustering import assign
    >>> labels, scores = assign([[9.0, 0.0], [0.6, 0.8]], [[1.0, 0.0], [0.0, 1.0]])
    >>> labels.tolist(), scores.round(3).tolist()
    ([0, 1], [1.0, 0.293])

    ```
    """
    middle = check_matrix(centers, name="centers", min_rows=1).astype(np.float64)
    rows = check_matrix(X, columns=middle.shape[1])

    def label_and_score(distinct: np.ndarray) -> np.ndarray:
        result = np.empty((len(distinct), 2))
        for start in range(0, len(distinct), BLOCK_ROWS):
            block = normalize_rows(distinct[start : start + BLOCK_ROWS].astype(np.float64))
            result[start : start + BLOCK_ROWS] = _nearest(euclidean_distances(block, middle))
        return result

    with one_thread():
        found = map_distinct_rows(label_and_score, rows)
    return found[:, 0].astype(np.int64), found[:, 1].copy()


def cohesion(X: Any, labels: Any) -> np.ndarray:
    """Return, per cluster, the mean cosine between its rows and their centre.

    Args:
        X (array-like of shape `(n, d)`): one row per instance.
        labels (`(n,)` integers): 0 to k - 1 without gaps, or -1 for rows left out.

    Returns:
        `np.ndarray` of shape `(k,)`, float32 in [0, 1]: 1 when all rows point the same way, 0 when they cancel out.
        (The mean cosine to the *mean* direction cannot be negative.)

    Raises:
        UsageError, InvalidRowError: as [`cluster_centers`].

    Example:

    ```python
    >>> from hf_relation.clustering import cohesion
    >>> cohesion([[1.0, 0.0], [0.0, 1.0], [0.0, 3.0]], [0, 1, 1]).tolist()
    [1.0, 1.0]

    ```
    """
    # mean_i cos(x_i, c) = mean_i x_i . c / |c| = |c| for unit rows x_i with mean c.
    return np.minimum(np.linalg.norm(cluster_centers(X, labels), axis=1), np.float32(1))


def check_labels(labels: Any, *, num_rows: int | None = None) -> np.ndarray:
    """Check cluster labels (integers from -1 up, one per row) and return them as an int64 array."""
    values = np.asarray(labels)
    if values.ndim != 1 or (values.dtype.kind not in "iu" and values.size):
        raise UsageError(f"`labels` must be a list of integers, got shape {values.shape} and dtype {values.dtype}.")
    if num_rows is not None and len(values) != num_rows:
        raise UsageError(f"`labels` must be one per row: {num_rows} rows, {len(values)} labels.")
    if values.size and values.min() < -1:
        raise UsageError(f"`labels` must be -1 (left out) or above, got {values.min()}.")
    return values.astype(np.int64)


def check_weights(weights: Any, num_rows: int, *, name: str = "weights") -> np.ndarray:
    """Check the weights of rows, finite numbers above 0, and return them as float64."""
    values = np.asarray(weights)
    if values.shape != (num_rows,) or values.dtype.kind not in "fiu":
        raise UsageError(f"`{name}` must be one number per row: {num_rows} rows, got shape {values.shape}.")
    values = values.astype(np.float64)
    wrong = ~(np.isfinite(values) & (values > 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise UsageError(f"`{name}` must be finite numbers above 0; row {row} has {values[row]}.")
    return values


def _nearest(distances: np.ndarray) -> np.ndarray:
    nearest = distances.argmin(axis=1)
    if distances.shape[1] == 1:
        return np.column_stack([nearest, np.ones(len(nearest))])
    best, second = np.partition(distances, 1, axis=1)[:, :2].T
    ratio = np.divide(best, second, out=np.ones_like(best), where=second > 0)
    return np.column_stack([nearest, np.clip(1 - ratio, 0, 1)])
