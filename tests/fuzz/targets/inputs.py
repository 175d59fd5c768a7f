"""Files of texts, documents and instances that commands are given: every row is there, or named as bad."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hf_relation.data import check_file
from hf_relation.discovery.text_files import read_text_file
from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.extraction.inputs import read_input
from tests.fuzz.targets.source import file_of


ENDINGS = ("jsonl", "txt", "csv", "tsv")


def _read(path: Path, **options: Any) -> Any:
    """What is read, or the error, which is one of the package and says where."""
    try:
        return read_text_file(path, **options)
    except UsageError as error:
        assert str(error)
    except InvalidRowError as error:
        assert error.line is not None or str(path) in str(error), error
        return error
    return None


def _check(content: bytes, path: Path, kind: str) -> None:
    found = _read(path, skip_bad=True)
    first = _read(path)
    if found is None or isinstance(found, InvalidRowError):
        assert first is None or isinstance(first, InvalidRowError)
        return
    assert len(found.rows) == len(found.lines) and len({row["id"] for row in found.rows}) == len(found.rows)
    for position, row in enumerate(found.rows):
        read_input(row, position)
    bad = [error.line for error in found.errors]
    lines = sorted(found.lines + bad)
    assert lines == sorted(set(lines)) and (not lines or 1 <= lines[0])
    if kind in ("jsonl", "txt"):
        assert lines == [number for number, line in enumerate(_lines(content), start=1) if line.strip()]
    assert isinstance(first, InvalidRowError) == bool(bad)
    assert not bad or first.line == bad[0]


def _lines(content: bytes) -> list[bytes]:
    return content.removeprefix(b"\xef\xbb\xbf").split(b"\n")


def input_file(content: bytes, kind: str) -> None:
    """Plain, packed, and as the content of a file that says it is packed."""
    _check(content, file_of(content, f"input.{kind}"), kind)
    packed = file_of(gzip.compress(content, 1, mtime=0), f"packed.{kind}.gz")
    _check(content, packed, kind)
    _read(file_of(content, f"damaged.{kind}.gz"), skip_bad=True)
    _read(packed, whole_file=True)


def report(content: bytes) -> None:
    """The report on a file counts all of its rows, and never fails."""
    for kind in ("instance", "document"):
        for name in ("checked.jsonl", "checked.jsonl.gz"):
            found = check_file(file_of(content, name), kind=kind)  # type: ignore[arg-type]
            assert found.ok + len(found.bad) >= found.rows and found.labelled <= found.ok
            found.to_dict()


def _of(kind: str) -> Callable[[bytes], None]:
    return lambda content: input_file(content, kind)


INPUT_TARGETS: dict[str, Callable[[bytes], None]] = {f"input-{kind}": _of(kind) for kind in ENDINGS} | {
    "file-report": report
}
