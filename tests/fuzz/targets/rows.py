"""JSON lines: what is read, what is refused, and with which line."""

from __future__ import annotations

import gzip
from functools import partial
from typing import Any, get_args

from hf_relation.data.jsonl import checked_lines, read_jsonl, write_jsonl
from hf_relation.data.kinds import Kind
from hf_relation.errors import InvalidRowError
from tests.fuzz.targets.contract import NORMAL, Invalid, strict_json
from tests.fuzz.targets.mutations import is_deep
from tests.fuzz.targets.source import file_of


def jsonl(content: bytes, kind: Kind) -> None:
    """Every line that is not blank gives the row of the contract or an error with its number; none is lost."""
    path = file_of(content, "rows.jsonl")
    lines = content.split(b"\n")
    if lines[0][:2] in (b"\xff\xfe", b"\xfe\xff"):
        _refuses_all(path, kind)
        return
    lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
    filled = [(number, line.rstrip(b"\r")) for number, line in enumerate(lines, start=1) if line.strip()]
    checked = list(checked_lines(path, kind=kind))
    assert [item.line for item in checked] == [number for number, _ in filled]
    seen: set[str] = set()
    for position, (item, (number, line)) in enumerate(zip(checked, filled, strict=True)):
        assert (item.row is None) != (item.error is None)
        if item.error is not None:
            assert type(item.error) is InvalidRowError and item.error.line == number, item.error
            assert str(item.error).startswith(f"line {number}: ")
        if is_deep(line):
            continue  # the parser's limit decides
        try:
            expected: Any = NORMAL[kind](strict_json(line), position)
        except Invalid:
            expected = None
        if expected is not None and expected["id"] in seen:
            expected = None
        if expected is not None:
            seen.add(expected["id"])
        assert item.row == expected, (item, expected)
    rows = [item.row for item in checked if item.row is not None]
    bad = [item.error.line for item in checked if item.error is not None]
    errors: list[InvalidRowError] = []
    assert list(read_jsonl(path, kind=kind, on_error="skip", errors=errors)) == rows
    assert [error.line for error in errors] == bad
    _raises_at_the_first(path, kind, bad)
    for name in ("back.jsonl", "back.jsonl.gz"):
        again = file_of(b"", name)
        assert write_jsonl(again, rows) == len(rows)
        assert list(read_jsonl(again, kind=kind)) == rows


def packed(content: bytes) -> None:
    """A damaged gzip file is refused with a line, and what came before it is right."""
    path = file_of(content, "rows.jsonl.gz")
    try:
        plain = gzip.decompress(content)
    except (EOFError, OSError, gzip.zlib.error):  # type: ignore[attr-defined]
        plain = None
    rows: list[Any] = []
    errors: list[InvalidRowError] = []
    try:
        for row in read_jsonl(path, on_error="skip", errors=errors):
            rows.append(row)
    except InvalidRowError as error:
        assert error.line is not None
        assert plain is None or plain[:2] in (b"\xff\xfe", b"\xfe\xff")
        return
    assert plain is not None or not content
    again = file_of(plain or b"", "unpacked.jsonl")
    others: list[InvalidRowError] = []
    assert rows == list(read_jsonl(again, on_error="skip", errors=others))
    assert [error.line for error in errors] == [error.line for error in others]


def _refuses_all(path: Any, kind: Kind) -> None:
    for on_error in ("raise", "skip"):
        try:
            list(read_jsonl(path, kind=kind, on_error=on_error))  # type: ignore[call-overload]
        except InvalidRowError as error:
            assert error.line == 1
        else:
            raise AssertionError("a file that is not UTF-8 was read")


def _raises_at_the_first(path: Any, kind: Kind, bad: list[int]) -> None:
    try:
        list(read_jsonl(path, kind=kind))  # type: ignore[call-overload]
    except InvalidRowError as error:
        assert bad and error.line == bad[0]
    else:
        assert not bad


JSONL_TARGETS = {f"jsonl-{kind}": partial(jsonl, kind=kind) for kind in get_args(Kind)} | {"jsonl-gz": packed}
