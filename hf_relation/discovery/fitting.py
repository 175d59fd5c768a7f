"""From embeddings to discovered relations: the steps, the number, the clustering, the descriptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hf_relation.clustering.algorithms import Algorithm, cluster, finds_number
from hf_relation.clustering.labels import canonical_labels, cluster_centers
from hf_relation.clustering.num_relations import estimate_num_relations
from hf_relation.clustering.rows import group_rows
from hf_relation.discovery.assignment import score_by_centers, settle_on_centers
from hf_relation.discovery.describe import describe_relations
from hf_relation.discovery.fitted import Corpus, FittedRelations
from hf_relation.discovery.prototypes import PrototypeTree
from hf_relation.discovery.steps import EmbeddingSteps


def fit_relations(
    rows: Sequence[Mapping[str, Any]],
    keys: Sequence[Any],
    embeddings: np.ndarray,
    *,
    steps: EmbeddingSteps,
    algorithm: Algorithm,
    num_relations: int | str,
    n_init: int,
    seed: int,
    algorithm_kwargs: Mapping[str, Any],
    weights: np.ndarray | None = None,
) -> FittedRelations:
    """Cluster a corpus and describe its relations.

    Args:
        rows (`Sequence[Mapping]`): instances without gold labels, or `{"id"}` each; at least one.
        keys (`Sequence`): one key per row, which orders relations of equal size.
        embeddings (`np.ndarray` of shape `(n, d)`): checked.
        steps ([`EmbeddingSteps`]): not yet fitted.
        algorithm, num_relations, n_init, seed, algorithm_kwargs: as in [`~hf_relation.RelationDiscovery`].
        weights (`np.ndarray` of shape `(n,)`, *optional*): how much every row counts.

    Returns:
        [`FittedRelations`].

    Raises:
        UsageError: fewer distinct rows than `num_relations`, or what [`~hf_relation.clustering.cluster`] refuses.
    """
    vectors = steps.fit(embeddings).transform(embeddings)
    number = None if isinstance(num_relations, str) else int(num_relations)
    estimate = None
    if number is None and not finds_number(algorithm, algorithm_kwargs):
        estimate = estimate_num_relations(vectors, seed=seed)
        number = int(estimate.best)
    labels = cluster(vectors, algorithm, number, seed=seed, n_init=n_init, weights=weights, **algorithm_kwargs)
    if algorithm == "kmeans":
        labels, scores, centers = settle_on_centers(vectors, labels, keys, weights)
        tree = PrototypeTree.flat(centers, np.arange(len(centers)))
        scores = scores.astype(np.float32)
    else:
        labels = canonical_labels(labels, keys)
        centers = cluster_centers(vectors, labels, weights)
        scores = score_by_centers(vectors, labels, centers)
        distinct = np.unique(group_rows(vectors)[1], return_index=True)[1]
        tree = PrototypeTree.flat(vectors[distinct], labels[distinct])
    relations = describe_relations(rows, vectors, labels, scores, centers)
    return FittedRelations(
        steps,
        tree,
        labels,
        scores,
        centers,
        relations,
        estimate,
        num_relations,
        len(relations),
        Corpus(rows, vectors),
        np.zeros(len(rows), dtype=bool),
    )
