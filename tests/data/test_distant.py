"""Distant supervision: which pairs get which labels, by hand."""

from __future__ import annotations

import gzip
import json

import pytest

from hf_relation.data import DistantLabeller, Fact, check_document, read_facts
from hf_relation.errors import InvalidRowError, UsageError


FACTS = [
    Fact("Ada Brenner", "born in", "Lindau"),
    Fact("ada  brenner", "lives in", "Lindau"),
    Fact("Lindau", "home of", "Ada Brenner"),
    Fact("Nordwind Labs", "founded by", "Brenner"),
    Fact("Nobody", "born in", "Nowhere"),
]
TEXT = "Ada Brenner left LINDAU. Brenner founded Nordwind Labs."
DOCUMENT = {
    "id": "a",
    "text": TEXT,
    "mentions": [
        {"start": TEXT.index(name), "end": TEXT.index(name) + len(name)}
        for name in ("Ada Brenner", "LINDAU", "Brenner founded", "Nordwind Labs")
    ],
    "entities": [
        {"id": "Q1", "type": "PERSON", "mentions": [0, 2]},
        {"id": "Q2", "type": None, "mentions": [1]},
        {"id": None, "type": None, "mentions": [3]},
    ],
    "relations": [{"head": 0, "tail": 2, "label": "gold"}],
}
DOCUMENT["mentions"][2]["end"] = DOCUMENT["mentions"][2]["start"] + len("Brenner")


def test_pairs_get_every_relation_of_any_of_their_names_and_lose_those_they_had():
    label = DistantLabeller(FACTS)
    (found,) = label.documents([DOCUMENT])
    assert found["relations"] == [
        {"head": 0, "tail": 1, "label": "born in"},
        {"head": 0, "tail": 1, "label": "lives in"},
        {"head": 1, "tail": 0, "label": "home of"},
        {"head": 2, "tail": 0, "label": "founded by"},
    ]
    assert {**found, "relations": []} == {**check_document(DOCUMENT, index=0), "relations": []}
    assert DOCUMENT["relations"][0]["label"] == "gold", "not altered"
    check_document(found, index=0)
    report = label.report
    assert (report.rows, report.labelled_rows, report.pairs) == (1, 1, 6)
    assert report.labels == {"born in": 1, "lives in": 1, "home of": 1, "founded by": 1}
    assert report.used_facts == set(FACTS[:4])


def test_case_counts_when_asked_and_ids_can_be_matched():
    (found,) = DistantLabeller(FACTS, ignore_case=False).documents([DOCUMENT])
    assert [relation["label"] for relation in found["relations"]] == ["founded by"]
    (found,) = DistantLabeller([Fact("Q1", "P19", "Q2"), Fact("q2", "P1", "q1")], match="id").documents([DOCUMENT])
    assert found["relations"] == [{"head": 0, "tail": 1, "label": "P19"}]


def test_instances_are_labelled_by_their_words():
    row = {"text": "Ada Brenner left Lindau.", "head": {"start": 17, "end": 23}, "tail": {"start": 0, "end": 11}}
    label = DistantLabeller(FACTS)
    found = list(label.instances([row, {**row, "head": row["tail"], "tail": row["head"], "relations": ["gold"]}]))
    assert [each["relations"] for each in found] == [["home of"], ["born in", "lives in"]]
    assert label.report.pairs == 2


def test_a_fact_of_an_entity_with_itself_labels_nothing():
    (found,) = DistantLabeller([Fact("Lindau", "is", "Lindau")]).documents([DOCUMENT])
    assert found["relations"] == []


def test_files_of_facts(tmp_path):
    (tmp_path / "a.tsv").write_text("Ada\tborn in\tLindau\n\nBo\t lives in \tOrn\r\n", encoding="utf-8")
    assert read_facts(tmp_path / "a.tsv") == [("Ada", "born in", "Lindau"), ("Bo", "lives in", "Orn")]
    rows = [{"head": "Ada", "relation": "born in", "tail": "Lindau", "source": "x"}]
    with gzip.open(tmp_path / "a.jsonl.gz", "wt", encoding="utf-8") as stream:
        stream.write("\n".join(map(json.dumps, rows)))
    assert read_facts(tmp_path / "a.jsonl.gz") == [("Ada", "born in", "Lindau")]


@pytest.mark.parametrize("content", ["Ada\tLindau\n", "Ada\t\tLindau\n", "a\tb\tc\td\n"])
def test_a_bad_line_is_named(tmp_path, content):
    (tmp_path / "a.tsv").write_text("Ada\tborn in\tLindau\n" + content, encoding="utf-8")
    with pytest.raises(InvalidRowError, match="line 2: a fact is head, relation and tail with tabs between"):
        read_facts(tmp_path / "a.tsv")


def test_wrong_use_is_refused(tmp_path):
    (tmp_path / "empty.tsv").write_text("\n", encoding="utf-8")
    with pytest.raises(UsageError, match="empty.tsv holds no facts"):
        read_facts(tmp_path / "empty.tsv")
    (tmp_path / "b.jsonl").write_text('{"head": "a", "tail": 3}', encoding="utf-8")
    with pytest.raises(InvalidRowError, match="line 1: a fact is an object with"):
        read_facts(tmp_path / "b.jsonl")
    with pytest.raises(UsageError, match="no facts to label with"):
        DistantLabeller([])
    with pytest.raises(InvalidRowError, match="row 1: `tail` must be a string that is not blank, got ' '"):
        DistantLabeller([Fact("a", "b", "c"), Fact("a", "b", " ")])
    with pytest.raises(UsageError, match="`match` must be one of 'name', 'id'"):
        DistantLabeller(FACTS, match="both")
    by_id = DistantLabeller([Fact("Q1", "P19", "Q2")], match="id")
    with pytest.raises(UsageError, match="Instances have no ids"):
        next(by_id.instances([]))
    entities = [{"mentions": entity["mentions"]} for entity in DOCUMENT["entities"]]
    with pytest.raises(InvalidRowError, match="row 0: no entity has an `id`"):
        next(by_id.documents([{**DOCUMENT, "entities": entities}]))
