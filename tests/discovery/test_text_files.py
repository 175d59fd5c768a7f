"""Files of texts: lines, whole files, tables and JSON lines."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from hf_relation.data import EntityDictionary, original_spans, write_jsonl
from hf_relation.discovery import instances_from_texts
from hf_relation.discovery.text_files import read_text_file
from hf_relation.errors import InvalidRowError, UsageError
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_tokenizers import sample_instances


def write(path: Path, content: str | bytes) -> Path:
    data = content.encode("utf-8") if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("ending", [".txt", ".TXT", ".txt.gz"])
def test_lines_of_plain_text(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"a{ending}", "\ufeff Ada met Bob. \r\n\n\"{'a': 1}\"\nlast")
    given = read_text_file(path)
    assert given.rows == [
        {"id": "0", "text": " Ada met Bob. "},
        {"id": "1", "text": "\"{'a': 1}\""},
        {"id": "2", "text": "last"},
    ]
    assert given.lines == [1, 3, 4]


def test_any_name_may_hold_plain_text(tmp_path: Path) -> None:
    path = write(tmp_path / "a.md", "Ada met Bob.")
    assert [row["text"] for row in read_text_file(path, plain_text=True).rows] == ["Ada met Bob."]
    with pytest.raises(InvalidRowError, match="line 1: the line is not valid JSON"):
        read_text_file(path)


@pytest.mark.parametrize("ending", [".txt", ".txt.gz"])
def test_a_whole_file_keeps_its_line_ends(tmp_path: Path, ending: str) -> None:
    text = "Chapter\r\n\r\nAda met\r\nBob.\n\x0cZoe\u0301 left."
    given = read_text_file(write(tmp_path / f"book{ending}", text), whole_file=True)
    assert given.rows == [{"id": f"book{ending}", "text": text}]
    names = EntityDictionary([("Ada", None), ("Bob", None)])
    (row,) = instances_from_texts(given.rows, entities=names)
    tail = original_spans(row).tail
    assert text[tail["start"] : tail["end"]] == "Bob" and row["text"] == "Ada met\r\nBob."
    assert read_text_file(write(tmp_path / "blank.txt", " \n"), whole_file=True).rows == []
    with pytest.raises(InvalidRowError, match="byte 0xff at byte offset 2"):
        read_text_file(write(tmp_path / "b.txt", b"ab\xff"), whole_file=True)


@pytest.mark.parametrize(("ending", "mark"), [(".csv", ","), (".tsv", "\t"), (".csv.gz", ",")])
def test_tables(tmp_path: Path, ending: str, mark: str) -> None:
    lines = [f"id{mark}body{mark}more", f'a{mark}"Ada{mark} ""the"" poet\r\nmet Bob."{mark}', f"{mark}=1+1{mark}x"]
    given = read_text_file(write(tmp_path / f"a{ending}", "\ufeff" + "\r\n".join(lines)), text_column="body")
    assert given.rows == [{"text": f'Ada{mark} "the" poet\r\nmet Bob.', "id": "a"}, {"text": "=1+1", "id": "1"}]
    assert given.lines == [2, 4]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('text\nAda\n"open', "line 3: the line is no CSV"),
        ("text,id\nAda,1\nBob", "line 3: the line has more or fewer cells"),
        ("text,id\nAda,1,2", "line 2: the line has more or fewer cells"),
        ("text,id\nAda,1\nBob,1", "line 3: .*`id` '1' is also the id"),
        ("text,id\nAda,1\n ,2", "line 3: the text is blank"),
        (b"text\nAda\n\xff", "not UTF-8"),
    ],
)
def test_bad_lines_of_tables(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(InvalidRowError, match=message):
        read_text_file(write(tmp_path / "a.csv", content))


def test_bad_lines_may_be_skipped(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "id,text\na,Ada\nb, \nc,Bob\nc,Eve\n")
    given = read_text_file(path, skip_bad=True)
    assert [row["id"] for row in given.rows] == ["a", "c"] and [error.line for error in given.errors] == [3, 5]


def test_a_missing_column_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no column 'text'; it has: 'id', 'body'. Name one with --text-column"):
        read_text_file(write(tmp_path / "a.csv", "id,body\n1,Ada"))
    with pytest.raises(UsageError, match="it has: none"):
        read_text_file(write(tmp_path / "b.csv", ""))
    with pytest.raises(UsageError, match="does not exist"):
        read_text_file(tmp_path / "missing.csv")


def test_long_cells_are_read(tmp_path: Path) -> None:
    text = "a" * 300_000  # more than the csv module reads by itself
    assert read_text_file(write(tmp_path / "a.csv", f"text\n{text}\n")).rows[0]["text"] == text


def test_json_lines_of_all_kinds(tmp_path: Path) -> None:
    rows = [sample_instances()[0], sample_documents()[0] | {"id": "d"}, {"text": "Ada.", "title": "more"}]
    write_jsonl(tmp_path / "a.jsonl", rows)
    given = read_text_file(tmp_path / "a.jsonl")
    assert [row["id"] for row in given.rows] == [sample_instances()[0]["id"], "d", "2"] and given.lines == [1, 2, 3]
