"""A start of k-means from Ward's tree, for more clusters than random starts can find."""

from __future__ import annotations

import numpy as np
from sklearn.base import clone
from sklearn.cluster import AgglomerativeClustering, KMeans


# From so many clusters on random starts miss some of them whatever their number: each start has two centres in one cluster here and there.
WARD_START_CLUSTERS = 100
_FEWEST_ROWS, _MOST_ROWS, _ROWS_EACH = 4096, 8192, 20  # distances between all pairs of 8,192 rows are 268 MB


def refined_by_ward_start(fitted: KMeans, rows: np.ndarray, weights: np.ndarray, seed: int) -> KMeans:
    """k-means that was also started from Ward's tree: that of the two with less inertia.

    The tree is that of all rows, or of 4,096 to 8,192 that are drawn (20 for each cluster, where that is more than 4,096).

    Args:
        fitted (`KMeans`): the best of random starts; its settings are taken.
        rows (`np.ndarray` of shape `(n, d)`): distinct rows, in a fixed order.
        weights (`np.ndarray` of shape `(n,)`): of the rows; the tree does not know them, the k-means after it does.
        seed (`int`): of the rows that are drawn.

    Returns:
        `KMeans`: fitted. `fitted` itself below 100 clusters, or where the tree would need more than 8,192 rows for two rows
        a cluster.

    Example:

    ```python
    >>> import numpy as np
    >>> from sklearn.cluster import KMeans
    >>> from hf_relation.clustering.ward_start import refined_by_ward_start
    >>> grid = np.stack(np.meshgrid(np.arange(12.0), np.arange(10.0)), axis=-1).reshape(-1, 2)
    >>> rows = (grid[:, None] + 0.1 * np.random.default_rng(0).normal(size=(120, 20, 2))).reshape(-1, 2)
    >>> one = KMeans(120, n_init=1, random_state=0).fit(rows)
    >>> better = refined_by_ward_start(one, rows, np.ones(len(rows)), seed=0)
    >>> one.inertia_ > better.inertia_, round(better.inertia_)  # 2 * 0.1**2 * (2400 - 120) = 45.6 when every cluster is found
    (True, 45)

    ```

    Reference: Ward 1963, "Hierarchical grouping to optimize an objective function". The tree as a start of k-means is
    Milligan 1980, "An examination of the effect of six types of error perturbation on fifteen clustering algorithms".
    """
    number = fitted.n_clusters
    if number < WARD_START_CLUSTERS or min(len(rows), _MOST_ROWS) < 2 * number:
        return fitted
    wanted = min(max(_FEWEST_ROWS, _ROWS_EACH * number), _MOST_ROWS)
    drawn = np.random.RandomState(seed).permutation(len(rows))[:wanted] if len(rows) > wanted else np.arange(len(rows))
    labels = AgglomerativeClustering(number).fit(rows[drawn]).labels_
    sizes = np.bincount(labels, weights[drawn])
    sums = np.zeros((number, rows.shape[1]))
    np.add.at(sums, labels, rows[drawn] * weights[drawn, None].astype(np.float64))
    start = (sums / sizes[:, None]).astype(rows.dtype)
    again = clone(fitted).set_params(init=start, n_init=1).fit(rows, sample_weight=weights)
    return again if again.inertia_ < fitted.inertia_ else fitted
