"""Within-class whitening: turn down the directions in which instances of one relation differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from hf_relation.clustering.rows import BLOCK_ROWS, check_matrix, group_rows, map_distinct_rows, normalize_rows
from hf_relation.clustering.threads import one_thread
from hf_relation.errors import CheckpointError, UsageError


class WithinClassWhitening(TransformerMixin, BaseEstimator):
    r"""Within-class covariance normalisation (WCCN), fitted on known relations and applied to any instances.

    With the within-class scatter of the known relations `S_w` (over N rows, d dimensions) and a shrinkage `a`,
    `S = (1 - a) S_w + a tr(S_w)/d I`, and a row becomes `normalise((x - mean) S^{-1/2})`, of length one.
    The symmetric root is used: another factor `L L^T = S^{-1}` (Cholesky, say) gives the same rows rotated, hence the
    same distances. Up to a scale, which normalising removes, `S^{-1/2} = I - F^T F` with at most d rows in `F`, most
    important first. Truncating `F` is how the transform is stored small.

    Args:
        shrinkage (`float`, defaults to 0.8): `a` in [0, 1]; 1 leaves directions as they are, 0 whitens fully and
            needs more instances than dimensions.
        n_components (`int`, *optional*): how many directions, those of greatest within-class variation, are turned
            down one by one; the others keep one common scale. All of them by default.

    Attributes:
        mean_ (`np.ndarray` of shape `(d,)`, float32): mean of the rows seen by `fit`.
        factor_ (`np.ndarray` of shape `(r, d)`, float32): `F`.
        n_features_in_ (`int`): `d`.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.clustering import WithinClassWhitening
    >>> X = np.array([[0.0, -3.0], [0.0, 3.0], [1.0, -3.0], [1.0, 3.0]])  # classes differ in the first column only
    >>> whitening = WithinClassWhitening(shrinkage=0.1).fit(X, ["born in", "born in", "capital", "capital"])
    >>> whitening.transform([[0.0, 1.0], [1.0, 1.0]]).round(2)
    array([[-0.91,  0.42],
           [ 0.91,  0.42]], dtype=float32)

    ```

    Reference: Hatch, Kajarekar, Stolcke 2006, "Within-class covariance normalization for SVM-based speaker
    recognition". Here the identity that the scatter is shrunk to is scaled to the average variance.
    """

    def __init__(self, shrinkage: float = 0.8, n_components: int | None = None) -> None:
        self.shrinkage = shrinkage
        self.n_components = n_components

    def fit(self, X: Any, y: Any) -> WithinClassWhitening:
        """Fit on labelled rows.

        Args:
            X (array-like of shape `(n, d)`): one row per instance of a known relation.
            y (sequence of `n` `str` or `int`): the relation of each row. Rows with a negative integer are left out.

        Returns:
            `WithinClassWhitening`: itself.

        Raises:
            UsageError: fewer than two relations with at least two instances each, no variation within any relation,
                `y` and `X` of different lengths, `y` mixes strings and integers, or an argument is out of range.
            InvalidRowError: a row holds NaN or infinity.
        """
        shrinkage = self.shrinkage
        if not 0 <= shrinkage <= 1:
            raise UsageError(f"`shrinkage` must be between 0 and 1, got {shrinkage}.")
        if self.n_components is not None and self.n_components < 1:
            raise UsageError(f"`n_components` must be None or at least 1, got {self.n_components}.")
        rows = check_matrix(X)
        codes, kept = _class_codes(y, len(rows))
        rows = rows[kept]
        usable = int((np.bincount(codes) >= 2).sum()) if len(codes) else 0
        if usable < 2:
            raise UsageError(
                "Whitening needs at least 2 relations with at least 2 instances each, got "
                f"{usable} such relation(s) in {len(rows)} labelled row(s). Pass more labelled instances."
            )
        with one_thread():  # sums in one fixed order: the same result on any machine load
            mean, scatter = _within_class_scatter(rows, codes)
            factor = _whitening_factor(scatter, shrinkage)
        self.mean_ = mean.astype(np.float32)
        self.factor_ = _truncate(factor, self.n_components).astype(np.float32)
        self.n_features_in_ = rows.shape[1]
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Whiten rows.

        Args:
            X (array-like of shape `(n, d)`): any rows in the space of the fitted ones.

        Returns:
            `np.ndarray` of shape `(n, d)`, float32: rows of length one (zero where a row equals the mean). Equal rows
            get equal results, in any row order.

        Raises:
            UsageError: another number of columns, or not a matrix of real numbers.
            InvalidRowError: a row holds NaN or infinity.
            sklearn.exceptions.NotFittedError: `fit` was not called.
        """
        check_is_fitted(self)
        rows = check_matrix(X, columns=self.n_features_in_)
        with one_thread():
            return map_distinct_rows(lambda distinct: _apply(distinct, self.mean_, self.factor_), rows)

    def get_state(self, dtype: str = "float16", rank: int | None = None) -> dict[str, np.ndarray]:
        """Return everything `transform` needs as two plain arrays, ready for a safetensors file.

        Args:
            dtype (`str`, defaults to `"float16"`): `"float16"` or `"float32"`.
            rank (`int`, *optional*): keep only this many rows of the factor, at least 1; all by default. A state
                holds `d * (rank + 1)` numbers. [`state_fidelity`] says what a choice costs.

        Returns:
            `dict[str, np.ndarray]`: `mean` of shape `(d,)` and `factor` of shape `(rank, d)`.

        Raises:
            UsageError: another dtype, or a rank below 1.

        Example:

        ```python
        >>> import numpy as np
        >>> from hf_relation.clustering import WithinClassWhitening
        >>> X = np.random.default_rng(0).normal(size=(40, 8))
        >>> state = WithinClassWhitening().fit(X, np.arange(40) % 4).get_state(rank=3)
        >>> {name: (array.shape, str(array.dtype)) for name, array in state.items()}
        {'mean': ((8,), 'float16'), 'factor': ((3, 8), 'float16')}
        >>> WithinClassWhitening.from_state(state).transform(X).shape
        (40, 8)

        ```
        """
        check_is_fitted(self)
        if dtype not in ("float16", "float32"):
            raise UsageError(f'`dtype` must be "float16" or "float32", got {dtype!r}.')
        if rank is not None and rank < 1:
            raise UsageError(f"`rank` must be None or at least 1, got {rank}.")
        factor = _truncate(self.factor_.astype(np.float64), rank)
        return {"mean": self.mean_.astype(dtype), "factor": factor.astype(dtype)}

    @classmethod
    def from_state(cls, state: dict[str, np.ndarray]) -> WithinClassWhitening:
        """Rebuild a fitted transform from the arrays of [`get_state`].

        Args:
            state (`dict[str, np.ndarray]`): `mean` of shape `(d,)` and `factor` of shape `(r, d)`, float16 or float32.

        Returns:
            `WithinClassWhitening`: fitted; its constructor arguments are the defaults, as they matter to `fit` only.

        Raises:
            CheckpointError: a key is missing or unknown, or an array has a wrong shape, dtype or non-finite value.
        """
        if set(state) != {"mean", "factor"}:
            raise CheckpointError(f"A whitening state must hold exactly `mean` and `factor`, got {sorted(state)}.")
        mean, factor = np.asarray(state["mean"]), np.asarray(state["factor"])
        if mean.ndim != 1 or not len(mean) or factor.ndim != 2 or factor.shape[1] != len(mean):
            raise CheckpointError(
                "A whitening state needs `mean` of shape (d,) and `factor` of shape (r, d), "
                f"got {mean.shape} and {factor.shape}."
            )
        for name, array in (("mean", mean), ("factor", factor)):
            if array.dtype not in (np.float16, np.float32) or not np.isfinite(array).all():
                raise CheckpointError(f"`{name}` of a whitening state must be finite float16 or float32 values.")
        whitening = cls()
        whitening.mean_ = mean.astype(np.float32)
        whitening.factor_ = factor.astype(np.float32)
        whitening.n_features_in_ = len(mean)
        return whitening

    def state_fidelity(self, X: Any, *, dtype: str = "float16", rank: int | None = None) -> dict[str, float]:
        """Compare rows transformed by this object with rows transformed after storing and restoring it.

        Args:
            X (array-like of shape `(n, d)`): rows to compare on, at least one.
            dtype (`str`, defaults to `"float16"`): as in [`get_state`].
            rank (`int`, *optional*): as in [`get_state`].

        Returns:
            `dict[str, float]`: `mean_cosine` and `min_cosine` between the two versions of a row (1 is no loss), and
            `numbers`, how many numbers the state holds.

        Example:

        ```python
        >>> import numpy as np
        >>> from hf_relation.clustering import WithinClassWhitening
        >>> X = np.random.default_rng(0).normal(size=(40, 8))
        >>> fidelity = WithinClassWhitening().fit(X, np.arange(40) % 4).state_fidelity(X, rank=3)
        >>> fidelity["numbers"], fidelity["mean_cosine"] > 0.99
        (32, True)

        ```
        """
        state = self.get_state(dtype=dtype, rank=rank)
        rows = check_matrix(X, min_rows=1)
        cosines = (self.transform(rows) * self.from_state(state).transform(rows)).sum(axis=1)
        return {
            "mean_cosine": float(cosines.mean()),
            "min_cosine": float(cosines.min()),
            "numbers": sum(array.size for array in state.values()),
        }


def _class_codes(y: Any, num_rows: int) -> tuple[np.ndarray, np.ndarray]:
    labels = list(y)
    if len(labels) != num_rows:
        raise UsageError(f"`y` must hold one label per row: {num_rows} rows, {len(labels)} labels.")
    strings = sum(isinstance(label, str) for label in labels)
    integers = sum(isinstance(label, (int, np.integer)) and not isinstance(label, bool) for label in labels)
    if len(labels) not in (strings, integers):
        raise UsageError("`y` must hold either strings only or integers only.")
    values = np.array(labels)
    kept = np.flatnonzero(values >= 0) if integers else np.arange(num_rows)
    return np.unique(values[kept], return_inverse=True)[1], kept


def _within_class_scatter(rows: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.lexsort((codes, group_rows(rows)[1]))  # by value, then class: the order of the input does not matter
    rows, codes = rows[order], codes[order]
    num_rows, dim = rows.shape
    scatter = np.zeros((dim, dim))
    for code in range(int(codes.max()) + 1):
        members = rows[codes == code].astype(np.float64)
        members -= members.mean(axis=0)
        for start in range(0, len(members), BLOCK_ROWS):
            block = members[start : start + BLOCK_ROWS]
            scatter += block.T @ block
    return rows.mean(axis=0, dtype=np.float64), scatter / num_rows


def _whitening_factor(scatter: np.ndarray, shrinkage: float) -> np.ndarray:
    variances, directions = scipy.linalg.eigh(scatter)  # ascending; directions are columns
    variances = np.clip(variances, 0, None)
    average = variances.mean()
    if average <= 0:
        raise UsageError("Whitening needs variation: all instances of each relation are the same. Pass other data.")
    shrunk = (1 - shrinkage) * variances + shrinkage * average
    if shrunk[0] <= 1e-10 * shrunk[-1]:
        raise UsageError(
            f"With `shrinkage` {shrinkage} some directions have no within-class variation left to divide by. "
            "Raise `shrinkage` (0.8 is the default) or pass more labelled instances than dimensions."
        )
    ratios = np.sqrt(shrunk[0] / shrunk)  # scale of each direction in S^{-1/2}, the largest set to 1
    return (np.sqrt(1 - ratios) * directions).T[::-1]


def _truncate(factor: np.ndarray, rank: int | None) -> np.ndarray:
    # Directions no longer listed get their common mean scale, and the others are restated relative to that.
    if rank is None or rank >= len(factor):
        return factor
    lost = (factor**2).sum(axis=1)  # 1 - ratio; the rows are orthogonal
    common = 1 - lost[rank:].sum() / (factor.shape[1] - rank)
    lost, factor = lost[:rank], factor[:rank]
    wanted = np.clip(1 - (1 - lost) / common, 0, None)
    return factor * np.sqrt(np.divide(wanted, lost, out=np.zeros_like(lost), where=lost > 0))[:, None]


def _apply(rows: np.ndarray, mean: np.ndarray, factor: np.ndarray) -> np.ndarray:
    centered = rows - mean
    return normalize_rows(centered - (centered @ factor.T) @ factor)
