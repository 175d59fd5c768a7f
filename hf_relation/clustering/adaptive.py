"""Adaptive clustering: k-means centres, refined by the rows they are most certain of."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import KMeans
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.utils.validation import check_is_fitted

from hf_relation.clustering.labels import check_weights
from hf_relation.clustering.rows import check_enough_rows, check_matrix, group_rows
from hf_relation.clustering.threads import one_thread
from hf_relation.errors import UsageError


class AdaptiveClustering(ClusterMixin, BaseEstimator):
    r"""Cluster by soft assignments that learn from their own confident part (DEC, the clustering of SelfORE).

    From the centres of k-means, every round computes the soft assignments \\(q_{ij} \\propto (1 + \\lVert z_i - \\mu_j
    \\rVert^2 / \\alpha)^{-(\\alpha + 1) / 2}\\) and the target \\(p_{ij} \\propto q_{ij}^2 / \\sum_i q_{ij}\\), which is more
    certain and holds large clusters back, and then moves the centres to lower KL(p || q) with p fixed. It ends when hardly
    a row changes its cluster. A round that would leave a cluster without rows is not made, so there are always as many
    clusters as asked for.

    DEC and SelfORE move the features as well, through a network; here the features stand still. (For the network there is
    [`~hf_relation.losses.adaptive_clustering_loss`].) So the result stays near k-means where groups are clear; where they
    overlap or differ much in size it can be worse, as the target evens out the sizes. It is here as the clustering that
    published systems are compared to, not as an improvement on k-means.

    Rows are used as they are. The kernel has a fixed width: rows of length one, as the transforms of this package return
    them, differ by 2 at most and get soft assignments nearer to one another than rows that are scaled up; `alpha` below 1
    narrows the kernel.

    Args:
        n_clusters (`int`, defaults to 8): how many clusters, at most the number of distinct rows.
        n_init (`int`, defaults to 20): starts of k-means; the one of least inertia is kept.
        max_iter (`int`, defaults to 100): rounds at most; 0 leaves the clusters of k-means.
        update_interval (`int`, defaults to 10): steps of the centres in a round, with one target.
        tol (`float`, defaults to 0.001): stop when no more than this share of the rows changes its cluster in a round.
        learning_rate (`float`, defaults to 0.5): length of a step, above 0 and at most 1. A step is the gradient divided
            by the weight of the cluster, so that it does not depend on the number of rows.
        alpha (`float`, defaults to 1.0): degrees of freedom of Student's t-distribution, above 0.
        seed (`int`, defaults to 0): of k-means.

    Attributes:
        labels_ (`np.ndarray` of shape `(n,)`, int64): from 0 to `n_clusters - 1`.
        soft_labels_ (`np.ndarray` of shape `(n, n_clusters)`, float64): q, rows of sum 1; `labels_` is the largest.
        cluster_centers_ (`np.ndarray` of shape `(n_clusters, d)`, float64): after the last round.
        n_iter_ (`int`): rounds made.
        n_features_in_ (`int`): d.

    Example:

    ```python
    >>> from hf_relation.clustering import AdaptiveClustering
    >>> fitted = AdaptiveClustering(n_clusters=2).fit([[0.0], [0.1], [0.2], [2.0], [2.1]])
    >>> (fitted.labels_ == fitted.labels_[0]).tolist()
    [True, True, True, False, False]

    ```

    Reference: Xie et al., "Unsupervised Deep Embedding for Clustering Analysis" (DEC), ICML 2016, section 3; Hu et al.,
    "SelfORE: Self-supervised Relational Feature Learning for Open Relation Extraction", EMNLP 2020, section 3.2.
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        n_init: int = 20,
        max_iter: int = 100,
        update_interval: int = 10,
        tol: float = 1e-3,
        learning_rate: float = 0.5,
        alpha: float = 1.0,
        seed: int = 0,
    ) -> None:
        self.n_clusters = n_clusters
        self.n_init = n_init
        self.max_iter = max_iter
        self.update_interval = update_interval
        self.tol = tol
        self.learning_rate = learning_rate
        self.alpha = alpha
        self.seed = seed

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> AdaptiveClustering:
        """Cluster rows.

        Args:
            X (array-like of shape `(n, d)`): one row per instance, at least one.
            y: not used.
            sample_weight (array-like of shape `(n,)`, *optional*): how often each row counts, above 0; once by default.

        Returns:
            [`AdaptiveClustering`]: itself.

        Raises:
            UsageError: a setting or a weight is out of range, or there are fewer distinct rows than clusters.
            InvalidRowError: a row holds NaN or infinity.
        """
        check_adaptive_settings(self.get_params())
        rows = check_matrix(X, min_rows=1)
        check_enough_rows(self.n_clusters, int(group_rows(rows)[1].max()) + 1, len(rows))
        weights = (
            np.ones(len(rows))
            if sample_weight is None
            else check_weights(sample_weight, len(rows), name="sample_weight")
        )
        with one_thread():
            start = KMeans(self.n_clusters, n_init=self.n_init, random_state=self.seed)
            start.fit(rows, sample_weight=weights.astype(np.float32))
            self._refine(rows.astype(np.float64), weights, start.cluster_centers_.astype(np.float64))
        self.n_features_in_ = rows.shape[1]
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Give every row the cluster of the nearest centre, which is the one of its largest soft assignment.

        Args:
            X (array-like of shape `(n, d)`): one row per instance; may be empty.

        Returns:
            `np.ndarray` of shape `(n,)`, int64.

        Raises:
            UsageError: another number of columns than in `fit`.
            InvalidRowError: a row holds NaN or infinity.
            sklearn.exceptions.NotFittedError: `fit` was not called.
        """
        check_is_fitted(self)
        rows = check_matrix(X, columns=self.n_features_in_)
        with one_thread():
            if not len(rows):
                return np.zeros(0, dtype=np.int64)
            q, _ = soft_assignment(rows, self.cluster_centers_, self.alpha)
        return q.argmax(axis=1)

    def _refine(self, rows: np.ndarray, weights: np.ndarray, centers: np.ndarray) -> None:
        q, _ = soft_assignment(rows, centers, self.alpha)
        labels = q.argmax(axis=1)
        self.n_iter_ = 0
        for _ in range(self.max_iter):
            target = target_distribution(q, weights)
            moved = centers
            for _ in range(self.update_interval):
                moved = moved + self.learning_rate * center_steps(rows, moved, target, weights, self.alpha)
            new_q, _ = soft_assignment(rows, moved, self.alpha)
            new_labels = new_q.argmax(axis=1)
            if len(np.unique(new_labels)) < self.n_clusters:
                break
            changed = weights[new_labels != labels].sum() / weights.sum()
            centers, q, labels = moved, new_q, new_labels
            self.n_iter_ += 1
            if changed <= self.tol:
                break
        self.cluster_centers_ = centers
        self.labels_, self.soft_labels_ = labels.astype(np.int64), q


def soft_assignment(z: np.ndarray, centers: np.ndarray, alpha: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return q and the kernel 1 / (1 + squared distance / alpha), both of shape `(n, k)`, of rows and centres."""
    kernel = 1 / (1 + euclidean_distances(z, centers, squared=True) / alpha)
    # Powers of the kernel relative to its largest value of the row: far rows do not become 0 / 0.
    q = (kernel / kernel.max(axis=1, keepdims=True)) ** ((alpha + 1) / 2)
    return q / q.sum(axis=1, keepdims=True), kernel


