"""Rows in a random order without end."""

from __future__ import annotations

import numpy as np


class RowStream:
    """Give rows in a random order without end; none comes twice before all have come, nor twice in one batch if avoidable.

    Args:
        rows (`np.ndarray` of shape `(n,)`): at least one row.
        rng (`np.random.Generator`): makes the order.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.training.row_stream import RowStream
    >>> stream = RowStream(np.array([4, 5, 6]), np.random.default_rng(0))
    >>> sorted(stream.take(1) + stream.take(2))
    [4, 5, 6]

    ```
    """

    def __init__(self, rows: np.ndarray, rng: np.random.Generator) -> None:
        self._rng = rng
        self._order = rng.permutation(rows)
        self._used = 0

    def take(self, number: int) -> list[int]:
        """Give the next rows; where there are fewer than `number`, all of them again and again.

        Args:
            number (`int`): how many.
        """
        size = len(self._order)
        if size < number:
            return np.resize(self._rng.permutation(self._order), number).tolist()
        if self._used + number > size:
            # What is left of the old order comes first.
            left, used = self._order[self._used :], self._order[: self._used]
            self._order = np.concatenate([left, self._rng.permutation(used)])
            self._used = 0
        taken = self._order[self._used : self._used + number]
        self._used += number
        return taken.tolist()
