"""`hf-relation discover` on texts and documents."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hf_relation.data import EntityDictionary, write_jsonl
from hf_relation.discovery import RelationDiscovery, read_discovery_rows
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_tokenizers import sample_instances


Run = Callable[..., tuple[int, str, str]]
TEXTS = ["Ada met Bob in Lindau.", "Nobody came.", "Bob left. Ada stayed in Lindau.", "Bob \x1b[31msaw Ada."]


@pytest.fixture
def model(discover_model: Path) -> Path:
    return discover_model


@pytest.fixture
def run(run_discover: Run) -> Run:
    return run_discover


@pytest.fixture
def names(tmp_path: Path) -> Path:
    path = tmp_path / "names.tsv"
    path.write_text("Ada\tPERSON\nBob\tPERSON\nLindau\tPLACE\n", encoding="utf-8")
    return path


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.txt"
    path.write_text("\n\n".join(TEXTS), encoding="utf-8")
    return path


def test_lines_with_a_dictionary(run: Run, texts: Path, names: Path, model: Path) -> None:
    options = ["--entities", f"dictionary:{names}", "--num-relations", 2]
    code, out, err = run(texts, *options, "--json", "--progress")
    assert code == 0, err
    content = json.loads(out)
    rows, report = read_discovery_rows(TEXTS, entities=EntityDictionary.from_file(names))
    expected = RelationDiscovery.from_pretrained(model, num_relations=2).fit_predict(rows).to_dict()
    assert content["instances"] == expected["instances"] and content["relations"] == expected["relations"]
    assert content["texts"] == report.to_dict() and content["texts"]["pairs"] == 5
    for row in content["mentions"]:
        for side in ("head", "tail"):
            mention = row[side]
            assert TEXTS[int(row["document"])][mention["start"] : mention["end"]] == mention["text"]
    assert "4 texts: 8 mentions of entities, 5 pairs." in err and "1 text without entities (ids: 1)." in err
    code, out, err = run(texts, *options, "--quiet")
    assert code == 0 and err == "" and "5 instances" in out and "\x1b[31m" not in out


def test_options_reach_the_pairs(run: Run, texts: Path, names: Path) -> None:
    base = [texts, "--entities", f"dictionary:{names}", "--num-relations", 1, "--json", "--quiet"]
    for options, pairs in [
        (["--window", 2], 7),
        (["--both-directions"], 10),
        (["--max-distance", 5], 2),
        (["--max-pairs-per-text", 1], 3),
        (["--types", "PERSON:PLACE"], 3),
        (["--types", "PERSON:PERSON", "--types", "*:PLACE"], 5),
        (["--sentences", "text"], 7),
    ]:
        code, out, err = run(*base, *options)
        assert code == 0, err
        assert len(json.loads(out)["instances"]) == pairs, options


def test_documents_tables_and_whole_files(run: Run, names: Path, tmp_path: Path) -> None:
    write_jsonl(
        tmp_path / "documents.jsonl", [row | {"id": str(place)} for place, row in enumerate(sample_documents())]
    )
    (tmp_path / "a.csv").write_text('title,body\nx,"Ada, a poet,\nmet Bob."\n', encoding="utf-8")
    (tmp_path / "book.txt").write_text("Ada met Bob.\nBob left\nLindau.\n", encoding="utf-8")
    source = ["--entities", f"dictionary:{names}"]
    for arguments, pairs in [
        ([tmp_path / "documents.jsonl"], 3 + 1 + 5 + 1 + 3),
        ([tmp_path / "a.csv", "--text-column", "body", *source], 1),
        ([tmp_path / "book.txt", "--whole-file", *source], 2),
        ([tmp_path / "book.txt", "--text", *source], 1),
    ]:
        code, out, err = run(*arguments, "--json", "--quiet", "--num-relations", 1)
        assert code == 0, err
        assert len(json.loads(out)["mentions"]) == pairs


def test_files_of_instances_are_as_before(run: Run, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", sample_instances())
    code, out, err = run(tmp_path / "a.jsonl", "--json", "--progress")
    assert code == 0 and "texts" not in json.loads(out) and "mentions" not in json.loads(out) and "pairs" not in err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "--entities"),
        (["--entities", "dictionary:missing.tsv"], 2, "does not exist"),
        (["--entities", "missing/model"], 1, "cannot be loaded as a token-classification model"),
        (["--text", "--whole-file"], 2, "contradict one another"),
        (["--types", "PERSON"], 2, "--types is HEAD:TAIL"),
        (["--window", "0"], 2, "--window"),
        (["--sentences", "no language"], 2, "language code"),
    ],
)
def test_wrong_usage(run: Run, texts: Path, arguments: list[str], code: int, message: str) -> None:
    found, out, err = run(texts, *arguments)
    assert found == code and out == "" and message in err.replace("\n", " ") and "Traceback" not in err


def test_no_entities_and_bad_rows(run: Run, names: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "Nobody."}\n', encoding="utf-8")
    source = ["--entities", f"dictionary:{names}"]
    code, out, err = run(path, *source)
    assert code == 2 and "No entity was found in 1 text by 'dictionary:" in err.replace("\n", " ")
    path.write_text('{"text": "Ada met Bob."}\n{"text": 7}\n{"text": "Bob saw Ada."}\n', encoding="utf-8")
    code, out, err = run(path, *source)
    assert code == 1 and "line 2" in err
    code, out, err = run(path, *source, "--skip-bad", "--json", "--num-relations", 1)
    assert code == 0 and len(json.loads(out)["instances"]) == 2
    assert [row["line"] for row in json.loads(out)["skipped"]] == [2]
    names.write_text("Ada\tA\nAda\tB\n", encoding="utf-8")
    code, out, err = run(path, *source, "--skip-bad")
    assert code == 1 and "line 2: the name 'Ada' has the type" in err
