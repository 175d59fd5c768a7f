"""What a learning order looks like: how much was learned by when, and how far two models agree on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hf_relation.errors import UsageError


NEVER_LEARNED = -1


def learned_by_epoch(learning_order: Sequence[int] | np.ndarray, num_epochs: int) -> np.ndarray:
    """The share of all instances whose label was learned by the end of every epoch.

    Args:
        learning_order (array-like of shape `(n,)`, int): the epoch at which the label was learned, from 1; -1 for never.
        num_epochs (`int`): epochs of the training.

    Returns:
        `np.ndarray` of shape `(num_epochs,)`: in [0, 1], never falling.

    Raises:
        UsageError: no instance, or an epoch out of range.

    Example:

    ```python
    >>> from hf_relation.metrics import learned_by_epoch
    >>> learned_by_epoch([1, 1, 3, -1], 3).tolist()
    [0.5, 0.5, 0.75]

    ```

    Reference: Hogan, Li and Shang, EMNLP 2022, figure 2.
    """
    order = _checked(learning_order, num_epochs, "learning_order")
    if not len(order):
        raise UsageError("A learning order of no instance has no shares.")
    counts = np.bincount(order[order > 0], minlength=num_epochs + 1)[1:]
    return np.asarray(counts.cumsum() / len(order))


def learned_jaccard(first: Any, second: Any, num_epochs: int) -> np.ndarray:
    """How far two models have learned the same instances by the end of every epoch: shared ones over all that either learned.

    Args:
        first, second (array-like of shape `(n,)`, int): two learning orders of the same instances.
        num_epochs (`int`): epochs of both trainings.

    Returns:
        `np.ndarray` of shape `(num_epochs,)`: in [0, 1]; NaN where neither has learned anything.

    Raises:
        UsageError: orders of different lengths, or an epoch out of range.

    Example:

    ```python
    >>> from hf_relation.metrics import learned_jaccard
    >>> learned_jaccard([1, 1, 2, -1], [1, 2, 2, 2], 2).tolist()
    [0.5, 0.75]

    ```

    Reference: Hogan, Li and Shang, EMNLP 2022, figure 3.
    """
    a, b = _checked(first, num_epochs, "first"), _checked(second, num_epochs, "second")
    if len(a) != len(b):
        raise UsageError(f"Two learning orders of the same instances are needed, got {len(a)} and {len(b)}.")
    epochs = np.arange(1, num_epochs + 1)[:, None]
    by_a, by_b = (a > 0) & (a <= epochs), (b > 0) & (b <= epochs)  # (epochs, n)
    either = (by_a | by_b).sum(1)
    with np.errstate(invalid="ignore"):
        return np.where(either > 0, (by_a & by_b).sum(1) / np.maximum(either, 1), np.nan)


def _checked(order: Any, num_epochs: int, name: str) -> np.ndarray:
    if num_epochs < 1:
        raise UsageError(f"`num_epochs` must be at least 1, got {num_epochs}.")
    found = np.asarray(order)
    if found.ndim != 1 or (found.size and not np.issubdtype(found.dtype, np.integer)):
        raise UsageError(f"`{name}` must be a list of epochs, got an array of shape {found.shape} of {found.dtype}.")
    found = found.astype(np.int64)
    wrong = (found != NEVER_LEARNED) & ((found < 1) | (found > num_epochs))
    if wrong.any():
        row = int(wrong.argmax())
        raise UsageError(
            f"`{name}` holds the epoch {found[row]} in row {row}; it goes from 1 to {num_epochs}, and -1 is never."
        )
    return found
