"""The data contract again, written from its description and apart from the package: is this row allowed, is that one normal?"""

from __future__ import annotations

import json
import math
import unicodedata
from typing import Any


class Invalid(Exception):
    """The row is not allowed."""


def strict_json(line: bytes) -> Any:
    """JSON in UTF-8 without repeated keys and constants that are not JSON; `Invalid` else."""

    def no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) < len(pairs):
            raise Invalid
        return dict(pairs)

    def no_constants(name: str) -> None:
        raise Invalid

    def finite(number: str) -> float:
        need(math.isfinite(float(number)))
        return float(number)

    try:
        return json.loads(
            str(line, "utf-8"), object_pairs_hook=no_repeats, parse_constant=no_constants, parse_float=finite
        )
    except (ValueError, RecursionError) as error:
        raise Invalid from error


def need(condition: object) -> None:
    if not condition:
        raise Invalid


def is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def text_of(value: Any, *, blank: bool = False) -> str:
    need(isinstance(value, str) and not any("\ud800" <= character <= "\udfff" for character in value))
    need(blank or value.strip())
    return value


def name_of(row: dict[str, Any], position: int) -> str:
    given = row.get("id")
    if given is None:
        return str(position)
    return f"{given:d}" if is_number(given) else text_of(given)


def span_of(value: Any, text: str) -> dict[str, int]:
    need(isinstance(value, dict))
    start, end = value.get("start"), value.get("end")
    need(is_number(start) and is_number(end) and 0 <= start < end <= len(text))
    need(any(not c.isspace() and unicodedata.category(c) not in ("Cc", "Cf") for c in text[start:end]))
    return {"start": start, "end": end}


def type_of(value: dict[str, Any]) -> str | None:
    return None if value.get("type") is None else text_of(value["type"])


def list_of(row: dict[str, Any], key: str) -> list[Any]:
    value = row.get(key)
    need(value is None or isinstance(value, list))
    return value or []


def normal_instance(row: Any, position: int) -> dict[str, Any]:
    """The row in normal form, or `Invalid`."""
    need(isinstance(row, dict))
    text = text_of(row.get("text"), blank=True)
    found: dict[str, Any] = {"id": name_of(row, position), "text": text}
    for side in ("head", "tail"):
        found[side] = {**span_of(row.get(side), text), "type": type_of(row[side])}
    need(found["head"]["end"] <= found["tail"]["start"] or found["tail"]["end"] <= found["head"]["start"])
    labels = [text_of(label) for label in list_of(row, "relations")]
    need(len(labels) == len(set(labels)))
    if row.get("relation") is not None:
        short = [text_of(row["relation"])]
        need(row.get("relations") is None or labels == short)
        labels = short
    found["relations"] = labels
    origin = row.get("origin")
    if isinstance(origin, dict) and "start" in origin:
        need(is_number(origin["start"]) and origin["start"] >= 0)
        found["origin"] = {"id": text_of(origin.get("id")), "start": origin["start"]}
    return found


def normal_document(row: Any, position: int) -> dict[str, Any]:
    need(isinstance(row, dict))
    text = text_of(row.get("text"), blank=True)
    found: dict[str, Any] = {"id": name_of(row, position), "text": text}
    need(row.get("mentions") is not None and row.get("entities") is not None)
    found["mentions"] = [span_of(span, text) for span in list_of(row, "mentions")]
    found["entities"] = []
    for entity in list_of(row, "entities"):
        need(isinstance(entity, dict))
        places = list_of(entity, "mentions")
        need(places and all(is_number(place) and 0 <= place < len(found["mentions"]) for place in places))
        need(len(places) == len(set(places)))
        name = None if entity.get("id") is None else text_of(entity["id"])
        found["entities"].append({"id": name, "type": type_of(entity), "mentions": places})
    found["relations"] = []
    for pair in list_of(row, "relations"):
        need(isinstance(pair, dict))
        ends = {side: pair.get(side) for side in ("head", "tail")}
        need(all(is_number(end) and 0 <= end < len(found["entities"]) for end in ends.values()))
        found["relations"].append({**ends, "label": text_of(pair.get("label"))})
    return found


def normal_tagged(row: Any, position: int) -> dict[str, Any]:
    need(isinstance(row, dict))
    need(row.get("tokens") is not None and row.get("tags") is not None)
    tokens = [text_of(token, blank=True) for token in list_of(row, "tokens")]
    tags = [text_of(tag) for tag in list_of(row, "tags")]
    need(tokens and all(tokens) and len(tokens) == len(tags))
    return {"id": name_of(row, position), "tokens": tokens, "tags": tags}


def _normal_labelled(row: Any, position: int, scores: bool) -> dict[str, Any]:
    need(isinstance(row, dict))
    found = {"id": name_of(row, position), "text": text_of(row.get("text")), "text_pair": None, "label": None}
    if row.get("text_pair") is not None:
        found["text_pair"] = text_of(row["text_pair"])
    label = row.get("label")
    if label is not None and scores:
        need(isinstance(label, (int, float)) and not isinstance(label, bool))
        try:
            found["label"] = float(label)
        except OverflowError:
            raise Invalid from None
        need(math.isfinite(found["label"]))
    elif label is not None:
        found["label"] = text_of(label)
    return found


def normal_text(row: Any, position: int) -> dict[str, Any]:
    return _normal_labelled(row, position, False)


def normal_score(row: Any, position: int) -> dict[str, Any]:
    return _normal_labelled(row, position, True)


NORMAL = {
    "instance": normal_instance,
    "document": normal_document,
    "tagged": normal_tagged,
    "text": normal_text,
    "score": normal_score,
}


def assert_normal(kind: str, row: Any) -> None:
    """A row that a reader gave is in normal form already."""
    assert NORMAL[kind](row, 0) == row, row
