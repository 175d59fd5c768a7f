"""What calibration and thresholds check about their arrays first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hf_relation.errors import InvalidRowError, UsageError


def check_scores(values: Any, name: str, *, probabilities: bool = False, columns: bool = False) -> np.ndarray:
    """Check scores of pairs and return them in float64.

    Args:
        values (array-like of shape `(n,)` or `(n, r)`, real): one row per pair, one column per relation.
        name (`str`): how the error messages call it.
        probabilities (`bool`, defaults to `False`): whether all must be in [0, 1].
        columns (`bool`, defaults to `False`): whether it must be a matrix.

    Returns:
        `np.ndarray` of the same shape, float64; may be the input itself.

    Raises:
        UsageError: another shape or kind.
        InvalidRowError: a value is not finite, or not in [0, 1]; `.index` is the first such row.
    """
    try:
        array = np.asarray(values)
    except ValueError:
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in "fiu" or array.ndim not in ((2,) if columns else (1, 2)):
        shapes = "(pairs, relations)" if columns else "(pairs,) or (pairs, relations)"
        raise UsageError(
            f"`{name}` must be an array of real numbers of shape {shapes}, got {array.dtype}, {array.shape}."
        )
    array = array.astype(np.float64, copy=False)
    wrong = ~np.isfinite(array) | (probabilities & ((array < 0) | (array > 1)))
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        column = f" in column {place[1]}" if array.ndim == 2 else ""
        allowed = "in [0, 1]" if probabilities else "finite"
        raise InvalidRowError(f"`{name}` must be {allowed}, got {array[place]}{column}.", index=place[0])
    return array


def check_labels(values: Any, scores: np.ndarray, name: str = "labels") -> np.ndarray:
    """Check gold labels of 0 and 1 and return them as bool.

    Args:
        values (array-like of the shape of `scores`, 0/1 or bool): whether the pair has the relation.
        scores (`np.ndarray`): checked scores.
        name (`str`): how the error messages call it.

    Returns:
        `np.ndarray` of the same shape, bool.

    Raises:
        UsageError: another shape.
        InvalidRowError: a value is neither 0 nor 1; `.index` is the first such row.
    """
    try:
        array = np.asarray(values)
    except ValueError:
        array = np.empty(0, dtype=object)
    if array.shape != scores.shape or array.dtype.kind not in "bfiu":
        raise UsageError(
            f"`{name}` must be 0 or 1 for every score, shape {scores.shape}, got {array.dtype}, {array.shape}."
        )
    wrong = (array != 0) & (array != 1)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise InvalidRowError(f"`{name}` must be 0 or 1, got {array[place]}.", index=place[0])
    return array.astype(bool)


def check_relations(relations: Sequence[str] | None, num_columns: int) -> list[str]:
    """Check the names of the columns; without names they are called by their positions.

    Args:
        relations (`Sequence[str]`, *optional*): one name per column, all different.
        num_columns (`int`): how many there must be.

    Returns:
        `list[str]`.

    Raises:
        UsageError: other names than that.
    """
    if relations is None:
        return [str(column) for column in range(num_columns)]
    names = list(relations)
    if isinstance(relations, str) or not all(isinstance(name, str) for name in names):
        raise UsageError(f"`relations` must be a list of names, got {relations!r}.")
    if len(names) != num_columns or len(set(names)) != num_columns:
        raise UsageError(
            f"`relations` must be {num_columns} different names, one per column, got {len(names)}, of which "
            f"{len(set(names))} differ."
        )
    return names


def check_keys(content: Any, keys: Sequence[str], what: str) -> Mapping[str, Any]:
    """Check that untrusted content is an object with exactly these keys.

    Args:
        content (`Any`): parsed JSON.
        keys (`Sequence[str]`): the keys.
        what (`str`): how the error message calls it.

    Returns:
        `Mapping[str, Any]`: the content.

    Raises:
        UsageError: it is not.
    """
    if not isinstance(content, Mapping) or set(content) != set(keys):
        found = sorted(map(str, content)) if isinstance(content, Mapping) else type(content).__name__
        raise UsageError(f"{what} must be an object with the keys {', '.join(keys)}, got {str(found)[:200]}.")
    return content


def check_number(value: Any, what: str, low: float, high: float) -> float:
    """Check one number of untrusted content.

    Args:
        value (`Any`): parsed JSON.
        what (`str`): how the error message calls it.
        low, high (`float`): its range, ends included.

    Returns:
        `float`.

    Raises:
        UsageError: not a number, or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise UsageError(f"{what} must be a number from {low:g} to {high:g}, got {str(value)[:40]!r}.")
    return float(value)
