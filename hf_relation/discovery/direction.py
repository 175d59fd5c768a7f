"""Which discovered relations are one relation read from both ends: inverses, and symmetric relations."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hf_relation.discovery.pattern_counts import Pattern, PatternCounts, count_patterns
from hf_relation.discovery.patterns import LEAST_LIFT, has_content, pattern_weight
from hf_relation.discovery.signature import type_pair
from hf_relation.errors import UsageError


_LEAST_EVIDENCE = 2  # entity pairs, or instances of a pattern: one may be chance


@dataclass(frozen=True)
class InversePair:
    """Two relations that look like one relation read from both ends.

    Args:
        relation (`int`): its id; the smaller of the two.
        inverse (`int`): the id of the other; the same id where the relation is symmetric.
        score (`float`): in [0, 1], see [`inverse_pairs`].
        swapped_pairs (`float`): `e` there: share of entity pairs that occur in the other with head and tail changed over.
        swapped_patterns (`float`): `p` there: likeness of the patterns with X and Y changed over.
        mirrored_types (`float` or `None`): `t` there: how far the entity types agree when changed over; `None` where none
            are known.
    """

    relation: int
    inverse: int
    score: float
    swapped_pairs: float
    swapped_patterns: float
    mirrored_types: float | None


def inverse_pairs(
    instances: Sequence[Mapping[str, Any]],
    labels: np.ndarray,
    *,
    threshold: float = 0.5,
    counts: PatternCounts | None = None,
) -> list[InversePair]:
    """Find relations that are inverses of one another, and relations that are symmetric. Nothing is merged.

    Three kinds of evidence are read, each in [0, 1]:

    - `e`, entity pairs: how many pairs of entities (by their names) occur in one relation as head and tail and in the other
      as tail and head, less those that occur in both the same way round, as a share of the pairs of the relation with fewer.
      A single pair counts for nothing. For one relation with itself: the share of its pairs that occur both ways.
    - `p`, patterns: the cosine between what the one relation's distinctive patterns weigh (those with a content word, in at
      least two instances) and what the other's weigh with X and Y changed over, less the cosine with them left as they are.
      For one relation with itself: the cosine alone.
    - `t`, types: the common part of the distributions of (head type, tail type) and (tail type, head type). For one
      relation with itself: the share of instances whose head and tail are of the same type. Where a relation has no
      types, `t` is 1.

    Where `e` rests on `n` pairs it is multiplied by `n / (n + 1)`, and so is `p` where no matching pattern is in more than `n`
    instances of either relation. The score is `t * (1 - (1 - e) * (1 - p))`: pairs or patterns are enough, and types can rule it out. Every relation is
    given to at most one pair, best score first. Without entity types, a relation that mixes both directions of a
    relation that is not symmetric looks symmetric.

    Args:
        instances (`Sequence[Mapping]`): the instances, as in the data contract; gold labels are never read.
        labels (`np.ndarray` of shape `(n,)`, integer): relation ids `0 .. r-1`; -1 marks rows left out.
        threshold (`float`, defaults to 0.5): the lowest score that counts, above 0 and at most 1.
        counts ([`~hf_relation.discovery.pattern_counts.PatternCounts`], *optional*): of these instances, where they have been
            counted before.

    Returns:
        `list[InversePair]`: by relation.

    Raises:
        UsageError: `threshold` is out of range.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.discovery import inverse_pairs
    >>> def pair(head, words, tail):
    ...     text = f"{head} {words} {tail}"
    ...     start = len(text) - len(tail)
    ...     return {"text": text, "head": {"start": 0, "end": len(head)}, "tail": {"start": start, "end": len(text)}}
    >>> rows = [pair("Eva", "wrote", "Waves"), pair("Ian", "wrote", "Roots"), pair("Waves", "is by", "Eva"),
    ...         pair("Roots", "is by", "Ian"), pair("Ann", "met", "Bo"), pair("Cy", "met", "Di")]
    >>> [(found.relation, found.inverse, found.score) for found in inverse_pairs(rows, np.array([0, 0, 1, 1, 2, 2]))]
    [(0, 1, 0.666667)]

    ```
    """
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not 0 < threshold <= 1:
        raise UsageError(f"`threshold` must be a number above 0 and at most 1, got {threshold!r}.")
    labels = np.asarray(labels)
    counts = count_patterns(instances, labels) if counts is None else counts
    by_pairs = _pair_evidence(instances, labels)
    by_patterns = _pattern_evidence(counts)
    types = _type_shares(instances, labels)
    found = []
    for first, second in sorted(by_pairs.keys() | by_patterns.keys()):
        pairs, patterns = by_pairs.get((first, second), 0.0), by_patterns.get((first, second), 0.0)
        mirrored = _mirrored(types[first], types[second], first == second)
        score = (1.0 if mirrored is None else mirrored) * (1.0 - (1.0 - pairs) * (1.0 - patterns))
        score = round(score, 6)
        if score >= threshold:
            found.append(InversePair(first, second, score, pairs, patterns, mirrored))
    taken: set[int] = set()
    kept = []
    for candidate in sorted(found, key=lambda pair: (-pair.score, pair.relation, pair.inverse)):
        if not taken & {candidate.relation, candidate.inverse}:
            taken |= {candidate.relation, candidate.inverse}
            kept.append(candidate)
    return sorted(kept, key=lambda pair: pair.relation)


def _pair_evidence(instances: Sequence[Mapping[str, Any]], labels: np.ndarray) -> dict[tuple[int, int], float]:
    """`e` of all pairs of relations where it is above 0; the smaller id first."""
    relations: dict[tuple[str, str], set[int]] = defaultdict(set)
    for instance, label in zip(instances, labels.tolist(), strict=True):
        if label >= 0:
            head, tail = _name(instance, "head"), _name(instance, "tail")
            if head != tail:
                relations[head, tail].add(label)
    sizes = Counter(relation for having in relations.values() for relation in having)
    swapped: Counter[tuple[int, int]] = Counter()
    straight: Counter[tuple[int, int]] = Counter()
    for (head, tail), having in relations.items():
        others = relations.get((tail, head), ())
        swapped.update((a, b) for a in having for b in others if a <= b)
        straight.update((a, b) for a in having for b in having if a < b)
    evidence = {}
    for (a, b), number in swapped.items():
        number = number // 2 if a == b else number - straight[a, b]  # one relation counts each of its two directions
        if number >= _LEAST_EVIDENCE:
            share = number * (2 if a == b else 1) / min(sizes[a], sizes[b])
            evidence[a, b] = share * number / (number + 1)
    return evidence


def _name(instance: Mapping[str, Any], side: str) -> str:
    mention = instance[side]
    return unicodedata.normalize("NFC", instance["text"][mention["start"] : mention["end"]]).casefold()


def _pattern_evidence(counts: PatternCounts) -> dict[tuple[int, int], float]:
    """`p` of all pairs of relations where it is above 0; the smaller id first."""
    weights: list[dict[Pattern, float]] = []
    having: dict[Pattern, list[int]] = defaultdict(list)
    for relation, counted in enumerate(counts.counts):
        vector = {
            pattern: pattern_weight(counts, relation, pattern)
            for pattern, number in sorted(counted.items())
            if number >= _LEAST_EVIDENCE and has_content(pattern) and counts.lift(relation, pattern) >= LEAST_LIFT
        }
        length = math.sqrt(math.fsum(weight * weight for weight in vector.values()))
        weights.append({pattern: weight / length for pattern, weight in vector.items()})
        for pattern in vector:
            having[pattern].append(relation)
    products: dict[tuple[int, int], list[float]] = defaultdict(list)
    support: Counter[tuple[int, int]] = Counter()
    for pattern, relations in sorted(having.items()):
        mirror = pattern.swapped()
        for a in relations:
            for b in having.get(mirror, ()):
                if a <= b:
                    products[a, b].append(weights[a][pattern] * weights[b][mirror])
                    number = min(counts.counts[a][pattern], counts.counts[b][mirror])
                    support[a, b] = max(support[a, b], number)
            for b in relations:
                if a < b:
                    products[a, b].append(-weights[a][pattern] * weights[b][pattern])
    sums = {pair: math.fsum(parts) for pair, parts in products.items()}
    return {pair: min(value, 1.0) * support[pair] / (support[pair] + 1) for pair, value in sums.items() if value > 0}


def _type_shares(
    instances: Sequence[Mapping[str, Any]], labels: np.ndarray
) -> dict[int, dict[tuple[str, str], float]]:
    counted: dict[int, Counter[tuple[str, str]]] = defaultdict(Counter)
    for instance, label in zip(instances, labels.tolist(), strict=True):
        pair = type_pair(instance) if label >= 0 else None
        if pair is not None:
            counted[label][pair] += 1
    shares = {r: {pair: n / counter.total() for pair, n in counter.items()} for r, counter in counted.items()}
    return defaultdict(dict, shares)


def _mirrored(
    first: Mapping[tuple[str, str], float], second: Mapping[tuple[str, str], float], same: bool
) -> float | None:
    if not first or not second:
        return None
    if same:
        return math.fsum(share for (head, tail), share in first.items() if head == tail)
    return math.fsum(min(share, second.get((tail, head), 0.0)) for (head, tail), share in first.items())
