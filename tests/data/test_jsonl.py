from __future__ import annotations

import gzip
import json
import logging
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_relation.data import read_jsonl, write_jsonl
from hf_relation.errors import InvalidRowError, UsageError


Row = dict[str, Any]


def lines(row: Row, count: int) -> list[bytes]:
    return [json.dumps(row | {"id": str(i)}, ensure_ascii=False).encode() for i in range(count)]


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_round_trip_is_exact(tmp_path: Path, row: Row, name: str) -> None:
    rows = [
        row,
        row | {"id": "b", "text": row["text"] + "\u2028\u0085\r\n\x00\U0001f600e\u0301", "relations": []},
        row | {"id": '=SUM("a")', "relations": ["x", "y"]},
    ]
    assert write_jsonl(tmp_path / name, iter(rows)) == 3
    assert list(read_jsonl(tmp_path / name)) == rows


def test_documents_round_trip(tmp_path: Path, document: Row) -> None:
    write_jsonl(tmp_path / "d.jsonl", [document])
    assert list(read_jsonl(tmp_path / "d.jsonl", kind="document")) == [document]


@given(st.lists(st.text(max_size=20), max_size=5))
@settings(max_examples=50, deadline=None)
def test_any_text_round_trips(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    spans = {"head": {"start": 0, "end": 3, "type": None}, "tail": {"start": 8, "end": 11, "type": None}}
    rows = [{"id": f"r{i}", "text": "Ada met Bob" + text, **spans, "relations": []} for i, text in enumerate(texts)]
    write_jsonl(path, rows)
    assert list(read_jsonl(path)) == rows


def test_equal_rows_give_equal_gzip_bytes(tmp_path: Path, row: Row) -> None:
    write_jsonl(tmp_path / "a.jsonl.gz", [row])
    write_jsonl(tmp_path / "b.jsonl.gz", [row])
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


def test_rows_are_streamed(tmp_path: Path, row: Row) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines(row, 3)) + b"\n{broken")
    reader = read_jsonl(tmp_path / "a.jsonl")
    assert [next(reader)["id"] for _ in range(3)] == ["0", "1", "2"]
    with pytest.raises(InvalidRowError, match="^line 4: "):
        next(reader)


def test_blank_lines_count_as_lines_and_not_as_rows(tmp_path: Path, row: Row) -> None:
    del row["id"]
    (tmp_path / "a.jsonl").write_bytes(b"\n \r\n" + json.dumps(row).encode() + b"\r\n\n" + json.dumps(row).encode())
    assert [found["id"] for found in read_jsonl(tmp_path / "a.jsonl")] == ["0", "1"]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_fault_1_empty_file_has_no_rows(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    assert list(read_jsonl(tmp_path / "a.jsonl")) == []


def test_fault_22_byte_order_mark_is_tolerated(tmp_path: Path, row: Row) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + json.dumps(row).encode())
    assert list(read_jsonl(tmp_path / "a.jsonl")) == [row]


BAD_LINES = {
    "broken": (b'{"text": "a', "not valid JSON.*column 10"),
    "latin-1": ('{"text": "\u00e9"}'.encode("latin-1"), "not UTF-8: byte 0xe9 at byte offset 10"),
    "missing field": (b'{"id": "x"}', "`text` is missing; the row has the fields 'id'"),
    "a list": (b"[1, 2]", "a row must be an object"),
    "NaN literal": (b'{"text": NaN}', "NaN is not JSON"),
    "Infinity literal": (b'{"text": -Infinity}', "-Infinity is not JSON"),
    "duplicate key": (b'{"text": "a", "text": "b"}', "the key 'text' occurs twice"),
    "two objects": (b"{} {}", "not valid JSON: Extra data"),
    "nested a million deep": (b"[" * 1_000_000, "nested too deeply"),
    "huge integer": (b"9" * 10_000, "not valid JSON"),
    "escaped lone surrogate": (b'{"text": "\\ud83d"}', "lone surrogate"),
    "NUL bytes": (b"\x00\x00\x00", "not valid JSON"),
}


@pytest.mark.parametrize(("content", "reason"), BAD_LINES.values(), ids=BAD_LINES.keys())
def test_fault_22_a_bad_line_is_named(tmp_path: Path, row: Row, content: bytes, reason: str) -> None:
    path = tmp_path / "a.jsonl"
    good = lines(row, 2)
    path.write_bytes(b"\n".join([good[0], content, good[1]]))
    with pytest.raises(InvalidRowError, match=f"^line 2: .*{reason}") as caught:
        list(read_jsonl(path))
    assert caught.value.line == 2 and len(str(caught.value)) < 600
    errors: list[InvalidRowError] = []
    assert [found["id"] for found in read_jsonl(path, on_error="skip", errors=errors)] == ["0", "1"]
    assert [error.line for error in errors] == [2]


