"""Instances in CSV, as spreadsheets and `DiscoveryResult.export` write them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from hf_relation.data.schema import Instance
from hf_relation.data.validation import check_instance
from hf_relation.demo.marked import parse_marked
from hf_relation.errors import InvalidRowError


_OFFSETS = ("head_start", "head_end", "tail_start", "tail_end")
_FORMS = "`text` with <head> and <tail> marked in it; `text`, `head` and `tail`; or `text` and " + ", ".join(
    f"`{name}`" for name in _OFFSETS
)


def csv_instances(content: str) -> Iterator[tuple[int, Instance]]:
    """Read instances from CSV with a header. The mentions stand in one of three forms:

    | columns | mentions |
    | --- | --- |
    | `text`, `head_start`, `head_end`, `tail_start`, `tail_end` | character offsets; `head` and `tail`, where there, must agree |
    | `text`, `head`, `tail` | the words themselves, each of which stands once in the text |
    | `text` | marked in the text, see [`~hf_relation.demo.parse_marked`] |

    Further columns may be `id`, `head_type` and `tail_type`; all others are left out.

    Args:
        content (`str`): the whole file.

    Yields:
        `tuple[int, Instance]`: the one-based line at which the row ends, and the row.

    Raises:
        InvalidRowError: no such columns, or a bad row, with its line.

    Example:

    ```python
    >>> from hf_relation.demo.csv_rows import csv_instances
    >>> [(line, row["tail"]["start"]) for line, row in csv_instances("text,head,tail\\nAda met Bob.,Ada,Bob\\n")]
    [(2, 8)]

    ```
    """
    reader = csv.DictReader(io.StringIO(content, newline=""), strict=True)
    index = -1
    try:
        columns = reader.fieldnames or []
        if "text" not in columns:
            raise InvalidRowError(f"the header has no column `text`. Allowed: {_FORMS}.", line=1)
        repeated = next((name for name in columns if columns.count(name) > 1), None)
        if repeated is not None:
            raise InvalidRowError(f"the header has the column {repeated!r} twice. Remove one.", line=1)
        for row in reader:
            index += 1
            line = reader.line_num
            if None in row or None in row.values():
                raise InvalidRowError(f"the row does not have {len(columns)} cells, as the header has.", line=line)
            yield line, _instance(row, index, line)
    except csv.Error as error:
        line = min(reader.line_num + 1, len(content.splitlines()))  # the reader counts lines it has got through
        raise InvalidRowError(f"this is no CSV: {error}.", line=line) from None


def _instance(row: dict[str, Any], index: int, line: int) -> Instance:
    text = row["text"]
    mentions: dict[str, dict[str, Any]]
    if all(name in row for name in _OFFSETS):
        mentions = {side: _span(row, side, line) for side in ("head", "tail")}
    elif "head" in row and "tail" in row:
        mentions = {side: _found(text, row[side], side, line) for side in ("head", "tail")}
    else:
        marked = parse_marked(text, index=index, line=line)
        text = marked["text"]
        mentions = {"head": {**marked["head"]}, "tail": {**marked["tail"]}}
    for side, mention in mentions.items():
        mention["type"] = row.get(f"{side}_type") or None
    given = {"id": row["id"]} if row.get("id") else {}
    instance = check_instance({"text": text, **mentions, **given}, index=index, line=line)
    for side, span in (("head", instance["head"]), ("tail", instance["tail"])):
        marked_text = text[span["start"] : span["end"]]
        if row.get(side) and row[side] != marked_text:
            raise InvalidRowError(
                f"`{side}` is {row[side]!r}, but the offsets mark {marked_text!r}. Offsets count characters, end exclusive.",
                line=line,
            )
    return instance


def _span(row: dict[str, Any], side: str, line: int) -> dict[str, Any]:
    span: dict[str, Any] = {}
    for key in ("start", "end"):
        value = row[f"{side}_{key}"].strip()
        if not (value.isascii() and value.isdigit() and len(value) < 10):
            raise InvalidRowError(f"`{side}_{key}` must be a whole number from 0 up, got {value!r}.", line=line)
        span[key] = int(value)
    return span


def _found(text: str, mention: str, side: str, line: int) -> dict[str, Any]:
    times = text.count(mention) if mention.strip() else 0
    if times != 1:
        raise InvalidRowError(
            f"`{side}` is {mention!r}, which stands {times} times in the text. It must stand there once; else give offsets.",
            line=line,
        )
    start = text.index(mention)
    return {"start": start, "end": start + len(mention)}
