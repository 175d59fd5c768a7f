from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from hf_relation.clustering import NumRelationsEstimate
from hf_relation.data import read_jsonl
from hf_relation.discovery import DiscoveredRelation, DiscoveryResult, PatternScore, TypeSignature
from hf_relation.errors import UsageError
from tests.common.tiny_tokenizers import make_instance


@pytest.fixture
def result() -> DiscoveryResult:
    instances = [
        make_instance("<h>Ada</h> met <t>Bob</t>", id="a"),
        make_instance("<t>Zoë</t>, wife of <h>=cmd()</h>", id="b"),
        make_instance("<h>X</h> or <t>Y</t>", id="c"),
    ]
    example = {"id": "b", "head": "=cmd()", "tail": "Zoë", "text": "Zoë, wife of =cmd()", "score": 0.25}
    patterns = [PatternScore("Y , wife of X", 0.5, 1.0), PatternScore("X met Y", 0.5, 1.0)]
    signature = TypeSignature("=A", "B", 0.5)
    relations = [DiscoveredRelation(0, "+wife", ["+wife", "of"], 2, 0.75, [example], patterns, signature, 0)]
    estimate = NumRelationsEstimate(2, 2, 3, (2, 3, 4), (0.5, 0.48, 0.1), "silhouette")
    scores = np.array([0.5, 0.25, 0.0], dtype=np.float32)
    return DiscoveryResult(instances, np.array([0, 0, -1]), scores, relations, estimate)


def test_dict_holds_plain_types_only(result: DiscoveryResult) -> None:
    content = result.to_dict()
    assert json.loads(json.dumps(content)) == content
    assert content["instances"][2] == {"id": "c", "label": -1, "score": 0.0}
    assert content["relations"][0]["keywords"] == ["+wife", "of"]
    assert content["relations"][0]["patterns"][0] == {"pattern": "Y , wife of X", "coverage": 0.5, "lift": 1.0}
    assert content["relations"][0]["signature"] == {"head": "=A", "tail": "B", "share": 0.5}
    assert content["relations"][0]["inverse_of"] == 0
    assert DiscoveredRelation.from_dict(content["relations"][0]) == result.relations[0]
    assert content["num_relations"] == {
        "found": 1,
        "requested": "auto",
        "low": 2,
        "high": 3,
        "candidates": [2, 3, 4],
        "scores": [0.5, 0.48, 0.1],
    }


def test_pandas_has_one_row_per_instance(result: DiscoveryResult) -> None:
    frame = result.to_pandas()
    assert frame["id"].tolist() == ["a", "b", "c"]
    assert frame["relation"].tolist()[:2] == ["+wife", "+wife"]
    assert frame["relation"].isna().tolist() == [False, False, True]
    assert frame.loc[1, "head"] == "=cmd()"
    assert DiscoveryResult([], np.array([], dtype=int), np.array([]), []).to_pandas().empty


def test_triples_leave_out_what_was_left_out(result: DiscoveryResult) -> None:
    assert [(t["head"], t["relation"], t["tail"]) for t in result.to_triples()] == [
        ("Ada", "+wife", "Bob"),
        ("=cmd()", "+wife", "Zoë"),
    ]
    bare = DiscoveryResult([{"id": "0"}], np.array([0]), np.array([1.0]), result.relations)
    with pytest.raises(UsageError, match="need the mentions"):
        bare.to_triples()


def test_saved_files_read_back_exactly(result: DiscoveryResult, tmp_path: Path) -> None:
    folder = result.save(tmp_path / "new" / "out")
    content = result.to_dict()
    lines = (folder / "instances.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == content["instances"]
    saved = json.loads((folder / "relations.json").read_text(encoding="utf-8"))
    assert saved == {"relations": content["relations"], "num_relations": content["num_relations"]}
    assert sorted(path.name for path in folder.iterdir()) == ["instances.jsonl", "relations.csv", "relations.json"]


def test_formula_cells_are_guarded_in_csv_only(result: DiscoveryResult, tmp_path: Path) -> None:
    with open(result.save(tmp_path) / "relations.csv", encoding="utf-8", newline="") as stream:
        row = next(csv.DictReader(stream))
    assert (row["name"], row["keywords"], row["example_head"]) == ("'+wife", "'+wife, of", "'=cmd()")
    assert row["example_tail"] == "Zoë"
    assert (row["patterns"], row["signature"], row["inverse_of"]) == ("Y , wife of X | X met Y", "'=A -> B", "0")
    with open(result.save(tmp_path, raw=True) / "relations.csv", encoding="utf-8", newline="") as stream:
        assert next(csv.DictReader(stream))["name"] == "+wife"


def test_what_is_not_known_is_an_empty_cell(tmp_path: Path) -> None:
    bare = DiscoveryResult([{"id": "0"}], np.array([0]), np.array([1.0]), [DiscoveredRelation(0, "a", [], 1, 1.0)])
    with open(bare.save(tmp_path) / "relations.csv", encoding="utf-8", newline="") as stream:
        row = next(csv.DictReader(stream))
    assert (row["patterns"], row["signature"], row["inverse_of"]) == ("", "", "")


def test_set_names_is_seen_everywhere(result: DiscoveryResult, tmp_path: Path) -> None:
    assert result.set_names({0: "spouse"}) is result
    assert {triple["relation"] for triple in result.to_triples()} == {"spouse"}
    assert json.loads((result.save(tmp_path) / "relations.json").read_text())["relations"][0]["name"] == "spouse"
    with pytest.raises(UsageError, match="key 1"):
        result.set_names({1: "other"})
    assert result.relations[0].keywords == ["+wife", "of"] and result.relations[0].name == "spouse"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_every_formula_start_is_guarded(start: str, tmp_path: Path) -> None:
    relations = [DiscoveredRelation(0, start + "1", [], 1, 1.0)]
    result = DiscoveryResult([{"id": "0"}], np.array([0]), np.array([1.0]), relations)
    with open(result.save(tmp_path) / "relations.csv", encoding="utf-8", newline="") as stream:
        assert next(csv.DictReader(stream))["name"] == "'" + start + "1"


def test_a_file_is_no_folder(result: DiscoveryResult, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(UsageError, match="a file has that name"):
        result.save(tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "mine"


def test_lengths_must_agree() -> None:
    with pytest.raises(UsageError, match="2 instances, 1 labels and 1 scores"):
        DiscoveryResult([{"id": "0"}, {"id": "1"}], np.array([0]), np.array([1.0]), [])


def test_instance_rows_are_not_instances_of_the_contract(result: DiscoveryResult, tmp_path: Path) -> None:
    # instances.jsonl holds results, not texts: reading it as a corpus must fail loudly.
    with pytest.raises(ValueError, match="`text` is missing"):
        list(read_jsonl(result.save(tmp_path) / "instances.jsonl"))
