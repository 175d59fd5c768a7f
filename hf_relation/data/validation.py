"""Checks of the data contract: a row is returned normalised, or refused with its place, the value and the remedy."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any, Literal

from ..errors import InvalidRowError, UsageError
from .row_checks import (
    BrokenRule,
    check_mapping,
    checked_id,
    checked_label,
    checked_list,
    checked_string,
    field_names,
    shown,
)
from .schema import Document, Entity, Instance, LabelledPair, Mention, Origin, Span


logger = logging.getLogger(__name__)

_UNIT = "Offsets are character offsets into `text`, end exclusive: `text[start:end]` is the mention"


def check_instance(row: Mapping[str, Any], *, index: int | None = None, line: int | None = None) -> Instance:
    """Check one instance and return it in normal form.

    The result is a new dict with the schema's keys only: `relation` (short form) becomes `relations`, a missing or null
    `relations` becomes `[]`, a missing `id` becomes the row's position, an integer `id` becomes its digits, a missing
    `type` becomes `None`; an `origin` (an object with `id` and `start`) is kept; other fields are left out. The text is
    never altered, so offsets always hold.

    Args:
        row (`Mapping`): the row; `text`, `head` and `tail` are required.
        index (`int`, *optional*): zero-based position of the row, for messages and for the `id` of a row without one.
        line (`int`, *optional*): one-based line number in a file, for messages.

    Returns:
        `Instance`: the row in normal form.

    Raises:
        InvalidRowError: the row breaks the contract; the message names row or line, the value and what is allowed.

    Example:

    ```python
    >>> from hf_relation.data import check_instance
    >>> row = {"text": "Ada met Bob.", "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 11}, "relation": "met"}
    >>> check_instance(row)["relations"]
    ['met']
    >>> check_instance({**row, "tail": {"start": 2, "end": 2}}, index=7)
    Traceback (most recent call last):
    ...
    hf_relation.errors.InvalidRowError: row 7: `tail` has start 2 and end 2: `start` must be smaller than `end`. Offsets
    are character offsets into `text`, end exclusive: `text[start:end]` is the mention.

    ```
    """
    try:
        text, row_id = _check_text_and_id(row, index, line)
        if "entities" in row and "head" not in row:
            raise BrokenRule(
                "this is a document (it has `entities`), not an instance. Read it with kind='document' (--kind document)"
            )
        head = _check_mention(row, "head", text)
        tail = _check_mention(row, "tail", text)
        if head["start"] < tail["end"] and tail["start"] < head["end"]:
            raise BrokenRule(
                f"`head` [{head['start']}, {head['end']}) and `tail` [{tail['start']}, {tail['end']}) overlap. "
                f"They must be two separate mentions. {_UNIT}"
            )
        instance: Instance = {
            "id": row_id,
            "text": text,
            "head": head,
            "tail": tail,
            "relations": _check_relations(row),
        }
        # Something else of that name, such as the source of a corpus, is a field like any other.
        if isinstance(row.get("origin"), Mapping) and "start" in row["origin"]:
            instance["origin"] = _check_origin(row["origin"])
        return instance
    except BrokenRule as bad:
        raise InvalidRowError(f"{bad}.", index=index, line=line) from None


def check_document(row: Mapping[str, Any], *, index: int | None = None, line: int | None = None) -> Document:
    """Check one document and return it in normal form.

    Args:
        row (`Mapping`): the row; `text`, `mentions` and `entities` are required, `relations` may be missing.
        index (`int`, *optional*): zero-based position of the row.
        line (`int`, *optional*): one-based line number in a file.

    Returns:
        `Document`: a new dict with the schema's keys only.

    Raises:
        InvalidRowError: the row breaks the contract; the message names row or line, the value and what is allowed.

    Example:

    ```python
    >>> from hf_relation.data import check_document
    >>> document = {
    ...     "text": "Ada met Bob.",
    ...     "mentions": [{"start": 0, "end": 3}, {"start": 8, "end": 11}],
    ...     "entities": [{"mentions": [0]}, {"mentions": [1]}],
    ...     "relations": [{"head": 0, "tail": 1, "label": "met"}],
    ... }
    >>> check_document(document)["entities"][1]
    {'id': None, 'type': None, 'mentions': [1]}

    ```
    """
    try:
        text, row_id = _check_text_and_id(row, index, line)
        mentions: list[Span] = []
        for position, span in enumerate(checked_list(row, "mentions", required=True)):
            start, end = _check_span(span, f"`mentions[{position}]`", text)
            mentions.append({"start": start, "end": end})
        entities: list[Entity] = []
        for position, entity in enumerate(checked_list(row, "entities", required=True)):
            entities.append(_check_entity(entity, f"`entities[{position}]`", len(mentions)))
        relations: list[LabelledPair] = []
        for position, pair in enumerate(checked_list(row, "relations", required=False)):
            relations.append(_check_pair(pair, f"`relations[{position}]`", len(entities)))
        return {"id": row_id, "text": text, "mentions": mentions, "entities": entities, "relations": relations}
    except BrokenRule as bad:
        raise InvalidRowError(f"{bad}.", index=index, line=line) from None


def check_instances(
    rows: Iterable[Mapping[str, Any]], *, on_error: Literal["raise", "skip"] = "raise"
) -> list[Instance]:
    """Check many instances; ids must be unique.

    Args:
        rows (`Iterable[Mapping]`): the rows; not altered.
        on_error (`"raise"` or `"skip"`): with `"skip"` bad rows are left out and their number is logged; use `split_valid` to
            learn which.

    Returns:
        `list[Instance]`: the rows in normal form, in order.

    Raises:
        InvalidRowError: the first bad row, with its index (only with `on_error="raise"`).
        UsageError: `rows` is one row or a string instead of a list of rows, or `on_error` is unknown.

    Example:

    ```python
    >>> from hf_relation.data import check_instances
    >>> row = {"text": "Ada met Bob.", "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 11}}
    >>> [instance["id"] for instance in check_instances([row, row])]
    ['0', '1']

    ```
    """
    if on_error not in ("raise", "skip"):
        raise UsageError(f"`on_error` must be 'raise' or 'skip', got {on_error!r}.")
    instances, errors = _collect(rows, stop_at_first=on_error == "raise")
    if errors and on_error == "raise":
        raise errors[0]
    if errors:
        logger.warning("%d bad rows were left out; the first: %s", len(errors), errors[0])
    return instances


def split_valid(rows: Iterable[Mapping[str, Any]]) -> tuple[list[Instance], list[InvalidRowError]]:
    """Check many instances, keep the good ones and report the bad ones.

    Args:
        rows (`Iterable[Mapping]`): the rows; not altered.

    Returns:
        `tuple[list[Instance], list[InvalidRowError]]`: good rows in normal form, and one error per bad row; both in
        order, and together as many as `rows`.

    Example:

    ```python
    >>> from hf_relation.data import split_valid
    >>> row = {"text": "Ada met Bob.", "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 11}}
    >>> good, bad = split_valid([row, {"text": None}])
    >>> len(good), str(bad[0])
    (1, 'row 1: `text` must be a string, got None of type NoneType.')

    ```
    """
    return _collect(rows, stop_at_first=False)


def duplicate_id_error(
    row_id: str, *, index: int, line: int | None = None, first: int | None = None
) -> InvalidRowError:
    """The error for an id that an earlier row has.

    Args:
        row_id (`str`): the id.
        index (`int`): zero-based position of the later row.
        line (`int`, *optional*): its line number.
        first (`int`, *optional*): zero-based position of the earlier row, when known.

    Returns:
        `InvalidRowError`: not raised here.
    """
    where = "an earlier row" if first is None else f"row {first}"
    return InvalidRowError(
        f"`id` {shown(row_id)} is also the id of {where}. Ids must be unique; a row without an `id` gets its zero-based "
        "position as id.",
        index=index,
        line=line,
    )


def _collect(
    rows: Iterable[Mapping[str, Any]], *, stop_at_first: bool
) -> tuple[list[Instance], list[InvalidRowError]]:
    if isinstance(rows, (Mapping, str, bytes)) or not isinstance(rows, Iterable):
        raise UsageError(f"a list of instances is needed, got {type(rows).__name__}. Put a single instance in a list.")
    instances: list[Instance] = []
    errors: list[InvalidRowError] = []
    first_of_id: dict[str, int] = {}
    for index, row in enumerate(rows):
        try:
            instance = check_instance(row, index=index)
            first = first_of_id.setdefault(instance["id"], index)
            if first != index:
                raise duplicate_id_error(instance["id"], index=index, first=first)
        except InvalidRowError as error:
            errors.append(error)
            if stop_at_first:
                break
        else:
            instances.append(instance)
    return instances, errors


def _check_text_and_id(row: Mapping[str, Any], index: int | None, line: int | None) -> tuple[str, str]:
    check_mapping(row)
    if "text" not in row:
        raise BrokenRule(f"`text` is missing; the row has {field_names(row)}")
    return checked_string(row["text"], "`text`"), checked_id(row, index, line)


def _check_mention(row: Mapping[str, Any], name: str, text: str) -> Mention:
    if row.get(name) is None:
        raise BrokenRule(
            f'`{name}` is missing; it must be {{"start": int, "end": int, "type": str or null}}. The row has {field_names(row)}'
        )
    mention = row[name]
    start, end = _check_span(mention, f"`{name}`", text)
    return {"start": start, "end": end, "type": _check_type(mention, f"`{name}`")}


def _check_origin(origin: Mapping[str, Any]) -> Origin:
    start = _check_offset(origin, "start", "`origin`")
    if start < 0:
        raise BrokenRule(f"`origin` has start {start}: offsets must not be negative. {_UNIT}")
    return {"id": checked_label(origin.get("id"), "the id of `origin`"), "start": start}


def _check_type(holder: Mapping[str, Any], name: str) -> str | None:
    value = holder.get("type")
    return None if value is None else checked_label(value, f"the type of {name}")


def _check_span(span: object, name: str, text: str) -> tuple[int, int]:
    if not isinstance(span, Mapping):
        raise BrokenRule(
            f"{name} must be an object with `start` and `end`, got {shown(span)} of type {type(span).__name__}"
        )
    start, end = _check_offset(span, "start", name), _check_offset(span, "end", name)
    if start < 0 or end < 0:
        raise BrokenRule(f"{name} has start {start} and end {end}: offsets must not be negative. {_UNIT}")
    if start >= end:
        raise BrokenRule(f"{name} has start {start} and end {end}: `start` must be smaller than `end`. {_UNIT}")
    if end > len(text):
        raise BrokenRule(
            f"{name} has start {start} and end {end}, but `text` has only {len(text)} characters. {_UNIT}"
        )
    if is_blank(text[start:end]):
        raise BrokenRule(f"{name} [{start}, {end}) marks only blank characters ({shown(text[start:end])}). {_UNIT}")
    return start, end


def is_blank(mention: str) -> bool:
    """Whether a mention (at least one character) holds nothing but white space and control characters."""
    if mention[0].isalnum():
        return False
    return all(character.isspace() or unicodedata.category(character) in ("Cc", "Cf") for character in mention)


def _check_offset(span: Mapping[str, Any], key: str, name: str) -> int:
    if key not in span:
        raise BrokenRule(f"{name} has no `{key}`. {_UNIT}")
    value = span[key]
    if type(value) is int:
        return value
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise BrokenRule(
            f"`{key}` of {name} must be an integer, got {shown(value)} of type {type(value).__name__}. {_UNIT}"
        )
    return int(value)


def _check_relations(row: Mapping[str, Any]) -> list[str]:
    relations = [
        checked_label(label, f"`relations[{position}]`")
        for position, label in enumerate(checked_list(row, "relations", required=False))
    ]
    if len(set(relations)) != len(relations):
        raise BrokenRule(f"`relations` names a relation twice: {shown(relations)}")
    short = row.get("relation")
    if short is not None:
        label = checked_label(short, "`relation`")
        if row.get("relations") is not None and relations != [label]:
            raise BrokenRule(
                f"`relation` is {shown(short)} but `relations` is {shown(relations)}. Give only one of the two"
            )
        relations = [label]
    return relations


def _check_entity(entity: object, name: str, num_mentions: int) -> Entity:
    if not isinstance(entity, Mapping):
        raise BrokenRule(
            f"{name} must be an object with `mentions`, got {shown(entity)} of type {type(entity).__name__}"
        )
    entity_id = entity.get("id")
    positions = [
        _check_position(position, f"{name}.mentions", "mentions", num_mentions)
        for position in checked_list(entity, "mentions", required=False)
    ]
    if not positions:
        raise BrokenRule(f"{name} has no mentions. Every entity must have at least one")
    if len(set(positions)) != len(positions):
        raise BrokenRule(f"{name} lists a mention twice: {shown(positions)}")
    return {
        "id": None if entity_id is None else checked_label(entity_id, f"the id of {name}"),
        "type": _check_type(entity, name),
        "mentions": positions,
    }


def _check_position(value: object, name: str, of: str, length: int) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or not 0 <= int(value) < length:
        raise BrokenRule(f"{name} must hold positions in `{of}` (0 to {length - 1}), got {shown(value)}")
    return int(value)


def _check_pair(pair: object, name: str, num_entities: int) -> LabelledPair:
    if not isinstance(pair, Mapping):
        raise BrokenRule(f"{name} must be an object with `head`, `tail` and `label`, got {shown(pair)}")
    head = _check_position(pair.get("head"), f"{name}.head", "entities", num_entities)
    tail = _check_position(pair.get("tail"), f"{name}.tail", "entities", num_entities)
    return {"head": head, "tail": tail, "label": checked_label(pair.get("label"), f"{name}.label")}
