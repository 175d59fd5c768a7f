"""Files of texts to extract from, and of the triples that were found."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hf_relation.data.files import parse_json, read_lines
from hf_relation.data.jsonl import write_jsonl
from hf_relation.data.replacing import fill_folder
from hf_relation.data.spreadsheets import csv_text
from hf_relation.data.validation import duplicate_id_error
from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.extraction.inputs import read_input


_COLUMNS = (
    *("id", "head", "head_type", "head_start", "head_end", "relation"),
    *("tail", "tail_type", "tail_start", "tail_end", "score"),
)


@dataclass
class InputFile:
    """What [`read_input_file`] returns.

    Args:
        rows (`list[dict]`): inputs of [`~hf_relation.RelationExtractor.extract`], each with an id.
        lines (`list[int]`): the line number of each.
        errors (`list[InvalidRowError]`): what was left out, with line numbers.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    errors: list[InvalidRowError] = field(default_factory=list)


def read_input_file(
    path: str | os.PathLike[str], *, plain_text: bool = False, skip_bad: bool = False, first: int = 0
) -> InputFile:
    """Read texts, documents and instances from a file, plain or `.gz`.

    Args:
        path (`str` or `PathLike`): JSON lines, each a document (text, mentions, entities), an instance (text, head, tail) or a
            text (`text` alone); blank lines are passed over, and a row without an id gets its position.
        plain_text (`bool`, defaults to `False`): every line is a text, as it stands.
        skip_bad (`bool`, defaults to `False`): leave bad rows out and list them in `errors`.
        first (`int`, defaults to 0): position of the first row, where another file was read before.

    Returns:
        [`InputFile`].

    Raises:
        UsageError: there is no such file.
        InvalidRowError: a bad row, with its line number, or a damaged file.
    """
    found = InputFile()
    seen: set[str] = set()
    index = first - 1
    for line, content in read_lines(path):
        if not content.strip():
            continue
        index += 1
        try:
            row = {"text": _decoded(content, line)} if plain_text else parse_json(content, line=line)
            identifier = read_input(row, index).document["id"]
            if identifier in seen:
                raise duplicate_id_error(identifier, index=index, line=line)
        except InvalidRowError as error:
            placed = InvalidRowError(error.reason, line=line)
            if not skip_bad:
                raise placed from None
            found.errors.append(placed)
        else:
            seen.add(identifier)
            found.rows.append({"text": row, "id": identifier} if isinstance(row, str) else {**row, "id": identifier})
            found.lines.append(line)
    return found


def _decoded(content: bytes, line: int) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRowError(
            f"the line is not UTF-8: byte 0x{content[error.start]:02x} at byte offset {error.start}. Save the file as UTF-8.",
            line=line,
        ) from None


def save_triples(answers: Sequence[Mapping[str, Any]], folder: str | os.PathLike[str], *, raw: bool = False) -> Path:
    """Write `triples.jsonl` (one text a line, as [`~hf_relation.RelationExtractor.extract`] gives it) and `triples.csv`.

    Args:
        answers (`Sequence[Mapping]`): what was extracted.
        folder (`str` or `PathLike`): made where missing; files of these names are replaced, both or none.
        raw (`bool`, defaults to `False`): as for [`~hf_relation.data.spreadsheets.csv_text`].

    Returns:
        `Path`: the folder.

    Raises:
        UsageError: `folder` is a file.
    """

    def fill(work: Path) -> None:
        write_jsonl(work / "triples.jsonl", answers)
        (work / "triples.csv").write_bytes(csv_text(_COLUMNS, _cells(answers), raw=raw).encode("utf-8"))

    fill_folder(folder, fill, last="triples.jsonl")
    return Path(folder)


def _cells(answers: Iterable[Mapping[str, Any]]) -> Iterator[list[Any]]:
    for answer in answers:
        for triple in answer["triples"]:
            head, tail = (
                [triple[side][name] for name in ("text", "type", "start", "end")] for side in ("head", "tail")
            )
            yield [answer["id"], *head, triple["relation"], *tail, round(triple["score"], 6)]


def parse_thresholds(values: Iterable[str]) -> dict[str, float]:
    """Thresholds by relation from `"relation=number"`.

    Raises:
        UsageError: one is not of that form, or names a relation twice.

    Example:

    ```python
    >>> from hf_relation.extraction.files import parse_thresholds
    >>> parse_thresholds(["born in=0.7", "a=b=0.5"])
    {'born in': 0.7, 'a=b': 0.5}

    ```
    """
    found: dict[str, float] = {}
    for value in values:
        name, _, number = value.rpartition("=")
        try:
            threshold = float(number)
        except ValueError:
            threshold = -1.0
        if not name or not 0 <= threshold <= 1:
            raise UsageError(f"A threshold is RELATION=NUMBER, the number from 0 to 1, got {json.dumps(value)}.")
        if name in found:
            raise UsageError(f"The relation {json.dumps(name)} has two thresholds.")
        found[name] = threshold
    return found
