"""What the gate is told beside vectors: names of relations, and sources of negatives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hf_relation.errors import UsageError


def check_relations(names: Sequence[str], number: int, relations: Sequence[str] | None) -> list[str]:
    """Check the names of labelled rows, and give the relations in order.

    Args:
        names (`Sequence[str]`): one a row.
        number (`int`): rows.
        relations (`Sequence[str]`, *optional*): the order wanted; by name by default.

    Returns:
        `list[str]`: every relation once.

    Raises:
        UsageError: they do not fit.
    """
    listed = [] if isinstance(names, str) else list(names)
    if len(listed) != number or not all(isinstance(each, str) and each for each in listed):
        raise UsageError(
            f"`names` must be {number} relation names, one a row (strings, not empty), got {str(names)[:80]}."
        )
    found = sorted(set(listed))
    order = found if relations is None else list(relations)
    if len(set(order)) != len(order) or set(order) != set(found):
        wrong = sorted(set(order) ^ set(found), key=str) or order
        raise UsageError(
            f"`relations` must list every relation of `names` once, and no other; {wrong[0]!r} is in one of them only, or twice."
        )
    return order


def check_sources(sources: Sequence[int] | None, number: int, num_rows: int) -> np.ndarray:
    """Check which row each negative was made from.

    Args:
        sources (`Sequence[int]`, *optional*): positions of rows, or -1.
        number (`int`): negatives.
        num_rows (`int`): labelled rows.

    Returns:
        `np.ndarray` of shape `(number,)`, int64; -1 everywhere where none are given.

    Raises:
        UsageError: they do not fit.
    """
    if sources is None:
        return np.full(number, -1)
    array = np.asarray(sources)
    if not array.size and not number:
        return np.empty(0, dtype=np.int64)
    if array.shape != (number,) or array.dtype.kind not in "iu" or array.min() < -1 or array.max() >= num_rows:
        raise UsageError(
            f"`negative_sources` must be {number} positions in `vectors`, one a negative, from 0 to {num_rows - 1}, or -1, got "
            f"{str(sources)[:80]}."
        )
    return array.astype(np.int64)
