"""Stage "split": an input file in runs of lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from hf_relation.data.files import read_lines
from hf_relation.data.tables import delimiter_of, read_table
from hf_relation.errors import InvalidRowError
from hf_relation.sharded.urls import local_copy


TABLE = ".table"
"""Ending of the rows of a table: JSON lines, `{"text": ..., "id": ...}`, or a string that says why a row is none."""


def split_file(
    sources: Sequence[Path], out: Path, shard: str, settings: Mapping[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Copy the lines of a file, unread, into files of so many rows each; an empty file gives one empty shard.

    The rows of a table (`.csv`, `.tsv`) become one line each, with blank lines for the others it takes, so that lines keep their numbers.

    Args:
        sources (`Sequence[Path]`): none: the file is named in the settings, as it lies outside the folder of the run; a
            URL is downloaded for a while.
        out (`Path`), shard (`str`): `SHARD-00000.jsonl`, ... (`.txt` where the input is, [`TABLE`] for a table) are written into `out`.
        settings (`Mapping`): `path`, `shard_rows`, `plain_text` (a line is a text, whatever the name of the file), `text_column` (of a
            table).

    Returns:
        `tuple`: rows (lines that are not blank) and `{"parts": [...]}`, each with `shard`, `file`, `first_line` (from 1), `first_row`
        (from 0) and `rows`.

    Raises:
        UsageError, InvalidRowError: the file is not there or cannot be read as lines, or a table has no such column.
    """
    given = str(settings["path"])
    plain = settings["plain_text"] or given.lower().removesuffix(".gz").endswith(".txt")
    delimiter = None if plain else delimiter_of(given)
    ending = ".txt" if plain else ".jsonl" if delimiter is None else TABLE
    parts: list[dict[str, Any]] = []
    stream: IO[bytes] | None = None
    number = 0
    try:
        with local_copy(settings["path"], out.parent.parent) as path:
            lines = (
                read_lines(path)
                if delimiter is None
                else _table_lines(path, delimiter, settings["text_column"], given)
            )
            for line, content in lines:
                if stream is None or (parts[-1]["rows"] == settings["shard_rows"] and content.strip()):
                    if stream is not None:
                        stream.close()
                    stream = _open(out, shard, ending, parts, line, number)
                stream.write(content + b"\n")
                if content and not content.isspace():
                    number += 1
                    parts[-1]["rows"] += 1
        if stream is None:
            stream = _open(out, shard, ending, parts, 1, 0)
    finally:
        if stream is not None:
            stream.close()
    return number, {"parts": parts}


def _table_lines(path: Path, delimiter: str, text_column: str, given: str) -> Iterator[tuple[int, bytes]]:
    number = 1
    try:
        for line, row in read_table(path, delimiter, text_column):
            yield from ((blank, b"") for blank in range(number, line))
            yield line, json.dumps(row).encode("ascii")
            number = line + 1
    except InvalidRowError as error:
        raise InvalidRowError(error.reason, line=error.line, file=given) from None


def _open(out: Path, shard: str, ending: str, parts: list[dict[str, Any]], line: int, row: int) -> IO[bytes]:
    name = f"{shard}-{len(parts):05d}"
    parts.append({"shard": name, "file": f"{name}{ending}", "first_line": line, "first_row": row, "rows": 0})
    return open(out / f"{name}{ending}", "xb")