def target_distribution(q: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return p of shape `(n, k)`: q squared, divided by the weight of every cluster, in rows of sum 1."""
    sharpened = q**2 / (weights @ q)
    return sharpened / sharpened.sum(axis=1, keepdims=True)


def center_steps(
    z: np.ndarray, centers: np.ndarray, target: np.ndarray, weights: np.ndarray, alpha: float = 1.0
) -> np.ndarray:
    """How far to move the centres to lower KL(target || q).

    The negative gradient by every centre, without the constant factor and divided by the weight of the cluster.

    Args:
        z (`np.ndarray` of shape `(n, d)`, float64): rows.
        centers (`np.ndarray` of shape `(k, d)`, float64): centres.
        target (`np.ndarray` of shape `(n, k)`, float64): p, fixed.
        weights (`np.ndarray` of shape `(n,)`, float64): how often each row counts.
        alpha (`float`, defaults to 1.0): degrees of freedom.

    Returns:
        `np.ndarray` of shape `(k, d)`, float64.

    Reference: DEC (see [`AdaptiveClustering`]), equation 5.
    """
    q, kernel = soft_assignment(z, centers, alpha)
    pull = weights[:, None] * kernel * (target - q)  # (n, k)
    toward = pull.T @ z - pull.sum(axis=0)[:, None] * centers
    return toward / (weights @ (kernel * q))[:, None]


def check_adaptive_settings(settings: dict[str, Any]) -> None:
    """Refuse settings of [`AdaptiveClustering`] out of range.

    Raises:
        UsageError: names the setting, its value and what is allowed.
    """
    for name, least in (("n_clusters", 1), ("n_init", 1), ("max_iter", 0), ("update_interval", 1), ("seed", 0)):
        value = settings[name]
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not least <= value < 2**32:
            raise UsageError(f"`{name}` must be an integer from {least} up, got {value!r}.")
    for name, allowed, inside in (
        ("tol", "from 0 to 1", lambda x: 0 <= x <= 1),
        ("learning_rate", "above 0 and at most 1", lambda x: 0 < x <= 1),
        ("alpha", "finite and above 0", lambda x: 0 < x < math.inf),
    ):
        value = settings[name]
        if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not inside(value):
            raise UsageError(f"`{name}` must be a number {allowed}, got {value!r}.")
