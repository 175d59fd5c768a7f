"""Pairs of texts: against a slow loop over all mentions, and by hand."""

from __future__ import annotations

import random
from itertools import combinations, pairwise
from typing import Any

import pytest

from hf_relation.data import (
    PairRules,
    check_document,
    check_instance,
    crop_around_mentions,
    document_pairs,
    original_spans,
    split_sentences,
)
from hf_relation.data.schema import Document
from hf_relation.data.text_stretches import stretch_around
from hf_relation.errors import InvalidRowError, UsageError


def document(text: str, *entities: tuple[str, str | None]) -> Document:
    """Every occurrence of a name is a mention of its entity."""
    mentions, listed = [], []
    for name, kind in entities:
        starts = [place for place in range(len(text)) if text.startswith(name, place)]
        listed.append({"type": kind, "mentions": list(range(len(mentions), len(mentions) + len(starts)))})
        mentions += [{"start": start, "end": start + len(name)} for start in starts]
    return check_document({"id": "d", "text": text, "mentions": mentions, "entities": listed})


def words(row: Any) -> tuple[str, str, str]:
    head, tail = (row["text"][row[side]["start"] : row[side]["end"]] for side in ("head", "tail"))
    return head, tail, row["text"]


def pairs(given: Document, **rules: Any) -> list[tuple[str, str, str]]:
    return [words(row) for row in document_pairs(given, split_sentences(given["text"]), PairRules(**rules)).instances]


STORY = document(
    "Ada met Bob. Ada lives in Lindau. Bob left. Lindau is old, says Ada.",
    ("Ada", "PERSON"),
    ("Bob", "PERSON"),
    ("Lindau", "PLACE"),
)


def test_pairs_of_a_sentence_in_the_order_of_the_text() -> None:
    assert pairs(STORY) == [
        ("Ada", "Bob", "Ada met Bob."),
        ("Ada", "Lindau", "Ada lives in Lindau."),
        ("Lindau", "Ada", "Lindau is old, says Ada."),
    ]


def test_a_wider_window_finds_more_and_nothing_twice() -> None:
    assert pairs(STORY, window=2) == [
        ("Ada", "Bob", "Ada met Bob."),
        ("Ada", "Lindau", "Ada lives in Lindau."),
        ("Ada", "Bob", "Ada lives in Lindau. Bob left."),
        ("Lindau", "Bob", "Ada lives in Lindau. Bob left."),
        ("Lindau", "Ada", "Lindau is old, says Ada."),
    ]


def test_directions_and_types() -> None:
    both = pairs(STORY, both_directions=True)
    assert both[:2] == [("Ada", "Bob", "Ada met Bob."), ("Bob", "Ada", "Ada met Bob.")] and len(both) == 6
    assert pairs(STORY, types=[("person", "PLACE")]) == [
        ("Ada", "Lindau", "Ada lives in Lindau."),
        ("Ada", "Lindau", "Lindau is old, says Ada."),
    ]
    assert pairs(STORY, types=[("PERSON", "*")])[1:] == pairs(STORY, types=[("PERSON", "PLACE")])
    assert len(pairs(STORY, types=[("*", "*")], both_directions=True)) == 6
    assert pairs(STORY, types=[("PLACE", "ORG")]) == []
    untyped = document("Ada met Bob.", ("Ada", None), ("Bob", "PERSON"))
    assert pairs(untyped, types=[("PERSON", "*")]) == [("Bob", "Ada", "Ada met Bob.")]
    assert pairs(untyped, types=[("PERSON", "PERSON")]) == []


def test_limits() -> None:
    assert pairs(STORY, max_distance=5) == [("Ada", "Bob", "Ada met Bob.")]
    assert pairs(STORY, max_distance=4) == []
    found = document_pairs(STORY, split_sentences(STORY["text"]), PairRules(max_pairs=2))
    assert [words(row)[:2] for row in found.instances] == [("Ada", "Bob"), ("Ada", "Lindau")] and found.left_over == 1
    found = document_pairs(STORY, split_sentences(STORY["text"]), PairRules(max_characters=11))
    assert [words(row) for row in found.instances] == [("Ada", "Bob", "Ada met Bob")]
    assert (found.cut, found.too_far) == (1, 2)


