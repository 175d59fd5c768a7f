"""Maximal marginal relevance: a choice of what scores high and is not alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hf_relation.errors import UsageError


def marginal_relevance(
    scores: Sequence[float], likeness: np.ndarray, number: int, *, diversity: float = 0.5
) -> list[int]:
    """Choose things that score high and are unlike those chosen before.

    Args:
        scores (`Sequence[float]`): above zero, best first.
        likeness (`np.ndarray` of shape `(n, n)`): of every two, in [0, 1].
        number (`int`): at most this many are chosen.
        diversity (`float`, defaults to 0.5): 0 looks at scores alone, 1 at the greatest likeness to one chosen before.

    Returns:
        `list[int]`: positions, in the order in which they were chosen; fewer than `number` where the others would add nothing
        (their score, as a share of the best one's, does not outweigh their likeness).

    Raises:
        UsageError: `diversity` is not between 0 and 1.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.discovery.diversity import marginal_relevance
    >>> likeness = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> marginal_relevance([3.0, 2.8, 1.0], likeness, 2), marginal_relevance([3.0, 2.8, 1.0], likeness, 2, diversity=0)
    ([0, 2], [0, 1])

    ```

    Reference:
        Carbonell and Goldstein, The use of MMR, diversity-based reranking for reordering documents, SIGIR 1998.
    """
    if isinstance(diversity, bool) or not isinstance(diversity, (int, float)) or not 0 <= diversity <= 1:
        raise UsageError(f"`diversity` must be between 0 and 1, got {diversity!r}.")
    nearest = np.zeros(len(scores))
    chosen: list[int] = []
    open_ = list(range(len(scores)))
    while open_ and len(chosen) < number:
        gains = {i: (1 - diversity) * scores[i] / scores[0] - diversity * nearest[i] for i in open_}
        best = max(open_, key=lambda i: (gains[i], -i))
        if chosen and gains[best] <= 0:
            break
        open_.remove(best)
        chosen.append(best)
        nearest = np.maximum(nearest, likeness[best])
    return chosen
