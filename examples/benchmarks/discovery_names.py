"""Part of discovery.py: how near the names of clusters come to the names and descriptions of the gold relations."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from name_quality import name_similarity


Encode = Callable[[Sequence[str]], np.ndarray]


def relations_of_clusters(labels: Sequence[int], gold: Sequence[str]) -> dict[int, str]:
    """The gold relation that every cluster has most of; of several the first by name."""
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for label, relation in zip(labels, gold, strict=True):
        counts[label][relation] += 1
    return {
        label: min(relations, key=lambda relation: (-relations[relation], relation))
        for label, relations in counts.items()
    }


def named_relations(names: Sequence[str], own: Sequence[str], gold_names: Mapping[str, str], encode: Encode) -> float:
    """The share of gold relations that a cluster is named after.

    Args:
        names: of the clusters.
        own: for every cluster the gold relation that it has most of.
        gold_names: names of all gold relations.
        encode: texts to rows of length one.

    Returns:
        Share of the gold relations that some cluster has most of, and whose name is, of all gold names, the nearest to the name
        of that cluster. Few clusters cannot name many relations, and clusters without a name of their own none.
    """
    relations = sorted(gold_names)
    if not names:
        return 0.0
    cosines = encode(names) @ encode([gold_names[relation] for relation in relations]).T
    nearest = [relations[i] for i in cosines.argmax(axis=1)]
    named = {relation for relation, found in zip(own, nearest, strict=True) if relation == found}
    return len(named) / len(relations)


def score_names(
    names: Mapping[int, str],
    labels: Sequence[int],
    gold: Sequence[str],
    meanings: Mapping[str, tuple[str, str | None]],
    encode: Encode,
) -> dict[str, float]:
    """`name_similarity` and, as `"named"`, [`named_relations`] of a clustering; rows left out have no name."""
    relations = relations_of_clusters(labels, gold)
    clusters = [label for label in sorted(names) if label in relations]
    texts, own = [names[label] for label in clusters], [relations[label] for label in clusters]
    meant = [meanings[relation] for relation in own]
    named = named_relations(texts, own, {relation: meanings[relation][0] for relation in set(gold)}, encode)
    if not texts:
        return {"named": named}
    return name_similarity(texts, [name for name, _ in meant], [text or "" for _, text in meant], encode) | {
        "named": named
    }
