"""What is wrong with a file of rows, line by line, and what looks wrong about it as a whole."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from ..errors import InvalidRowError, UsageError
from .jsonl import checked_lines
from .schema import Document, Instance


_KNOWN_FIELDS = {
    "instance": {"id", "text", "head", "tail", "relations", "relation"},
    "document": {"id", "text", "mentions", "entities", "relations"},
}
# Scripts that put no space between words, or glue endings to names: a span inside a run of letters is normal there.
_UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x2E80, 0x9FFF),
    (0xAC00, 0xD7FF),
    (0x20000, 0x3FFFF),
)


@dataclass(frozen=True)
class BadRow:
    """One bad row: its one-based `line` and the `reason`."""

    line: int
    reason: str


@dataclass
class FileReport:
    """The outcome of checking a file.

    Args:
        path (`str`): the file.
        kind (`str`): `"instance"` or `"document"`.
        rows (`int`): lines that are not blank.
        ok (`int`): rows that are good.
        bad (`list[BadRow]`): the others, in file order.
        warnings (`list[str]`): what is allowed but most likely a mistake.
        labelled (`int`): good rows with at least one relation.
        relations (`dict[str, int]`): how often each label occurs, most frequent first.
    """

    path: str
    kind: str
    rows: int = 0
    ok: int = 0
    bad: list[BadRow] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    labelled: int = 0
    relations: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values that can be written as JSON."""
        return asdict(self)


def check_file(path: str | os.PathLike[str], *, kind: Literal["instance", "document"] = "instance") -> FileReport:
    """Check every row of a JSONL file.

    Args:
        path (`str` or `PathLike`): the file; unpacked when its name ends in `.gz`.
        kind (`"instance"` or `"document"`): what a row is.

    Returns:
        `FileReport`: bad rows with line numbers and reasons, and warnings: most spans cut words in two (as token offsets
        do), most spans end one character early (as inclusive ends do), fields that are not read, no rows.

    Raises:
        UsageError: the file does not exist, or `kind` is unknown.

    Example:

    ```python
    >>> import tempfile, pathlib
    >>> from hf_relation.data import check_file
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "rows.jsonl"
    >>> _ = path.write_text('{"text": 5}\\n')
    >>> check_file(path).bad
    [BadRow(line=1, reason='`text` must be a string, got 5 of type int.')]

    ```
    """
    if kind not in _KNOWN_FIELDS:
        raise UsageError(f"`kind` must be 'instance' or 'document', got {kind!r}.")
    report = FileReport(path=str(Path(path)), kind=kind)
    unread: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    cuts = _Cuts()
    try:
        for checked in checked_lines(path, kind=kind):
            report.rows += 1
            unread.update(name for name in checked.fields if name not in _KNOWN_FIELDS[kind])
            if checked.row is None:
                error = cast("InvalidRowError", checked.error)
                report.bad.append(BadRow(checked.line, error.reason))
                continue
            report.ok += 1
            found = _labels(checked.row)
            report.labelled += bool(found)
            labels.update(found)
            for start, end in _spans(checked.row):
                cuts.add(checked.row["text"], start, end)
    except InvalidRowError as error:  # the file cannot be read further
        report.rows += 1
        report.bad.append(BadRow(error.line or report.rows, error.reason))
    report.relations = dict(labels.most_common())
    report.warnings = [*_file_warnings(report, unread), *cuts.warnings()]
    return report


class _Cuts:
    """Counts spans whose ends fall within words."""

    def __init__(self) -> None:
        self.spans = 0
        self.cut = 0
        self.one_short = 0

    def add(self, text: str, start: int, end: int) -> None:
        self.spans += 1
        starts_inside = _inside_word(text, start)
        if starts_inside or _inside_word(text, end):
            self.cut += 1
            self.one_short += not starts_inside and not _inside_word(text, end + 1)

    def warnings(self) -> Iterator[str]:
        if 2 * self.one_short > self.spans:
            yield (
                f"{self.one_short} of {self.spans} spans end one character before a word does: the ends look inclusive. "
                "Ends must be exclusive, so that `text[start:end]` is the mention."
            )
        elif 2 * self.cut > self.spans:
            yield (
                f"{self.cut} of {self.spans} spans cut a word in two: the offsets look like token offsets. "
                "They must be character offsets into `text`, end exclusive."
            )


def _inside_word(text: str, offset: int) -> bool:
    return 0 < offset < len(text) and _is_letter(text[offset - 1]) and _is_letter(text[offset])


def _is_letter(character: str) -> bool:
    return character.isalnum() and not any(first <= ord(character) <= last for first, last in _UNSPACED)


def _file_warnings(report: FileReport, unread: Counter[str]) -> Iterator[str]:
    if not report.rows:
        yield "the file has no rows."
    if unread:
        shown = ", ".join(f"{name[:40]!r} ({count} rows)" for name, count in unread.most_common(8))
        more = f" and {len(unread) - 8} more" if len(unread) > 8 else ""
        yield f"fields that are not read: {shown}{more}."


def _labels(row: Instance | Document) -> list[str]:
    return [label if isinstance(label, str) else label["label"] for label in row["relations"]]


def _spans(row: Instance | Document) -> Iterator[tuple[int, int]]:
    spans = cast("Document", row)["mentions"] if "mentions" in row else [row["head"], row["tail"]]
    return ((span["start"], span["end"]) for span in spans)
