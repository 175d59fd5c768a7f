"""Checks on an embedding matrix, and an order of its rows that depends on their values alone.

Clustering libraries promise the same result for the same seed *and the same row order*. We promise it in any row
order, so every algorithm here sees the rows sorted by value, and results are put back in the caller's order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hf_relation.errors import InvalidRowError, UsageError


BLOCK_ROWS = 8192


def check_matrix(X: Any, *, name: str = "X", min_rows: int = 0, columns: int | None = None) -> np.ndarray:
    """Check an embedding matrix and return it as C-contiguous float32.

    Lists of lists, (unsigned) integers, float16, float64, read-only, memory-mapped and non-contiguous arrays are
    converted; the input is never written to. A contiguous float32 array is returned as it is, without a copy.

    Args:
        X (array-like of shape `(n, d)`, real numbers): one row per instance.
        name (`str`, defaults to `"X"`): how the error messages call it.
        min_rows (`int`, defaults to 0): the least number of rows allowed.
        columns (`int`, *optional*): the number of columns required.

    Returns:
        `np.ndarray` of shape `(n, d)`, float32.

    Raises:
        UsageError: `X` is not a two-dimensional array of real numbers, or has too few rows or other columns.
        InvalidRowError: a row holds NaN, infinity or a value beyond the float32 range; `.index` is the first such row.

    Example:

    ```python
    >>> from hf_relation.clustering.rows import check_matrix
    >>> check_matrix([[1, 2], [3, 4]]).dtype
    dtype('float32')
    >>> check_matrix([[1.0], [float("nan")]])
    Traceback (most recent call last):
        ...
    hf_relation.errors.InvalidRowError: row 1: `X` holds nan in column 0; ...

    ```
    """
    try:
        values = np.asarray(X)
    except ValueError as error:
        raise UsageError(
            f"`{name}` must be a matrix of shape (rows, dimensions) with rows of equal length."
        ) from error
    if values.dtype.kind not in "fiu":
        raise UsageError(
            f"`{name}` must hold real numbers (float or integer), got dtype {values.dtype}. Convert it first."
        )
    if values.ndim != 2:
        raise UsageError(
            f"`{name}` must have shape (rows, dimensions), got shape {values.shape}."
            + (" For a single row use X[None, :]." if values.ndim == 1 else "")
        )
    if values.shape[1] == 0:
        raise UsageError(f"`{name}` must have at least one column, got shape {values.shape}.")
    if columns is not None and values.shape[1] != columns:
        raise UsageError(f"`{name}` must have {columns} columns, as when it was fitted, got {values.shape[1]}.")
    if values.shape[0] < min_rows:
        raise UsageError(f"`{name}` must have at least {min_rows} row(s), got {values.shape[0]}. Pass more data.")
    with np.errstate(over="ignore"):  # float64 beyond the float32 range becomes inf, which is reported just below
        matrix = np.ascontiguousarray(values, dtype=np.float32)
    for start in range(0, len(matrix), BLOCK_ROWS):
        bad = ~np.isfinite(matrix[start : start + BLOCK_ROWS])
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise InvalidRowError(
                f"`{name}` holds {values[start + row, column]} in column {column}; every value must be finite and "
                "fit in float32. Repair or drop this row.",
                index=int(start + row),
            )
    return matrix


def normalize_rows(X: np.ndarray) -> np.ndarray:
    """Scale every row to length one; a row of zeros stays zero.

    Args:
        X (`np.ndarray` of shape `(n, d)`, floating): checked rows, see [`check_matrix`].

    Returns:
        `np.ndarray` of shape `(n, d)`, a new array of the same dtype.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.clustering.rows import normalize_rows
    >>> normalize_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]

    ```
    """
    # Dividing by the largest value first keeps the squares of very large and very small rows in range.
    largest = np.abs(X).max(axis=1, keepdims=True)
    scaled = X / np.where(largest > 0, largest, 1)
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
    scaled /= np.where(lengths > 0, lengths, 1)
    return scaled


def group_rows(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort rows by value, first column first, and number the distinct ones.

    Args:
        X (`np.ndarray` of shape `(n, d)`, float32): checked rows, see [`check_matrix`].

    Returns:
        `tuple[np.ndarray, np.ndarray]`: `order` of shape `(n,)`, so that `X[order]` is sorted; and `group` of shape
        `(n,)`, the rank of each row's value among the `m` distinct values, from 0 to `m - 1`. Equal rows share a
        rank. `group` does not depend on the order in which rows were given.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.clustering.rows import group_rows
    >>> order, group = group_rows(np.array([[2, 0], [1, 5], [2, 0], [1, 4]], dtype=np.float32))
    >>> order.tolist(), group.tolist()
    ([3, 1, 0, 2], [2, 1, 2, 0])

    ```
    """
    order = np.argsort(X[:, 0], kind="stable")
    first = X[order, 0]
    same_as_previous = np.r_[False, first[1:] == first[:-1]]
    tied = np.flatnonzero(same_as_previous | np.r_[same_as_previous[1:], False])
    if len(tied):  # rows that share their first value: compare all their columns
        rows = order[tied]
        order[tied] = rows[np.argsort(_sort_keys(X[rows]), kind="stable")]
        candidates = np.flatnonzero(same_as_previous)
        for start in range(0, len(candidates), BLOCK_ROWS):
            block = candidates[start : start + BLOCK_ROWS]
            same_as_previous[block] = (X[order[block]] == X[order[block - 1]]).all(axis=1)
    group = np.empty(len(X), dtype=np.int64)
    group[order] = np.cumsum(~same_as_previous) - 1
    return order, group


def map_distinct_rows(function: Callable[[np.ndarray], np.ndarray], X: np.ndarray) -> np.ndarray:
    """Apply a function to the distinct rows in sorted order, and hand every row its result.

    Matrix products round a row a little differently depending on where it stands in the matrix. This way equal rows
    get bitwise equal results, and results do not depend on the order of the rows.

    Args:
        function: from an array of shape `(m, d)` to an array with `m` rows.
        X (`np.ndarray` of shape `(n, d)`, float32): checked rows, see [`check_matrix`].

    Returns:
        `np.ndarray` with `n` rows.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.clustering.rows import map_distinct_rows
    >>> map_distinct_rows(lambda rows: rows * 10, np.array([[2], [1], [2]], dtype=np.float32)).tolist()
    [[20.0], [10.0], [20.0]]

    ```
    """
    order, group = group_rows(X)
    return function(X[distinct_positions(order, group)])[group]


def distinct_positions(order: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return the position of one row per distinct value, in sorted order, from the results of [`group_rows`]."""
    ranks = group[order]
    return order[np.r_[True, ranks[1:] != ranks[:-1]]] if len(order) else order


def check_enough_rows(n_clusters: int, num_distinct: int, num_rows: int) -> None:
    """Refuse more clusters than there are distinct rows.

    Raises:
        UsageError: names both numbers.
    """
    if n_clusters > num_distinct:
        raise UsageError(
            f"`n_clusters` must be at most the number of distinct rows ({num_distinct} among {num_rows} rows), got "
            f"{n_clusters}. Lower it or pass more data."
        )


def _sort_keys(rows: np.ndarray) -> np.ndarray:
    # Big-endian unsigned integers that compare as the floats do, so that comparing a row's bytes compares its values.
    bits = (rows + np.float32(0)).view(np.uint32)  # adding zero turns -0.0 into 0.0
    ordered = np.where(bits >> 31 == 1, ~bits, bits | np.uint32(0x80000000)).astype(">u4")
    return ordered.view(f"V{4 * rows.shape[1]}").ravel()
