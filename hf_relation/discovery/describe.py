"""From labels to relations a reader can recognise: size, cohesion, words and patterns, a name, the nearest examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hf_relation.clustering.labels import cohesion
from hf_relation.discovery.direction import inverse_pairs
from hf_relation.discovery.keywords import relation_keywords, unique_names
from hf_relation.discovery.names import relation_names
from hf_relation.discovery.pattern_counts import count_patterns
from hf_relation.discovery.patterns import PatternScore, relation_patterns
from hf_relation.discovery.result import DiscoveredRelation, surface_forms
from hf_relation.discovery.signature import TypeSignature, type_signatures


def describe_relations(
    instances: Sequence[Mapping[str, Any]],
    rows: np.ndarray,
    labels: np.ndarray,
    scores: np.ndarray,
    centers: np.ndarray,
    *,
    num_examples: int = 5,
) -> list[DiscoveredRelation]:
    """Describe every relation of a clustering. Names, keywords and patterns compare the relations with one another, so that
    all are made anew whenever the labels change.

    Args:
        instances (`Sequence[Mapping]`): instances of the data contract, or just `{"id"}` each; gold labels are not read.
        rows (`np.ndarray` of shape `(n, p)`): the vectors that were clustered, of length one.
        labels (`np.ndarray` of shape `(n,)`, integer): 0 to r - 1 without gaps, or -1 for rows left out.
        scores (`np.ndarray` of shape `(n,)`): as in [`~hf_relation.discovery.DiscoveryResult`].
        centers (`np.ndarray` of shape `(r, p)`): as from [`~hf_relation.clustering.cluster_centers`].
        num_examples (`int`, defaults to 5): at most this many examples a relation, no text twice.

    Returns:
        `list[DiscoveredRelation]`: by id.
    """
    number = len(centers)
    keywords: list[list[str]] = [[] for _ in range(number)]
    names = unique_names(keywords)
    patterns: list[list[PatternScore]] = [[] for _ in range(number)]
    signatures: list[TypeSignature | None] = [None] * number
    inverse_of: dict[int, int] = {}
    if number and "text" in instances[0]:
        counts = count_patterns(instances, labels)
        keywords = relation_keywords(instances, labels)
        names = relation_names(counts, keywords)
        patterns = relation_patterns(instances, labels, counts=counts)
        signatures = type_signatures(instances, labels)
        for pair in inverse_pairs(instances, labels, counts=counts):
            inverse_of |= {pair.relation: pair.inverse, pair.inverse: pair.relation}
    cohesions = cohesion(rows, labels) if number else np.empty(0)
    relations = []
    for relation, center in enumerate(centers):
        members = np.flatnonzero(labels == relation)
        closeness = (rows[members].astype(np.float64) @ center.astype(np.float64)).round(6)
        nearest_first = sorted(
            (-value, str(instances[member]["id"]), member)
            for value, member in zip(closeness.tolist(), members.tolist(), strict=True)
        )
        examples: list[dict[str, Any]] = []
        seen: set[str] = set()
        for _, id_, member in nearest_first:
            example = {"id": id_} | surface_forms(instances[member])
            text = example.get("text", id_)
            if text not in seen:
                seen.add(text)
                examples.append(example | {"score": float(scores[member])})
            if len(examples) == num_examples:
                break
        relations.append(
            DiscoveredRelation(
                id=relation,
                name=names[relation],
                keywords=keywords[relation],
                size=len(members),
                cohesion=float(cohesions[relation]),
                examples=examples,
                patterns=patterns[relation],
                signature=signatures[relation],
                inverse_of=inverse_of.get(relation),
            )
        )
    return relations
