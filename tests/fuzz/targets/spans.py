"""Offsets: whatever is done to a text, a span still marks the same mention."""

from __future__ import annotations

import unicodedata
from typing import Any

from hf_relation.data import (
    EntitySpan,
    PairRules,
    candidate_pairs,
    check_document,
    check_instance,
    crop_around_mentions,
    document_of_spans,
    document_pairs,
    explode_document,
    fold_instances,
    nearest_mentions,
    original_spans,
    shuffled_pair_negatives,
    split_sentences,
)
from hf_relation.data.entities import without_overlaps
from hf_relation.data.text_stretches import stretch_around
from hf_relation.discovery.text_report import TextReport
from hf_relation.errors import InvalidRowError
from tests.fuzz.targets.contract import Invalid, assert_normal, normal_document, normal_instance
from tests.fuzz.targets.source import Source


SIDES = ("head", "tail")
TYPES = (None, "PER", "per", "LOC")


def some_instance(source: Source, most: int = 40) -> dict[str, Any] | None:
    """An instance that the contract allows, with mentions that may begin and end with anything, or `None`."""
    text = source.text(most)
    cuts = sorted(source.number(0, len(text)) for _ in range(4))
    spans = [{"start": a, "end": b, "type": source.choice(TYPES)} for a, b in (cuts[:2], cuts[2:])]
    head, tail = spans[::-1] if source.flag() else spans
    row = {
        "id": "r",
        "text": text,
        "head": head,
        "tail": tail,
        "relations": [["a"], [], ["a", "b"]][source.number(0, 2)],
    }
    try:
        return normal_instance(row, 0)
    except Invalid:
        return None


def some_document(source: Source, most: int = 60) -> dict[str, Any] | None:
    """A document with nested and overlapping mentions, or `None`."""
    text = source.text(most) or "a"
    mentions = []
    for _ in range(source.number(1, 6)):
        start, end = source.span(len(text))
        mentions.append({"start": start, "end": end})
    entities = [
        {
            "type": source.choice(TYPES),
            "mentions": sorted({source.number(0, len(mentions) - 1) for _ in range(source.number(1, 3))}),
        }
        for _ in range(source.number(1, 4))
    ]
    last = len(entities) - 1
    relations = [
        {"head": source.number(0, last), "tail": source.number(0, last), "label": source.choice(("a", "b"))}
        for _ in range(source.number(0, 4))
    ]
    try:
        return normal_document(
            {"id": "d", "text": text, "mentions": mentions, "entities": entities, "relations": relations}, 0
        )
    except Invalid:
        return None


def words_of(row: dict[str, Any]) -> tuple[str, str]:
    head, tail = (row["text"][row[side]["start"] : row[side]["end"]] for side in SIDES)
    return head, tail


def folding(data: bytes) -> None:
    """Documents to instances to documents: the pairs, their words and labels stay."""
    source = Source(data)
    document: Any = some_document(source)
    if document is None:
        return
    assert check_document(document) == document
    text, mentions, entities = document["text"], document["mentions"], document["entities"]
    for scope in ("document", "sentence"):
        for pairs in ("labelled", "all"):
            rows = explode_document(document, pairs=pairs, scope=scope)
            for row in rows:
                assert_normal("instance", row)
                head, tail = map(int, row["id"].removeprefix("d/").split("-"))
                for entity, side in ((head, "head"), (tail, "tail")):
                    found = [text[mentions[m]["start"] : mentions[m]["end"]] for m in entities[entity]["mentions"]]
                    assert words_of(row)[SIDES.index(side)] in found
                    assert row[side]["type"] == entities[entity]["type"]
                wanted = {r["label"] for r in document["relations"] if (r["head"], r["tail"]) == (head, tail)}
                assert set(row["relations"]) == wanted
                assert row["text"] == text if scope == "document" else row["text"] in text.split("\n")
            if scope == "document":
                assert {row["id"] for row in rows} == {
                    f"d/{head}-{tail}"
                    for head, tail in _pairs_apart(document)
                    if pairs == "all" or any((r["head"], r["tail"]) == (head, tail) for r in document["relations"])
                }
            folded = fold_instances(rows)
            triples = sorted(
                (words_of(row), row["head"]["start"], label) for row in rows for label in row["relations"]
            )
            back = []
            for each in folded:
                assert_normal("document", each)
                for again in explode_document(each):
                    back += [(words_of(again), again["head"]["start"], label) for label in again["relations"]]
            assert sorted(set(back)) == sorted(set(triples))
    for head, tail in candidate_pairs(document, reflexive=source.flag()):
        one, other = nearest_mentions(document, head, tail)
        assert one in entities[head]["mentions"] and other in entities[tail]["mentions"]


