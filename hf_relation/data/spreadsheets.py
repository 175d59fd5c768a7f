"""CSV that a spreadsheet can open without running what a corpus put into it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any


# Spreadsheets run cells that begin with one of these as formulas (CWE-1236).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]], *, raw: bool = False) -> str:
    """Write a table as CSV.

    Args:
        header (`Sequence[str]`): names of the columns.
        rows (`Iterable[Sequence]`): cells: strings, numbers, `None` for an empty one.
        raw (`bool`, defaults to `False`): do not guard strings that a spreadsheet would run as formulas (those that begin with
            `=`, `+`, `-`, `@`, a tab or a carriage return get a leading `'`).

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
        writer.writerow([_guarded(cell) if isinstance(cell, str) and not raw else cell for cell in row])
    return stream.getvalue()


def _guarded(cell: str) -> str:
    return "'" + cell if cell.startswith(_FORMULA_STARTS) else cell
