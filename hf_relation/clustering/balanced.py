"""Balanced clustering: k-means whose clusters share the rows out evenly."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import log_softmax, logsumexp, softmax
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import KMeans
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.utils.validation import check_is_fitted

from hf_relation.clustering.rows import check_enough_rows, check_matrix, distinct_positions, group_rows
from hf_relation.clustering.threads import one_thread
from hf_relation.errors import UsageError


_TOLERANCE = 0.01  # of the shares, while centres move


class BalancedKMeans(ClusterMixin, BaseEstimator):
    r"""Cluster into parts of equal weight: soft k-means with a Sinkhorn-Knopp assignment.

    From the centres of k-means, every round computes the assignment P that lowers the mean squared distance \\(\\sum_{ij}
    P_{ij} d_{ij}\\), less `temperature` times its entropy, while every cluster holds the same share of the rows; and then
    moves the centres to the means that P gives. The assignment is \\(P_{ij} \\propto \\exp((g_j - d_{ij}) /
    temperature)\\) with one offset g of every cluster, so that another row can be assigned with nothing but centres and
    offsets: large clusters give rows away to small ones where the two are hard to tell apart. The best of `n_init` starts, by
    mean squared distance under P, is kept.

    It assumes that the groups are of **similar frequency**, as the relations of FewRel are. Where they are not, large groups
    are cut and small ones filled up, and plain k-means is the better choice. The parts are even for the soft assignment;
    `labels_`, its largest entries, are so only nearly.

    Rows are used as they are. The temperature is in units of the squared distance: rows of length one, as the transforms of
    this package return them, have distances of up to 4. Results do not depend on the order of the rows; equal rows get equal
    labels.

    Args:
        n_clusters (`int`, defaults to 8): how many clusters, at most the number of distinct rows.
        temperature (`float`, defaults to 0.1): how soft the assignment is, above 0.
        n_init (`int`, defaults to 5): starts.
        max_iter (`int`, defaults to 30): rounds of a start at most.
        tol (`float`, defaults to 0.001): stop when no more than this share of the rows changes its cluster in a round.
        seed (`int`, defaults to 0): of the starts.

    Attributes:
        labels_ (`np.ndarray` of shape `(n,)`, int64): from 0 to `n_clusters - 1`; a cluster may have no row.
        cluster_centers_ (`np.ndarray` of shape `(n_clusters, d)`, float64): means under P.
        offsets_ (`np.ndarray` of shape `(n_clusters,)`, float64): g; their mean is 0.
        inertia_ (`float`): mean squared distance under P.
        n_features_in_ (`int`): d.

    Example:

    ```python
    >>> from hf_relation.clustering import BalancedKMeans
    >>> rows = [[0.0], [0.1], [0.2], [0.3], [0.4], [0.9], [1.0], [1.1]]
    >>> fitted = BalancedKMeans(2, temperature=0.01).fit(rows)
    >>> (fitted.labels_ == fitted.labels_[0]).tolist()
    [True, True, True, True, False, False, False, False]

    ```

    Reference: Cuturi, "Sinkhorn Distances", NeurIPS 2013; the even sharing-out of rows among clusters: Asano et al.,
    "Self-labelling via simultaneous clustering and representation learning", ICLR 2020, and, for the discovery of novel classes,
    Fini et al., "A Unified Objective for Novel Class Discovery" (UNO), ICCV 2021.
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        temperature: float = 0.1,
        n_init: int = 5,
        max_iter: int = 30,
        tol: float = 1e-3,
        seed: int = 0,
    ) -> None:
        self.n_clusters = n_clusters
        self.temperature = temperature
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.seed = seed

    def fit(self, X: Any, y: Any = None) -> BalancedKMeans:
        """Cluster rows.

        Args:
            X (array-like of shape `(n, d)`): one row per instance, at least one.
            y: not used.

        Returns:
            [`BalancedKMeans`]: itself.

        Raises:
            UsageError: a setting is out of range, or there are fewer distinct rows than clusters.
            InvalidRowError: a row holds NaN or infinity.
        """
        self._check_settings()
        rows = check_matrix(X, min_rows=1)
        order, group = group_rows(rows)
        positions = distinct_positions(order, group)
        check_enough_rows(self.n_clusters, len(positions), len(rows))
        distinct, weights = rows[positions].astype(np.float64), np.bincount(group).astype(np.float64)
        seeds = np.random.default_rng(self.seed).integers(2**31, size=self.n_init).tolist()
        with one_thread():
            found = [self._start(distinct, weights / weights.sum(), seed) for seed in seeds]
            self.inertia_, self.cluster_centers_, self.offsets_ = min(found, key=lambda start: start[0])
        self.n_features_in_ = rows.shape[1]
        self.labels_ = self.predict(rows)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Give every row the cluster of its largest probability.

        Args:
            X (array-like of shape `(n, d)`): one row per instance; may be empty.

        Returns:
            `np.ndarray` of shape `(n,)`, int64.

        Raises:
            UsageError: another number of columns than in `fit`.
            InvalidRowError: a row holds NaN or infinity.
            sklearn.exceptions.NotFittedError: `fit` was not called.
        """
        return self.predict_proba(X).argmax(axis=1).astype(np.int64)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Assign every row by centres and offsets; what `predict` is given need not be balanced.

        Args:
            X (array-like of shape `(n, d)`): one row per instance; may be empty.

        Returns:
            `np.ndarray` of shape `(n, n_clusters)`, float64: rows of sum 1.

        Raises:
            UsageError, InvalidRowError, sklearn.exceptions.NotFittedError: as [`predict`].
        """
        check_is_fitted(self)
        rows = check_matrix(X, columns=self.n_features_in_)
        if not len(rows):
            return np.zeros((0, self.n_clusters))
        with one_thread():
            scores = self.offsets_ - _distances(rows.astype(np.float64), self.cluster_centers_)
        return softmax(scores / self.temperature, axis=1)

    def _start(self, rows: np.ndarray, shares: np.ndarray, seed: int) -> tuple[float, np.ndarray, np.ndarray]:
        """Inertia, centres and offsets of one start."""
        start = KMeans(self.n_clusters, n_init=1, random_state=seed)
        start.fit(rows, sample_weight=shares * len(rows))
        centers, offsets = start.cluster_centers_, np.zeros(self.n_clusters)
        labels = None
        for _ in range(self.max_iter):
            distances = _distances(rows, centers)
            offsets = balancing_offsets(distances, self.temperature, shares, start=offsets, tol=_TOLERANCE)
            assigned = softmax((offsets - distances) / self.temperature, axis=1) * shares[:, None]
            inertia = float((assigned * distances).sum())
            centers = (assigned.T @ rows) / assigned.sum(axis=0)[:, None]
            before, labels = labels, assigned.argmax(axis=1)
            if before is not None and shares[labels != before].sum() <= self.tol:
                break
        return inertia, centers, offsets

    def _check_settings(self) -> None:
        for name, least in (("n_clusters", 1), ("n_init", 1), ("max_iter", 1), ("seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
                raise UsageError(f"`{name}` must be an integer from {least} up, got {value!r}.")
        check_temperature(self.temperature)
        if not 0 <= self.tol <= 1:
            raise UsageError(f"`tol` must be a number from 0 to 1, got {self.tol!r}.")


def balancing_offsets(
    distances: np.ndarray,
    temperature: float,
    shares: np.ndarray | None = None,
    *,
    start: np.ndarray | None = None,
    max_iter: int = 200,
    tol: float = 1e-3,
) -> np.ndarray:
    r"""Find the offsets with which every cluster gets the same share of the rows (Sinkhorn-Knopp, in logarithms).

    Args:
        distances (`np.ndarray` of shape `(n, k)`): of every row to every cluster.
        temperature (`float`): in the units of the distances, above 0.
        shares (`np.ndarray` of shape `(n,)`, *optional*): weight of every row, of sum 1; the same by default.
        start (`np.ndarray` of shape `(k,)`, *optional*): offsets to begin with; 0 by default.
        max_iter (`int`, defaults to 200): iterations at most.
        tol (`float`, defaults to 0.001): stop when no share of a cluster is further than this from 1 / k, in logarithms.

    Returns:
        `np.ndarray` of shape `(k,)`: g, of mean 0, so that the rows' softmax of `(g - distances) / temperature`, weighted by
        `shares`, has column sums of 1 / k.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.clustering.balanced import balancing_offsets
    >>> distances = np.array([[0.0, 1.0], [0.0, 1.0]])  # both rows are nearer to the first
    >>> balancing_offsets(distances, 0.5).round(3).tolist()
    [-0.5, 0.5]

    ```
    """
    rows, clusters = distances.shape
    log_shares = np.full(rows, -math.log(rows)) if shares is None else np.log(shares)
    kernel = -distances / temperature
    offsets = np.zeros(clusters) if start is None else start / temperature
    for _ in range(max_iter):
        log_sums = logsumexp(log_softmax(kernel + offsets, axis=1) + log_shares[:, None], axis=0)
        gap = -math.log(clusters) - log_sums
        offsets = offsets + gap
        if np.abs(gap).max() <= tol:
            break
    offsets = offsets - offsets.mean()
    balanced: np.ndarray = offsets * temperature
    return balanced


def check_temperature(value: Any) -> None:
    """Refuse a temperature that is not a finite number above 0.

    Raises:
        UsageError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 < value < math.inf:
        raise UsageError(f"`temperature` must be a finite number above 0, got {value!r}.")


def _distances(rows: np.ndarray, centers: np.ndarray) -> np.ndarray:
    distances: np.ndarray = euclidean_distances(rows, centers, squared=True)
    return distances