def _pairs_apart(document: Any) -> list[tuple[int, int]]:
    """Pairs with a mention each that do not overlap; an entity with itself only where that is labelled."""
    spans = [
        [(document["mentions"][m]["start"], document["mentions"][m]["end"]) for m in entity["mentions"]]
        for entity in document["entities"]
    ]
    labelled = {(relation["head"], relation["tail"]) for relation in document["relations"]}
    return [
        (i, j)
        for i in range(len(spans))
        for j in range(len(spans))
        if (i != j or (i, j) in labelled) and any(a[1] <= b[0] or b[1] <= a[0] for a in spans[i] for b in spans[j])
    ]


def cropping(data: bytes) -> None:
    """A window of words has the same mentions, is a stretch of the text and no longer than asked for where that is possible."""
    source = Source(data)
    row: Any = some_instance(source, 60)
    if row is None:
        return
    assert check_instance(row) == row
    if source.flag():
        row["origin"] = {"id": "o", "start": source.number(0, 300)}
    most = source.number(2, 12)
    short: Any = crop_around_mentions(row, most)
    assert_normal("instance", short)
    assert words_of(short) == words_of(row) and short["relations"] == row["relations"]
    assert [short[side]["type"] for side in SIDES] == [row[side]["type"] for side in SIDES]
    begin = row["head"]["start"] - short["head"]["start"]
    assert row["text"][begin : begin + len(short["text"])] == short["text"]
    if "origin" in row:
        assert short["origin"] == {"id": "o", "start": row["origin"]["start"] + begin}
        before, after = original_spans(row), original_spans(short)
        assert before == after
    inner = row["text"][min(row[s]["start"] for s in SIDES) : max(row[s]["end"] for s in SIDES)]
    words = len(short["text"].split())
    assert words <= max(most, len(inner.split())) and words >= min(most, len(row["text"].split()))


def stretches(data: bytes) -> None:
    """A stretch around mentions holds them, fits, and parts no mark from its character."""
    source = Source(data)
    text = source.text(80) or "a"
    begin, end = source.span(len(text))
    first = source.number(begin, end - 1)
    last = source.number(first + 1, end)
    longest = last - first + source.number(0, 30)
    start, stop, cut = stretch_around(text, (begin, end), (first, last), longest)
    assert begin <= start <= first < last <= stop <= end
    if not cut:
        assert not text[begin:start].strip() and not text[stop:end].strip()
    assert stop - start <= longest or not cut
    for place, edge in ((start, first), (stop, last)):
        if cut and place not in (edge, begin, end) and place < len(text):
            assert not unicodedata.category(text[place]).startswith("M") or text[place - 1].isspace()


def pairs(data: bytes) -> None:
    """Instances of pairs lie letter for letter in their text, within the window, and the report can say so."""
    source = Source(data)
    text = source.text(120) or "a"
    spans = [EntitySpan(*source.span(len(text)), source.choice(TYPES)) for _ in range(source.number(1, 7))]
    for span in without_overlaps(spans):
        assert span in spans
    try:
        document: Any = document_of_spans(text, spans, id="d", merge=source.choice(("string", "none")))
    except InvalidRowError:
        return
    assert_normal("document", document)
    given = {text[span.start : span.end].strip() for span in spans}
    assert {text[m["start"] : m["end"]] for m in document["mentions"]} == given
    rules = PairRules(
        window=source.number(1, 3),
        both_directions=source.flag(),
        max_distance=source.choice((None, 0, 5, 30)),
        max_pairs=source.choice((None, 1, 3)),
        types=source.choice((None, [("PER", "*")], [("*", "LOC"), ("per", "PER")])),
        max_characters=source.choice((1000, 20, 8, 2)),
    )
    found = document_pairs(document, split_sentences(text, source.choice(("lines", "text", "en"))), rules)
    rows = found.instances
    assert rules.max_pairs is None or len(rows) <= rules.max_pairs
    assert len({row["id"] for row in rows}) == len(rows)
    report = TextReport()
    for row in rows:
        assert_normal("instance", row)
        spot = original_spans(row)
        for side, span in (("head", spot.head), ("tail", spot.tail)):
            assert text[span["start"] : span["end"]] == words_of(row)[SIDES.index(side)]
            assert span in document["mentions"]
        assert len(row["text"]) <= rules.max_characters
        assert text[row["origin"]["start"] :].startswith(row["text"])
        assert rules.allows(row["head"]["type"], row["tail"]["type"])
        gap = max(row["head"]["start"], row["tail"]["start"]) - min(row["head"]["end"], row["tail"]["end"])
        assert rules.max_distance is None or gap <= rules.max_distance
    assert report.texts == 0
    made = shuffled_pair_negatives([{**row, "id": str(i)} for i, row in enumerate(rows)])
    for pair, place in zip(made.instances, made.sources, strict=True):
        assert_normal("instance", pair)
        assert set(words_of(pair)) & set(words_of(rows[place])) and pair["text"] == rows[place]["text"]


SPAN_TARGETS = {
    "folding": folding,
    "cropping": cropping,
    "stretches": stretches,
    "pairs": pairs,
}
