"""Which pairs of entities of a text become instances, and what stretch of the text each gets."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import UsageError
from .candidates import check_distance
from .schema import Document, Instance
from .text_stretches import stretch_around


@dataclass(frozen=True)
class PairRules:
    """Which pairs of entities of a text become instances.

    Args:
        window (`int`, defaults to 1): both mentions lie within so many sentences, one after the other; at least 1.
        both_directions (`bool`, defaults to `False`): make two instances of a pair, one each way, where `types` allow it. By
            default the head is the mention that comes first in the text; with `types` that allow the pair the other way round
            only, it is the other.
        max_distance (`int`, *optional*): leave out pairs with more characters between their mentions.
        max_pairs (`int`, *optional*): at most so many instances of one text, the nearest mentions first.
        types (`Sequence[tuple[str, str]]`, *optional*): the types that head and tail may have; upper and lower case are not told
            apart, and `"*"` is any type, or none.
        max_characters (`int`, defaults to 1000): the longest text of an instance. A longer one is cut around the mentions; pairs
            whose mentions do not fit are left out.

    Raises:
        UsageError: a value is out of range.

    Example:

    ```python
    >>> from hf_relation.data import PairRules
    >>> PairRules(types=[("person", "*")]).allows("PERSON", None)
    True

    ```
    """

    window: int = 1
    both_directions: bool = False
    max_distance: int | None = None
    max_pairs: int | None = None
    types: Sequence[tuple[str, str]] | None = None
    max_characters: int = 1_000

    def __post_init__(self) -> None:
        check_distance(self.max_distance)
        for name, value, least in (
            ("window", self.window, 1),
            ("max_pairs", self.max_pairs, 1),
            ("max_characters", self.max_characters, 2),
        ):
            if name == "max_pairs" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise UsageError(f"`{name}` must be a whole number of at least {least}, got {value!r}.")
        if self.types is None:
            return
        if isinstance(self.types, str) or not all(
            isinstance(pair, (tuple, list))
            and len(pair) == 2
            and all(isinstance(kind, str) and kind.strip() for kind in pair)
            for pair in self.types
        ):
            raise UsageError(
                f"`types` must be pairs of a head type and a tail type, such as [('PERSON', 'ORG')], got {self.types!r}."
            )
        if not self.types:
            raise UsageError("`types` is empty, so that no pair is allowed. Leave it out to allow all.")

    def allows(self, head: str | None, tail: str | None) -> bool:
        """Whether a head and a tail of these types may be an instance."""
        return self.types is None or any(_is(first, head) and _is(second, tail) for first, second in self.types)


def _is(wanted: str, kind: str | None) -> bool:
    return wanted == "*" or (kind is not None and wanted.upper() == kind.upper())


class TextPairs(NamedTuple):
    """What [`document_pairs`] gives.

    Args:
        instances (`list[Instance]`): in the order of the text.
        cut (`int`): how many of them have a text that was cut to `max_characters`.
        too_far (`int`): pairs of neighbours in a window that do not fit into `max_characters`; farther ones are not counted.
        left_over (`int`): instances left out by `max_pairs`.
    """

    instances: list[Instance]
    cut: int
    too_far: int
    left_over: int


class _Mention(NamedTuple):
    start: int
    end: int
    entity: int
    sentence: int


class _Pair(NamedTuple):
    sentences: int  # from the one mention to the other, less one
    gap: int
    first: _Mention
    second: _Mention


def document_pairs(
    document: Document, sentences: Sequence[tuple[int, int]], rules: PairRules | None = None
) -> TextPairs:
    """Make instances of the pairs of entities that are mentioned near one another.

    The text of an instance is the sentence of its two mentions, or the sentences from the one to the other; what stands between
    two sentences goes with the first, and a sentence that would end within a mention goes on. Mentions of one entity are
    alternatives: of those pairs of mentions of two entities that have a sentence in common, one is taken, so that nothing is found
    twice: that in the fewest sentences, then with the fewest characters between them, then the earliest. Mentions that overlap are
    no pair. No co-reference is resolved: a pronoun is a mention where the entities say so, and only then.

    Args:
        document (`Document`): in normal form; its `relations` are not read.
        sentences (`Sequence[tuple[int, int]]`): see [`~hf_relation.data.split_sentences`].
        rules ([`PairRules`], *optional*): which pairs.

    Returns:
        [`TextPairs`]: instances with an `origin`, and the ids `"<document id>/<head>-<tail>@<offset of the first mention>"`,
        where head and tail are positions in `entities`.

    Example:

    ```python
    >>> from hf_relation.data import EntitySpan, document_of_spans, document_pairs, split_sentences
    >>> text = "It rained. Ada met Bob."
    >>> document = document_of_spans(text, [EntitySpan(11, 14), EntitySpan(19, 22)], id="a")
    >>> row, = document_pairs(document, split_sentences(text)).instances
    >>> row["id"], row["text"], row["head"]["start"], row["origin"]
    ('a/0-1@11', 'Ada met Bob.', 0, {'id': 'a', 'start': 11})

    ```
    """
    rules = rules or PairRules()
    mentions, starts = _placed(document, sentences)
    candidates, too_far = _candidates(mentions, rules)
    chosen: list[_Pair] = []
    for of_entities in candidates.values():
        chosen += _apart(of_entities)
    directed = [(pair, *ends) for pair in chosen for ends in _directions(document, pair, rules)]
    left_over = 0
    if rules.max_pairs is not None and len(directed) > rules.max_pairs:
        left_over = len(directed) - rules.max_pairs
        directed = sorted(directed, key=lambda row: row[0])[: rules.max_pairs]
    directed.sort(key=lambda row: (row[0].first, row[0].second, row[1] is not row[0].first))
    instances, cut = [], 0
    for pair, head, tail in directed:
        instance, was_cut = _instance(document, pair, head, tail, starts, rules.max_characters)
        instances.append(instance)
        cut += was_cut
    return TextPairs(instances, cut, too_far, left_over)


def _placed(document: Document, sentences: Sequence[tuple[int, int]]) -> tuple[list[_Mention], list[int]]:
    """The mentions in order, each in a sentence, and where sentences begin."""
    spans = document["mentions"]
    order = sorted(
        (spans[place]["start"], spans[place]["end"], number)
        for number, entity in enumerate(document["entities"])
        for place in entity["mentions"]
    )
    starts = [0]
    place, reach = 0, 0
    for start, _ in sentences:
        while place < len(order) and order[place][0] < start:
            reach = max(reach, order[place][1])
            place += 1
        if start > starts[-1] and reach <= start:
            starts.append(start)
    return [_Mention(*mention, bisect_right(starts, mention[0]) - 1) for mention in order], starts


def _candidates(mentions: list[_Mention], rules: PairRules) -> tuple[dict[tuple[int, int], list[_Pair]], int]:
    """For every mention the next one of each other entity. A later one of the same entity is farther away, and shares the
    sentence of the mention, so it could never be taken.
    """
    found: dict[tuple[int, int], list[_Pair]] = {}
    too_far = 0
    following: dict[int, _Mention] = {}  # the next mention of each entity; the nearest was put in last
    of_entity: dict[int, list[_Mention]] = {}  # the last one first
    for first in reversed(mentions):
        for entity in reversed(following):
            second = following[entity]
            if second.sentence - first.sentence >= rules.window:
                break
            if rules.max_distance is not None and second.start - first.end > rules.max_distance:
                break
            if second.start - first.start >= rules.max_characters:
                too_far += 1
                break
            if entity == first.entity:
                continue
            if second.start < first.end:
                later = of_entity[entity]
                place = bisect_right(later, -first.end, key=lambda mention: -mention.start) - 1
                if place < 0:
                    continue
                second = later[place]
            gap = second.start - first.end
            sentences = second.sentence - first.sentence
            if sentences >= rules.window or (rules.max_distance is not None and gap > rules.max_distance):
                continue
            if second.end - first.start > rules.max_characters:
                too_far += 1
                continue
            key = (min(first.entity, entity), max(first.entity, entity))
            found.setdefault(key, []).append(_Pair(sentences, gap, first, second))
        following.pop(first.entity, None)
        following[first.entity] = first
        of_entity.setdefault(first.entity, []).append(first)
    return found, too_far


def _apart(pairs: list[_Pair]) -> list[_Pair]:
    """Of one pair of entities: the nearest mentions first, and none that shares a sentence with one taken before."""
    taken: set[int] = set()
    kept = []
    for pair in sorted(pairs):
        covered = range(pair.first.sentence, pair.second.sentence + 1)
        if taken.isdisjoint(covered):
            taken.update(covered)
            kept.append(pair)
    return kept


def _directions(document: Document, pair: _Pair, rules: PairRules) -> list[tuple[_Mention, _Mention]]:
    entities = document["entities"]
    ways = [
        (head, tail)
        for head, tail in ((pair.first, pair.second), (pair.second, pair.first))
        if rules.allows(entities[head.entity]["type"], entities[tail.entity]["type"])
    ]
    return ways if rules.both_directions else ways[:1]


def _instance(
    document: Document, pair: _Pair, head: _Mention, tail: _Mention, starts: list[int], longest: int
) -> tuple[Instance, bool]:
    text = document["text"]
    last = pair.second.sentence + 1
    begin, end = starts[pair.first.sentence], starts[last] if last < len(starts) else len(text)
    begin, end, cut = stretch_around(text, (begin, end), (pair.first.start, pair.second.end), longest)
    entities = document["entities"]
    instance: Instance = {
        "id": f"{document['id']}/{head.entity}-{tail.entity}@{pair.first.start}",
        "text": text[begin:end],
        "head": {"start": head.start - begin, "end": head.end - begin, "type": entities[head.entity]["type"]},
        "tail": {"start": tail.start - begin, "end": tail.end - begin, "type": entities[tail.entity]["type"]},
        "relations": [],
        "origin": {"id": document["id"], "start": begin},
    }
    return instance, cut
