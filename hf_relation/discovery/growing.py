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
from hf_relation.discovery.known import NOVEL
from hf_relation.discovery.prototypes import LEFT_OUT
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
    cosine between groups falls below half way from the median one of instances of two relations to that within a relation. Where `min_new_relation` distinct ones
    come together they open a relation with a new id, and their mean becomes a prototype; instances that are nearer to it than
    to all others move there, also older ones. Old centres do not move.

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
    tree = fitted.tree.copy()
    points = _new_points(joined.vectors, np.flatnonzero(unlike), _likeness(fitted), min_new_relation)
    fresh = list(range(fitted.next_id, fitted.next_id + len(points)))
    if len(points):
        tree.add(points, np.array(fresh))
    before = np.concatenate([fitted.labels, labels])
    kept = dict(zip(fitted.ids, fitted.centers, strict=True)) | dict(zip(fresh, points, strict=True))
    grown = fitted.changed(
        tree,
        {relation.id: relation for relation in fitted.relations},
        corpus=joined,
        unlike=unlike,
        next_id=fitted.next_id + len(fresh),
        kept_centers=kept,
        gated=None if fitted.gated is None or placed.gated is None else fitted.gated.joined(placed.gated),
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
            the median radius from every point that leaves vectors out, as a relation that was deleted does.
        radii (`np.ndarray` of shape `(r,)`): as from [`radii_of`].

    Returns:
        `np.ndarray` of shape `(n,)`, bool.
    """
    positions = dense_labels(labels, fitted.ids)
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
    distances = np.linalg.norm(vectors - fitted.centers[np.maximum(positions, 0)], axis=1)
    return np.where(positions < 0, 0.0, distances)


def _likeness(fitted: FittedRelations) -> float:
    """The mean cosine half way between that of instances of one relation and that of instances of two.

    The mean cosine of all pairs between two sets of unit vectors is the product of their means.
    """
    products = fitted.centers.astype(np.float64) @ fitted.centers.astype(np.float64).T
    sizes = np.array([relation.size for relation in fitted.relations])
    within = np.diag(products)[sizes > 1]
    between = products[~np.eye(len(products), dtype=bool)]
    alike = float(np.median(within)) if len(within) else 1.0
    different = float(np.median(between)) if len(between) else 0.0
    return (alike + different) / 2


def _new_points(vectors: np.ndarray, waiting: np.ndarray, likeness: float, least: int) -> np.ndarray:
    newest = waiting[-MAX_WAITING:]
    order, group = group_rows(vectors[newest]) if len(newest) else (newest, newest)
    distinct = vectors[newest][distinct_positions(order, group)] if len(newest) else vectors[:0]
    if len(distinct) < least:
        return np.empty((0, vectors.shape[1]), dtype=np.float32)
    joiner = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=1 - likeness
    )
    with one_thread():
        groups = joiner.fit(np.where(distinct.any(axis=1, keepdims=True), distinct, 1e-6)).labels_
    sizes = np.bincount(groups)
    large = np.flatnonzero(sizes >= least)
    large = large[np.argsort(-sizes[large], kind="stable")]
    if not len(large):
        return np.empty((0, vectors.shape[1]), dtype=np.float32)
    return np.concatenate(
        [cluster_centers(distinct[groups == number], np.zeros(int(sizes[number]), dtype=np.int64)) for number in large]
    )
