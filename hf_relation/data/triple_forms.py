"""The forms in which corpora of triples come: what a row of each says, before anything is located."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ..errors import InvalidRowError
from .files import parse_json, read_bytes, read_json, read_lines
from .locating_report import Triple


TripleForm = Literal["triple_list", "relation_mentions", "opennre"]
TRIPLE_FORMS: tuple[TripleForm, ...] = ("triple_list", "relation_mentions", "opennre")

_FORMS_TEXT = (
    '{"text", "triple_list": [[subject, relation, object], ...]}, {"sentText", "relationMentions": [{"em1Text", "em2Text", '
    '"label"}, ...]} or {"text" or "token", "h", "t", "relation"}'
)


class RawRow(NamedTuple):
    """A row as upstream has it: the text, its triples, and its entity strings with their types where they are known."""

    text: str
    triples: list[Triple]
    types: dict[str, str | None]


@dataclass(frozen=True)
class RowPlace:
    """Where a row stands in its file: position in a list, or line number."""

    index: int | None = None
    line: int | None = None

    @property
    def number(self) -> int:
        """The position or line number, for ids."""
        return self.line if self.line is not None else (self.index or 0)

    def error(self, reason: str) -> InvalidRowError:
        """An error that names this place; not raised here."""
        return InvalidRowError(reason, index=self.index, line=self.line)


def read_rows(path: str | os.PathLike[str]) -> Iterator[tuple[RowPlace, Mapping[str, Any]]]:
    """Read the objects of a JSON list, or those of a file with one object per line.

    Args:
        path (`str` or `PathLike`): the file; `.gz` is unpacked.

    Yields:
        `tuple[RowPlace, Mapping]`: where it stands, and the object.

    Raises:
        UsageError: the file does not exist.
        InvalidRowError: the file is empty, or not of this kind.
    """
    first = read_bytes(path, most=4096).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    rows: Iterator[tuple[RowPlace, Any]]
    if not first:
        raise InvalidRowError(f"{path} is empty (or begins with 4,096 blanks). Each row is {_FORMS_TEXT}.")
    if first == b"[":
        rows = ((RowPlace(index=index), row) for index, row in enumerate(read_json(path)))
    else:
        rows = (
            (RowPlace(line=line), parse_json(content, line=line))
            for line, content in read_lines(path)
            if content and not content.isspace()
        )
    for place, row in rows:
        if not isinstance(row, Mapping):
            raise place.error(f"an object is needed, got {type(row).__name__}. Each row is {_FORMS_TEXT}.")
        yield place, row


def form_of(row: Mapping[str, Any], place: RowPlace) -> TripleForm:
    """The form of a row, by its keys; `InvalidRowError` lists the forms there are."""
    if "triple_list" in row:
        return "triple_list"
    if "relationMentions" in row or "sentText" in row:
        return "relation_mentions"
    if "h" in row and "t" in row:
        return "opennre"
    keys = ", ".join(map(repr, row))[:100] or "no keys"
    raise place.error(f"a row of no known form, with {keys}. Each row is {_FORMS_TEXT}.")


def triple_list_row(row: Mapping[str, Any], place: RowPlace) -> RawRow:
    """A row of CasRel's and PRGC's form, `{"text", "triple_list": [[subject, relation, object], ...]}`."""
    text, listed = _get(row, "text", str, place), _get(row, "triple_list", list, place)
    triples: list[Triple] = []
    for position, item in enumerate(listed):
        name = f"`triple_list[{position}]`"
        if not isinstance(item, list) or len(item) != 3:
            raise place.error(f"{name} must be [subject, relation, object], got {str(item)[:80]!r}.")
        triples.append(_triple(item, name, place))
    return RawRow(text, triples, {string: None for triple in triples for string in (triple[0], triple[2])})


def relation_mentions_row(row: Mapping[str, Any], place: RowPlace) -> RawRow:
    """A row of CopyRE's form, `{"sentText", "relationMentions": [...], "entityMentions": [{"text", "label"}, ...]}`.

    `start` of an entity mention is not read: in the published files it is the mention's number, not its place.
    """
    text, listed = _get(row, "sentText", str, place), _get(row, "relationMentions", list, place)
    votes: dict[str, Counter[str]] = {}
    entities = [] if row.get("entityMentions") is None else _get(row, "entityMentions", list, place)
    for position, item in enumerate(entities):
        name = f"`entityMentions[{position}]`"
        string = _get(item, "text", str, place, name)
        of_string = votes.setdefault(string, Counter())
        if item.get("label") is not None:
            of_string[_get(item, "label", str, place, name)] += 1
    triples: list[Triple] = []
    for position, item in enumerate(listed):
        name = f"`relationMentions[{position}]`"
        triple = _triple([_get(item, key, str, place, name) for key in ("em1Text", "label", "em2Text")], name, place)
        triples.append(triple)
    types: dict[str, str | None] = {
        string: count.most_common(1)[0][0] if count else None for string, count in votes.items()
    }
    for subject, _, object_ in triples:
        types.setdefault(subject, None)
        types.setdefault(object_, None)
    return RawRow(text, triples, types)


RAW_ROWS: Mapping[TripleForm, Callable[[Mapping[str, Any], RowPlace], RawRow]] = {
    "triple_list": triple_list_row,
    "relation_mentions": relation_mentions_row,
}
"""How to read a row of the forms that list entities as strings."""


def _triple(values: list[Any], name: str, place: RowPlace) -> Triple:
    for value in values:
        if not isinstance(value, str) or not value.strip():
            raise place.error(f"{name} must hold three strings that are not blank, got {str(values)[:80]!r}.")
    return values[0], values[1], values[2]


def _get(row: Any, key: str, kind: type, place: RowPlace, name: str = "the row") -> Any:
    if not isinstance(row, Mapping) or not isinstance(row.get(key), kind):
        found = (
            f"{row[key]!r}"[:60] if isinstance(row, Mapping) and key in row else f"no such key in {str(row)[:60]!r}"
        )
        wanted = "a string" if kind is str else "a list"
        raise place.error(f"`{key}` of {name} must be {wanted}: {found}.")
    return row[key]