def test_fault_22_skipped_rows_are_never_silent(tmp_path: Path, row: Row, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\n".join([b"{", *lines(row, 1), b"{"]))
    with caplog.at_level(logging.WARNING):
        assert len(list(read_jsonl(tmp_path / "a.jsonl", on_error="skip"))) == 1
    assert "2 bad rows were skipped" in caplog.text


def test_fault_22_extra_fields_and_ten_thousand_columns(tmp_path: Path, row: Row) -> None:
    wide = row | {f"column {i}": i for i in range(10_000)}
    (tmp_path / "a.jsonl").write_text(json.dumps(wide))
    assert list(read_jsonl(tmp_path / "a.jsonl")) == [row]
    del wide["text"]
    (tmp_path / "a.jsonl").write_text(json.dumps(wide))
    with pytest.raises(InvalidRowError) as caught:
        list(read_jsonl(tmp_path / "a.jsonl"))
    assert len(str(caught.value)) < 500


def test_fault_22_utf_16_is_named_even_when_skipping(tmp_path: Path, row: Row) -> None:
    (tmp_path / "a.jsonl").write_bytes(json.dumps(row).encode("utf-16"))
    with pytest.raises(InvalidRowError, match="^line 1: .*UTF-16"):
        list(read_jsonl(tmp_path / "a.jsonl", on_error="skip"))


@pytest.mark.parametrize("damage", ["cut", "not gzip"])
def test_fault_45_damaged_gzip_is_an_error_even_when_skipping(tmp_path: Path, row: Row, damage: str) -> None:
    content = gzip.compress(b"\n".join(lines(row, 2000)))
    (tmp_path / "a.jsonl.gz").write_bytes(content[: len(content) // 2] if damage == "cut" else b"plain text")
    with pytest.raises(InvalidRowError, match="not a complete gzip file"):
        list(read_jsonl(tmp_path / "a.jsonl.gz", on_error="skip"))


def test_second_row_with_an_id_is_refused_unless_asked(tmp_path: Path, row: Row) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\n".join([json.dumps(row).encode()] * 2))
    with pytest.raises(InvalidRowError, match="^line 2: `id` 'a' is also the id of an earlier row"):
        list(read_jsonl(tmp_path / "a.jsonl"))
    assert len(list(read_jsonl(tmp_path / "a.jsonl", unique_ids=False))) == 2


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        list(read_jsonl(tmp_path / "none.jsonl"))
    with pytest.raises(UsageError, match="is a folder"):
        list(read_jsonl(tmp_path))


@pytest.mark.parametrize("option", [{"kind": "row"}, {"on_error": "ignore"}])
def test_unknown_options_are_refused_at_once(tmp_path: Path, option: Row) -> None:
    with pytest.raises(UsageError, match="must be"):
        read_jsonl(tmp_path / "a.jsonl", **option)


@pytest.mark.parametrize("bad", [{"text": "\ud83d"}, {"x": float("nan")}, {"x": {1, 2}}])
def test_a_row_that_cannot_be_written_leaves_the_old_file(tmp_path: Path, row: Row, bad: Row) -> None:
    path = tmp_path / "a.jsonl"
    write_jsonl(path, [row])
    before = path.read_bytes()
    with pytest.raises(InvalidRowError, match="^row 1: "):
        write_jsonl(path, [row, bad])
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.jsonl"]


def test_an_error_of_the_generator_leaves_nothing(tmp_path: Path, row: Row) -> None:
    def rows() -> Any:
        yield row
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_jsonl(tmp_path / "a.jsonl.gz", rows())
    assert os.listdir(tmp_path) == []


def test_writing_to_a_folder_or_into_no_folder(tmp_path: Path, row: Row) -> None:
    with pytest.raises(UsageError, match="a folder has that name"):
        write_jsonl(tmp_path, [row])
    with pytest.raises(UsageError, match="does not exist"):
        write_jsonl(tmp_path / "no" / "a.jsonl", [row])


def test_reading_keeps_one_row_in_memory(tmp_path: Path, row: Row) -> None:
    wide = row | {"text": row["text"] + "x" * 10_000}
    write_jsonl(tmp_path / "a.jsonl", (wide | {"id": str(i)} for i in range(500)))
    tracemalloc.start()
    count = sum(1 for _ in read_jsonl(tmp_path / "a.jsonl"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 500 and peak < 1_000_000 < (tmp_path / "a.jsonl").stat().st_size


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hf_relation.data.files.MAX_LINE_BYTES", 1000)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b"{}\n" + bytes(10_000)))
    with pytest.raises(InvalidRowError, match="^line 2: the line is longer than 1,000 bytes"):
        list(read_jsonl(tmp_path / "a.jsonl.gz", on_error="skip"))
