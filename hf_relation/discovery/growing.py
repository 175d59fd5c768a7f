"""A discovery that grows: more instances, and a new relation where enough unlike ones have gathered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.cluster import AgglomerativeClustering

from hf_relation.clustering.labels import cluster_centers
from hf_relation.clustering.rows import distinct_positions, group_rows
from hf_relation.clustering.threads import one_thread
from hf_relation.discovery.assignment import nearest_row
from hf_relation.discovery.describe import dense_labels
from hf_relation.discovery.fitted import Corpus, FittedRelations
from hf_relation.discovery.gated import Gated, labels_by
from hf_relation.discovery.known import NOVEL
from hf_relation.discovery.prototypes import LEFT_OUT, ROOT, PrototypeTree
from hf_relation.errors import UsageError


RADIUS_QUANTILE = 0.95
MAX_WAITING = 5_000  # all pairs of them are compared


@dataclass(frozen=True)
class DiscoveryEvent:
    """Something that happened to the relations while a discovery grew.

    Args:
        kind (`str`): `"new_relation"`.
        relation (`int`): the id of the new relation.
        size (`int`): how many instances it has.
        moved (`int`): how many of them belonged to another relation before this batch.

    Example:

    ```python
    >>> from hf_relation.discovery.growing import DiscoveryEvent
    >>> DiscoveryEvent("new_relation", 16, 12, 1).relation
    16

    ```
    """

    kind: Literal["new_relation"]
    relation: int
    size: int
    moved: int


def grow(
    fitted: FittedRelations,
    rows: Sequence[Mapping[str, Any]],
    embeddings: np.ndarray,
    *,
    min_new_relation: int = 10,
) -> tuple[FittedRelations, list[DiscoveryEvent]]:
    """Add instances to a fitted corpus.

    Every instance gets the label that `predict` gives it. Those that are farther from their centre than 95 % of the
    relation's own instances are *unlike*. Unlike instances of all batches are joined by average linkage until the mean
    cosine between groups falls below half way from the median one of instances of two relations to that within a relation. A
    group opens a relation with a new id where it has `min_new_relation` distinct instances, would not be joined to a relation
    by the same rule, and as many instances are nearer to it than to all else. Those move there, also older ones. Its mean
    becomes a prototype or, where instances are the prototypes, its instances do. Old centres do not move.

    Args:
        fitted ([`FittedRelations`]): not altered.
        rows (`Sequence[Mapping]`): new instances; their ids must be new.
        embeddings (`np.ndarray` of shape `(n, d)`): of the new instances.
        min_new_relation (`int`, defaults to 10): at least 2.

    Returns:
        `tuple`: the grown [`FittedRelations`] and the events, none where no relation was opened.

    Raises:
        UsageError: an id is there already; `min_new_relation` is out of range; the corpus was not saved.
    """
    corpus = fitted.need_corpus("`partial_fit`")
    if (
        isinstance(min_new_relation, bool)
        or not isinstance(min_new_relation, (int, np.integer))
        or min_new_relation < 2
    ):
        raise UsageError(f"`min_new_relation` must be an integer from 2 up, got {min_new_relation!r}.")
    placed = fitted.assign(embeddings)
    labels, vectors = placed.labels, placed.vectors
    far = far_from_center(fitted, vectors, labels, radii_of(fitted, corpus.vectors))
    joined = Corpus([*corpus.rows, *rows], np.concatenate([corpus.vectors, vectors]))
    if placed.gated is not None:
        far &= placed.gated.decided == NOVEL
    unlike = np.concatenate([fitted.unlike, far])
    decided = None if fitted.gated is None or placed.gated is None else fitted.gated.joined(placed.gated)
    groups = _new_groups(fitted, joined.vectors, np.flatnonzero(unlike), min_new_relation)
    tree, groups = _with_groups(fitted, groups, joined.vectors, decided, min_new_relation)
    fresh = list(range(fitted.next_id, fitted.next_id + len(groups)))
    before = np.concatenate([fitted.labels, labels])
    kept = dict(zip(fitted.ids, fitted.centers, strict=True))
    kept |= {id_: _mean(group) for id_, group in zip(fresh, groups, strict=True)}
    grown = fitted.changed(
        tree,
        {relation.id: relation for relation in fitted.relations},
        corpus=joined,
        unlike=unlike,
        next_id=fitted.next_id + len(fresh),
        kept_centers=kept,
        gated=decided,
    )
    grown.unlike = unlike & (grown.labels == before)
    opened = [(id_, grown.labels == id_) for id_ in fresh]
    old = np.arange(len(before)) < len(corpus.rows)
    events = [DiscoveryEvent("new_relation", id_, int(mine.sum()), int((mine & old).sum())) for id_, mine in opened]
    return grown, events


def far_from_center(fitted: FittedRelations, vectors: np.ndarray, labels: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Which vectors lie farther from the centre of their relation than its radius.

    Args:
        fitted ([`FittedRelations`]): says the centres.
        vectors (`np.ndarray` of shape `(n, p)`): any vectors.
        labels (`np.ndarray` of shape `(n,)`, integer): their relations. Those that are left out are far where they lie farther than
            the median radius from every point that leaves vectors out, as a relation that was deleted does. Where there is no relation,
            all are far.
        radii (`np.ndarray` of shape `(r,)`): as from [`radii_of`].

    Returns:
        `np.ndarray` of shape `(n,)`, bool.
    """
    positions = dense_labels(labels, fitted.ids)
    if not len(fitted.relations):
        return np.ones(len(vectors), dtype=bool)
    far = (positions >= 0) & (_distances(fitted, vectors, labels) > radii[np.maximum(positions, 0)])
    left_out, points = np.flatnonzero(positions < 0), fitted.tree.points[fitted.tree.targets == LEFT_OUT]
    if len(left_out) and len(points) and len(radii):
        nearest = points[nearest_row(vectors[left_out], points)]
        far[left_out] = np.linalg.norm(vectors[left_out] - nearest, axis=1) > np.median(radii)
    return far