def slow_pairs(given: Document, borders: list[int], window: int, longest: int, max_distance: int | None) -> set[Any]:
    """All pairs of all mentions, the nearest first, none in a sentence that the two entities had before."""
    of_mention = [
        (given["mentions"][place]["start"], given["mentions"][place]["end"], number)
        for number, entity in enumerate(given["entities"])
        for place in entity["mentions"]
    ]
    inside = {place for start, end, _ in of_mention for place in range(start + 1, end)}
    starts = sorted({0, *borders} - inside)
    sentence = {m: sum(1 for start in starts if start <= m[0]) for m in of_mention}
    listed = []
    for one, two in combinations(of_mention, 2):
        first, second = sorted((one, two))
        span = sentence[second] - sentence[first]
        gap = second[0] - first[1]
        if first[2] == second[2] or gap < 0 or span >= window or second[1] - first[0] > longest:
            continue
        if max_distance is None or gap <= max_distance:
            listed.append((span, gap, first, second))
    taken: dict[Any, set[int]] = {}
    kept = set()
    for _, _, first, second in sorted(listed):
        of_entities = taken.setdefault(frozenset((first[2], second[2])), set())
        covered = set(range(sentence[first], sentence[second] + 1))
        if not of_entities & covered:
            of_entities |= covered
            kept.add((first, second))
    return kept


def test_pairs_are_those_of_a_slow_loop() -> None:
    rng = random.Random(3)
    found_any = 0
    for _ in range(300):
        text = "".join(rng.choice("ab c.") for _ in range(rng.randint(2, 60)))
        mentions = []
        for _ in range(rng.randint(0, 10)):
            start = rng.randrange(len(text))
            end = min(len(text), start + rng.randint(1, 6))
            if text[start:end].strip():
                mentions.append({"start": start, "end": end})
        entities: list[dict[str, Any]] = [{"mentions": []} for _ in range(4)]
        for place in range(len(mentions)):
            entities[rng.randrange(4)]["mentions"].append(place)
        entities = [entity for entity in entities if entity["mentions"]]
        given = check_document({"text": text, "mentions": mentions, "entities": entities})
        borders = sorted(rng.sample(range(len(text)), rng.randint(0, min(6, len(text)))))
        sentences = [(start, end) for start, end in pairwise([*borders, len(text)]) if start < end]
        window, longest, distance = rng.randint(1, 4), rng.randint(4, 60), rng.choice([None, rng.randint(0, 20)])
        rules = PairRules(window, True, distance, max_characters=longest)
        rows = document_pairs(given, sentences, rules).instances
        expected = slow_pairs(given, borders, window, longest, distance)
        directed = {(one, two) for first, second in expected for one, two in ((first, second), (second, first))}
        spans = [original_spans(row) for row in rows]
        assert sorted((one[:2], two[:2]) for one, two in directed) == sorted(
            ((span.head["start"], span.head["end"]), (span.tail["start"], span.tail["end"])) for span in spans
        )
        for row, span in zip(rows, spans, strict=True):
            assert check_instance(row) == row and len(row["text"]) <= longest
            assert text[row["origin"]["start"] :].startswith(row["text"])
            for side, place in (("head", span.head), ("tail", span.tail)):
                words_of_row = row["text"][row[side]["start"] : row[side]["end"]]
                assert words_of_row == text[place["start"] : place["end"]]
        assert len({row["id"] for row in rows}) == len(rows)
        one_way = document_pairs(
            given, sentences, PairRules(window, False, distance, max_characters=longest)
        ).instances
        assert len(one_way) * 2 == len(rows)
        assert all(row["head"]["start"] < row["tail"]["start"] for row in one_way)
        found_any += len(rows)
    assert found_any > 500


def test_a_sentence_does_not_end_within_a_mention() -> None:
    text = "Ada joined Yahoo! Inc. in May. Bob left."
    given = document(text, ("Ada", None), ("Yahoo! Inc.", None), ("Bob", None))
    rows = document_pairs(given, [(0, 17), (18, 30), (31, 40)]).instances
    assert [words(row) for row in rows] == [("Ada", "Yahoo! Inc.", "Ada joined Yahoo! Inc. in May.")]


