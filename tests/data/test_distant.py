"""Distant supervision: which pairs get which labels, by hand."""

from __future__ import annotations

import gzip
import json
import random

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
    label = DistantLabeller([Fact("Lindau", "is", " LINDAU"), Fact("Ada", "left", "Lindau")])
    twice = {**DOCUMENT, "entities": [{"mentions": [1]}, {"mentions": [1]}], "relations": []}
    assert [row["relations"] for row in label.documents([DOCUMENT, twice])] == [[], []]
    assert (label.reflexive_facts, label.facts, label.unused_facts) == (
        1,
        [Fact("Ada", "left", "Lindau")] * 1,
        label.facts,
    )
    with pytest.raises(UsageError, match="no facts to label with: all 2 are of an entity with itself"):
        DistantLabeller([Fact("Lindau", "is", "Lindau"), Fact("a", "b", "A")])


def test_facts_that_say_the_same_count_once():
    label = DistantLabeller([Fact("Ada", "knows", "Bo"), Fact(" ada", "knows", "BO"), Fact("Ada", "likes", "Bo")])
    assert (label.repeated_facts, len(label.facts), label.names) == (1, 2, ["Ada", "Bo"])
    assert label.unused_facts == label.facts
    row = {"text": "Bo, Ada", "head": {"start": 4, "end": 7}, "tail": {"start": 0, "end": 2}}
    assert [row["relations"] for row in label.instances([row])] == [["knows", "likes"]]
    assert label.unused_facts == []
    label = DistantLabeller([Fact("Ada", "knows", "Bo"), Fact("ada", "knows", "Bo")], ignore_case=False)
    assert label.repeated_facts == 0


def test_rows_without_a_pair_are_counted():
    label = DistantLabeller([Fact("Ada", "knows", "Bo")])
    for mentions in ([], [{"start": 0, "end": 3}]):
        entities = [{"mentions": [place]} for place in range(len(mentions))]
        assert label.document({"text": "Ada", "mentions": mentions, "entities": entities})["relations"] == []
    assert (label.report.rows, label.report.without_pairs, label.report.pairs) == (2, 2, 0)


def test_labels_are_those_of_a_slow_search():
    """Few names, so that entities share them; with more tails than entities and fewer."""
    rng = random.Random(3)
    for number in range(120):
        names = [f"n{place}" for place in range(rng.choice([3, 8, 40]))]
        facts = [
            Fact(rng.choice(names), rng.choice("rst"), rng.choice(names)) for _ in range(rng.choice([1, 10, 200]))
        ] + [Fact("n0", "r", "n1")]
        words = [rng.choice(names) for _ in range(rng.randint(0, 9))]
        text, mentions = "", []
        for word in words:
            mentions.append({"start": len(text), "end": len(text) + len(word)})
            text += word + " "
        places = list(range(len(words)))
        rng.shuffle(places)
        groups = [places[start : start + 2] for start in range(0, len(places), 2)]
        label = DistantLabeller(facts)
        found = label.document({"text": text, "mentions": mentions, "entities": [{"mentions": g} for g in groups]})
        expected, used = set(), set()
        for head, of_head in enumerate(groups):
            for tail, of_tail in enumerate(groups):
                for fact in facts:
                    heads, tails = {words[place] for place in of_head}, {words[place] for place in of_tail}
                    if head != tail and fact.head != fact.tail and fact.head in heads and fact.tail in tails:
                        expected.add((head, tail, fact.relation))
                        used.add(fact)
        assert [tuple(relation.values()) for relation in found["relations"]] == sorted(expected), number
        assert label.report.used_facts == used


@pytest.mark.timeout(60)
def test_neither_many_facts_nor_many_entities_take_long():
    """Walking through the facts of a head for every document, or through all pairs of a document, would take minutes."""
    label = DistantLabeller([Fact("hub", "r", f"n{number}") for number in range(60_000)])
    mentions = [{"start": 0, "end": 3}, {"start": 4, "end": 6}]
    row = {"text": "hub n7", "mentions": mentions, "entities": [{"mentions": [0]}, {"mentions": [1]}]}
    assert all(len(found["relations"]) == 1 for found in label.documents([row] * 6_000))
    text = " ".join(f"m{number:05}" for number in range(15_000)) + " hub n7"
    mentions = [{"start": 7 * place, "end": 7 * place + 6} for place in range(15_000)]
    mentions += [{"start": 105_000, "end": 105_003}, {"start": 105_004, "end": 105_006}]
    found = label.document(
        {"text": text, "mentions": mentions, "entities": [{"mentions": [i]} for i in range(15_002)]}
    )
    assert found["relations"] == [{"head": 15_000, "tail": 15_001, "label": "r"}]


def test_a_byte_order_mark_is_left_out_and_nothing_else_is_altered(tmp_path):
    lines = ["=1+1\t@SUM(A1)\t-x", '"Lindau, Lake"\tis in\t"Bavaria"', "Zoe\u0301\tsister of\t=cmd|' /C calc'!A0"]
    (tmp_path / "a.tsv").write_bytes("\ufeff".encode() + "\r\n".join(lines).encode())
    assert read_facts(tmp_path / "a.tsv") == [tuple(line.split("\t")) for line in lines]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.tsv", b"a\tb\tc\na\t\xff\tc\n", "line 2: .*not UTF-8"),
        ("a.tsv", "a\tb\tc".encode("utf-16"), "line 1: .*UTF-16"),
        ("a.jsonl", b'{"head": "a", "relation": "b", "tail": "c"}\n{"head"', "line 2: the line is not valid JSON"),
        ("a.jsonl", b'["a", "b", "c"]', "line 1: a fact is an object"),
        ("a.jsonl", b'{"head": "a", "relation": "\\ud800", "tail": "c"}', "line 1: .*lone surrogate"),
        ("a.tsv.gz", b"a\tb\tc\n", "not a complete gzip file"),
    ],
)
def test_damaged_files_are_refused_with_the_line(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidRowError, match=message):
        read_facts(tmp_path / name)
    with pytest.raises(UsageError, match="does not exist"):
        read_facts(tmp_path / "missing.tsv")


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
    with pytest.raises(InvalidRowError, match="row 0: `relation` holds a lone surrogate"):
        DistantLabeller([Fact("a", "\ud800", "c")])
    with pytest.raises(UsageError, match="`match` must be one of 'name', 'id'"):
        DistantLabeller(FACTS, match="both")
    by_id = DistantLabeller([Fact("Q1", "P19", "Q2")], match="id")
    with pytest.raises(UsageError, match="Instances have no ids"):
        next(by_id.instances([]))
    entities = [{"mentions": entity["mentions"]} for entity in DOCUMENT["entities"]]
    with pytest.raises(InvalidRowError, match="row 0: no entity has an `id`"):
        next(by_id.documents([{**DOCUMENT, "entities": entities}]))
