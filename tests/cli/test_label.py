"""`hf-relation label`: the sample corpus with its facts against a slow search, what is written, and what is refused."""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_relation.cli import app
from hf_relation.data import read_jsonl, write_jsonl


Run = Callable[..., tuple[int, str, str]]
DATA = Path(__file__).parents[2] / "examples" / "data"
FACTS = DATA / "sample_facts.tsv"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Exit code, standard output and standard error of a call."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["hf-relation", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            app.main()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A few texts and facts."""
    texts, facts = tmp_path / "texts.txt", tmp_path / "facts.tsv"
    texts.write_text("Ada lives in Lindau.\n\nNobody came.\nBo saw \x1b[31m Ada.\n", encoding="utf-8")
    facts.write_text("Ada\tlives in\tLindau\nBo\t[red]met\x1b[0m\tADA\n=1+1\tis\t@2\n", encoding="utf-8")
    return {"texts": texts, "facts": facts, "out": tmp_path / "out.jsonl"}


def sample() -> tuple[list[dict[str, Any]], list[tuple[str, str, str]]]:
    rows = [json.loads(line) for line in (DATA / "sample.jsonl").read_text(encoding="utf-8").splitlines()]
    lines = FACTS.read_text(encoding="utf-8").splitlines()
    return rows, [(head, relation, tail) for head, relation, tail in (line.split("\t") for line in lines)]


def words_of(document: Any, entity: int) -> str:
    span = document["mentions"][document["entities"][entity]["mentions"][0]]
    return document["text"][span["start"] : span["end"]]


def triples_by_text(path: Path) -> dict[str, set[tuple[str, str, str]]]:
    """What was written, read by the library: the triples of every text in lower case."""
    return {
        row["text"]: {
            (words_of(row, pair["head"]).lower(), pair["label"], words_of(row, pair["tail"]).lower())
            for pair in row["relations"]
        }
        for row in read_jsonl(path, kind="document")
    }


def expected_of(rows: list[dict[str, Any]], facts: list[tuple[str, str, str]], among: Any) -> dict[str, set[Any]]:
    """A slow search: every fact in every row, where `among` says that a row has both names."""
    found: dict[str, set[Any]] = {}
    for row in rows:
        for head, relation, tail in facts:
            if among(row, head, tail):
                found.setdefault(row["text"], set()).add((head.lower(), relation, tail.lower()))
    return found


def marked(row: dict[str, Any], head: str, tail: str) -> bool:
    words = {row["text"][row[side]["start"] : row[side]["end"]] for side in ("head", "tail")}
    return words == {head, tail}


