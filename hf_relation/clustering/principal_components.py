"""Principal components with an exact solver, so that the same rows always give the same result."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_is_fitted

from hf_relation.clustering.rows import check_matrix, group_rows, map_distinct_rows, normalize_rows
from hf_relation.clustering.threads import one_thread
from hf_relation.errors import UsageError


class PrincipalComponents(TransformerMixin, BaseEstimator):
    """Project rows on their main directions and scale them to length one.

    A thin layer over `sklearn.decomposition.PCA` with an exact solver and scikit-learn's fixed signs; rows are sorted
    by value first, so neither their order nor the number of threads matters.

    Args:
        n_components (`int`, defaults to 64): directions to keep, at least 1. With fewer rows or columns than that,
            as many as there are; `n_components_` says how many were kept.

    Attributes:
        n_components_ (`int`): directions kept.
        n_features_in_ (`int`): columns of the rows seen by `fit`.
        pca_ (`sklearn.decomposition.PCA`): the fitted estimator.

    Example:

    ```python
    >>> from hf_relation.clustering import PrincipalComponents
    >>> PrincipalComponents(1).fit_transform([[0.0, 1.0], [4.0, 1.1], [8.0, 1.2]]).tolist()
    [[-1.0], [0.0], [1.0]]

    ```
    """

    def __init__(self, n_components: int = 64) -> None:
        self.n_components = n_components

    def fit(self, X: Any, y: Any = None) -> PrincipalComponents:
        """Find the main directions of rows.

        Args:
            X (array-like of shape `(n, d)`): at least one row.
            y: ignored.

        Returns:
            `PrincipalComponents`: itself.

        Raises:
            UsageError: no row, not a matrix of real numbers, or `n_components` below 1.
            InvalidRowError: a row holds NaN or infinity.
        """
        if self.n_components < 1:
            raise UsageError(f"`n_components` must be at least 1, got {self.n_components}.")
        rows = check_matrix(X, min_rows=1)
        num_rows, dim = rows.shape
        self.n_components_ = min(self.n_components, num_rows, dim)
        self.n_features_in_ = dim
        # Both solvers are exact; the covariance is the cheaper way when there are many rows.
        solver = "covariance_eigh" if num_rows > dim else "full"
        self.pca_ = PCA(self.n_components_, svd_solver=solver)
        # Without any variation scikit-learn divides zero by zero in shares of variance, which we do not use.
        with one_thread(), np.errstate(divide="ignore", invalid="ignore"):
            self.pca_.fit(rows[group_rows(rows)[0]].astype(np.float64))
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Project rows.

        Args:
            X (array-like of shape `(n, d)`): any rows in the space of the fitted ones.

        Returns:
            `np.ndarray` of shape `(n, n_components_)`, float32: rows of length one; zero for a row without any part
            in the directions kept, such as the mean of the fitted rows.

        Raises:
            UsageError: another number of columns, or not a matrix of real numbers.
            InvalidRowError: a row holds NaN or infinity.
            sklearn.exceptions.NotFittedError: `fit` was not called.
        """
        check_is_fitted(self)
        rows = check_matrix(X, columns=self.n_features_in_)
        if not len(rows):
            return np.zeros((0, self.n_components_), dtype=np.float32)
        with one_thread():
            return map_distinct_rows(self._project, rows)

    def _project(self, distinct: np.ndarray) -> np.ndarray:
        centered = distinct - self.pca_.mean_
        projected = centered @ self.pca_.components_.T
        # What is left of a row at the mean is rounding error: normalising would blow it up to a direction.
        rounding = 1e-6 * np.abs(distinct).max(axis=1, keepdims=True)
        negligible = np.abs(projected).max(axis=1, keepdims=True) <= rounding
        return normalize_rows(np.where(negligible, 0, projected)).astype(np.float32)
