"""From the text box or an uploaded file to rows: marked sentences, JSON lines, CSV, plain texts with a list of names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hf_relation.data.files import parse_json
from hf_relation.data.validation import check_document, check_instance, duplicate_id_error
from hf_relation.demo.csv_rows import csv_instances, csv_texts
from hf_relation.demo.limits import DemoLimits
from hf_relation.demo.marked import has_marks, parse_marked
from hf_relation.demo.names import parse_names
from hf_relation.errors import InvalidRowError, UsageError


@dataclass(frozen=True)
class DemoInput:
    """What a visitor gave.

    Args:
        rows (`list`): instances, documents (text, mentions, entities) and texts (id, text), in order, without gold labels.
        names (`list[tuple[str, str or None]]`): the list of names, with their types.
        from_texts (`bool`): whether some rows are no instances yet.
    """

    rows: list[Any]
    names: list[tuple[str, str | None]]
    from_texts: bool


def read_input(
    text: str | None,
    file: str | os.PathLike[str] | None,
    limits: DemoLimits | None = None,
    *,
    names: str | None = None,
) -> DemoInput:
    """Read what a visitor gave: a text or a file, not both, and perhaps a list of names.

    | given | one row | with a list of names |
    | --- | --- | --- |
    | the text box, `.txt` | a line: a marked sentence, see [`parse_marked`] | a line: a plain text |
    | the text box where it begins with `{`, `.jsonl` | JSON: an instance, or a document (text, mentions, entities) | or `text` alone |
    | `.csv` | see [`~hf_relation.demo.csv_rows.csv_instances`] | see [`~hf_relation.demo.csv_rows.csv_texts`] |

    Files are UTF-8. Gold labels are left behind. Names are looked for in plain texts only, and a list of names for nothing is
    refused.

    Args:
        text (`str`, *optional*): content of the text box.
        file (`str` or `PathLike`, *optional*): where the server put the upload.
        limits ([`DemoLimits`], *optional*): what is allowed.
        names (`str`, *optional*): content of the box of names, see [`~hf_relation.demo.names.parse_names`]; never a path.

    Returns:
        [`DemoInput`].

    Raises:
        UsageError: nothing or both given, an unknown kind of file, over a limit, or names and no plain text.
        InvalidRowError: a bad row, with its line.

    Example:

    ```python
    >>> from hf_relation.demo import read_input
    >>> read_input("<head>Ada</head> met <tail>Bob</tail>.", None).from_texts
    False
    >>> read_input("Ada met Bob.", None, names="Ada\\nBob").rows
    [{'id': '0', 'text': 'Ada met Bob.'}]

    ```
    """
    limits = limits or DemoLimits()
    has_text = bool(text and text.strip())
    if has_text and file:
        raise UsageError("There are both a text and a file. Clear the text box or remove the file.")
    limits.check_size(_size(names or ""), "The list of names")
    found_names = parse_names(names)
    if file:
        path = Path(file)
        kind = path.suffix.lower()
        if kind not in _READERS:
            raise UsageError(f"The file must end in {', '.join(_READERS)}; this one is called {path.name!r}.")
        limits.check_size(path.stat().st_size, "The file")
        content = _decoded(path.read_bytes())
    else:
        content = text or ""
        kind = ".jsonl" if content.lstrip().startswith("{") else ".txt"
        limits.check_size(_size(content), "The text")
        limits.check_size(_size(content) + _size(names or ""), "The text with the list of names")
    marked_reader, text_reader = _READERS[kind]
    rows: list[Any] = []
    seen: set[str] = set()
    for line, row in (text_reader if found_names else marked_reader)(content):
        if row["id"] in seen:
            raise duplicate_id_error(row["id"], index=len(rows), line=line)
        seen.add(row["id"])
        rows.append(row)
        if len(rows) > limits.max_rows:
            break  # enough to refuse them
    limits.check_rows(rows)
    if found_names and all("head" in row or "mentions" in row for row in rows):
        raise UsageError("Every row has its mentions already. Clear the list of names.")
    return DemoInput(rows, found_names, any("head" not in row for row in rows))


def _size(content: str) -> int:
    return len(content.encode("utf-8", "surrogatepass"))


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRowError(
            f"the file is not UTF-8 ({error.reason}). Save it as UTF-8.", line=content.count(b"\n", 0, error.start) + 1
        ) from None


def _lines(content: str) -> Iterator[tuple[int, int, str]]:
    index = 0
    for line, row in enumerate(content.split("\n"), start=1):
        row = row.rstrip("\r")
        if row.strip():
            yield index, line, row
            index += 1


def _marked_lines(content: str) -> Iterator[tuple[int, Any]]:
    for index, line, row in _lines(content):
        yield line, parse_marked(row, index=index, line=line)


def _plain_lines(content: str) -> Iterator[tuple[int, Any]]:
    for index, line, row in _lines(content):
        if has_marks(row):
            raise InvalidRowError(
                "there are marks such as <head> in the text, and a list of names as well. Remove one of them.",
                line=line,
            )
        yield line, {"id": str(index), "text": row}


def _json_lines(content: str, *, with_texts: bool = False) -> Iterator[tuple[int, Any]]:
    for index, line, row in _lines(content):
        value = parse_json(row.encode("utf-8", "surrogatepass"), line=line)
        if not isinstance(value, dict) or value.get("head") is not None or value.get("tail") is not None:
            instance = check_instance(value, index=index, line=line)
            yield line, {**instance, "relations": []}
            continue
        fields = {name: value[name] for name in ("id", "text", "mentions", "entities") if value.get(name) is not None}
        if "mentions" in fields or "entities" in fields:
            yield line, check_document(fields, index=index, line=line)
            continue
        checked = check_document(fields | {"mentions": [], "entities": []}, index=index, line=line)
        if not with_texts:
            raise InvalidRowError(
                "the row has no mentions: no `head` and `tail`, and no `mentions` and `entities`. Give them, or a list of names.",
                line=line,
            )
        if not checked["text"].strip():
            raise InvalidRowError("the text is blank. Leave it out.", line=line)
        yield line, {"id": checked["id"], "text": checked["text"]}


_READERS: dict[str, tuple[Callable[[str], Iterator[tuple[int, Any]]], ...]] = {
    ".jsonl": (_json_lines, partial(_json_lines, with_texts=True)),
    ".csv": (csv_instances, csv_texts),
    ".txt": (_marked_lines, _plain_lines),
}
