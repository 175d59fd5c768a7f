"""The nearest rows of every row, and how often they share its relation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np

from hf_relation.clustering.rows import check_matrix, distinct_positions, group_rows, normalize_rows
from hf_relation.clustering.threads import one_thread
from hf_relation.compat import import_optional
from hf_relation.errors import InvalidRowError, UsageError


NeighborMetric = Literal["cosine", "dot"]
NeighborBackend = Literal["auto", "exact", "faiss"]

EXACT_ROWS = 200_000  # up to here "auto" does without faiss
_BLOCK_VALUES = 2**24  # similarities held at once: 64 MB of float32


def nearest_neighbors(
    X: Any,
    k: int,
    *,
    metric: NeighborMetric = "cosine",
    block_rows: int | None = None,
    backend: NeighborBackend = "auto",
) -> tuple[np.ndarray, np.ndarray]:
    """Find the k rows most like every row, itself excluded.

    All pairs are compared, a block of rows at a time, so memory grows with the rows only (time with their square). A row
    is excluded by its position, not as "the first hit": other rows that are equal to it are its neighbours. In another
    order of the rows the same neighbours are found but for rows equally near.

    Args:
        X (array-like of shape `(n, d)`): one row per instance, at least two.
        k (`int`): how many, from 1 to n - 1.
        metric (`str`, defaults to `"cosine"`): `"cosine"`: the dot product of rows scaled to length one; `"dot"`: of the
            rows as they are, where long rows are near to all others.
        block_rows (`int`, *optional*): how many rows to compare with all others at once; by default as many as make 64 MB
            of similarities. Changes time and memory only. Not used by faiss.
        backend (`str`, defaults to `"auto"`): `"exact"`: numpy; `"faiss"`: a flat inner-product index, exact as well, in
            several threads; `"auto"`: numpy up to 200,000 rows, beyond them faiss where it is installed.

    Returns:
        `tuple[np.ndarray, np.ndarray]`: positions of shape `(n, k)`, int64, the most similar first, and similarities of
        shape `(n, k)`, float32. Of equally near rows the one of smaller position comes first (with faiss: among those
        that it returned).

    Raises:
        UsageError: `k`, `metric`, `block_rows` or `backend` is out of range, or `X` is not a matrix of real numbers.
        InvalidRowError: a row holds NaN or infinity, or is zero with `metric="cosine"`; `.index` is the first such row.
        ImportError: `backend="faiss"` without faiss installed.

    Example:

    ```python
    >>> from hf_relation.clustering import nearest_neighbors
    >>> indices, similarities = nearest_neighbors([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [2.0, 0.0]], 2)
    >>> indices.tolist()
    [[3, 1], [2, 0], [1, 0], [0, 1]]
    >>> similarities.round(3)[0].tolist()
    [1.0, 0.6000000238418579]

    ```

    Reference: neighbour mining of Siamese-URE, ECAI 2023, section 2.3. (The authors' code takes dot products of rows as
    they are and drops the first hit, which need not be the row itself.)
    """
    rows = check_matrix(X, min_rows=2)
    _check_settings(k, len(rows), metric, block_rows, backend)
    if metric == "cosine":
        zero = ~rows.any(axis=1)
        if zero.any():
            raise InvalidRowError(
                'a row of zeros has no direction, so `metric="cosine"` cannot place it. Drop it or use "dot".',
                index=int(np.argmax(zero)),
            )
        rows = normalize_rows(rows)
    faiss = _faiss(backend, len(rows))
    if faiss is not None:
        return _search_faiss(faiss, rows, k)
    if block_rows is None:
        block_rows = max(1, _BLOCK_VALUES // len(rows))
    with one_thread():
        return _search_exactly(rows, k, block_rows)


def neighbor_accuracy(indices: Any, labels: Sequence[Any] | np.ndarray, ks: Sequence[int]) -> dict[int, float]:
    """Share of the first k neighbours that have the label of their row, for several k.

    Args:
        indices (array-like of shape `(n, K)`, integer): neighbours, the nearest first, from [`nearest_neighbors`].
        labels (sequence of length `n`): one per row, e.g. gold relations.
        ks (sequence of `int`): numbers of neighbours, each from 1 to K.

    Returns:
        `dict[int, float]`: for every k the mean over all rows, from 0 to 1, the higher the better.

    Raises:
        UsageError: not one row of indices per label, no row, an index that is not a row, or a k out of range.

    Example:

    ```python
    >>> from hf_relation.clustering import neighbor_accuracy
    >>> neighbor_accuracy([[1, 2], [0, 2], [1, 0]], ["a", "a", "b"], [1, 2])
    {1: 0.6666666666666666, 2: 0.3333333333333333}

    ```

    Reference: Siamese-URE, ECAI 2023, figure 3.
    """
    found = np.asarray(indices)
    if found.ndim != 2 or found.dtype.kind not in "iu" or 0 in found.shape:
        raise UsageError(
            f"`indices` must be a matrix (rows, neighbours) of integers, got shape {found.shape} and dtype {found.dtype}."
        )
    if len(labels) != len(found):
        raise UsageError(f"`labels` must be one per row of `indices`: {len(found)} rows, {len(labels)} labels.")
    if found.min() < 0 or found.max() >= len(found):
        raise UsageError(f"`indices` must be from 0 to {len(found) - 1}, got {found.min()} to {found.max()}.")
    numbers: dict[Any, int] = {}
    ids = np.array([numbers.setdefault(label, len(numbers)) for label in labels])
    same = ids[found] == ids[:, None]
    for k in ks:
        if not _is_integer(k) or not 1 <= k <= found.shape[1]:
            raise UsageError(
                f"Every k must be an integer from 1 to {found.shape[1]}, the neighbours given; got {k!r}."
            )
    return {int(k): float(same[:, :k].mean()) for k in ks}


def _search_exactly(rows: np.ndarray, k: int, block_rows: int) -> tuple[np.ndarray, np.ndarray]:
    # A matrix product rounds a row differently depending on where it stands. Over the distinct rows, in sorted order,
    # equal rows have equal similarities to every other, and the order of the rows does not matter.
    order, group = group_rows(rows)
    distinct = rows[distinct_positions(order, group)]
    indices = np.empty((len(rows), k), dtype=np.int64)
    similarities = np.empty((len(rows), k), dtype=np.float32)
    for start in range(0, len(rows), block_rows):
        block = order[start : start + block_rows]
        first, last = group[block[0]], group[block[-1]]
        table = distinct[first : last + 1] @ distinct.T
        table = table[group[block] - first][:, group]  # (rows of the block, n)
        table[np.arange(len(block)), block] = -np.inf
        indices[block], similarities[block] = _largest(table, k)
    return indices, similarities


def _largest(table: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k largest values of each row, the smaller column first among equal ones."""
    least = np.partition(table, -k, axis=1)[:, -k, None]  # the k-th largest
    taken = table >= least
    crowded = np.flatnonzero(
        taken.sum(axis=1) > k
    )  # several columns have just that value: the first of them are taken
    if len(crowded):
        tied = table[crowded] == least[crowded]
        above = taken[crowded] & ~tied
        places = k - above.sum(axis=1, keepdims=True)
        taken[crowded] = above | (tied & (np.cumsum(tied, axis=1) <= places))
    columns = np.nonzero(taken)[1].reshape(len(table), k)
    values = np.take_along_axis(table, columns, axis=1)
    best = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(columns, best, axis=1), np.take_along_axis(values, best, axis=1)


