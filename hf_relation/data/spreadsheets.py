"""CSV that a spreadsheet can open without running what a corpus put into it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any


# Spreadsheets run cells that begin with one of these as formulas (CWE-1236); the wide ones, where text is typed in Chinese,
# Japanese or Korean.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]], *, raw: bool = False) -> str:
    """Write a table as CSV.

    Args:
        header (`Sequence[str]`): names of the columns.
        rows (`Iterable[Sequence]`): cells: strings, numbers, `None` for an empty one.
        raw (`bool`, defaults to `False`): do not guard strings that a spreadsheet would run as formulas (those that begin with
            `=`, `+`, `-`, `@`, their full-width forms, a tab, a carriage return or a line feed get a leading `'`).

    Returns:
        `str`.

    Example:

    ```python
    >>> from hf_relation.data.spreadsheets import csv_text
    >>> csv_text(["head", "score"], [["=1+1", -0.5]])
    "head,score\\r\\n'=1+1,-0.5\\r\\n"

    ```
    """
    stream = io.StringIO()
    writer = csv.writer(stream)  # CRLF, as RFC 4180 says: only so does the writer quote a lone carriage return
    writer.writerow(header)
    for row in rows:
        writer.writerow([guarded(cell) if isinstance(cell, str) and not raw else cell for cell in row])
    return stream.getvalue()


def guarded(cell: str) -> str:
    """Keep a spreadsheet from running a string as a formula.

    Args:
        cell (`str`): what is to be written.

    Returns:
        `str`: with a leading `'` where it would be run, else as it is.

    Example:

    ```python
    >>> from hf_relation.data.spreadsheets import guarded
    >>> guarded("=1+1"), guarded("1+1")
    ("'=1+1", '1+1')

    ```
    """
    return "'" + cell if cell.startswith(_FORMULA_STARTS) else cell


def unguarded(cell: str) -> str:
    """Take the `'` of [`guarded`] away again. A string that began with `'=` (and so on) before loses its `'` as well.

    Args:
        cell (`str`): what was read.

    Returns:
        `str`.

    Example:

    ```python
    >>> from hf_relation.data.spreadsheets import unguarded
    >>> unguarded("'=1+1"), unguarded("'tis")
    ('=1+1', "'tis")

    ```
    """
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA_STARTS) else cell
