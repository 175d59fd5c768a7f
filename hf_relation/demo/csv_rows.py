"""Instances in CSV, as spreadsheets and `DiscoveryResult.export` write them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from hf_relation.data.schema import Instance
from hf_relation.data.spreadsheets import guarded, unguarded
from hf_relation.data.validation import check_instance
from hf_relation.demo.marked import parse_marked
from hf_relation.errors import InvalidRowError


_OFFSETS = ("head_start", "head_end", "tail_start", "tail_end")
_EXPORTED = {"label", "relation", "score", "head", "tail", *_OFFSETS}
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

    Further columns may be `id`, `head_type` and `tail_type`; all others are left out. The `'` that [`~hf_relation.discovery.export_result`]
    puts before cells that a spreadsheet would run is taken away where offsets and mentions show that it was put there,
    and in the column `id` of a table with all columns of an export.

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
    for index, line, row in _rows(content, _FORMS):
        yield line, _instance(row, index, line)


def csv_texts(content: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read plain texts from CSV with a header: the column `text`, and `id` where there is one; all others are left out.

    Args:
        content (`str`): the whole file.

    Yields:
        `tuple[int, dict]`: the one-based line at which the row ends, and its `id` and `text`.

    Raises:
        InvalidRowError: no such column, columns of mentions, or a bad row, with its line.

    Example:

    ```python
    >>> from hf_relation.demo.csv_rows import csv_texts
    >>> list(csv_texts("id,text\\na,Ada met Bob.\\n"))
    [(2, {'id': 'a', 'text': 'Ada met Bob.'})]

    ```
    """
    for index, line, row in _rows(content, "`text`, and `id` if there is one"):
        if _has_mentions(row):
            raise InvalidRowError("the table has columns of mentions already. Clear the list of names.", line=1)
        if not row["text"].strip():
            raise InvalidRowError("the text is blank. Leave it out.", line=line)
        yield line, {"id": row.get("id") or str(index), "text": row["text"]}


def _rows(content: str, forms: str) -> Iterator[tuple[int, int, dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(content, newline=""), strict=True)
    index = -1
    try:
        columns = reader.fieldnames or []
        if "text" not in columns:
            raise InvalidRowError(f"the header has no column `text`. Allowed: {forms}.", line=1)
        repeated = next((name for name in columns if columns.count(name) > 1), None)
        if repeated is not None:
            raise InvalidRowError(f"the header has the column {repeated!r} twice. Remove one.", line=1)
        for row in reader:
            index += 1
            line = reader.line_num
            if None in row or None in row.values():
                raise InvalidRowError(f"the row does not have {len(columns)} cells, as the header has.", line=line)
            yield index, line, row
    except csv.Error as error:
        line = min(reader.line_num + 1, len(content.splitlines()))  # the reader counts lines it has got through
        raise InvalidRowError(f"this is no CSV: {error}.", line=line) from None


def _has_mentions(row: dict[str, str]) -> bool:
    return all(name in row for name in _OFFSETS) or ("head" in row and "tail" in row)


def _instance(row: dict[str, str], index: int, line: int) -> Instance:
    text = row["text"]
    mentions: dict[str, dict[str, Any]]
    if all(name in row for name in _OFFSETS):
        mentions = {side: _span(row, side, line) for side in ("head", "tail")}
        row = _without_guards(row, mentions)
        text = row["text"]
    elif "head" in row and "tail" in row:
        mentions = {side: _found(text, row[side], side, line) for side in ("head", "tail")}
    else:
        marked = parse_marked(text, index=index, line=line)
        text = marked["text"]
        mentions = {"head": {**marked["head"]}, "tail": {**marked["tail"]}}
    for side, mention in mentions.items():
        mention["type"] = row.get(f"{side}_type") or None
    given = {"id": row["id"]} if row.get("id") else {}
    if given and row.keys() >= _EXPORTED:
        given["id"] = unguarded(given["id"])
    instance = check_instance({"text": text, **mentions, **given}, index=index, line=line)
    for side, span in (("head", instance["head"]), ("tail", instance["tail"])):
        marked_text = text[span["start"] : span["end"]]
        if row.get(side) and row[side] != marked_text:
            raise InvalidRowError(
                f"`{side}` is {row[side]!r}, but the offsets mark {marked_text!r}. Offsets count characters, end exclusive.",
                line=line,
            )
    return instance


def _without_guards(row: dict[str, str], mentions: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The row as it was before an export guarded it, where mentions and offsets agree with that, else as it stands."""
    for text in (unguarded(row["text"]), row["text"]):
        marked = {side: text[span["start"] : span["end"]] for side, span in mentions.items()}
        if all(side in row and row[side] == guarded(mention) for side, mention in marked.items()):
            return row | marked | {"text": text}
    return row


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
