"""From raw text and a list of facts to labelled documents."""

from __future__ import annotations

from typing import Any

import pytest

from hf_relation.data import DistantLabeller, EntityDictionary, Fact, check_document
from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.extraction import distant, distant_documents


FACTS = [
    Fact("Ada", "lives in", "New York"),
    Fact("Ada", "reads", "New York Times"),
    Fact("York", "lies in", "England"),
]


def triples(documents: Any) -> list[list[tuple[str, str, str]]]:
    """The labels of every document with the words of the first mentions."""
    found = []
    for document in documents:
        assert check_document(document) == document
        words = [
            document["text"][span["start"] : span["end"]]
            for entity in document["entities"]
            for span in [document["mentions"][entity["mentions"][0]]]
        ]
        found.append([(words[row["head"]], row["label"], words[row["tail"]]) for row in document["relations"]])
    return found


def test_the_names_in_the_facts_are_what_is_looked_for_and_the_longest_is_taken() -> None:
    texts = ["ADA reads the New  York\nTimes.", "Ada saw Adam.", "York, England; Ada, New York.", "Nobody."]
    label = DistantLabeller(FACTS)
    found = list(distant_documents(texts, label))
    assert triples(found) == [
        [("ADA", "reads", "New  York\nTimes")],
        [("York", "lies in", "England"), ("Ada", "lives in", "New York")],
    ]
    assert [row["id"] for row in found] == ["0", "2"]
    assert (label.report.rows, label.report.labelled_rows, label.report.without_pairs) == (4, 2, 2)
    everything = list(distant_documents(texts, DistantLabeller(FACTS), keep_unlabelled=True))
    assert [row["id"] for row in everything] == ["0", "1", "2", "3"] and everything[3]["entities"] == []
    assert [row for row in everything if row["relations"]] == found


def test_of_overlapping_spans_of_any_source_the_longest_counts() -> None:
    text = "Ada reads the New York Times"
    spans = [(18, 22), (14, 22), (0, 3), (14, 28)]
    found = distant_documents([text], DistantLabeller(FACTS), entities=lambda texts: [spans for _ in texts])
    assert triples(found) == [[("Ada", "reads", "New York Times")]]


def test_unicode_forms_and_case() -> None:
    facts = [Fact("Zo\u00e9", "knows", "Bo")]
    text = "Zoe\u0301 met BO. Zo\u00e9 left Bo."
    (found,) = distant_documents([text], DistantLabeller(facts))
    assert [entity["mentions"] for entity in found["entities"]] == [[0, 2], [1, 3]]
    (found,) = distant_documents([text], DistantLabeller(facts, ignore_case=False))
    assert [entity["mentions"] for entity in found["entities"]] == [[0, 1], [2]]
    both = [*facts, Fact("Zo\u00e9", "saw", "BO")]
    assert triples(distant_documents([text], DistantLabeller(both, ignore_case=False))) == [
        [("Zoe\u0301", "saw", "BO"), ("Zoe\u0301", "knows", "Bo")]
    ]


def test_documents_and_instances_bring_their_entities_and_lose_their_labels() -> None:
    instance = {
        "id": "i",
        "text": "New York pleased Ada and England.",
        "head": {"start": 0, "end": 8, "type": "PLACE"},
        "tail": {"start": 17, "end": 20},
        "relation": "gold",
    }
    document = {
        "text": "York in England",
        "mentions": [{"start": 8, "end": 15}, {"start": 0, "end": 4}],
        "entities": [{"mentions": [0]}, {"mentions": [1]}],
        "relations": [{"head": 0, "tail": 1, "label": "gold"}],
    }
    found = list(distant_documents([instance, document], DistantLabeller(FACTS)))
    assert [row["id"] for row in found] == ["i", "1"]
    assert triples(found) == [[("Ada", "lives in", "New York")], [("York", "lies in", "England")]]
    assert found[0]["entities"][0]["type"] == "PLACE"


def test_rows_are_read_as_they_are_needed_and_a_source_gets_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distant, "_CHUNK_ROWS", 2)
    names = EntityDictionary([("Ada", None), ("New York", None)])
    asked: list[int] = []

    def source(texts: list[str]) -> Any:
        asked.append(len(texts))
        return names(texts)

    found = distant_documents(iter(["Ada, New York"] * 5), DistantLabeller(FACTS), entities=source)
    next(found)
    assert asked == [2]
    assert len(list(found)) == 4 and asked == [2, 2, 1]


def test_bad_rows_are_raised_or_listed_by_position() -> None:
    rows: list[Any] = ["Ada, New York", 7, {"text": " "}, {"id": 5, "text": "York, England"}]
    with pytest.raises(InvalidRowError, match="row 1: "):
        list(distant_documents(rows, DistantLabeller(FACTS)))
    errors: list[InvalidRowError] = []
    found = list(distant_documents(rows, DistantLabeller(FACTS), errors=errors))
    assert [row["id"] for row in found] == ["0", "5"] and [error.index for error in errors] == [1, 2]

    def past_the_end(texts: list[str]) -> Any:
        return [[(0, 3)] if text.startswith("Ada") else [(0, 99)] for text in texts]

    with pytest.raises(InvalidRowError, match=r"row 1: the entity span \(0, 99\) is not within"):
        list(distant_documents(["Ada", "Bo"], DistantLabeller(FACTS), entities=past_the_end))


def test_what_cannot_be_is_refused() -> None:
    by_id = DistantLabeller([Fact("Q1", "P1", "Q2")], match="id")
    with pytest.raises(UsageError, match="have no ids, which match='id' looks up"):
        list(distant_documents(["Ada"], by_id))
    with pytest.raises(UsageError, match="A list of texts, documents or instances is needed"):
        distant_documents("Ada", by_id)
    long = DistantLabeller([Fact("x" * 201, "is", "y")])
    with pytest.raises(InvalidRowError, match="the facts cannot be looked for in texts: the name 'xxx.* has 201"):
        list(distant_documents(["Ada"], long))
    assert list(distant_documents([], long)) == []
