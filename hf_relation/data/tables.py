"""Tables (CSV, TSV) of texts, row by row."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator

from hf_relation.data.files import DAMAGED_GZIP, open_binary
from hf_relation.errors import InvalidRowError, UsageError


_LONGEST_CELL = 64 * 2**20
_DELIMITERS = {".csv": ",", ".tsv": "\t"}


def delimiter_of(path: str | os.PathLike[str]) -> str | None:
    """What parts the cells of a table, by the ending of its name, plain or `.gz`; `None` where it is no table.

    Example:

    ```python
    >>> from hf_relation.data.tables import delimiter_of
    >>> delimiter_of("a.csv.gz"), delimiter_of("a.TSV"), delimiter_of("a.jsonl")
    (',', '\\t', None)

    ```
    """
    name = os.fspath(path).lower().removesuffix(".gz")
    return _DELIMITERS.get(name[-4:])


def read_table(
    path: str | os.PathLike[str], delimiter: str, text_column: str
) -> Iterator[tuple[int, dict[str, str | None] | str]]:
    """Read the texts of a table whose first line names its columns.

    Args:
        path (`str` or `PathLike`): the file, UTF-8, plain or `.gz`.
        delimiter (`str`): between cells.
        text_column (`str`): name of the column that holds the texts.

    Yields:
        `tuple`: the line where a row begins, from 1, and `{"text": ..., "id": ...}` (`id` is `None` without a column of that name); or
        the reason why the row is none.

    Raises:
        UsageError: there is no such file, or no such column; the message lists those there are.
        InvalidRowError: the file cannot be read on from some line: not UTF-8, no CSV, or a damaged gzip file.

    Example:

    ```python
    >>> import tempfile
    >>> from pathlib import Path
    >>> from hf_relation.data.tables import read_table
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "texts.csv"
    ...     _ = path.write_text('id,text\\na,"Ada met\\nBob."\\nb\\n')
    ...     list(read_table(path, ",", "text"))
    [(2, {'text': 'Ada met\\nBob.', 'id': 'a'}), (4, 'the line has more or fewer cells than the first line has names.')]

    ```
    """
    limit = csv.field_size_limit(_LONGEST_CELL)
    try:
        with open_binary(path) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as stream:
            table, line = csv.reader(stream, delimiter=delimiter, strict=True), 1
            try:
                names = next(table, [])
                if text_column not in names:
                    listed = ", ".join(map(repr, names[:20])) or "none"
                    raise UsageError(
                        f"{path} has no column {text_column!r}; it has: {listed}. Name one with --text-column."
                    )
                line = table.line_num + 1
                for cells in table:
                    if cells and len(cells) != len(names):
                        yield line, "the line has more or fewer cells than the first line has names."
                    elif cells:
                        row = dict(zip(names, cells, strict=True))
                        yield line, {"text": row[text_column], "id": row.get("id")}
                    line = table.line_num + 1
            except UnicodeDecodeError as error:
                raise InvalidRowError(
                    f"the line is not UTF-8: byte 0x{error.object[error.start]:02x}. Save the file as UTF-8.",
                    line=line,
                ) from None
            except DAMAGED_GZIP as error:
                raise InvalidRowError(
                    f"{path} is not a complete gzip file ({error}). Get it again.", line=line
                ) from error
            except csv.Error as error:
                raise InvalidRowError(f"the line is no CSV: {error}.", line=line) from None
    finally:
        csv.field_size_limit(limit)
