"""From labels to relations a reader can recognise: size, cohesion, words and patterns, a name, the nearest examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hf_relation.clustering.labels import cohesion
from hf_relation.discovery.direction import inverse_pairs
from hf_relation.discovery.keywords import relation_keywords
from hf_relation.discovery.names import relation_names
from hf_relation.discovery.pattern_counts import count_patterns
from hf_relation.discovery.patterns import PatternScore, relation_patterns
from hf_relation.discovery.relation import DiscoveredRelation
from hf_relation.discovery.result import surface_forms
from hf_relation.discovery.signature import TypeSignature, type_signatures


def describe_relations(
    instances: Sequence[Mapping[str, Any]],
    rows: np.ndarray,
    labels: np.ndarray,
    scores: np.ndarray,
    centers: np.ndarray,
    *,
    ids: Sequence[int] | None = None,
    given: Mapping[int, DiscoveredRelation] | None = None,
    num_examples: int = 5,
) -> list[DiscoveredRelation]:
    """Describe every relation of a clustering. Names, keywords and patterns compare the relations with one another, so that
    all are made anew whenever the labels change; names that were given stay.

    Args:
        instances (`Sequence[Mapping]`): instances of the data contract, or just `{"id"}` each; gold labels are not read.
        rows (`np.ndarray` of shape `(n, p)`): the vectors that were clustered, of length one.
        labels (`np.ndarray` of shape `(n,)`, integer): the id of a relation, or -1 for rows left out.
        scores (`np.ndarray` of shape `(n,)`): as in [`~hf_relation.discovery.DiscoveryResult`].
        centers (`np.ndarray` of shape `(r, p)`): as from [`~hf_relation.clustering.cluster_centers`].
        ids (`Sequence[int]`, *optional*): the id of every centre, ascending; by default 0 to r - 1.
        given (`Mapping[int, DiscoveredRelation]`, *optional*): relations by id whose `kind` is kept, and whose name and
            description too unless they were made from the text.
        num_examples (`int`, defaults to 5): at most this many examples a relation, no text twice.

    Returns:
        `list[DiscoveredRelation]`: by id. One that no row has is of size 0 and cohesion 0, without examples.
    """
    numbers = list(range(len(centers))) if ids is None else [int(id_) for id_ in ids]
    given = {} if given is None else given
    positions = dense_labels(labels, numbers)
    words = _Words(instances, positions, len(numbers))
    cohesions = cohesion_of(rows, positions, len(numbers))
    made = [words.names.get(place, f"relation {id_}") for place, id_ in enumerate(numbers)]
    names = _names_beside(made, [_kept_name(given.get(id_)) for id_ in numbers])
    relations = []
    for place, (id_, center) in enumerate(zip(numbers, centers, strict=True)):
        members = np.flatnonzero(positions == place)
        before = given.get(id_)
        kept = _kept_name(before)
        inverse = words.inverse_of.get(place)
        relations.append(
            DiscoveredRelation(
                id=id_,
                name=names[place],
                keywords=words.keywords[place],
                size=len(members),
                cohesion=float(cohesions[place]),
                examples=nearest_examples(instances, rows, scores, members, center, num_examples),
                patterns=words.patterns[place],
                signature=words.signatures[place],
                inverse_of=None if inverse is None else numbers[inverse],
                kind="novel" if before is None else before.kind,
                named_by="text" if kept is None or before is None else before.named_by,
                description=None if kept is None or before is None else before.description,
            )
        )
    return relations


def dense_labels(labels: np.ndarray, ids: Sequence[int]) -> np.ndarray:
    """Labels as positions in a list of ids; -1 stays.

    Args:
        labels (`np.ndarray` of shape `(n,)`, integer): ids of relations, or -1.
        ids (`Sequence[int]`): ascending; every label but -1 is among them.

    Returns:
        `np.ndarray` of shape `(n,)`, int64.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.discovery.describe import dense_labels
    >>> dense_labels(np.array([7, -1, 2]), [2, 5, 7]).tolist()
    [2, -1, 0]

    ```
    """
    labels = np.asarray(labels, dtype=np.int64)
    return np.where(labels < 0, -1, np.searchsorted(np.asarray(ids, dtype=np.int64), labels))


def cohesion_of(rows: np.ndarray, positions: np.ndarray, number: int) -> np.ndarray:
    """Mean cosine to the own centre of every relation; 0 for those without rows.

    Args:
        rows (`np.ndarray` of shape `(n, p)`): of length one.
        positions (`np.ndarray` of shape `(n,)`, integer): 0 to `number - 1`, or -1.
        number (`int`): how many relations there are.

    Returns:
        `np.ndarray` of shape `(number,)`, float32.
    """
    filled = np.unique(positions[positions >= 0])
    values = np.zeros(number, dtype=np.float32)
    if len(filled):
        values[filled] = cohesion(rows, dense_labels(positions, filled.tolist()))
    return values


class _Words:
    """What the texts say about every relation."""

    def __init__(self, instances: Sequence[Mapping[str, Any]], positions: np.ndarray, number: int) -> None:
        self.keywords: list[list[str]] = [[] for _ in range(number)]
        self.patterns: list[list[PatternScore]] = [[] for _ in range(number)]
        self.signatures: list[TypeSignature | None] = [None] * number
        self.inverse_of: dict[int, int] = {}
        self.names: dict[int, str] = {}  # of relations that have words
        filled = np.unique(positions[positions >= 0]).tolist()
        if not filled or "text" not in instances[0]:
            return
        labels = dense_labels(positions, filled)  # those without rows have no words
        counts = count_patterns(instances, labels)
        keywords = relation_keywords(instances, labels)
        found = zip(
            filled,
            keywords,
            relation_names(counts, keywords),
            relation_patterns(instances, labels, counts=counts),
            type_signatures(instances, labels),
            strict=True,
        )
        for place, of_relation, name, patterns, signature in found:
            self.keywords[place], self.patterns[place], self.signatures[place] = of_relation, patterns, signature
            if of_relation or patterns:
                self.names[place] = name
        for pair in inverse_pairs(instances, labels, counts=counts):
            first, second = filled[pair.relation], filled[pair.inverse]
            self.inverse_of |= {first: second, second: first}


def _kept_name(relation: DiscoveredRelation | None) -> str | None:
    return None if relation is None or relation.named_by == "text" else relation.name


def _names_beside(made: Sequence[str], kept: Sequence[str | None]) -> list[str]:
    """The kept names where there are some, else the made ones, which get a number where a kept one is the same."""
    taken = {name for name in kept if name is not None}
    names = []
    for own, name in zip(kept, made, strict=True):
        number = 2
        chosen = name if own is None else own
        while own is None and chosen in taken:
            chosen = f"{name} ({number})"
            number += 1
        taken.add(chosen)
        names.append(chosen)
    return names


def nearest_examples(
    instances: Sequence[Mapping[str, Any]],
    rows: np.ndarray,
    scores: np.ndarray,
    members: np.ndarray,
    center: np.ndarray,
    number: int,
) -> list[dict[str, Any]]:
    """The instances nearest to a centre, no text twice.

    Args:
        instances (`Sequence[Mapping]`), rows (`np.ndarray` of shape `(n, p)`), scores (`np.ndarray` of shape `(n,)`): as in
            [`describe_relations`].
        members (`np.ndarray`, integer): positions of those to choose from.
        center (`np.ndarray` of shape `(p,)`): the centre.
        number (`int`): at most this many.

    Returns:
        `list[dict]`: nearest first, then by id: `id`, mentions and text where known, `score`.
    """
    chosen = nearest_members(instances, rows, members, center, number)
    return [
        {"id": str(instances[member]["id"])} | surface_forms(instances[member]) | {"score": float(scores[member])}
        for member in chosen
    ]


def nearest_members(
    instances: Sequence[Mapping[str, Any]], rows: np.ndarray, members: np.ndarray, center: np.ndarray, number: int
) -> list[int]:
    """Positions of what [`nearest_examples`] gives; those of a union are among those of its parts."""
    closeness = (rows[members].astype(np.float64) @ center.astype(np.float64)).round(6)
    nearest_first = sorted(
        (-value, str(instances[member]["id"]), member)
        for value, member in zip(closeness.tolist(), members.tolist(), strict=True)
    )
    chosen: list[int] = []
    seen: set[str] = set()
    for _, id_, member in nearest_first:
        text = surface_forms(instances[member]).get("text", id_)
        if text not in seen:
            seen.add(text)
            chosen.append(member)
        if len(chosen) == number:
            break
    return chosen
