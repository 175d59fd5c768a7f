"""Neighbour smoothing: pull every instance towards the instances most like it."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.neighbors import NearestNeighbors

from hf_relation.clustering.rows import BLOCK_ROWS, check_matrix, map_distinct_rows, normalize_rows
from hf_relation.clustering.threads import one_thread
from hf_relation.errors import UsageError


class NeighborSmoothing(TransformerMixin, BaseEstimator):
    """Replace each row by a mixture of itself and its nearest rows, in the same matrix.

    One round is `x' = normalise((1 - alpha) x + alpha * mean of the k nearest rows)`, nearest by cosine, the row
    itself excluded. Rows of one relation move together, so clusters become tighter; relations with fewer than about
    `n_neighbors` instances may be drawn into others. Equal rows count once: repeating rows changes nothing.

    There is nothing to learn: `fit` only checks, and `transform` uses the rows it is given, so the same row is
    smoothed differently in another corpus. Memory grows with the rows, never with their square; the time of a round
    grows with the square of the rows.

    Args:
        n_neighbors (`int`, defaults to 10): k, at least 1; all other distinct rows if there are fewer.
        n_rounds (`int`, defaults to 1): how often to repeat, at least 0; 0 only scales rows to length one.
        alpha (`float`, defaults to 0.5): weight of the neighbours, between 0 and 1.

    Example:

    ```python
    >>> from hf_relation.clustering import NeighborSmoothing
    >>> smoothing = NeighborSmoothing(n_neighbors=1, alpha=0.5)
    >>> smoothing.fit_transform([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.1]]).round(2)
    array([[ 0.71,  0.71],
           [-0.67,  0.74],
           [-0.67,  0.74]], dtype=float32)

    ```

    Reference: a fixed-weight form of feature propagation over the k-nearest-neighbour graph, as in Wu et al. 2019,
    "Simplifying graph convolutional networks".
    """

    def __init__(self, n_neighbors: int = 10, n_rounds: int = 1, alpha: float = 0.5) -> None:
        self.n_neighbors = n_neighbors
        self.n_rounds = n_rounds
        self.alpha = alpha

    def fit(self, X: Any, y: Any = None) -> NeighborSmoothing:
        """Check the arguments and the rows; nothing is stored but the number of columns.

        Args:
            X (array-like of shape `(n, d)`): rows.
            y: ignored.

        Returns:
            `NeighborSmoothing`: itself.

        Raises:
            UsageError: an argument is out of range, or `X` is not a matrix of real numbers.
            InvalidRowError: a row holds NaN or infinity.
        """
        self._check_arguments()
        self.n_features_in_ = check_matrix(X).shape[1]
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Smooth rows among themselves.

        Args:
            X (array-like of shape `(n, d)`): rows; `fit` need not have been called.

        Returns:
            `np.ndarray` of shape `(n, d)`, float32: rows of length one, in the order given; rows of zeros stay zero
            and are nobody's neighbour.

        Raises:
            UsageError, InvalidRowError: as [`fit`].
        """
        self._check_arguments()
        rows = check_matrix(X)
        with one_thread():
            return map_distinct_rows(self._smooth, rows)

    def _smooth(self, distinct: np.ndarray) -> np.ndarray:
        smoothed = normalize_rows(distinct)
        usable = np.flatnonzero(distinct.any(axis=1))
        neighbors = min(self.n_neighbors, len(usable) - 1)
        if neighbors < 1:
            return smoothed
        for _ in range(self.n_rounds):
            rows = smoothed[usable]
            # Among rows of length one the nearest by Euclidean distance are the nearest by cosine.
            search = NearestNeighbors(n_neighbors=neighbors, algorithm="brute").fit(rows)
            nearest = search.kneighbors(return_distance=False)
            for start in range(0, len(rows), BLOCK_ROWS // 8):
                block = slice(start, start + BLOCK_ROWS // 8)
                means = rows[nearest[block]].mean(axis=1)
                mixed = (1 - self.alpha) * rows[block] + self.alpha * means
                smoothed[usable[block]] = normalize_rows(mixed)
        return smoothed

    def _check_arguments(self) -> None:
        for name, least in (("n_neighbors", 1), ("n_rounds", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
                raise UsageError(f"`{name}` must be an integer from {least} up, got {value!r}.")
        if not 0 <= self.alpha <= 1:
            raise UsageError(f"`alpha` must be between 0 and 1, got {self.alpha}.")