def test_long_sentences_are_cut_around_the_mentions() -> None:
    text = "so " * 400 + "Ada met Bob" + " and" * 400
    given = document(text, ("Ada", None), ("Bob", None))
    found = document_pairs(given, [(0, len(text))], PairRules(max_characters=31))
    assert [words(row) for row in found.instances] == [("Ada", "Bob", "so so so Ada met Bob and and")]
    assert found.cut == 1
    chinese = "\u4e2d" * 40 + "\u738b" + "\u5728" + "\u5317\u4eac" + "\u6587" * 40
    given = document(chinese, ("\u738b", None), ("\u5317\u4eac", None))
    (row,) = document_pairs(given, [(0, len(chinese))], PairRules(max_characters=10)).instances
    assert row["text"] == "\u4e2d" * 3 + "\u738b\u5728\u5317\u4eac" + "\u6587" * 3


def test_a_cut_parts_no_mark_and_no_joined_emoji() -> None:
    text = "e\u0301" * 5 + "AB" + "\U0001f469\u200d\U0001f680" * 5
    for longest in range(2, len(text)):
        start, end, _ = stretch_around(text, (0, len(text)), (10, 12), longest)
        part = text[start:end]
        assert "AB" in part and len(part) <= longest
        assert not part.startswith("\u0301") and "\u200d" not in (part[0], part[-1])
        assert part.count("\U0001f469") == part.count("\U0001f680")


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"window": 0}, "`window` must be a whole number of at least 1, got 0"),
        ({"window": True}, "`window`"),
        ({"max_pairs": 0}, "`max_pairs` must be a whole number of at least 1"),
        ({"max_characters": 1}, "`max_characters` must be a whole number of at least 2"),
        ({"max_distance": -1}, "`max_distance`"),
        ({"types": "PERSON"}, "`types` must be pairs"),
        ({"types": [("PERSON",)]}, "`types` must be pairs"),
        ({"types": [("PERSON", None)]}, "`types` must be pairs"),
        ({"types": []}, "`types` is empty"),
    ],
)
def test_bad_rules_are_refused(rules: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        PairRules(**rules)


@pytest.mark.timeout(60)
def test_very_many_mentions_in_one_sentence() -> None:
    text = "a b " * 25_000
    given = document("a b", ("a", None), ("b", None))
    mentions = [{"start": place, "end": place + 1} for place in range(0, len(text), 2)]
    entities = [{"id": None, "type": None, "mentions": list(range(first, len(mentions), 2))} for first in (0, 1)]
    given = {**given, "text": text, "mentions": mentions, "entities": entities}  # type: ignore[typeddict-item]
    (row,) = document_pairs(given, [(0, len(text))]).instances
    assert (row["head"]["start"], row["tail"]["start"], len(row["text"])) == (0, 2, 999)


def test_origins_are_kept_checked_and_moved() -> None:
    row = {"id": "a", "text": "In May Ada met Bob.", "head": {"start": 7, "end": 10}, "tail": {"start": 15, "end": 18}}
    kept = check_instance({**row, "origin": {"id": "book", "start": 100, "more": 1}})
    assert kept["origin"] == {"id": "book", "start": 100}
    assert original_spans(crop_around_mentions(kept, 3)).head == {"start": 107, "end": 110}
    assert original_spans(row) == ("a", {"start": 7, "end": 10}, {"start": 15, "end": 18})
    for other in (None, "Wikipedia", {"page": 3}):  # fields of that name that mean something else
        assert "origin" not in check_instance({**row, "origin": other})
    for bad, message in (
        ({"id": "a", "start": -1}, "negative"),
        ({"id": "a", "start": "3"}, "integer"),
        ({"start": 3}, "the id of `origin`"),
    ):
        with pytest.raises(InvalidRowError, match=message):
            check_instance({**row, "origin": bad})
    with pytest.raises(UsageError, match="no mentions"):
        original_spans({"id": "a"})
