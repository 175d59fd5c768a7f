"""Where the gate looks: the main directions of the rows at hand, and the small groups that they form there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hf_relation.clustering.algorithms import cluster
from hf_relation.clustering.labels import cluster_centers
from hf_relation.clustering.principal_components import PrincipalComponents
from hf_relation.clustering.rows import group_rows, normalize_rows
from hf_relation.clustering.threads import one_thread


NUM_DIRECTIONS = 64
ROWS_PER_GROUP = 40
NUM_GROUPS = (4, 200)  # least, most


@dataclass(frozen=True)
class GateSpace:
    """A projection, and group centres in it.

    A corpus with novel relations spreads in their directions, too; there the rows of novel relations stand apart from the known
    prototypes, which they do not in the directions of the known relations alone.

    Args:
        mean (`np.ndarray` of shape `(d,)`): mean of the rows.
        components (`np.ndarray` of shape `(c, d)`): their directions of greatest variance, orthonormal.
        groups (`np.ndarray` of shape `(g, c)`): centres of many small clusters of the rows, of length one. A row that has a
            relation is nearer to one of them than a row that has none.
    """

    mean: np.ndarray
    components: np.ndarray
    groups: np.ndarray

    @classmethod
    def fit(cls, rows: np.ndarray, seed: int) -> GateSpace:
        """Find the directions and the groups.

        Args:
            rows (`np.ndarray` of shape `(n, d)`, float32): all rows at hand, of length one; at least one.
            seed (`int`): of k-means.

        Returns:
            [`GateSpace`]: the same in any row order.
        """
        found = PrincipalComponents(NUM_DIRECTIONS).fit(rows)
        projected = found.transform(rows)
        num_distinct = int(group_rows(projected)[1].max()) + 1
        least, most = NUM_GROUPS
        wanted = min(max(len(rows) // ROWS_PER_GROUP, least), most, num_distinct)
        labels = cluster(projected, "kmeans", wanted, seed=seed, n_init=1)
        groups = normalize_rows(cluster_centers(projected, labels))
        return cls(found.pca_.mean_.astype(np.float32), found.pca_.components_.astype(np.float32), groups)

    def project(self, rows: np.ndarray) -> np.ndarray:
        """Rows in the main directions, not scaled.

        Args:
            rows (`np.ndarray` of shape `(n, d)`): of length one.

        Returns:
            `np.ndarray` of shape `(n, c)`, float64.
        """
        with one_thread():
            return (rows.astype(np.float64) - self.mean) @ self.components.T.astype(np.float64)

    def nearness(self, directions: np.ndarray) -> np.ndarray:
        """Cosine to the nearest group.

        Args:
            directions (`np.ndarray` of shape `(n, c)`): projected rows of length one.

        Returns:
            `np.ndarray` of shape `(n,)`.
        """
        with one_thread():
            return (directions @ self.groups.T.astype(np.float64)).max(axis=1, initial=-1.0)
