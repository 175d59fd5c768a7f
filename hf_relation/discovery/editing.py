"""Edits of discovered relations: merge, split, delete. Ids stay, and `predict` follows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hf_relation.clustering.algorithms import cluster
from hf_relation.clustering.num_relations import estimate_num_relations
from hf_relation.discovery.assignment import settle_on_centers
from hf_relation.discovery.fitted import FittedRelations
from hf_relation.discovery.prototypes import LEFT_OUT
from hf_relation.discovery.relation import find_relation
from hf_relation.errors import UsageError


def merge_relations(fitted: FittedRelations, groups: Iterable[Sequence[int]]) -> FittedRelations:
    """Make one relation of each group; it gets the smallest id of the group. A name that was given to that
    one, or to just one other, stays; else the name is made from the text anew.

    Args:
        fitted ([`FittedRelations`]): not altered.
        groups (`Iterable[Sequence[int]]`): ids, at least two a group, none twice.

    Returns:
        [`FittedRelations`].

    Raises:
        UsageError: an id that no relation has, or twice; a known relation; a group of one; the corpus was not saved.
    """
    fitted.need_corpus("`merge`")
    checked = [_checked_ids(fitted, group, "merge") for group in groups]
    if not checked or any(len(group) < 2 for group in checked):
        raise UsageError(f"`merge` needs at least two ids to make one relation of, got {[*map(list, checked)]}.")
    flat = [id_ for group in checked for id_ in group]
    twice = next((id_ for id_ in flat if flat.count(id_) > 1), None)
    if twice is not None:
        raise UsageError(f"`merge` got relation {twice} twice. Every relation may be named once.")
    tree = fitted.tree.copy()
    given = {relation.id: relation for relation in fitted.relations}
    for group in checked:
        kept = min(group)
        for id_ in group:
            tree.rename(id_, kept)
        named = [given[id_] for id_ in group if given[id_].named_by != "text"]
        if given[kept].named_by == "text" and len(named) == 1:
            given[kept] = replace(named[0], id=kept)
    return fitted.changed(tree, given)


def delete_relations(fitted: FittedRelations, ids: Sequence[int]) -> FittedRelations:
    """Leave out the instances of relations, those in the corpus and those that `predict` will see.

    Args:
        fitted ([`FittedRelations`]): not altered.
        ids (`Sequence[int]`): at least one; not all relations.

    Returns:
        [`FittedRelations`].

    Raises:
        UsageError: an id that no relation has, or twice; a known relation; all relations; the corpus was not saved.
    """
    fitted.need_corpus("`delete`")
    checked = _checked_ids(fitted, ids, "delete")
    if not checked:
        raise UsageError("`delete` needs at least one id.")
    if len(checked) == len(fitted.relations):
        raise UsageError("`delete` would leave no relation. Keep at least one.")
    tree = fitted.tree.copy()
    for id_ in checked:
        tree.rename(id_, LEFT_OUT)
    return fitted.changed(tree, {relation.id: relation for relation in fitted.relations})


def split_relation(
    fitted: FittedRelations, id: int, num_relations: int | str = 2, *, n_init: int = 60, seed: int = 0
) -> FittedRelations:
    """Divide a relation by k-means on its instances. The largest part keeps the id and a name of the user's; the others get
    ids that no relation had before.

    Args:
        fitted ([`FittedRelations`]): not altered.
        id (`int`): the relation.
        num_relations (`int` or `"auto"`, defaults to 2): how many parts, at least 2.
        n_init (`int`), seed (`int`): of k-means.

    Returns:
        [`FittedRelations`].

    Raises:
        UsageError: an id that no relation has; a known relation; fewer distinct instances than parts; the corpus was not saved.
    """
    corpus = fitted.need_corpus("`split`")
    _checked_ids(fitted, [id], "split")
    if num_relations != "auto" and (
        isinstance(num_relations, bool) or not isinstance(num_relations, (int, np.integer)) or num_relations < 2
    ):
        raise UsageError(f'`num_relations` must be "auto" or an integer from 2 up, got {num_relations!r}.')
    members = np.flatnonzero(fitted.labels == id)
    vectors = corpus.vectors[members]
    distinct = len(np.unique(vectors, axis=0))
    parts = _estimated_parts(vectors, seed) if num_relations == "auto" else int(num_relations)
    if distinct < parts:
        raise UsageError(
            f"Relation {id} has {distinct} distinct instances; it cannot be split into {parts} relations. Ask for fewer."
        )
    keys: list[Any] = [str(corpus.rows[member]["id"]) for member in members.tolist()]
    rough = cluster(vectors, "kmeans", parts, seed=seed, n_init=n_init)
    _, _, centers = settle_on_centers(vectors, rough, keys)
    fresh = range(fitted.next_id, fitted.next_id + len(centers) - 1)
    tree = fitted.tree.copy()
    tree.split(id, centers, np.array([id, *fresh]))  # settled labels go by size, so the first is the largest
    given = {relation.id: relation for relation in fitted.relations}
    return fitted.changed(tree, given, next_id=fitted.next_id + len(fresh))


def _estimated_parts(vectors: np.ndarray, seed: int) -> int:
    # What else would be tried on so many rows is made for whole corpora, and divides any relation.
    return max(2, estimate_num_relations(vectors, seed=seed, criterion="smoothed_silhouette").best)


def _checked_ids(fitted: FittedRelations, ids: Sequence[int], what: str) -> list[int]:
    if isinstance(ids, (str, bytes)) or not isinstance(ids, (Sequence, np.ndarray, set, frozenset, range)):
        raise UsageError(f"`{what}` needs a list of relation ids, got {ids!r}.")
    checked = [find_relation(fitted.relations, id_).id for id_ in ids]
    for id_ in checked:
        relation = find_relation(fitted.relations, id_)
        if relation.kind == "known":
            raise UsageError(
                f"Relation {id_} ({relation.name!r}) is a known relation, whose id and meaning are fixed: it cannot take part in "
                f"`{what}`. Fit without it among `known` to treat it as a novel one."
            )
    twice = next((id_ for id_ in checked if checked.count(id_) > 1), None)
    if twice is not None:
        raise UsageError(f"`{what}` got relation {twice} twice.")
    return checked
