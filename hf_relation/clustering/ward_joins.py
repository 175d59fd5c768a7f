"""How strongly the parts of a corpus stand apart, join by join of Ward's tree: what the number of relations is read from."""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import pdist

from hf_relation.clustering.threads import one_thread


SMALLEST_PART = 20
FEWEST_ROWS = 6 * SMALLEST_PART


def join_strengths(rows: np.ndarray, smallest_part: int = SMALLEST_PART, exponent: float = 0.25) -> np.ndarray:
    """Strengths of the joins of Ward's tree, strongest first.

    The k-th relation is set apart by the join of rank k - 1. Joins are ranked by their height `h` (the square root of twice the
    squared distance to the centres that joining adds); those with a part of fewer than `smallest_part` rows do not count, as a
    few outlying rows are no relation. The strength is `h * (k / n) ** exponent`: heights grow with the square root of the rows a
    relation has, on average `n / k`, and this takes back half of that. A strength is at most the one before.

    Args:
        rows (`np.ndarray` of shape `(n, d)`): rows of length one, at least two, in a fixed order.
        smallest_part (`int`, defaults to 20): see above.
        exponent (`float`, defaults to 0.25): see above; 0.5 takes back all of it.

    Returns:
        `np.ndarray` of shape `(j,)`, float64: element `i` says how strongly relation `i + 2` stands apart.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.clustering.ward_joins import join_strengths
    >>> rows = np.repeat(np.eye(3), 50, axis=0)  # three relations of 50 equal rows, all 1.41 apart
    >>> join_strengths(rows).round(2).tolist()  # 100 rows and 50: sqrt(2 * 100 * 50 / 150 * 1.5) * (2 / 150) ** 0.25
    [3.4, 3.4]

    ```

    Reference: Ward 1963, "Hierarchical grouping to optimize an objective function". Reading the number from it is ours.
    """
    return strengths_of_tree(ward_tree(rows), smallest_part, exponent)


def ward_tree(rows: np.ndarray) -> np.ndarray:
    """Ward's tree in scipy's form.

    Args:
        rows (`np.ndarray` of shape `(n, d)`): at least two.

    Returns:
        `np.ndarray` of shape `(n - 1, 4)`, float64.
    """
    with one_thread():
        return linkage(pdist(rows.astype(np.float64)), "ward")


def strengths_of_tree(tree: np.ndarray, smallest_part: int = SMALLEST_PART, exponent: float = 0.25) -> np.ndarray:
    """As [`join_strengths`], from the tree."""
    num_rows = len(tree) + 1
    sizes = np.r_[np.ones(num_rows), tree[:, 3]]
    parts = sizes[tree[:, :2].astype(np.int64)].min(axis=1)
    heights = np.sort(tree[parts >= smallest_part, 2])[::-1]
    numbers = np.arange(2, len(heights) + 2)
    return np.minimum.accumulate(heights * (numbers / num_rows) ** exponent)