def radii_of(fitted: FittedRelations, vectors: np.ndarray) -> np.ndarray:
    """Per relation the distance from its centre within which 95 % of its instances lie.

    Args:
        fitted ([`FittedRelations`]): with a corpus.
        vectors (`np.ndarray` of shape `(n, p)`): of the corpus.

    Returns:
        `np.ndarray` of shape `(r,)`: relations of fewer than 20 instances get that of all instances together.
    """
    distances = _distances(fitted, vectors, fitted.labels)
    usual = (fitted.labels >= 0) & ~fitted.unlike
    radii = np.full(len(fitted.ids), np.quantile(distances[usual], RADIUS_QUANTILE) if usual.any() else 0.0)
    for place, id_ in enumerate(fitted.ids):
        own = distances[usual & (fitted.labels == id_)]
        if len(own) >= 20:
            radii[place] = np.quantile(own, RADIUS_QUANTILE)
    return radii


def _distances(fitted: FittedRelations, vectors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Distance of every vector to the centre of its relation; 0 for those left out."""
    positions = dense_labels(labels, fitted.ids)
    if not len(fitted.relations):
        return np.zeros(len(vectors))
    distances = np.linalg.norm(vectors - fitted.centers[np.maximum(positions, 0)], axis=1)
    return np.where(positions < 0, 0.0, distances)


def _likeness(fitted: FittedRelations) -> float:
    """The mean cosine half way between that of instances of one relation and that of instances of two."""
    sizes = np.array([relation.size for relation in fitted.relations])
    within = (fitted.centers[sizes > 1].astype(np.float64) ** 2).sum(axis=1)
    return (float(np.median(within)) if len(within) else 1.0) / 2 + _different(fitted) / 2


def _different(fitted: FittedRelations) -> float:
    """The median over all two relations of the mean cosine of their instances, which is the product of the two means."""
    products = fitted.centers.astype(np.float64) @ fitted.centers.astype(np.float64).T
    between = products[~np.eye(len(products), dtype=bool)]
    return float(np.median(between)) if len(between) else 0.0


def _new_groups(fitted: FittedRelations, vectors: np.ndarray, waiting: np.ndarray, least: int) -> list[np.ndarray]:
    """The vectors of every group that is unlike all relations, the largest group first."""
    newest = waiting[-MAX_WAITING:]
    if len(newest) < least:
        return []
    distinct = vectors[newest][distinct_positions(*group_rows(vectors[newest]))]
    if len(distinct) < least:
        return []
    likeness = _likeness(fitted)
    joiner = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=1 - likeness
    )
    with one_thread():
        numbers = joiner.fit(np.where(distinct.any(axis=1, keepdims=True), distinct, 1e-6)).labels_
    groups = [distinct[numbers == number] for number in np.argsort(-np.bincount(numbers), kind="stable")]
    # Else the outlying instances of a relation, one in twenty, would gather and leave it.
    return [group for group in groups if len(group) >= least and _is_unlike(fitted, group)]


def _is_unlike(fitted: FittedRelations, group: np.ndarray) -> bool:
    """Whether the mean cosine to every relation is below half way from that between relations to that within the two."""
    mean = _mean(group).astype(np.float64)
    centers = fitted.centers.astype(np.float64)
    within = (len(group) * float(mean @ mean) - 1) / (len(group) - 1)  # without the pairs of an instance and itself
    alike = ((centers**2).sum(axis=1) + within) / 2
    return bool((centers @ mean < (alike + _different(fitted)) / 2).all())


def _with_groups(
    fitted: FittedRelations, groups: list[np.ndarray], vectors: np.ndarray, decided: Gated | None, least: int
) -> tuple[PrototypeTree, list[np.ndarray]]:
    """The tree with the groups as relations, and those groups that `least` vectors would belong to."""
    top = fitted.tree.points[fitted.tree.nodes == ROOT]
    # Instances have length one, means of several are shorter. A mean is near to everything, compared with an instance.
    are_instances = len(top) > 0 and bool((np.linalg.norm(top, axis=1) > 1 - 1e-5).all())
    while True:
        tree = fitted.tree.copy()
        for id_, group in enumerate(groups, start=fitted.next_id):
            points = group if are_instances else _mean(group)[None]
            tree.add(points, np.full(len(points), id_))
        labels = labels_by(tree, vectors, decided) if groups else np.empty(0, dtype=np.int64)
        large = [group for id_, group in enumerate(groups, start=fitted.next_id) if (labels == id_).sum() >= least]
        if len(large) == len(groups):
            return tree, groups
        groups = large


def _mean(group: np.ndarray) -> np.ndarray:
    return cluster_centers(group, np.zeros(len(group), dtype=np.int64))[0]