def written_in(row: dict[str, Any], head: str, tail: str) -> bool:
    return all(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", row["text"]) for name in (head, tail))


@pytest.mark.parametrize(("form", "among", "labels"), [("marked", marked, 47), ("texts", written_in, 55)])
def test_the_sample_corpus_and_its_facts(run: Run, tmp_path: Path, form: str, among: Any, labels: int) -> None:
    rows, facts = sample()
    source, output = DATA / "sample.jsonl", tmp_path / "labelled.jsonl"
    if form == "texts":
        source = tmp_path / "texts.txt"
        source.write_text("\n".join(row["text"] for row in rows), encoding="utf-8")
    code, out, err = run("label", source, "--facts", FACTS, "-o", output, "--json", "--quiet")
    assert code == 0 and err == "", err
    expected = expected_of(rows, facts, among)
    assert triples_by_text(output) == expected
    content = json.loads(out)
    counts = Counter(triple[1] for triples in expected.values() for triple in triples)
    assert content["labels"] == counts and counts.total() == labels
    assert list(content["labels"].values()) == sorted(counts.values(), reverse=True)
    assert (content["rows"], content["labelled_rows"], content["written"]) == (282, len(expected), len(expected))
    used = {triple for triples in expected.values() for triple in triples}
    assert {tuple(fact.values()) for fact in content["unused_facts"]} == {
        fact for fact in facts if (fact[0].lower(), fact[1], fact[2].lower()) not in used
    }
    if form == "marked":
        assert content["pairs"] == 2 * 282 and content["rows_without_pairs"] == 0
        code, out, err = run("check-data", output, "--kind", "document")
        assert code == 0 and f"{len(expected)} rows, {len(expected)} good, 0 bad" in out


def test_what_is_written_is_loaded_by_datasets_and_taken_for_pre_training(run: Run, tmp_path: Path) -> None:
    from datasets import load_dataset

    from hf_relation.data import document_features
    from hf_relation.processing import DocumentProcessor
    from hf_relation.training import PretrainingDataset
    from tests.common.tiny_tokenizers import tiny_tokenizer

    output = tmp_path / "labelled.jsonl"
    assert run("label", DATA / "sample.jsonl", "--facts", FACTS, "-o", output, "--keep-unlabelled")[0] == 0
    rows = list(read_jsonl(output, kind="document"))
    assert len(rows) == 282 and rows[1]["id"] == "sample-0002"
    loaded = load_dataset("json", data_files=str(output), features=document_features(), cache_dir=str(tmp_path / "c"))
    assert list(loaded["train"]) == rows
    names = sorted({pair["label"] for row in rows for pair in row["relations"]})
    processor = DocumentProcessor(tiny_tokenizer("bert"), max_length=128, mention_entities=True)
    taken = PretrainingDataset(rows, processor, {name: number for number, name in enumerate(names)})
    assert sum(len(row.labels) for row in taken.rows) == 47


def test_what_is_said(run: Run, files: dict[str, Path]) -> None:
    files["facts"].write_text(files["facts"].read_text() + "ada\tlives in\tLINDAU\nAda\tis\tADA\n", encoding="utf-8")
    code, out, err = run("label", files["texts"], "--facts", files["facts"], "-o", files["out"], "--progress")
    assert code == 0, err
    lines = out.splitlines()
    assert [line.split("│")[1:4] for line in lines if "│" in line] == [
        [" [red]met [0m ", "      1 ", "     1 "],
        [" lives in     ", "      1 ", "     1 "],
    ]
    assert lines[-2:] == [
        "2 labels in 2 of 3 documents, of which 1 have no pair of entities; 4 pairs.",
        "2 of 3 facts labelled something.",
    ]
    assert "Left out 1 facts that were there before, and 1 of an entity with itself." in err
    assert "1 facts labelled nothing: =1+1 | is | @2" in err and f"Wrote 2 documents to {files['out']}." in err
    assert "\x1b" not in out + err
    found = list(read_jsonl(files["out"], kind="document"))
    assert [row["text"] for row in found] == ["Ada lives in Lindau.", "Bo saw \x1b[31m Ada."]
    assert [row["relations"] for row in found] == [
        [{"head": 0, "tail": 1, "label": "lives in"}],
        [{"head": 0, "tail": 1, "label": "[red]met\x1b[0m"}],
    ]


def test_nothing_labelled_is_a_warning(run: Run, files: dict[str, Path]) -> None:
    files["facts"].write_text("Ada\tis\tNobody\n", encoding="utf-8")
    code, out, err = run("label", files["texts"], "--facts", files["facts"], "-o", files["out"], "--quiet", "--json")
    assert code == 0 and "Warning: nothing was labelled" in err and "(3 documents, 0 pairs, 1 facts)" in err
    assert json.loads(out)["labels"] == {} and files["out"].read_bytes() == b""


def test_options_reach_the_labels(run: Run, files: dict[str, Path], tmp_path: Path) -> None:
    facts, out = files["facts"], tmp_path / "found.jsonl.gz"
    names = tmp_path / "names.tsv"
    names.write_text("Ada\tPERSON\nLindau\tPLACE\n", encoding="utf-8")
    table = tmp_path / "a.csv"
    table.write_text('id,body\nx,"Bo,\nAda"\n', encoding="utf-8")
    ids = tmp_path / "ids.jsonl"
    mentions = [{"start": 0, "end": 1}, {"start": 2, "end": 3}]
    entities = [{"id": "Bo", "mentions": [0]}, {"id": "ADA", "mentions": [1]}]
    write_jsonl(ids, [{"id": 7, "text": "a b", "mentions": mentions, "entities": entities}])
    for arguments, expected in [
        ([files["texts"], "--match-case"], ["0"]),
        ([files["texts"], "--entities", f"dictionary:{names}"], ["0"]),
        ([files["texts"], "--keep-unlabelled"], ["0", "1", "2"]),
        ([files["texts"], "--whole-file"], ["texts.txt"]),
        ([table, "--text-column", "body"], ["x"]),
        ([ids, "--match", "id"], ["7"]),
        ([ids], []),
        ([files["texts"], ids, table, "--text-column", "body"], ["texts.txt/0", "texts.txt/2", "a.csv/x"]),
    ]:
        code, _, err = run("label", *arguments, "--facts", facts, "-o", out, "--overwrite")
        assert code == 0, err
        found = [json.loads(line) for line in gzip.decompress(out.read_bytes()).splitlines()]
        assert [row["id"] for row in found] == expected, arguments
    (tmp_path / "more").mkdir()
    again = tmp_path / "more" / "texts.txt"
    again.write_text("Ada, Lindau", encoding="utf-8")
    code, _, err = run("label", files["texts"], again, "--facts", facts, "-o", out, "--overwrite")
    assert code == 2 and "two files are named texts.txt" in err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["texts.txt", "--facts", "facts.tsv"], 2, "--output"),
        (["texts.txt", "-o", "out.jsonl"], 2, "--facts"),
        (["-o", "out.jsonl", "--facts", "facts.tsv"], 2, "INPUT"),
        (["missing.txt", "--facts", "facts.tsv", "-o", "out.jsonl"], 2, "missing.txt does not exist"),
        (["texts.txt", "--facts", "missing.tsv", "-o", "out.jsonl"], 2, "missing.tsv does not exist"),
        (["texts.txt", "--facts", "two.tsv", "-o", "out.jsonl"], 1, "two.tsv, line 2: a fact is head, relation and"),
        (["texts.txt", "--facts", "four.tsv", "-o", "out.jsonl"], 1, "four.tsv, line 1: a fact is head, relation and"),
        (["texts.txt", "--facts", "blank.tsv", "-o", "out.jsonl"], 1, "blank.tsv, line 3: a fact is head, relation"),
        (["texts.txt", "--facts", "latin.tsv", "-o", "out.jsonl"], 1, "line 2: latin.tsv is not UTF-8"),
        (["texts.txt", "--facts", "self.tsv", "-o", "out.jsonl"], 2, "all 1 are of an entity with itself"),
        (["texts.txt", "--facts", "empty.txt", "-o", "out.jsonl"], 2, "empty.txt holds no facts"),
        (["empty.txt", "--facts", "facts.tsv", "-o", "out.jsonl"], 1, "empty.txt: no documents, instances or texts"),
        (["bad.jsonl", "--facts", "facts.tsv", "-o", "out.jsonl"], 1, "bad.jsonl, line 2: a text, a document"),
        (["latin.txt", "--facts", "facts.tsv", "-o", "out.jsonl"], 1, "latin.txt, line 1: the line is not UTF-8: byte 0xff"),
        (["texts.txt", "--facts", "facts.tsv", "-o", "texts.txt", "--overwrite"], 2, "would overwrite what is read"),
        (["texts.txt", "--facts", "facts.tsv", "-o", "facts.tsv", "--overwrite"], 2, "would overwrite what is read"),
        (["texts.txt", "--facts", "facts.tsv", "-o", "old.jsonl"], 2, "old.jsonl exists. Give another name, or --over"),
        (["texts.txt", "--facts", "facts.tsv", "-o", "no/out.jsonl"], 2, "the folder no does not exist"),
        (["texts.txt", "--facts", "facts.tsv", "-o", "."], 2, "a folder has that name"),
        (["texts.txt", "--facts", "facts.tsv", "-o", "out.jsonl", "--match", "id"], 2, "have no ids, which match='id'"),
        (["noid.jsonl", "--facts", "facts.tsv", "-o", "out.jsonl", "--match", "id"], 1, "noid.jsonl, line 2: no entity has"),
        (["texts.txt", "--facts", "facts.tsv", "-o", "out.jsonl", "--text", "--whole-file"], 2, "contradict"),
        (["texts.txt", "--facts", "facts.tsv", "-o", "out.jsonl", "--entities", "dictionary:x.tsv"], 2, "x.tsv does not"),
    ],
)  # fmt: skip
def test_what_is_refused_leaves_nothing_behind(
    run: Run,
    files: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    mentions = [{"start": 0, "end": 3}]
    for name, content in {
        "two.tsv": b"Ada\tlives in\tLindau\r\nAda\tLindau\r\n",
        "four.tsv": b"Ada\tlives in\tLindau\tx\n",
        "blank.tsv": b"Ada\tlives in\tLindau\n\nAda\t \tLindau\n",
        "latin.tsv": b"Ada\tlives in\tLindau\nAda\tlives in\tM\xfcnchen\n",
        "self.tsv": b"Ada\tis\tADA\n",
        "empty.txt": b"\n \n",
        "latin.txt": b"Ada \xff\n",
        "bad.jsonl": b'{"text": "Ada"}\n7\n',
        "noid.jsonl": b"\n"
        + json.dumps({"text": "Ada", "mentions": mentions, "entities": [{"mentions": [0]}]}).encode(),
        "old.jsonl": b"old",
    }.items():
        (tmp_path / name).write_bytes(content)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    found, out, err = run("label", *arguments)
    assert found == code and out == "" and "Traceback" not in err
    assert message in " ".join(re.sub(r"[│╭╮╰╯─]", " ", err).split())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_bad_rows_are_left_out_and_listed_where_asked(run: Run, files: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    document = {"text": "Ada", "mentions": [{"start": 0, "end": 3}], "entities": [{"mentions": [0]}]}
    rows = [{"text": "Ada, Lindau"}, {"text": 7}, document | {"id": "d"}, {"text": "Bo, Ada", "id": "d"}]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    options = ["--facts", files["facts"], "-o", files["out"], "--skip-bad", "--json", "--progress"]
    code, out, err = run("label", path, *options)
    assert code == 0 and "Skipped 2 bad rows." in err
    assert [(row["file"], row["line"]) for row in json.loads(out)["skipped"]] == [(str(path), 2), (str(path), 4)]
    assert [row["id"] for row in read_jsonl(files["out"], kind="document")] == ["0"]
    rows = [document | {"id": "x"}, document | {"id": "y", "entities": [{"id": "Ada", "mentions": [0]}]}]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    code, out, err = run("label", path, *options, "--match", "id", "--keep-unlabelled", "--overwrite")
    assert code == 0 and [row["line"] for row in json.loads(out)["skipped"]] == [1]
    assert [row["id"] for row in read_jsonl(files["out"], kind="document")] == ["y"]
