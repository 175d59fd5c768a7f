"""A discovered corpus: everything that `predict`, the edits and the growing need to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hf_relation.clustering.labels import assign, cluster_centers
from hf_relation.clustering.num_relations import NumRelationsEstimate
from hf_relation.clustering.rows import map_distinct_rows
from hf_relation.discovery.assignment import score_by_centers
from hf_relation.discovery.describe import dense_labels, describe_relations
from hf_relation.discovery.gated import Gated, Placed, labels_by
from hf_relation.discovery.known import NOVEL
from hf_relation.discovery.prototypes import PrototypeTree
from hf_relation.discovery.relation import DiscoveredRelation
from hf_relation.discovery.result import DiscoveryResult
from hf_relation.discovery.steps import EmbeddingSteps
from hf_relation.errors import UsageError


@dataclass
class Corpus:
    """The instances that were discovered in, and their vectors.

    Args:
        rows (`Sequence[Mapping]`): instances without gold labels, or `{"id"}` each.
        vectors (`np.ndarray` of shape `(n, p)`, float32): what was clustered.
    """

    rows: Sequence[Mapping[str, Any]]
    vectors: np.ndarray


@dataclass
class FittedRelations:
    """The outcome of clustering a corpus, and of the edits since.

    Args:
        steps ([`EmbeddingSteps`]): fitted; from embeddings to the space that was clustered.
        tree ([`PrototypeTree`]): which relation a vector belongs to.
        labels (`np.ndarray` of shape `(n,)`, int64): relation ids, -1 for rows left out.
        scores (`np.ndarray` of shape `(n,)`, float32): see [`~hf_relation.discovery.DiscoveryResult`].
        centers (`np.ndarray` of shape `(r, p)`, float32): relation centres, in the order of `relations`.
        relations (`list[DiscoveredRelation]`): by id, ascending; ids may have gaps.
        estimate ([`~hf_relation.clustering.NumRelationsEstimate`], *optional*): how the number was chosen, if it was.
        requested (`int` or `str`): the number of relations asked for.
        next_id (`int`): the id that the next new relation gets; ids are never given twice.
        corpus ([`Corpus`], *optional*): `None` where it was not saved.
        unlike (`np.ndarray` of shape `(n,)`, bool): rows that came later and lie far from all relations.
        gated ([`Gated`], *optional*): where relations are known.
    """

    steps: EmbeddingSteps
    tree: PrototypeTree
    labels: np.ndarray
    scores: np.ndarray
    centers: np.ndarray
    relations: list[DiscoveredRelation]
    estimate: NumRelationsEstimate | None
    requested: int | str
    next_id: int
    corpus: Corpus | None
    unlike: np.ndarray
    gated: Gated | None = None

    @property
    def known_ids(self) -> list[int]:
        """`list[int]`: the ids of the known relations."""
        return [] if self.gated is None else list(range(len(self.gated.gate.relations)))

    @property
    def ids(self) -> list[int]:
        """`list[int]`: the ids of the relations, ascending."""
        return [relation.id for relation in self.relations]

    def need_corpus(self, what: str) -> Corpus:
        """The corpus, or an error that says how to keep it.

        Raises:
            UsageError: it was not saved.
        """
        if self.corpus is None:
            raise UsageError(
                f"{what} needs the instances of the corpus, which this discovery does not hold: it was saved with corpus=False or "
                "by an older version, or is a sharded one. Fit again, and save with corpus=True."
            )
        return self.corpus

    def assign(self, embeddings: np.ndarray) -> Placed:
        """Labels and scores of any rows; for the fitted rows exactly those of the fit.

        Args:
            embeddings (`np.ndarray` of shape `(n, d)`): in the space of the fitted ones; may be empty.

        Returns:
            [`Placed`].
        """
        found = None if self.gated is None else self.gated.decide(self.steps.whiten(embeddings))
        return self.place(self.steps.transform(embeddings), found)

    def place(self, vectors: np.ndarray, found: Gated | None = None) -> Placed:
        """Labels and scores of vectors.

        Args:
            vectors (`np.ndarray` of shape `(n, p)`): as from the steps.
            found ([`Gated`], *optional*): what the gate says of them; needed where there is one.

        Returns:
            [`Placed`].
        """
        if self._centers_decide() and len(vectors):
            positions, scores = assign(vectors, self.centers)
            return Placed(np.asarray(self.ids, dtype=np.int64)[positions], scores.astype(np.float32), vectors)
        labels = labels_by(self.tree, vectors, found)
        return Placed(labels, self.score(vectors, labels), vectors, found)

    def score(self, vectors: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Scores of vectors whose labels are known; see [`score_by_centers`]."""
        if not len(self.relations) or not len(vectors):
            return np.zeros(len(vectors), dtype=np.float32)
        positions = dense_labels(labels, self.ids)
        beside = np.column_stack([vectors, positions.astype(np.float32)])  # labels fit: there are far fewer than 2^24
        return map_distinct_rows(
            lambda rows: score_by_centers(rows[:, :-1], rows[:, -1].astype(np.int64), self.centers), beside
        )

    def changed(self, tree: PrototypeTree, given: Mapping[int, DiscoveredRelation], **changes: Any) -> FittedRelations:
        """A copy whose corpus is labelled anew by another tree, with its relations described anew.

        Args:
            tree ([`PrototypeTree`]): says the labels.
            given (`Mapping[int, DiscoveredRelation]`): relations by id whose names may be kept; others become new relations.
            **changes: further fields of the copy.

        Returns:
            [`FittedRelations`]: this one is not altered.
        """
        corpus: Corpus = changes.get("corpus") or self.need_corpus("An edit")
        found: Gated | None = changes.get("gated", self.gated)
        labels = labels_by(tree, corpus.vectors, found)
        ids = sorted({*self.known_ids, *tree.targets[tree.targets >= 0].tolist()})
        of_known = {id_: self.centers[place] for place, id_ in enumerate(self.ids) if id_ in self.known_ids}
        kept = of_known | changes.pop("kept_centers", {})
        centers = centers_of(corpus.vectors, labels, ids, kept=kept)
        fitted = replace(
            self, **changes, tree=tree, labels=labels, centers=centers, relations=[_blank(i) for i in ids]
        )
        fitted.scores = fitted.place(corpus.vectors, found).scores
        fitted.relations = describe_relations(
            corpus.rows, corpus.vectors, labels, fitted.scores, centers, ids=ids, given=given
        )
        return fitted

    def result(self, rows: Sequence[Mapping[str, Any]], placed: Placed) -> DiscoveryResult:
        """The result for rows."""
        extra: dict[str, Any] = {}
        if placed.gated is not None:
            shares = placed.gated.probabilities
            by_kind = shares[:, :3] * np.column_stack([shares[:, 3], np.ones((len(shares), 2))])
            column = np.where(placed.gated.decided >= 0, 0, np.where(placed.gated.decided == NOVEL, 1, 2))
            known = np.isin(placed.labels, self.known_ids)
            extra = {
                "kinds": np.where(placed.labels < 0, "none", np.where(known, "known", "novel")),
                "probabilities": shares[:, :3],
                "confidence": by_kind[np.arange(len(shares)), column].astype(np.float32),
            }
        return DiscoveryResult(
            rows,
            placed.labels,
            placed.scores,
            self.relations,
            self.estimate,
            self.requested,
            vectors=placed.vectors,
            centers=self.centers,
            **extra,
        )

    def _centers_decide(self) -> bool:
        """Whether the nearest centre says the label, as after k-means: label and score are then one look-up."""
        return np.array_equal(self.tree.targets, self.ids) and np.array_equal(self.tree.points, self.centers)


def centers_of(
    vectors: np.ndarray, labels: np.ndarray, ids: Sequence[int], kept: Mapping[int, np.ndarray]
) -> np.ndarray:
    """The mean of every relation's vectors, or the centre that it keeps; zeros where there is neither.

    Args:
        vectors (`np.ndarray` of shape `(n, p)`): of length one.
        labels (`np.ndarray` of shape `(n,)`, integer): ids, or -1.
        ids (`Sequence[int]`): ascending.
        kept (`Mapping[int, np.ndarray]`): centres by id.

    Returns:
        `np.ndarray` of shape `(len(ids), p)`, float32.
    """
    positions = dense_labels(labels, ids)
    filled = np.unique(positions[positions >= 0]).tolist()
    centers = np.zeros((len(ids), vectors.shape[1]), dtype=np.float32)
    if filled:
        centers[filled] = cluster_centers(vectors, dense_labels(positions, filled))
    for place, id_ in enumerate(ids):
        if id_ in kept:
            centers[place] = kept[id_]
    return centers


def _blank(id_: int) -> DiscoveredRelation:
    return DiscoveredRelation(id_, f"relation {id_}", [], 0, 0.0)
