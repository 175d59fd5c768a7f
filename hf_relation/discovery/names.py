"""Names of the relations: made from their patterns and keywords, or given by the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hf_relation.discovery.keywords import split_words, unique_names
from hf_relation.discovery.pattern_counts import Pattern, PatternCounts, is_unspaced, join_words
from hf_relation.discovery.patterns import has_content, ranked_patterns, real_words
from hf_relation.errors import UsageError


if TYPE_CHECKING:
    from hf_relation.discovery.relation import DiscoveredRelation


MAX_LENGTH = 40
_LEAST_COVERAGE = 0.2  # a pattern of fewer of the instances names no relation
_MARKS_ALLOWED = frozenset((",", "-", "&", "/", "'s"))
_ATTACHED = (",", "'s")  # written without a space before them


def relation_names(counts: PatternCounts, keywords: Sequence[Sequence[str]]) -> list[str]:
    """A readable name for every relation, no two alike, of at most 40 characters.

    The best pattern gives the name where a fifth of the instances has it: `"X was born in Y"` makes `"was born in"`, and
    where the tail stands first the slots stay, `"Y, founded by X"`, so that the direction can be read. Such a pattern holds a
    keyword of the relation, has two words or is complete, and holds no number and few kinds of marks; one with the tail first reaches the head. It
    is lengthened as long as half of its instances agree. One with the head first is taken before one with the tail first that weighs less than twice as
    much. Other relations are called after their first three keywords, and those without keywords after their id.

    Args:
        counts ([`~hf_relation.discovery.pattern_counts.PatternCounts`]): of all the relations.
        keywords (`Sequence[Sequence[str]]`): the keywords of every relation, best first.

    Returns:
        `list[str]`: one name a relation; of two that would be alike the later one gets a keyword in brackets, see
        [`~hf_relation.discovery.keywords.unique_names`].

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.discovery.names import relation_names
    >>> from hf_relation.discovery.pattern_counts import count_patterns
    >>> row = {"text": "Ada was born in Rome", "head": {"start": 0, "end": 3}, "tail": {"start": 16, "end": 20}}
    >>> relation_names(count_patterns([row, row], np.array([0, 0])), [["born"]])
    ['was born in']

    ```
    """
    phrases = [_phrase(counts, relation, words) for relation, words in enumerate(keywords)]
    return unique_names(keywords, phrases=phrases, max_length=MAX_LENGTH)


def _phrase(counts: PatternCounts, relation: int, keywords: Sequence[str]) -> str | None:
    fitting = [
        (weight, pattern)
        for weight, pattern in ranked_patterns(counts, relation)
        if (pattern.forward or pattern.end)
        and has_content(pattern)
        and _can_name(pattern, keywords)
        and len(_text(pattern)) <= MAX_LENGTH
    ]
    best: dict[bool, tuple[float, Pattern]] = {}
    for weight, pattern in fitting:
        if pattern.forward not in best and counts.coverage(relation, pattern) >= _LEAST_COVERAGE:
            best[pattern.forward] = (weight * (2 if pattern.forward else 1), pattern)
    for _, pattern in sorted(best.values(), key=lambda pair: -pair[0]):
        pattern = _lengthened(counts, relation, pattern, [other for _, other in fitting])
        if pattern.complete or len(real_words(pattern)) >= 2:
            return _text(pattern)
    return None


def _can_name(pattern: Pattern, keywords: Sequence[str]) -> bool:
    if any("#" in word or not (word in _MARKS_ALLOWED or split_words(word)) for word in pattern.words):
        return False
    text = join_words(pattern.words)
    return not set(keywords).isdisjoint(split_words(text)) or any(map(is_unspaced, text))


def _lengthened(counts: PatternCounts, relation: int, pattern: Pattern, others: Sequence[Pattern]) -> Pattern:
    while True:
        longer = [
            other
            for other in others
            if other.forward == pattern.forward
            and len(other.words) > len(pattern.words)
            and _contains(other.words, pattern.words)
            and 2 * counts.coverage(relation, other) >= counts.coverage(relation, pattern)
        ]
        if not longer:
            return pattern
        pattern = min(longer, key=lambda other: (-counts.coverage(relation, other), len(other.words), str(other)))


def _contains(words: Sequence[str], part: Sequence[str]) -> bool:
    return any(words[i : i + len(part)] == part for i in range(len(words) - len(part) + 1))


def _text(pattern: Pattern) -> str:
    words = list(pattern.words)
    if pattern.forward and words[0] != "'s":  # "'s capital" alone is hard to read
        while words and not words[0][0].isalpha():
            del words[0]
        while words and not any(c.isalpha() for c in words[-1]):
            del words[-1]
    else:
        first, second = "XY" if pattern.forward else "YX"
        words = [first, *([] if pattern.start else ["…"]), *words, *([] if pattern.end else ["…"]), second]
    text = join_words(words)
    for mark in _ATTACHED:
        text = text.replace(f" {mark}", mark)
    return text


def rename(relations: Sequence[DiscoveredRelation], names: Mapping[int, str]) -> None:
    """Give relations names of one's own; all of them or, where one is refused, none.

    Args:
        relations (`Sequence[DiscoveredRelation]`): altered in place.
        names (`Mapping[int, str]`): new names by relation id; spaces around them are cut off.

    Raises:
        UsageError: an id that no relation has, a name that is no string or blank, or two relations of one name.
    """
    if not isinstance(names, Mapping):
        raise UsageError(f"`names` must be a dict from relation ids to names, got {type(names).__name__}.")
    new = {relation.id: relation.name for relation in relations}
    for id_, name in names.items():
        if isinstance(id_, bool) or not isinstance(id_, (int, np.integer)) or id_ not in new:
            known = ", ".join(map(str, list(new)[:20])) or "none"
            known += f" and {len(new) - 20} more" if len(new) > 20 else ""
            raise UsageError(
                f"`names` has the key {id_!r}, which is no relation id; the ids are {known} (whole numbers)."
            )
        if not isinstance(name, str) or not name.strip():
            raise UsageError(f"The name of relation {id_} must be a string that is not blank, got {name!r}.")
        new[int(id_)] = name.strip()
    holder: dict[str, int] = {}
    for id_, name in new.items():
        if name in holder:
            raise UsageError(
                f"Relations {holder[name]} and {id_} would both be called {name!r}. Names must be unique: choose another for "
                "one of them."
            )
        holder[name] = id_
    given = {int(id_) for id_ in names}
    for relation in relations:
        relation.name = new[relation.id]
        if relation.id in given:
            relation.named_by = "user"
