"""From embeddings to discovered relations: the steps, the number, the clustering, the descriptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hf_relation.clustering.algorithms import Algorithm, cluster, finds_number
from hf_relation.clustering.labels import canonical_labels, cluster_centers
from hf_relation.clustering.num_relations import NumRelationsEstimate, estimate_num_relations
from hf_relation.clustering.rows import group_rows
from hf_relation.discovery.assignment import settle_on_centers
from hf_relation.discovery.fitted import Corpus, FittedRelations
from hf_relation.discovery.gated import gated
from hf_relation.discovery.known import NOVEL
from hf_relation.discovery.open_world import OpenWorldGate
from hf_relation.discovery.prototypes import PrototypeTree
from hf_relation.discovery.relation import DiscoveredRelation
from hf_relation.discovery.steps import EmbeddingSteps
from hf_relation.errors import UsageError


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
    gate: tuple[OpenWorldGate, np.ndarray | None] | None = None,
    calibration: float | None = None,
) -> FittedRelations:
    """Cluster a corpus and describe its relations.

    Args:
        rows (`Sequence[Mapping]`): instances without gold labels, or `{"id"}` each; at least one.
        keys (`Sequence`): one key per row, which orders relations of equal size.
        embeddings (`np.ndarray` of shape `(n, d)`): checked.
        steps ([`EmbeddingSteps`]): fitted on the embeddings.
        algorithm, num_relations, n_init, seed, algorithm_kwargs: as in [`~hf_relation.RelationDiscovery`].
        weights (`np.ndarray` of shape `(n,)`, *optional*): how much every row counts.
        gate (`tuple`, *optional*): where relations are known, the gate that recognises them, and their centres `(k, p)` or, where
            these are not known, `None`: then the means of the rows that it recognises.
        calibration (`float`, *optional*): of [`~hf_relation.clustering.estimate_num_relations`].

    Returns:
        [`FittedRelations`].

    Raises:
        UsageError: fewer distinct rows than `num_relations`, or what [`~hf_relation.clustering.cluster`] refuses.
    """
    vectors = steps.transform(embeddings)
    found, first_id = None, 0
    novel = np.arange(len(rows))
    if gate is not None:
        found, first_id = gated(gate[0], steps.whiten(embeddings)), len(gate[0].relations)
        novel = np.flatnonzero(found.decided == NOVEL)
    number = None if isinstance(num_relations, str) else int(num_relations)
    if number is not None and len(novel) < number:
        raise UsageError(
            f"{len(novel)} of {len(rows)} instances are of novel relations; `num_relations` is {number}, and counts novel "
            'relations only. Lower it, or use "auto".'
        )
    labels = np.full(len(rows), -1, dtype=np.int64) if found is None else found.decided.copy()
    tree, estimate = PrototypeTree.flat(np.empty((0, vectors.shape[1]), np.float32), np.empty(0, np.int64)), None
    kept: dict[int, np.ndarray] = {}
    if len(novel):
        part, tree, kept, estimate = _cluster(
            vectors[novel],
            [keys[place] for place in novel.tolist()],
            number,
            None if weights is None else weights[novel],
            calibration,
            algorithm=algorithm,
            n_init=n_init,
            seed=seed,
            algorithm_kwargs=algorithm_kwargs,
        )
        labels[novel] = np.where(part < 0, -1, part + first_id)
        tree.targets = np.where(tree.targets < 0, tree.targets, tree.targets + first_id)
    fitted = FittedRelations(
        steps,
        tree,
        labels,
        np.zeros(len(rows), dtype=np.float32),
        np.empty((0, vectors.shape[1]), dtype=np.float32),
        [],
        estimate,
        num_relations,
        first_id + len(kept),
        Corpus(rows, vectors),
        np.zeros(len(rows), dtype=bool),
        found,
    )
    kept = {id_ + first_id: center for id_, center in kept.items()}
    given: dict[int, DiscoveredRelation] = {}
    if gate is not None:
        given = {
            id_: DiscoveredRelation(id_, name, [], 0, 0.0, kind="known", named_by="known")
            for id_, name in enumerate(gate[0].relations)
        }
        if gate[1] is not None:
            kept |= dict(enumerate(gate[1]))
    return fitted.changed(tree, given, kept_centers=kept)


def _cluster(
    vectors: np.ndarray,
    keys: Sequence[Any],
    number: int | None,
    weights: np.ndarray | None,
    calibration: float | None,
    *,
    algorithm: Algorithm,
    n_init: int,
    seed: int,
    algorithm_kwargs: Mapping[str, Any],
) -> tuple[np.ndarray, PrototypeTree, dict[int, np.ndarray], NumRelationsEstimate | None]:
    """Canonical labels, the tree that gives them, the centre of every relation, and how the number was chosen."""
    estimate = None
    if number is None and not finds_number(algorithm, algorithm_kwargs):
        estimate = estimate_num_relations(vectors, seed=seed, calibration=calibration)
        number = int(estimate.best)
    labels = cluster(vectors, algorithm, number, seed=seed, n_init=n_init, weights=weights, **algorithm_kwargs)
    if algorithm == "kmeans":
        labels, _, centers = settle_on_centers(vectors, labels, keys, weights)
        tree = PrototypeTree.flat(centers, np.arange(len(centers)))
    else:
        labels = canonical_labels(labels, keys)
        centers = cluster_centers(vectors, labels, weights)
        distinct = np.unique(group_rows(vectors)[1], return_index=True)[1]
        tree = PrototypeTree.flat(vectors[distinct], labels[distinct])
    return labels, tree, dict(enumerate(centers)), estimate
