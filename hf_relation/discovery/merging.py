"""Two fitted discoveries become one: relations that are the same are joined, the others are added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hf_relation.clustering.labels import cluster_centers
from hf_relation.discovery.describe import dense_labels
from hf_relation.discovery.fitted import Corpus, FittedRelations
from hf_relation.discovery.gated import Placed
from hf_relation.discovery.growing import far_from_center, radii_of
from hf_relation.errors import UsageError


def same_steps(first: FittedRelations, second: FittedRelations) -> bool:
    """Whether two discoveries clustered in the same space, so that vectors of the one fit the other."""
    one, other = first.steps.get_state(), second.steps.get_state()
    return (
        first.steps.n_features_in_ == second.steps.n_features_in_
        and one.keys() == other.keys()
        and all(np.array_equal(one[key], other[key]) for key in one)
    )


def merge_fitted(
    first: FittedRelations,
    rows: Sequence[Mapping[str, Any]],
    placed: Placed,
    second: FittedRelations,
    *,
    min_overlap: float = 0.5,
) -> tuple[FittedRelations, dict[int, int]]:
    """Add the corpus and the relations of a second discovery.

    A relation of the second is the one of the first that the first gives most of its instances to, if a share of at least
    `min_overlap` is given to it and lies within the distance from its centre that 95 % of its own instances keep. Any other
    one is new here: it gets a new id, its mean becomes a prototype, and a name that was given to it stays, unless a relation
    here has it. Where relations are known here, the gate decides over the added instances too; relations that are known there
    but not here are added as novel ones that keep their names.

    Args:
        first ([`FittedRelations`]): not altered.
        rows (`Sequence[Mapping]`): the instances of the second; those whose id the first has are left out.
        placed ([`~hf_relation.discovery.gated.Placed`]): what the first says of them.
        second ([`FittedRelations`]): its labels are those of `rows`.
        min_overlap (`float`, defaults to 0.5): above 0, at most 1.

    Returns:
        `tuple`: the joined [`FittedRelations`], and the new id of every relation of the second that has instances.

    Raises:
        UsageError: `min_overlap` is out of range, or the corpus of the first was not saved.
    """
    corpus = first.need_corpus("`merge_with`")
    if isinstance(min_overlap, bool) or not isinstance(min_overlap, (int, float)) or not 0 < min_overlap <= 1:
        raise UsageError(f"`min_overlap` must be a number above 0 and at most 1, got {min_overlap!r}.")
    labels, vectors = placed.labels, placed.vectors
    radii = radii_of(first, corpus.vectors)
    near = ~far_from_center(first, vectors, labels, radii) & (labels >= 0)
    tree = first.tree.copy()
    given = {relation.id: relation for relation in first.relations}
    taken = {relation.name for relation in first.relations}
    centers = dict(zip(first.ids, first.centers, strict=True))
    mapping: dict[int, int] = {}
    next_id = first.next_id
    for relation in second.relations:
        mine = second.labels == relation.id
        if not mine.any():
            continue
        counts = np.bincount(dense_labels(labels, first.ids)[mine & near], minlength=len(first.ids))
        best = int(counts.argmax())
        if counts[best] >= min_overlap * mine.sum():
            mapping[relation.id] = first.ids[best]
            continue
        point = cluster_centers(vectors[mine], np.zeros(int(mine.sum()), dtype=np.int64))
        tree.add(point, np.array([next_id]))
        centers[next_id] = point[0]
        if relation.named_by != "text" and relation.name not in taken:
            named_by = "user" if relation.named_by == "known" else relation.named_by
            given[next_id] = replace(relation, id=next_id, inverse_of=None, kind="novel", named_by=named_by)
            taken.add(relation.name)
        mapping[relation.id] = next_id
        next_id += 1
    known = {row["id"] for row in corpus.rows}
    fresh = [place for place, row in enumerate(rows) if row["id"] not in known]
    joined = Corpus(
        [*corpus.rows, *(rows[place] for place in fresh)], np.concatenate([corpus.vectors, vectors[fresh]])
    )
    unlike = np.concatenate([first.unlike, np.zeros(len(fresh), dtype=bool)])
    found = None
    if first.gated is not None and placed.gated is not None:
        found = first.gated.joined(placed.gated.rows(np.array(fresh, dtype=np.int64)))
    merged = first.changed(
        tree, given, corpus=joined, unlike=unlike, next_id=next_id, kept_centers=centers, gated=found
    )
    merged.unlike = merged.unlike & np.concatenate(
        [merged.labels[: len(corpus.rows)] == first.labels, unlike[len(corpus.rows) :]]
    )
    return merged, mapping
