"""JSON lines: one row per line, UTF-8, plain or gzip, read in flat memory and written whole or not at all."""

from __future__ import annotations

import gzip
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, cast, overload

from ..errors import InvalidRowError, UsageError
from .atomic import atomic_file
from .files import parse_json, read_lines
from .kinds import KINDS, Kind
from .schema import Document, Instance
from .task_schema import LabelledText, TaggedSentence
from .validation import duplicate_id_error


logger = logging.getLogger(__name__)


@overload
def read_jsonl(
    path: str | os.PathLike[str],
    *,
    kind: Literal["instance"] = "instance",
    on_error: Literal["raise", "skip"] = "raise",
    errors: list[InvalidRowError] | None = None,
    unique_ids: bool = True,
) -> Iterator[Instance]: ...


@overload
def read_jsonl(
    path: str | os.PathLike[str],
    *,
    kind: Literal["document"],
    on_error: Literal["raise", "skip"] = "raise",
    errors: list[InvalidRowError] | None = None,
    unique_ids: bool = True,
) -> Iterator[Document]: ...


@overload
def read_jsonl(
    path: str | os.PathLike[str],
    *,
    kind: Literal["tagged"],
    on_error: Literal["raise", "skip"] = "raise",
    errors: list[InvalidRowError] | None = None,
    unique_ids: bool = True,
) -> Iterator[TaggedSentence]: ...


@overload
def read_jsonl(
    path: str | os.PathLike[str],
    *,
    kind: Literal["text", "score"],
    on_error: Literal["raise", "skip"] = "raise",
    errors: list[InvalidRowError] | None = None,
    unique_ids: bool = True,
) -> Iterator[LabelledText]: ...


def read_jsonl(
    path: str | os.PathLike[str],
    *,
    kind: Kind = "instance",
    on_error: Literal["raise", "skip"] = "raise",
    errors: list[InvalidRowError] | None = None,
    unique_ids: bool = True,
) -> Iterator[Instance] | Iterator[Document] | Iterator[TaggedSentence] | Iterator[LabelledText]:
    """Read and check the rows of a JSONL file, one at a time.

    Blank lines are passed over. A byte-order mark is tolerated; any other encoding than UTF-8 is an error. Every row goes
    through the check of its kind, such as `check_instance`.

    Args:
        path (`str` or `PathLike`): the file; unpacked on the fly when its name ends in `.gz`.
        kind (`str`): what a row is: `"instance"`, `"document"`, `"tagged"` (a sentence with a tag for each token), `"text"` or
            `"score"` (a text, or two, with a class or a number as label).
        on_error (`"raise"` or `"skip"`): with `"skip"` bad rows are left out and put into `errors`.
        errors (`list`, *optional*): receives one `InvalidRowError` per skipped row. Without it, the number of skipped rows
            is logged as a warning at the end.
        unique_ids (`bool`): refuse a second row with the same id. This keeps all ids in memory; turn it off to read
            in flat memory.

    Returns:
        `Iterator` of `Instance`, `Document`, `TaggedSentence` or `LabelledText`: the rows in normal form. The file is opened at the first row.

    Raises:
        UsageError: the file does not exist, or an argument has an unknown value.
        InvalidRowError: a bad row, with its line number (with `on_error="raise"`); a damaged gzip file or a UTF-16 file
            (always).

    Example:

    ```python
    >>> import tempfile, pathlib
    >>> from hf_relation.data import read_jsonl
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "rows.jsonl"
    >>> _ = path.write_text('{"text": "Ada met Bob.", "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 11}}')
    >>> [row["id"] for row in read_jsonl(path)]
    ['0']

    ```
    """
    if kind not in KINDS:
        raise UsageError(f"`kind` must be {' or '.join(map(repr, KINDS))}, got {kind!r}.")
    if on_error not in ("raise", "skip"):
        raise UsageError(f"`on_error` must be 'raise' or 'skip', got {on_error!r}.")
    return _rows(path, kind, on_error == "skip", errors, unique_ids)


