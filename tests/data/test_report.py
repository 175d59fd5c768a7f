from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from hf_relation.data import check_file
from hf_relation.errors import UsageError


Row = dict[str, Any]
SENTENCES = [
    ("Marta Lind founded Nordkraft in Bergen", "Marta Lind", "Nordkraft"),
    ("The painter Ilse Korn was born in Graz", "Ilse Korn", "Graz"),
    ("Deltoxin inhibits the enzyme kinase B", "Deltoxin", "kinase B"),
]


def write(path: Path, rows: list[Row]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def spans(text: str, head: str, tail: str) -> Row:
    found = {}
    for name, mention in (("head", head), ("tail", tail)):
        found[name] = {"start": text.index(mention), "end": text.index(mention) + len(mention)}
    return found


def test_counts_lines_and_labels(tmp_path: Path, row: Row) -> None:
    rows = [row, row | {"id": "b", "tail": None}, row | {"id": "c", "relations": []}, row | {"id": "a"}]
    path = write(tmp_path / "a.jsonl", rows)
    path.write_text("\n" + path.read_text() + "{\n")
    report = check_file(path)
    assert (report.rows, report.ok, report.labelled, report.relations) == (5, 2, 1, {"founded": 1})
    assert [(bad.line, bad.reason.split(" ")[0]) for bad in report.bad] == [(3, "`tail`"), (5, "`id`"), (6, "the")]
    assert report.warnings == []
    assert json.loads(json.dumps(report.to_dict()))["bad"][0]["line"] == 3


def test_fault_19_token_offsets_given_as_characters_are_suspected(tmp_path: Path) -> None:
    rows = []
    for text, head, tail in SENTENCES:
        words = text.split()
        tokens = {}
        for name, mention in (("head", head), ("tail", tail)):
            first = words.index(mention.split()[0])
            tokens[name] = {"start": first, "end": first + len(mention.split())}
        rows.append({"text": text, **tokens})
    report = check_file(write(tmp_path / "a.jsonl", rows))
    assert report.bad == []
    assert len(report.warnings) == 1 and "look like token offsets" in report.warnings[0]
    assert "character offsets into `text`, end exclusive" in report.warnings[0]


def test_fault_19_inclusive_ends_are_suspected(tmp_path: Path) -> None:
    rows = [{"text": text, **spans(text, head, tail)} for text, head, tail in SENTENCES]
    assert check_file(write(tmp_path / "good.jsonl", rows)).warnings == []
    for row in rows:
        row["head"]["end"] -= 1
        row["tail"]["end"] -= 1
    (warning,) = check_file(write(tmp_path / "bad.jsonl", rows)).warnings
    assert "the ends look inclusive" in warning


def test_chinese_spans_do_not_look_cut(tmp_path: Path) -> None:
    text = "\u5f20\u4e09\u4f4f\u5728\u5317\u4eac\u5e02"
    assert (
        check_file(
            write(tmp_path / "a.jsonl", [{"text": text, **spans(text, "\u5f20\u4e09", "\u5317\u4eac")}])
        ).warnings
        == []
    )


def test_fields_that_are_not_read_are_named(tmp_path: Path, row: Row) -> None:
    (warning,) = check_file(write(tmp_path / "a.jsonl", [row | {"label": "x"}])).warnings
    assert warning == "fields that are not read: 'label' (1 rows)."


def test_documents(tmp_path: Path, document: Row) -> None:
    report = check_file(write(tmp_path / "a.jsonl", [document]), kind="document")
    assert (report.ok, report.bad, report.warnings) == (1, [], [])
    assert report.relations["founded"] == 1
    assert "this is a document" in check_file(tmp_path / "a.jsonl").bad[0].reason


def test_fault_1_empty_file(tmp_path: Path) -> None:
    report = check_file(write(tmp_path / "a.jsonl", []))
    assert (report.rows, report.bad, report.warnings) == (0, [], ["the file has no rows."])


def test_a_file_that_ends_early_is_a_bad_row(tmp_path: Path) -> None:
    content = gzip.compress(b"\n".join(b"[%d]" % i for i in range(5000)))
    (tmp_path / "a.jsonl.gz").write_bytes(content[: len(content) // 2])
    report = check_file(tmp_path / "a.jsonl.gz")
    assert "not a complete gzip file" in report.bad[-1].reason and report.rows == len(report.bad)


def test_missing_file_and_unknown_kind(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        check_file(tmp_path / "none.jsonl")
    with pytest.raises(UsageError, match="`kind` must be"):
        check_file(tmp_path / "none.jsonl", kind="row")  # type: ignore[arg-type]
