"""From the text box or an uploaded file to instances: marked sentences, JSON lines, CSV."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from hf_relation.data.files import parse_json
from hf_relation.data.schema import Instance
from hf_relation.data.validation import check_instance, duplicate_id_error
from hf_relation.demo.csv_rows import csv_instances
from hf_relation.demo.limits import DemoLimits
from hf_relation.demo.marked import parse_marked
from hf_relation.errors import InvalidRowError, UsageError


def read_input(
    text: str | None, file: str | os.PathLike[str] | None, limits: DemoLimits | None = None
) -> list[Instance]:
    """Read what a visitor gave: a text or a file, not both.

    The text holds one instance a line: marked sentences (see [`parse_marked`]), or JSON lines where the first line
    begins with `{`. A file is JSON lines (`.jsonl`), CSV (`.csv`, see [`~hf_relation.demo.csv_rows.csv_instances`]) or marked
    sentences (`.txt`), in UTF-8. Gold labels are left behind.

    Args:
        text (`str`, *optional*): content of the text box.
        file (`str` or `PathLike`, *optional*): where the server put the upload.
        limits ([`DemoLimits`], *optional*): what is allowed.

    Returns:
        `list[Instance]`: in order, without gold labels.

    Raises:
        UsageError: nothing or both given, an unknown kind of file, or over a limit.
        InvalidRowError: a bad row, with its line.

    Example:

    ```python
    >>> from hf_relation.demo import read_input
    >>> [row["id"] for row in read_input("<head>Ada</head> met <tail>Bob</tail>.", None)]
    ['0']

    ```
    """
    limits = limits or DemoLimits()
    has_text = bool(text and text.strip())
    if has_text and file:
        raise UsageError("There are both a text and a file. Clear the text box or remove the file.")
    if file:
        path = Path(file)
        read = _READERS.get(path.suffix.lower())
        if read is None:
            raise UsageError(f"The file must end in {', '.join(_READERS)}; this one is called {path.name!r}.")
        limits.check_size(path.stat().st_size, "The file")
        rows = read(_decoded(path.read_bytes()))
    else:
        content = text or ""
        limits.check_size(len(content.encode("utf-8", "surrogatepass")), "The text")
        rows = _json_lines(content) if content.lstrip().startswith("{") else _marked_lines(content)
    instances: list[Instance] = []
    seen: set[str] = set()
    for line, instance in rows:
        if instance["id"] in seen:
            raise duplicate_id_error(instance["id"], index=len(instances), line=line)
        seen.add(instance["id"])
        instances.append({**instance, "relations": []})
        if len(instances) > limits.max_rows:
            break  # enough to refuse them
    limits.check_rows(instances)
    return instances


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


def _marked_lines(content: str) -> Iterator[tuple[int, Instance]]:
    for index, line, row in _lines(content):
        yield line, parse_marked(row, index=index, line=line)


def _json_lines(content: str) -> Iterator[tuple[int, Instance]]:
    for index, line, row in _lines(content):
        value = parse_json(row.encode("utf-8", "surrogatepass"), line=line)
        yield line, check_instance(value, index=index, line=line)


_READERS: dict[str, Callable[[str], Iterator[tuple[int, Instance]]]] = {
    ".jsonl": _json_lines,
    ".csv": csv_instances,
    ".txt": _marked_lines,
}
