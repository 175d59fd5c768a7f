"""Checks of the data contract: a row is returned normalised, or refused with its place, the value and the remedy."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any, Literal, cast

from ..errors import InvalidRowError, UsageError
from .schema import Document, Entity, Instance, LabelledPair, Mention, Span


logger = logging.getLogger(__name__)

_UNIT = "Offsets are character offsets into `text`, end exclusive: `text[start:end]` is the mention"


def check_instance(row: Mapping[str, Any], *, index: int | None = None, line: int | None = None) -> Instance:
    """Check one instance and return it in normal form.

    The result is a new dict with the schema's keys only: `relation` (short form) becomes `relations`, a missing or null
    `relations` becomes `[]`, a missing `id` becomes the row's position, an integer `id` becomes its digits, a missing
    `type` becomes `None`; other fields are left out. The text is never altered, so offsets always hold.

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
            raise _Bad("this is a document (it has `entities`), not an instance. Read it with kind='document'")
        head = _check_mention(row, "head", text)
        tail = _check_mention(row, "tail", text)
        if head["start"] < tail["end"] and tail["start"] < head["end"]:
            raise _Bad(
                f"`head` [{head['start']}, {head['end']}) and `tail` [{tail['start']}, {tail['end']}) overlap. "
                f"They must be two separate mentions. {_UNIT}"
            )
        return {"id": row_id, "text": text, "head": head, "tail": tail, "relations": _check_relations(row)}
    except _Bad as bad:
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
        for position, span in enumerate(_check_list(row, "mentions", required=True)):
            start, end = _check_span(span, f"`mentions[{position}]`", text)
            mentions.append({"start": start, "end": end})
        entities: list[Entity] = []
        for position, entity in enumerate(_check_list(row, "entities", required=True)):
            entities.append(_check_entity(entity, f"`entities[{position}]`", len(mentions)))
        relations: list[LabelledPair] = []
        for position, pair in enumerate(_check_list(row, "relations", required=False)):
            relations.append(_check_pair(pair, f"`relations[{position}]`", len(entities)))
        return {"id": row_id, "text": text, "mentions": mentions, "entities": entities, "relations": relations}
    except _Bad as bad:
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
        f"`id` {_show(row_id)} is also the id of {where}. Ids must be unique; a row without an `id` gets its zero-based "
        "position as id.",
        index=index,
        line=line,
    )


class _Bad(Exception):
    """A broken rule, before row and line are known; the text ends without a full stop."""


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


