"""A list of names as the source of entities."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from ..errors import InvalidRowError, UsageError
from .entities import EntitySpan
from .files import parse_json, read_text_lines
from .normal_text import NormalText, is_border, normal_text
from .row_checks import BrokenRule, checked_string


LONGEST_NAME = 200
"""Characters that a name may have; it bounds the time of the search."""


class EntityDictionary:
    """Find the names of a list in texts: whole words, from the left, at every place the longest name, and on behind it.

    Names and texts are compared in Unicode normal form C, with any run of white space as one space, and the offsets are those
    of the text as it stands. Scripts without spaces between words (Chinese, Japanese, Korean, Thai, ...) have a border at every
    character. The time is linear in the length of the text.

    An instance is a function of a list of texts, to be given as `entities=` wherever entities are asked for.

    Args:
        names (`Iterable[tuple[str, str or None]]`): names and their types; at least one.
        ignore_case (`bool`, defaults to `False`): find `"apple"` where the list says `"Apple"`.

    Raises:
        UsageError: no names.
        InvalidRowError: a name is blank or longer than 200 characters, or has two types; `.index` is its position.

    Example:

    ```python
    >>> from hf_relation.data import EntityDictionary
    >>> find = EntityDictionary([("New York", "PLACE"), ("New York Times", "ORG"), ("Ada", "PERSON")])
    >>> find(["Ada reads the New York Times. Adam does not."])
    [[EntitySpan(start=0, end=3, type='PERSON'), EntitySpan(start=14, end=28, type='ORG')]]

    ```
    """

    def __init__(self, names: Iterable[tuple[str, str | None]], *, ignore_case: bool = False) -> None:
        self.ignore_case = ignore_case
        self._types: dict[str, str | None] = {}
        self._lengths: dict[str, list[int]] = {}
        for index, (name, kind) in enumerate(names):
            self._add(name, kind, index=index, line=None)
        self._finish()

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], *, ignore_case: bool = False) -> EntityDictionary:
        """Read a dictionary file, plain or `.gz`.

        Args:
            path (`str` or `PathLike`): one name a line, alone or with its type behind a tab; in a file that ends in `.jsonl` (or
                `.jsonl.gz`) an object with `name` and, if there is one, `type`. Blank lines are passed over.
            ignore_case (`bool`, defaults to `False`): as for the class.

        Returns:
            [`EntityDictionary`].

        Raises:
            UsageError: there is no such file, or it has no names.
            InvalidRowError: a bad line, with its number.

        Example:

        ```python
        >>> import pathlib, tempfile
        >>> from hf_relation.data import EntityDictionary
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "names.tsv"
        >>> _ = path.write_text("Ada\\tPERSON\\nLindau\\tPLACE\\n")
        >>> len(EntityDictionary.from_file(path))
        2

        ```
        """
        found = cls.__new__(cls)
        found.ignore_case, found._types, found._lengths = ignore_case, {}, {}
        as_json = os.fspath(path).lower().endswith((".jsonl", ".jsonl.gz"))
        for line, content in read_text_lines(path):
            if content.strip():
                name, kind = _json_entry(content, line) if as_json else _tab_entry(content, line)
                found._add(name, kind, index=None, line=line)
        found._finish(f"{os.fspath(path)} holds no names. ")
        return found

    def __len__(self) -> int:
        return len(self._types)

    def __call__(self, texts: Sequence[str]) -> list[list[EntitySpan]]:
        """Find the names.

        Args:
            texts (`Sequence[str]`): the texts.

        Returns:
            `list[list[EntitySpan]]`: for each text its names, in order, none overlapping another.
        """
        return [self._find(normal_text(text, ignore_case=self.ignore_case)) for text in texts]

    def _find(self, text: NormalText) -> list[EntitySpan]:
        found: list[EntitySpan] = []
        characters, position = text.characters, 0
        while position < len(characters):
            # Few places begin as a name does, which is quicker to see than whether a word begins there.
            lengths = self._lengths.get(characters[position : position + 2]) or self._lengths.get(characters[position])
            end = self._longest(text, position, lengths) if lengths and is_border(text, position) else None
            if end is None:
                position += 1
                continue
            kind = self._types[characters[position:end]]
            found.append(EntitySpan(text.start_of(position), text.end_of(end - 1), kind))
            position = end
        return found

    def _longest(self, text: NormalText, start: int, lengths: Sequence[int]) -> int | None:
        characters = text.characters
        for length in lengths:
            end = start + length
            if end <= len(characters) and characters[start:end] in self._types and is_border(text, end):
                return end
        return None

    def _add(self, name: object, kind: object, *, index: int | None, line: int | None) -> None:
        if not isinstance(name, str) or not name.strip():
            raise InvalidRowError(
                f"the name must be a string that is not blank, got {name!r}.", index=index, line=line
            )
        if kind is not None and not (isinstance(kind, str) and kind.strip()):
            raise InvalidRowError(
                f"the type must be a string that is not blank, got {kind!r}.", index=index, line=line
            )
        try:
            checked_string(name, "the name")
            checked_string(kind or "", "the type")
        except BrokenRule as broken:
            raise InvalidRowError(f"{broken}.", index=index, line=line) from None
        if len(name) > LONGEST_NAME:
            raise InvalidRowError(
                f"the name {name[:40]!r}... has {len(name)} characters; at most {LONGEST_NAME} are allowed. Is the separator a tab?",
                index=index,
                line=line,
            )
        key = normal_text(name.strip(), ignore_case=self.ignore_case).characters
        kind = None if kind is None else kind.strip()
        if self._types.setdefault(key, kind) != kind:
            raise InvalidRowError(
                f"the name {name.strip()!r} has the type {kind!r} here and {self._types[key]!r} before. Keep one of them.",
                index=index,
                line=line,
            )

    def _finish(self, where: str = "") -> None:
        if not self._types:
            raise UsageError(f"{where}A dictionary of entities needs at least 1 name.")
        lengths: dict[str, set[int]] = {}
        for name in self._types:
            lengths.setdefault(name[:2], set()).add(len(name))
        # Names of one character can begin as longer ones do.
        for start, of_start in lengths.items():
            if start[0] in self._types:
                of_start.add(1)
        self._lengths = {start: sorted(of_start, reverse=True) for start, of_start in lengths.items()}


def _tab_entry(content: str, line: int) -> tuple[str, str | None]:
    name, tab, kind = content.partition("\t")
    if "\t" in kind:
        raise InvalidRowError(
            "the line has more than one tab. It must be a name, or a name, a tab and a type.", line=line
        )
    return name, kind if tab else None


def _json_entry(content: str, line: int) -> tuple[str, str | None]:
    row = parse_json(content.encode("utf-8"), line=line)
    if not isinstance(row, dict) or "name" not in row:
        raise InvalidRowError(f'an object with "name" (and "type") is needed, got {content[:60]}.', line=line)
    return row["name"], row.get("type")
