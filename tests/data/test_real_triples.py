"""WebNLG in both versions: every string is found, and the classes of sentences are the published ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hf_relation.data import OVERLAP_TYPES, LocatingReport, overlap_statistics, overlap_types, read_triples


pytestmark = pytest.mark.real_data

# sentences, triples, relations, triples between a string and itself that stands in one place
FILES = {
    "webnlg/train": (5_019, 11_313, 211, 14),
    "webnlg/val": (500, 1_224, 144, 0),
    "webnlg/test": (703, 1_607, 149, 4),
    "webnlg_star/train": (5_019, 11_776, 170, 362),
    "webnlg_star/val": (500, 1_118, 110, 32),
    "webnlg_star/test": (703, 1_591, 125, 48),
}


def raw(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", FILES)
def test_every_string_is_found_as_whole_words_in_its_case(real_data_dir: Path, name: str) -> None:
    sentences, triples, relations, same_place = FILES[name]
    path = real_data_dir / f"{name}_triples.json"
    report = LocatingReport()
    documents = list(read_triples(path, report=report))
    assert (report.documents, report.triples, report.same_place) == (sentences, triples, same_place)
    assert report.exact == report.strings and report.not_located == 0
    assert report.located == triples - same_place == sum(len(document["relations"]) for document in documents)
    kept = list(read_triples(path, reflexive="keep"))
    assert len({pair["label"] for document in kept for pair in document["relations"]}) == relations
    for document, row in zip(kept, raw(path), strict=True):
        strings = [
            {document["text"][mention["start"] : mention["end"]] for mention in map(document["mentions"].__getitem__, entity["mentions"])}
            for entity in document["entities"]
        ]  # fmt: skip
        assert all(len(found) == 1 for found in strings)
        found = [[*strings[pair["head"]], pair["label"], *strings[pair["tail"]]] for pair in document["relations"]]
        assert document["text"] == row["text"] and found == row["triple_list"]


@pytest.mark.parametrize(("name", "counts"), {"webnlg": (254, 6, 448), "webnlg_star": (246, 26, 457)}.items())
def test_overlap_types_of_documents_and_of_triples_are_the_published_ones(
    real_data_dir: Path, name: str, counts: tuple[int, int, int]
) -> None:
    path = real_data_dir / name / "test_triples.json"
    expected = raw(real_data_dir / name / "test_overlap_types.derived.json")
    of_triples = [overlap_types(row["triple_list"]) for row in raw(path)]
    of_documents = [overlap_types(document) for document in read_triples(path, reflexive="keep")]
    for types in (of_triples, of_documents):
        assert {name: [i for i, found in enumerate(types) if name in found] for name in OVERLAP_TYPES} == expected
    assert tuple(map(len, expected.values())) == counts


def test_numbers_of_triples_are_the_published_ones(real_data_dir: Path) -> None:
    path = real_data_dir / "webnlg_star" / "test_triples.json"
    counts = overlap_statistics(read_triples(path, reflexive="keep"))
    assert [counts[name] for name in ("1", "2", "3", "4", "5+")] == [266, 171, 131, 90, 45]
    assert (counts["Single"], counts["Double"], counts["Multiple"]) == (266, 171, 266)
