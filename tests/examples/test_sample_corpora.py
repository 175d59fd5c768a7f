"""The shipped sample corpora: well-formed rows, real mentions, varied sentences, and a README that counts right."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from hf_relation.data.jsonl import read_jsonl


DATA = Path(__file__).parents[2] / "examples" / "data"

# Name -> (least rows, least relations, least rows of each relation).
MINIMA = {"sample": (260, 12, 18), "biomedicine": (70, 5, 12)}
NEAR_DUPLICATE = 0.6
WORDS = range(8, 41)

Row = dict[str, Any]


@pytest.fixture(params=sorted(MINIMA))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def rows(name: str) -> list[Row]:
    lines = (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def mention(row: Row, side: str) -> str:
    return row["text"][row[side]["start"] : row[side]["end"]]


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def test_the_reader_accepts_every_row_unchanged(name: str, rows: list[Row]) -> None:
    assert list(read_jsonl(DATA / f"{name}.jsonl")) == rows


def test_rows_hold_the_documented_fields_and_types(rows: list[Row]) -> None:
    for row in rows:
        assert list(row) == ["id", "text", "head", "tail", "relations"], row["id"]
        for side in ("head", "tail"):
            assert list(row[side]) == ["start", "end", "type"], row["id"]
            assert type(row[side]["start"]) is int and type(row[side]["end"]) is int, row["id"]
            assert re.fullmatch(r"[A-Z]+", row[side]["type"]), row["id"]
        assert len(row["relations"]) == 1, row["id"]
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", row["relations"][0]), row["id"]


def test_ids_are_the_file_name_and_a_running_number(name: str, rows: list[Row]) -> None:
    assert [row["id"] for row in rows] == [f"{name}-{number:04d}" for number in range(1, len(rows) + 1)]


def test_spans_are_whole_words_inside_the_text(rows: list[Row]) -> None:
    for row in rows:
        text = row["text"]
        for side in ("head", "tail"):
            start, end = row[side]["start"], row[side]["end"]
            assert 0 <= start < end <= len(text), row["id"]
            assert mention(row, side) == mention(row, side).strip() != "", row["id"]
            assert text[start].isalnum(), row["id"]
            assert start == 0 or not text[start - 1].isalnum(), row["id"]
            assert end == len(text) or not text[end].isalnum(), row["id"]


def test_head_and_tail_are_apart_and_different(rows: list[Row]) -> None:
    for row in rows:
        assert row["head"]["end"] <= row["tail"]["start"] or row["tail"]["end"] <= row["head"]["start"], row["id"]
        assert mention(row, "head").casefold() != mention(row, "tail").casefold(), row["id"]


def test_texts_are_clean_sentences(rows: list[Row]) -> None:
    for row in rows:
        text = row["text"]
        assert text == " ".join(text.split()), row["id"]
        assert text[-1] in ".?!" and text.isprintable() and not set("<>[]{}\\") & set(text), row["id"]
        assert len(text.split()) in WORDS, row["id"]


def test_there_are_enough_rows_and_relations(name: str, rows: list[Row]) -> None:
    least_rows, least_relations, least_each = MINIMA[name]
    counts = Counter(row["relations"][0] for row in rows)
    assert len(rows) >= least_rows
    assert len(counts) >= least_relations
    assert min(counts.values()) >= least_each


def test_every_relation_comes_in_both_mention_orders(rows: list[Row]) -> None:
    tail_first = defaultdict(list)
    for row in rows:
        tail_first[row["relations"][0]].append(row["tail"]["start"] < row["head"]["start"])
    for relation, flags in tail_first.items():
        assert 0.25 <= sum(flags) / len(flags) <= 0.75, relation


def test_no_mention_pair_repeats_within_a_relation(rows: list[Row]) -> None:
    pairs = Counter((row["relations"][0], frozenset((mention(row, "head"), mention(row, "tail")))) for row in rows)
    assert [pair for pair, count in pairs.items() if count > 1] == []


def test_no_two_sentences_are_alike() -> None:
    rows = [row for name in MINIMA for row in read_jsonl(DATA / f"{name}.jsonl")]
    bags = [(row["id"], set(words(row["text"]))) for row in rows]
    alike = [
        (one, other)
        for (one, first), (other, second) in itertools.combinations(bags, 2)
        if len(first & second) > NEAR_DUPLICATE * min(len(first), len(second))
    ]
    assert alike == []


def test_no_two_sentences_open_alike() -> None:
    openings = Counter(tuple(words(row["text"])[:3]) for name in MINIMA for row in read_jsonl(DATA / f"{name}.jsonl"))
    assert [" ".join(opening) for opening, count in openings.items() if count > 1] == []


def test_types_alone_do_not_solve_the_sample() -> None:
    relations = defaultdict(set)
    for row in read_jsonl(DATA / "sample.jsonl"):
        relations[row["head"]["type"], row["tail"]["type"]].add(row["relations"][0])
    assert sum(len(names) > 1 for names in relations.values()) >= 4
    assert max(len(names) for names in relations.values()) >= 3


def test_facts_are_triples_whose_names_differ_and_whose_number_the_readme_says() -> None:
    lines = (DATA / "sample_facts.tsv").read_text(encoding="utf-8").splitlines()
    facts = [line.split("\t") for line in lines]
    assert all(len(fact) == 3 and all(part and part == part.strip() for part in fact) for fact in facts)
    assert len({tuple(part.casefold() for part in fact) for fact in facts}) == len(facts)
    assert all(head.casefold() != tail.casefold() for head, _, tail in facts)
    assert f"holds {len(facts)} facts" in (DATA / "README.md").read_text(encoding="utf-8")
    relations = {row["relations"][0] for row in read_jsonl(DATA / "sample.jsonl")}
    assert {relation for _, relation, _ in facts} - relations == {"lived_in", "located_in"}


def test_readme_counts_equal_the_files(name: str, rows: list[Row]) -> None:
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    totals = re.search(rf"^\| `{name}\.jsonl` \| (\d+) \| (\d+) \|", readme, flags=re.MULTILINE)
    assert totals is not None
    assert (int(totals[1]), int(totals[2])) == (len(rows), len({row["relations"][0] for row in rows}))

    section = readme.split(f"\n### {name}.jsonl\n")[1].split("\n#")[0]
    table = re.findall(r"^\| `(\w+)` \| (\d+) \| (\w+) \| (\w+) \| \S.*\|$", section, flags=re.MULTILINE)
    stated = {(relation, head, tail): int(count) for relation, count, head, tail in table}
    found = Counter((row["relations"][0], row["head"]["type"], row["tail"]["type"]) for row in rows)
    assert len(table) == len(stated)
    assert stated == dict(found)
