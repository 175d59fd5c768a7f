"""Relations that are known by name: an inventory such as Wikidata's properties, read from a file."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from hf_relation.data.files import naming_file, parse_json, read_bytes, read_text_lines
from hf_relation.data.row_checks import BrokenRule, checked_string
from hf_relation.errors import InvalidRowError, UsageError


logger = logging.getLogger(__name__)

_FIELDS = {
    "id": "id",
    "pid": "id",
    "property": "id",
    "name": "name",
    "label": "name",
    "description": "description",
    "aliases": "aliases",
}
_NO_TEXT = ("None", "No description defined")  # how FewRel's pid2name.json writes that there is none
_FORMS = (
    '{"P26": ["spouse", "description"]}, {"P26": "spouse"}, {"P26": {"name": ..., "description": ..., "aliases": [...]}} or '
    'a list of names or of objects with "name" and, where wanted, "id", "description" and "aliases"'
)


@dataclass(frozen=True)
class InventoryEntry:
    """One relation of an inventory.

    Args:
        name (`str`): not blank.
        description (`str`, defaults to `""`): what it means.
        aliases (`tuple[str, ...]`, defaults to none): other names.
        id (`str`, *optional*): such as `"P26"`.
    """

    name: str
    description: str = ""
    aliases: tuple[str, ...] = ()
    id: str | None = None


class RelationInventory(Sequence[InventoryEntry]):
    """Names and descriptions of relations, to name discovered relations by; see [`~hf_relation.discovery.name_relations`].

    Args:
        entries (`Iterable`): of [`InventoryEntry`], or of names.

    Raises:
        InvalidRowError: an entry without a name, or two with the same name (whatever the case) or id, with its position.
        UsageError: no entry at all.

    Example:

    ```python
    >>> from hf_relation.discovery import RelationInventory
    >>> inventory = RelationInventory(["spouse", "place of birth"])
    >>> len(inventory), inventory[1].name
    (2, 'place of birth')

    ```
    """

    def __init__(self, entries: Iterable[InventoryEntry | str]) -> None:
        if isinstance(entries, (str, Mapping)):
            raise UsageError(f"A list of entries or names is needed, got {type(entries).__name__}.")
        self._entries = tuple(_checked(enumerate(entries), in_file=False))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> RelationInventory:
        """Read an inventory. The end of the name says how; `.gz` behind it is unpacked.

        | ends in | content |
        |---|---|
        | `.json` | an object from id to `[name, description]` (FewRel's `pid2name.json`), to a name (Re-DocRED's `rel_info.json`) or to `{"name", "description", "aliases"}`; or a list of names or of objects |
        | `.jsonl` | one object per line: `name`, and where wanted `id`, `description`, `aliases` (a list) |
        | `.tsv` | a header line of these names, and one relation per line; aliases stand apart with a vertical bar |

        `label` (as Wikidata says) is the same as `name`, `pid` and `property` the same as `id`. In JSON, an entry whose name is `null` or
        `"None"`, as `pid2name.json` has for properties that were deleted, is left out with a warning in the log.

        Args:
            path (`str` or `PathLike`): the file.

        Returns:
            [`RelationInventory`]: in the order of the file.

        Raises:
            UsageError: no such file, another ending, or nothing in it.
            InvalidRowError: a bad entry, one without a name, or one of the same name or id as another; with the line, or
                for JSON the position.
        """
        path = Path(path)
        suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
        readers = {".json": _read_json, ".jsonl": _read_jsonl, ".tsv": _read_tsv}
        if suffix not in readers:
            raise UsageError(
                f"{path}: an inventory is read from a file that ends in {', '.join(readers)} (or one of these and .gz)."
            )
        with naming_file(path):
            entries = list(_checked(readers[suffix](path), in_file=suffix != ".json"))
        inventory = cls.__new__(cls)
        inventory._entries = tuple(entries)
        return inventory

    @overload
    def __getitem__(self, position: int) -> InventoryEntry: ...

    @overload
    def __getitem__(self, position: slice) -> tuple[InventoryEntry, ...]: ...

    def __getitem__(self, position: int | slice) -> InventoryEntry | tuple[InventoryEntry, ...]:
        return self._entries[position]

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"RelationInventory({len(self)} relations: {', '.join(entry.name for entry in self[:3])}, ...)"


def _checked(rows: Iterable[tuple[int, Any]], *, in_file: bool) -> Iterator[InventoryEntry]:
    names: dict[str, int] = {}
    ids: dict[str, int] = {}
    place = "line" if in_file else "row"
    for number, row in rows:
        where: dict[str, int] = {place: number} if in_file else {"index": number}
        entry = _entry(vars(row) if isinstance(row, InventoryEntry) else row, where)
        key = entry.name.casefold()
        for kind, value, seen in (("name", key, names), ("id", entry.id, ids)):
            if value is None:
                continue
            if value in seen:
                shown = entry.name if kind == "name" else value
                raise InvalidRowError(
                    f"the {kind} {shown[:80]!r} is that of {place} {seen[value]} as well. Names and ids must be unique: leave one out, "
                    "or make it an alias of the other.",
                    **where,  # type: ignore[arg-type]
                )
            seen[value] = number
        yield entry
    if not names:
        raise UsageError("The inventory holds no relation.")


def _entry(row: Any, where: Mapping[str, int]) -> InventoryEntry:
    def bad(reason: str) -> InvalidRowError:
        return InvalidRowError(reason, **where)  # type: ignore[arg-type]

    if isinstance(row, str):
        row = {"name": row}
    if not isinstance(row, Mapping):
        raise bad(f"an entry must be an object or a name, got {type(row).__name__}. Allowed: {_FORMS}.")
    values: dict[str, Any] = {}
    for key, value in row.items():
        field = _FIELDS.get(key)
        if field is None:
            continue  # files hold other columns, such as counts
        if field in values:
            raise bad(f"`{key}` is another word for `{field}`, which is given, too. Keep one of the two.")
        values[field] = value
    aliases = values.get("aliases") or ()
    if isinstance(aliases, str) or not isinstance(aliases, Sequence) or not all(isinstance(a, str) for a in aliases):
        raise bad(f"`aliases` must be a list of strings, got {aliases!r:.80}.")
    for field in ("name", "description", "id"):
        value = values.get(field)
        if value is not None and not isinstance(value, str):
            raise bad(f"`{field}` must be a string, got {type(value).__name__}.")
    try:
        for text in (values.get("name"), values.get("description"), values.get("id"), *aliases):
            checked_string(text or "", "an entry")
    except BrokenRule as broken:
        raise bad(f"{broken}.") from None
    name = _one_line(values.get("name") or "")
    if not name:
        raise bad("an entry needs a `name` that is not blank.")
    return InventoryEntry(
        name,
        _one_line(values.get("description") or ""),
        tuple(dict.fromkeys(alias for text in aliases if (alias := _one_line(text)))),
        _one_line(values.get("id") or "") or None,
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _read_jsonl(path: Path) -> Iterator[tuple[int, Any]]:
    for line, text in read_text_lines(path):
        if text.strip():
            yield line, parse_json(text.encode("utf-8"), line=line)


def _read_tsv(path: Path) -> Iterator[tuple[int, Any]]:
    header: list[str] | None = None
    for line, text in read_text_lines(path):
        if not text.strip():
            continue
        cells = text.split("\t")
        if header is None:
            header = [cell.strip().lower() for cell in cells]
            if not {"name", "label"} & set(header) or len(set(header)) < len(header):
                raise InvalidRowError(
                    f"the first line must be a header of column names that holds `name`, each once, got {header!r:.120}.",
                    line=line,
                )
            continue
        if len(cells) != len(header):
            raise InvalidRowError(
                f"{len(cells)} cells, but the header has {len(header)}. Tabs part the cells.", line=line
            )
        row: dict[str, Any] = dict(zip(header, cells, strict=True))
        if "aliases" in row:
            row["aliases"] = row["aliases"].split("|")
        yield line, row


def _read_json(path: Path) -> Iterator[tuple[int, Any]]:
    content = parse_json(read_bytes(path).removeprefix(b"\xef\xbb\xbf"), what="the file")
    if isinstance(content, Mapping):
        rows: list[Any] = []
        for id_, value in content.items():
            rows.append(_keyed_row(id_, value, len(rows)))
    elif isinstance(content, list):
        rows = content
    else:
        raise InvalidRowError(f"an inventory is an object or a list, got {type(content).__name__}. Allowed: {_FORMS}.")
    nameless = []
    for position, row in enumerate(rows):
        if isinstance(row, Mapping) and "name" in row and row["name"] in (None, "None"):
            nameless.append(str(row.get("id", position)))
            continue
        yield position, row
    if nameless:
        logger.warning(
            "%s: %d entries without a name are left out: %s", path, len(nameless), json.dumps(nameless[:10])[1:-1]
        )


def _keyed_row(id_: str, value: Any, position: int) -> Any:
    if isinstance(value, str) or value is None:
        return {"id": id_, "name": value}
    if isinstance(value, Mapping):
        return {"id": id_} | dict(value)
    if isinstance(value, list) and 1 <= len(value) <= 2:
        name, description = (*value, "")[:2]
        return {"id": id_, "name": name, "description": "" if description in _NO_TEXT else description}
    raise InvalidRowError(f"{id_!r} leads to {value!r:.80}. Allowed: {_FORMS}.", index=position)
