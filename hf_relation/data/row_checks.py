"""What the checks of every kind of row share: strings, labels, lists and ids, each returned or refused with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any, cast


class BrokenRule(Exception):
    """A broken rule, before row and line are known; the text ends without a full stop."""


def shown(value: object) -> str:
    """The value as it stands in a message: at most 60 characters."""
    try:
        text = repr(value)
    except RecursionError:
        return f"a {type(value).__name__} that is nested too deeply to be shown"
    return text if len(text) <= 60 else text[:57] + "..."


def checked_string(value: object, name: str) -> str:
    """The value, a string that can be stored as UTF-8."""
    if not isinstance(value, str):
        raise BrokenRule(f"{name} must be a string, got {shown(value)} of type {type(value).__name__}")
    if not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise BrokenRule(
                f"{name} holds a lone surrogate (half of a character, {shown(value[error.start])}) at offset {error.start}. "
                "Such text cannot be stored as UTF-8; repair it where it was decoded"
            ) from None
    return value


def checked_label(value: object, name: str) -> str:
    """The value, a string with more in it than white space."""
    label = checked_string(value, name)
    if not label.strip():
        raise BrokenRule(f"{name} is blank. Leave it out (or use null) when there is none")
    return label


def check_mapping(row: object) -> None:
    """Refuse a row that is no dict."""
    if not isinstance(row, Mapping):
        raise BrokenRule(f"a row must be an object (a dict), got {shown(row)} of type {type(row).__name__}")


def checked_id(row: Mapping[str, Any], index: int | None, line: int | None) -> str:
    """The row's id; its position where it has none, its digits where it is an integer."""
    row_id = row.get("id")
    if row_id is None:
        return str(index if index is not None else line - 1 if line is not None else 0)
    if isinstance(row_id, Integral) and not isinstance(row_id, bool):
        return str(int(row_id))
    return checked_label(row_id, "`id`")


def field_names(row: Mapping[str, Any]) -> str:
    """What a row has, for messages."""
    names = [shown(name) for name in row]
    return ("no fields" if not names else "the fields " + ", ".join(names[:8])) + (", ..." if len(names) > 8 else "")


def checked_list(row: Mapping[str, Any], name: str, *, required: bool) -> list[Any]:
    """The field as a new list; an empty one where it is missing and not required."""
    value = row.get(name)
    if value is None:
        if required:
            raise BrokenRule(f"`{name}` is missing; the row has {field_names(row)}")
        return []
    if isinstance(value, (list, tuple)):
        return list(value)
    import numpy as np  # Rows of a pandas frame or of a dataset in numpy format hold arrays.

    if isinstance(value, np.ndarray) and value.ndim == 1:
        return cast("list[Any]", value.tolist())
    raise BrokenRule(f"`{name}` must be a list, got {shown(value)} of type {type(value).__name__}")
