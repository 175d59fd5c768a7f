"""From labels to relations a reader can recognise: size, cohesion, keywords, a name, the nearest examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hf_relation.clustering.labels import cohesion
from hf_relation.discovery.keywords import relation_keywords, unique_names
from hf_relation.discovery.result import DiscoveredRelation, surface_forms


def describe_relations(
    instances: Sequence[Mapping[str, Any]],
    rows: np.ndarray,
    labels: np.ndarray,
    scores: np.ndarray,
    centers: np.ndarray,
    *,
    num_examples: int = 5,
) -> list[DiscoveredRelation]:
    """Describe every relation of a clustering.

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
    with_text = len(instances) > 0 and "text" in instances[0]
    keywords = relation_keywords(instances, labels) if with_text else [[] for _ in centers]
    names = unique_names(keywords)
    cohesions = cohesion(rows, labels) if len(centers) else np.empty(0)
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
            )
        )
    return relations