def _show(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _check_string(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise _Bad(f"{name} must be a string, got {_show(value)} of type {type(value).__name__}")
    if not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise _Bad(
                f"{name} holds a lone surrogate (half of a character, {_show(value[error.start])}) at offset {error.start}. "
                "Such text cannot be stored as UTF-8; repair it where it was decoded"
            ) from None
    return value


def _check_label(value: object, name: str) -> str:
    label = _check_string(value, name)
    if not label.strip():
        raise _Bad(f"{name} is blank. Leave it out (or use null) when there is none")
    return label


def _check_text_and_id(row: Mapping[str, Any], index: int | None, line: int | None) -> tuple[str, str]:
    if not isinstance(row, Mapping):
        raise _Bad(f"a row must be an object (a dict), got {_show(row)} of type {type(row).__name__}")
    if "text" not in row:
        raise _Bad(f"`text` is missing; the row has {_names(row)}")
    text = _check_string(row["text"], "`text`")
    row_id = row.get("id")
    if row_id is None:
        position = index if index is not None else line - 1 if line is not None else 0
        return text, str(position)
    if isinstance(row_id, Integral) and not isinstance(row_id, bool):
        return text, str(int(row_id))
    return text, _check_label(row_id, "`id`")


def _names(row: Mapping[str, Any]) -> str:
    names = [_show(name) for name in row]
    return ("no fields" if not names else "the fields " + ", ".join(names[:8])) + (", ..." if len(names) > 8 else "")


def _check_mention(row: Mapping[str, Any], name: str, text: str) -> Mention:
    if row.get(name) is None:
        raise _Bad(
            f'`{name}` is missing; it must be {{"start": int, "end": int, "type": str or null}}. The row has {_names(row)}'
        )
    mention = row[name]
    start, end = _check_span(mention, f"`{name}`", text)
    return {"start": start, "end": end, "type": _check_type(mention, f"`{name}`")}


def _check_type(holder: Mapping[str, Any], name: str) -> str | None:
    value = holder.get("type")
    return None if value is None else _check_label(value, f"the type of {name}")


def _check_span(span: object, name: str, text: str) -> tuple[int, int]:
    if not isinstance(span, Mapping):
        raise _Bad(f"{name} must be an object with `start` and `end`, got {_show(span)} of type {type(span).__name__}")
    start, end = _check_offset(span, "start", name), _check_offset(span, "end", name)
    if start < 0 or end < 0:
        raise _Bad(f"{name} has start {start} and end {end}: offsets must not be negative. {_UNIT}")
    if start >= end:
        raise _Bad(f"{name} has start {start} and end {end}: `start` must be smaller than `end`. {_UNIT}")
    if end > len(text):
        raise _Bad(f"{name} has start {start} and end {end}, but `text` has only {len(text)} characters. {_UNIT}")
    if is_blank(text[start:end]):
        raise _Bad(f"{name} [{start}, {end}) marks only blank characters ({_show(text[start:end])}). {_UNIT}")
    return start, end


def is_blank(mention: str) -> bool:
    """Whether a mention (at least one character) holds nothing but white space and control characters."""
    if mention[0].isalnum():
        return False
    return all(character.isspace() or unicodedata.category(character) in ("Cc", "Cf") for character in mention)


def _check_offset(span: Mapping[str, Any], key: str, name: str) -> int:
    if key not in span:
        raise _Bad(f"{name} has no `{key}`. {_UNIT}")
    value = span[key]
    if type(value) is int:
        return value
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise _Bad(f"`{key}` of {name} must be an integer, got {_show(value)} of type {type(value).__name__}. {_UNIT}")
    return int(value)


def _check_list(row: Mapping[str, Any], name: str, *, required: bool) -> list[Any]:
    value = row.get(name)
    if value is None:
        if required:
            raise _Bad(f"`{name}` is missing; the row has {_names(row)}")
        return []
    if isinstance(value, (list, tuple)):
        return list(value)
    import numpy as np  # Rows of a pandas frame or of a dataset in numpy format hold arrays.

    if isinstance(value, np.ndarray) and value.ndim == 1:
        return cast("list[Any]", value.tolist())
    raise _Bad(f"`{name}` must be a list, got {_show(value)} of type {type(value).__name__}")


def _check_relations(row: Mapping[str, Any]) -> list[str]:
    relations = [
        _check_label(label, f"`relations[{position}]`")
        for position, label in enumerate(_check_list(row, "relations", required=False))
    ]
    if len(set(relations)) != len(relations):
        raise _Bad(f"`relations` names a relation twice: {_show(relations)}")
    short = row.get("relation")
    if short is not None:
        label = _check_label(short, "`relation`")
        if row.get("relations") is not None and relations != [label]:
            raise _Bad(f"`relation` is {_show(short)} but `relations` is {_show(relations)}. Give only one of the two")
        relations = [label]
    return relations


def _check_entity(entity: object, name: str, num_mentions: int) -> Entity:
    if not isinstance(entity, Mapping):
        raise _Bad(f"{name} must be an object with `mentions`, got {_show(entity)} of type {type(entity).__name__}")
    entity_id = entity.get("id")
    positions = [
        _check_position(position, f"{name}.mentions", "mentions", num_mentions)
        for position in _check_list(entity, "mentions", required=False)
    ]
    if not positions:
        raise _Bad(f"{name} has no mentions. Every entity must have at least one")
    if len(set(positions)) != len(positions):
        raise _Bad(f"{name} lists a mention twice: {_show(positions)}")
    return {
        "id": None if entity_id is None else _check_label(entity_id, f"the id of {name}"),
        "type": _check_type(entity, name),
        "mentions": positions,
    }


def _check_position(value: object, name: str, of: str, length: int) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or not 0 <= int(value) < length:
        raise _Bad(f"{name} must hold positions in `{of}` (0 to {length - 1}), got {_show(value)}")
    return int(value)


def _check_pair(pair: object, name: str, num_entities: int) -> LabelledPair:
    if not isinstance(pair, Mapping):
        raise _Bad(f"{name} must be an object with `head`, `tail` and `label`, got {_show(pair)}")
    head = _check_position(pair.get("head"), f"{name}.head", "entities", num_entities)
    tail = _check_position(pair.get("tail"), f"{name}.tail", "entities", num_entities)
    return {"head": head, "tail": tail, "label": _check_label(pair.get("label"), f"{name}.label")}
