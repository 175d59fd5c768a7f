"""Modularity of a clustering on the graph of nearest neighbours."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy import sparse
from scipy.cluster.hierarchy import cut_tree
from sklearn.neighbors import kneighbors_graph

from hf_relation.clustering.threads import one_thread
from hf_relation.clustering.ward_joins import ward_tree


def neighbor_modularity(rows: np.ndarray, numbers: Iterable[int], n_neighbors: int = 20) -> tuple[float, ...]:
    """Modularity of the cuts of Ward's tree on the graph that joins every row to its nearest ones.

    The share of neighbour links that stay inside a cluster, less the share expected if links were drawn at random. A link
    counts twice where both rows are among the nearest of the other.

    Args:
        rows (`np.ndarray` of shape `(n, d)`): more than `n_neighbors`, in a fixed order.
        numbers (`Iterable[int]`): numbers of clusters.
        n_neighbors (`int`, defaults to 20): links of every row.

    Returns:
        `tuple[float, ...]`: the modularity for each number, below 1.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.clustering.modularity import neighbor_modularity
    >>> rows = np.repeat(np.eye(2), 30, axis=0)  # no link leads from one half to the other
    >>> neighbor_modularity(rows, [1, 2])
    (0.0, 0.5)

    ```

    Reference: Newman and Girvan 2004, "Finding and evaluating community structure in networks", eq. 5.
    """
    numbers = list(numbers)
    with one_thread():
        points = rows.astype(np.float64)
        links = kneighbors_graph(points, n_neighbors)
        links = links + links.T
        cuts = cut_tree(ward_tree(points), n_clusters=numbers)
    degrees = np.asarray(links.sum(axis=1)).ravel()
    total = degrees.sum()
    found = []
    for labels in cuts.T:
        member = sparse.csr_array((np.ones(len(labels)), (np.arange(len(labels)), labels)))
        inside = member.multiply(links @ member).sum() / total
        shares = np.bincount(labels, weights=degrees) / total
        found.append(float(inside - (shares**2).sum()))
    return tuple(found)