def _search_faiss(faiss: Any, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    values, columns = index.search(rows, k + 1)
    itself = columns == np.arange(len(rows))[:, None]
    itself[~itself.any(axis=1), -1] = True  # not among the hits: k others are nearer, and the last hit is one too many
    columns = columns[~itself].reshape(len(rows), k)
    values = values[~itself].reshape(len(rows), k)
    best = np.lexsort((columns, -values), axis=1)
    return (
        np.take_along_axis(columns, best, axis=1).astype(np.int64),
        np.take_along_axis(values, best, axis=1).astype(np.float32),
    )


def _faiss(backend: str, num_rows: int) -> Any:
    if backend == "exact" or (backend == "auto" and num_rows <= EXACT_ROWS):
        return None
    try:
        return import_optional("faiss", extra="faiss")
    except ImportError:
        if backend == "faiss":
            raise
        return None  # numpy finds the same neighbours, in more time


def _check_settings(k: Any, num_rows: int, metric: str, block_rows: Any, backend: str) -> None:
    if not _is_integer(k) or not 1 <= k < num_rows:
        raise UsageError(
            f"`k` must be an integer from 1 to the number of other rows ({num_rows - 1}), got {k!r}. Lower it or pass more "
            "data."
        )
    for name, value, kind in (("metric", metric, NeighborMetric), ("backend", backend, NeighborBackend)):
        if value not in get_args(kind):
            raise UsageError(f"`{name}` must be one of {', '.join(map(repr, get_args(kind)))}; got {value!r}.")
    if block_rows is not None and (not _is_integer(block_rows) or block_rows < 1):
        raise UsageError(f"`block_rows` must be an integer from 1 up, got {block_rows!r}.")


def _is_integer(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
