"""Relations of a stream: one shard of embeddings after the other, none kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hf_relation.errors import UsageError


if TYPE_CHECKING:
    from sklearn.cluster import MiniBatchKMeans

    from hf_relation.clustering.whitening import WithinClassWhitening
    from hf_relation.discovery.prototypes import PrototypeTree
    from hf_relation.discovery.steps import EmbeddingSteps


class RelationStream:
    """Cluster embeddings that come shard by shard and are seen once, in flat memory.

    The first rows are held until there are enough of them; principal components (`IncrementalPCA`) and the first of many
    centres are made of them. From then on every shard moves the centres a little (`MiniBatchKMeans.partial_fit`: D. Sculley,
    "Web-scale k-means clustering", WWW 2010) and is forgotten. The centres are merged into relations whenever they are asked for.

    Other than in [`~hf_relation.sharded.discover_sharded`], the result depends on the order of the shards, and relations that
    only turn up late share what directions and centres the first rows left. Give a mixture first.

    Args:
        num_relations (`int`): relations wanted, at least 1.
        num_centers (`int`, *optional*): centres, at least as many as relations; ten for each by default, at most one for four of the
            first rows.
        pca_components (`int`, *optional*): keep so many directions.
        whitening ([`~hf_relation.clustering.WithinClassWhitening`], *optional*): fitted; applied first.
        first_rows (`int`, defaults to 65,536): rows that are held.
        n_init (`int`, defaults to 20): restarts of k-means over the centres.
        seed (`int`, defaults to 0): of k-means.

    Attributes:
        rows_ (`int`): rows seen.
        counts_ (`np.ndarray` of shape `(m,)`): rows that went to each centre when they came; set once the first rows are there.

    Raises:
        UsageError: an argument is out of range.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.sharded import RelationStream
    >>> stream = RelationStream(2, first_rows=4)
    >>> for shard in ([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1]], [[0.9, 0.0], [0.1, 1.0]], [[1.0, 0.2]]):
    ...     _ = stream.partial_fit(np.array(shard))
    >>> stream.predict(np.array([[5.0, 0.0], [0.0, 5.0]])).tolist()  # by size: relation 0 has more rows
    [0, 1]

    ```
    """

    def __init__(
        self,
        num_relations: int,
        *,
        num_centers: int | None = None,
        pca_components: int | None = None,
        whitening: WithinClassWhitening | None = None,
        first_rows: int = 65_536,
        n_init: int = 20,
        seed: int = 0,
    ) -> None:
        given = {"num_relations": num_relations, "first_rows": first_rows, "n_init": n_init}
        optional = {"num_centers": num_centers, "pca_components": pca_components}
        for name, value in (given | {name: value for name, value in optional.items() if value is not None}).items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise UsageError(f"`{name}` must be an integer from 1 up, got {value!r}.")
        if num_centers is not None and num_centers < num_relations:
            raise UsageError(f"`num_centers` ({num_centers}) must be at least `num_relations` ({num_relations}).")
        self.num_relations, self.num_centers, self.pca_components = num_relations, num_centers, pca_components
        self.whitening, self.first_rows, self.n_init, self.seed = whitening, first_rows, n_init, seed
        self.rows_ = 0
        self._held: list[np.ndarray] = []
        self._columns: int | None = None
        self._steps: EmbeddingSteps | None = None
        self._kmeans: MiniBatchKMeans | None = None
        self._tree: PrototypeTree | None = None

    def partial_fit(self, X: Any, y: Any = None) -> RelationStream:
        """Take the next shard.

        Args:
            X (array-like of shape `(n, d)`): embeddings; may be empty.
            y: ignored.

        Returns:
            `RelationStream`: itself.

        Raises:
            UsageError: no matrix of real numbers, or with other columns than those before.
            InvalidRowError: a row holds NaN or infinity. Nothing of the shard has been taken.
        """
        from hf_relation.clustering.rows import check_matrix

        rows = check_matrix(X, columns=self._columns)
        self._columns = rows.shape[1]
        if len(rows):
            self.rows_ += len(rows)
            self._tree = None
            if self._kmeans is None:
                self._held.append(rows.copy())  # what the caller does with the array is the caller's
                if self.rows_ >= self.first_rows:
                    self._begin()
            else:
                self._take(rows)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The relation of every row, by the nearest centre there is now.

        Args:
            X (array-like of shape `(n, d)`): embeddings; may be empty.

        Returns:
            `np.ndarray` of shape `(n,)`, int64: 0 to `num_relations - 1`, by the rows seen so far, largest first. These numbers change as
            the stream goes on.

        Raises:
            UsageError: no rows were seen, fewer distinct ones than relations, or other columns.
            InvalidRowError: a row holds NaN or infinity.
        """
        tree = self._relations()
        assert self._steps is not None
        return tree.assign(self._steps.transform(X))

    def _begin(self) -> None:
        from sklearn.cluster import MiniBatchKMeans
        from sklearn.decomposition import IncrementalPCA

        from hf_relation.clustering.rows import distinct_positions, group_rows
        from hf_relation.clustering.threads import one_thread
        from hf_relation.discovery.steps import EmbeddingSteps, whitening_state
        from hf_relation.sharded.stages.fitting import CENTERS_EACH, first_centers

        rows = np.concatenate(self._held)
        state: dict[str, np.ndarray] = {}
        if self.whitening is not None:
            state = {f"whitening.{name}": value for name, value in whitening_state(self.whitening).items()}
        if self.pca_components is not None and self.pca_components < min(rows.shape):
            with one_thread():
                pca = IncrementalPCA(self.pca_components)
                pca.fit(rows if self.whitening is None else self.whitening.transform(rows))
            state |= {"pca.mean": pca.mean_, "pca.components": pca.components_}
        steps = EmbeddingSteps.from_state(state, rows.shape[1])
        vectors = steps.transform(rows)
        distinct = vectors[distinct_positions(*group_rows(vectors))]
        wanted = self.num_centers or max(min(CENTERS_EACH * self.num_relations, len(rows) // 4), self.num_relations)
        if self.num_relations > len(distinct):
            raise UsageError(
                f"`num_relations` is {self.num_relations}, but the first {len(rows)} rows hold {len(distinct)} distinct ones. Lower it, "
                "or give more rows first."
            )
        random = np.random.RandomState(self.seed)
        with one_thread():
            first = first_centers(distinct, min(wanted, len(distinct)), None, random)
            kmeans = MiniBatchKMeans(len(first), init=first, n_init=1, random_state=random)
        self.counts_ = np.zeros(len(first), dtype=np.int64)
        self._steps, self._kmeans = steps, kmeans
        held, self._held = self._held, []
        for shard in held:
            self._take(shard)

    def _take(self, rows: np.ndarray) -> None:
        from hf_relation.clustering.threads import one_thread

        assert self._steps is not None and self._kmeans is not None
        with one_thread():
            self._kmeans.partial_fit(self._steps.transform(rows))
        self.counts_ += np.bincount(self._kmeans.labels_, minlength=len(self.counts_))

    def _relations(self) -> PrototypeTree:
        from hf_relation.clustering.algorithms import cluster
        from hf_relation.clustering.rows import normalize_rows
        from hf_relation.discovery.prototypes import PrototypeTree

        if self._tree is not None:
            return self._tree
        if not self.rows_:
            raise UsageError("No rows were seen. Give shards to `partial_fit` first.")
        if self._kmeans is None:
            self._begin()
        assert self._kmeans is not None
        filled = np.flatnonzero(self.counts_)
        centers = np.ascontiguousarray(self._kmeans.cluster_centers_[filled], dtype=np.float32)
        if self.num_relations > len(filled):
            raise UsageError(
                f"{len(filled)} centres have rows, fewer than the {self.num_relations} relations asked for. Raise `num_centers`."
            )
        labels = cluster(
            normalize_rows(centers),
            "kmeans",
            self.num_relations,
            seed=self.seed,
            n_init=self.n_init,
            weights=self.counts_[filled],
        )
        sizes = np.bincount(labels, weights=self.counts_[filled])
        numbers = np.empty(len(sizes), dtype=np.int64)
        numbers[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
        self._tree = PrototypeTree.flat(centers, numbers[labels])
        return self._tree
