"""Surface patterns of the relations: what stands between the mentions, such as "X was born in Y"."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hf_relation.discovery.diversity import marginal_relevance
from hf_relation.discovery.keywords import ENGLISH_FUNCTION_WORDS
from hf_relation.discovery.pattern_counts import Pattern, PatternCounts, count_patterns


LEAST_LIFT = 1.25  # as for keywords: at least this much commoner in its relation than in the average relation
_COMPLETE, _ANCHORED, _LOOSE = 2.5, 1.5, 1.0  # how much a pattern that reaches both mentions, one, or none counts
_WITHOUT_CONTENT = 0.25  # the same for patterns of function words, numbers and marks alone
_LONGER = 0.3  # and what every word beyond the first adds
_POOL = 50  # so many of the best are looked at for diversity


@dataclass(frozen=True)
class PatternScore:
    """One pattern of a relation.

    Args:
        pattern (`str`): lower-case words with `X` for the head and `Y` for the tail, in text order: `"X was born in Y"`, or
            shortened, `"Y ... founded by X"`, where `...` stands for any words or none. `#` stands for a number.
        coverage (`float`): the share of the relation's instances that have it, in [0, 1].
        lift (`float`): its coverage here over its mean coverage in all relations; 1 is nothing special.
    """

    pattern: str
    coverage: float
    lift: float


def has_content(pattern: Pattern) -> bool:
    """Whether a pattern holds a word that is no English function word, number or mark."""
    return any(word not in ENGLISH_FUNCTION_WORDS for word in real_words(pattern))


def real_words(pattern: Pattern) -> list[str]:
    """The words of a pattern without numbers and marks."""
    return [word for word in pattern.words if word != "'s" and any(c.isalpha() for c in word)]


def pattern_weight(counts: PatternCounts, relation: int, pattern: Pattern) -> float:
    """How well a pattern stands for a relation: `coverage * log(1 + lift)`, times a factor for its form.

    The factor is 2.5 for a complete pattern, 1.5 for one that reaches one mention and 1 for others; every word beyond the
    first adds 30 %; a pattern without a content word counts a quarter.

    Args:
        counts ([`~hf_relation.discovery.pattern_counts.PatternCounts`]): of all the relations.
        relation (`int`): the relation.
        pattern ([`~hf_relation.discovery.pattern_counts.Pattern`]): the pattern.

    Returns:
        `float`: 0 or more, higher is better.
    """
    form = _COMPLETE if pattern.complete else _ANCHORED if pattern.start or pattern.end else _LOOSE
    form *= 1.0 + _LONGER * max(len(real_words(pattern)) - 1, 0)
    if not has_content(pattern):
        form *= _WITHOUT_CONTENT
    return form * counts.coverage(relation, pattern) * math.log1p(counts.lift(relation, pattern))


def ranked_patterns(counts: PatternCounts, relation: int) -> list[tuple[float, Pattern]]:
    """The distinctive patterns of a relation with their weights, best first; where none is distinctive, all of them. Those of
    function words and marks that reach neither mention say nothing and are left out."""
    candidates = [p for p in counts.candidates[relation] if p.start or p.end or has_content(p)]
    distinctive = [pattern for pattern in candidates if counts.lift(relation, pattern) >= LEAST_LIFT]
    weights = [(pattern_weight(counts, relation, pattern), pattern) for pattern in distinctive or candidates]
    return sorted(weights, key=lambda pair: (-pair[0], str(pair[1])))


def diverse(ranked: Sequence[tuple[float, Pattern]], number: int, *, diversity: float = 0.5) -> list[Pattern]:
    """Choose patterns that weigh much and share few words, by maximal marginal relevance, see
    [`~hf_relation.discovery.diversity.marginal_relevance`].

    Args:
        ranked (`Sequence[tuple[float, Pattern]]`): weights above zero, with the patterns; best first.
        number (`int`): at most this many are chosen.
        diversity (`float`, defaults to 0.5): 0 looks at weights alone, 1 at the likeness to those chosen before: common words
            as a share of the words of the one with fewer.

    Returns:
        `list[Pattern]`: in the order in which they were chosen; fewer than `number` where the others would add nothing (their
        weight, as a share of the best one's, does not outweigh their likeness).
    """
    pool = [(weight, pattern, frozenset(pattern.words)) for weight, pattern in ranked[:_POOL]]
    likeness = np.array([[_common_share(one, other) for _, _, other in pool] for _, _, one in pool])
    chosen = marginal_relevance([weight for weight, _, _ in pool], likeness, number, diversity=diversity)
    return [pool[i][1] for i in chosen]


def _common_share(words: frozenset[str], others: frozenset[str]) -> float:
    fewer = min(len(words), len(others))
    return len(words & others) / fewer if fewer else 0.0


def relation_patterns(
    instances: Sequence[Mapping[str, Any]],
    labels: np.ndarray,
    *,
    num_patterns: int = 5,
    diversity: float = 0.5,
    counts: PatternCounts | None = None,
) -> list[list[PatternScore]]:
    """The surface patterns that tell a relation from the others, found without any tagger or model.

    A complete pattern is all that stands between the two mentions, where that is at most eight words and marks; a shortened
    one is a run of up to four of them. Patterns of a single instance are left out, and so are those for which a longer one
    with as many instances exists, and those that are about as common in the average relation. They are ranked by
    [`pattern_weight`] and chosen by [`diverse`].

    Args:
        instances (`Sequence[Mapping]`): the instances, as in the data contract; gold labels are never read.
        labels (`np.ndarray` of shape `(n,)`, integer): relation ids `0 .. r-1`; -1 marks rows left out.
        num_patterns (`int`, defaults to 5): at most this many a relation.
        diversity (`float`, defaults to 0.5): how much patterns that share words are avoided, in [0, 1]; see [`diverse`].
        counts ([`~hf_relation.discovery.pattern_counts.PatternCounts`], *optional*): of these instances, where they have been
            counted before.

    Returns:
        `list[list[PatternScore]]`: one list for every relation, best first; empty where nothing occurs twice.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.discovery import relation_patterns
    >>> def pair(text, head, tail):
    ...     spans = [{"start": text.index(name), "end": text.index(name) + len(name)} for name in (head, tail)]
    ...     return {"text": text, "head": spans[0], "tail": spans[1]}
    >>> rows = [pair("Ada was born in Rome", "Ada", "Rome"), pair("Bo was born in Oslo", "Bo", "Oslo"),
    ...         pair("Firm, founded by Cy", "Cy", "Firm"), pair("Shop, founded by Di", "Di", "Shop")]
    >>> relation_patterns(rows, np.array([0, 0, 1, 1]))
    [[PatternScore(pattern='X was born in Y', coverage=1.0, lift=2.0)],
     [PatternScore(pattern='Y , founded by X', coverage=1.0, lift=2.0)]]

    ```
    """
    counts = count_patterns(instances, labels) if counts is None else counts
    return [
        [
            PatternScore(str(pattern), counts.coverage(relation, pattern), counts.lift(relation, pattern))
            for pattern in diverse(ranked_patterns(counts, relation), num_patterns, diversity=diversity)
        ]
        for relation in range(len(counts.sizes))
    ]