def write_jsonl(path: str | os.PathLike[str], rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows as JSONL, under a temporary name that is renamed when all are written.

    Rows are written as they are (they need not be instances), so reading them back gives equal rows.

    Args:
        path (`str` or `PathLike`): the file; packed when its name ends in `.gz`. An existing file is replaced.
        rows (`Iterable[Mapping]`): JSON-able rows; may be a generator.

    Returns:
        `int`: the number of rows written.

    Raises:
        InvalidRowError: a row cannot be written as JSON in UTF-8 (with its index); `path` is then as it was.
        UsageError: `path` is a folder, or its folder does not exist.

    Example:

    ```python
    >>> import tempfile, pathlib
    >>> from hf_relation.data import write_jsonl
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "rows.jsonl"
    >>> write_jsonl(path, [{"id": "0"}, {"id": "1"}])
    2
    >>> path.read_text()
    '{"id": "0"}\\n{"id": "1"}\\n'

    ```
    """
    count = 0
    with atomic_file(path) as raw:
        # No name and no time stamp in the gzip header: equal rows give equal bytes.
        packed = gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) if Path(path).suffix == ".gz" else None
        stream = cast("IO[bytes]", raw if packed is None else packed)
        for index, row in enumerate(rows):
            stream.write(_encode(row, index))
            count += 1
        if packed is not None:
            packed.close()
    return count


@dataclass(frozen=True)
class CheckedLine:
    """One line of a JSONL file after its check: `row` or `error` is set, and `fields` when the line was an object."""

    line: int
    row: Any
    error: InvalidRowError | None
    fields: tuple[str, ...]


def checked_lines(path: str | os.PathLike[str], *, kind: Kind, unique_ids: bool = True) -> Iterator[CheckedLine]:
    """Check every line that is not blank, without stopping at bad ones.

    Args:
        path (`str` or `PathLike`): the file.
        kind (`str`): what a row is, see `read_jsonl`.
        unique_ids (`bool`): refuse a second row with the same id.

    Yields:
        `CheckedLine`: in order.

    Raises:
        UsageError: the file does not exist.
        InvalidRowError: the file cannot be read further: a damaged gzip file, or UTF-16.
    """
    check = KINDS[kind].check
    seen: set[str] = set()
    index = -1
    for line, content in read_lines(path):
        if not content or content.isspace():
            continue
        index += 1
        fields: tuple[str, ...] = ()
        try:
            value = parse_json(content, line=line)
            fields = tuple(value) if isinstance(value, dict) else ()
            row = check(value, index=index, line=line)
            if unique_ids:
                if row["id"] in seen:
                    raise duplicate_id_error(row["id"], index=index, line=line)
                seen.add(row["id"])
        except InvalidRowError as error:
            yield CheckedLine(line, None, error, fields)
        else:
            yield CheckedLine(line, row, None, fields)


def _rows(
    path: str | os.PathLike[str], kind: Kind, skip: bool, errors: list[InvalidRowError] | None, unique_ids: bool
) -> Iterator[Any]:
    skipped = 0
    for checked in checked_lines(path, kind=kind, unique_ids=unique_ids):
        if checked.error is not None:
            if not skip:
                raise checked.error
            skipped += 1
            if errors is not None:
                errors.append(checked.error)
        elif checked.row is not None:
            yield checked.row
    if skipped and errors is None:
        logger.warning("%s: %d bad rows were skipped.", path, skipped)


def _encode(row: Mapping[str, Any], index: int) -> bytes:
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False).encode("utf-8") + b"\n"
    except UnicodeEncodeError as error:
        raise InvalidRowError(f"the row holds text that is not UTF-8 ({error.reason}).", index=index) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRowError(f"the row cannot be written as JSON: {error}.", index=index) from None
