"""From the offsets of an instance to those in the longer text that it was taken from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..errors import UsageError
from .schema import Span


class OriginalSpans(NamedTuple):
    """Where the mentions of an instance stand in the original text.

    Args:
        id (`str`): id of the original text.
        head (`Span`), tail (`Span`): character offsets into it, end exclusive.
    """

    id: str
    head: Span
    tail: Span


def original_spans(instance: Mapping[str, Any]) -> OriginalSpans:
    """Say where the mentions of an instance stand in the text that it was taken from.

    Args:
        instance (`Mapping`): an instance; one without `origin` is itself the original.

    Returns:
        [`OriginalSpans`]: `original[start:end]` is the mention.

    Raises:
        UsageError: the row has no mentions.

    Example:

    ```python
    >>> from hf_relation.data import original_spans
    >>> original = "It rained. Ada met Bob."
    >>> row = {"id": "a/0", "text": original[11:], "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 11},
    ...        "origin": {"id": "a", "start": 11}}
    >>> found = original_spans(row)
    >>> found.id, original[found.head["start"] : found.head["end"]], found.tail
    ('a', 'Ada', {'start': 19, 'end': 22})

    ```
    """
    if "head" not in instance or "tail" not in instance:
        raise UsageError("A row without `head` and `tail` has no mentions to find in the original text.")
    origin = instance.get("origin") or {"id": str(instance.get("id", "")), "start": 0}
    head, tail = (
        Span(start=mention["start"] + origin["start"], end=mention["end"] + origin["start"])
        for mention in (instance["head"], instance["tail"])
    )
    return OriginalSpans(origin["id"], head, tail)


def mention_rows(instances: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The mentions of instances with their offsets in the original texts, ready for JSON.

    Args:
        instances (`Iterable[Mapping]`): instances.

    Returns:
        `list[dict]`: `id` of the instance, `document` (the id of the original text), and `head` and `tail` with `start`, `end`
        (in the original text), `text` and `type`.

    Example:

    ```python
    >>> from hf_relation.data.origins import mention_rows
    >>> row = {"id": "a/0", "text": "Ada met Bob.", "head": {"start": 0, "end": 3, "type": None},
    ...        "tail": {"start": 8, "end": 11, "type": None}, "origin": {"id": "a", "start": 11}}
    >>> mention_rows([row])[0]["tail"]
    {'start': 19, 'end': 22, 'text': 'Bob', 'type': None}

    ```
    """
    found = []
    for instance in instances:
        spans = original_spans(instance)
        row: dict[str, Any] = {"id": instance["id"], "document": spans.id}
        for side, span in (("head", spans.head), ("tail", spans.tail)):
            mention = instance[side]
            words = instance["text"][mention["start"] : mention["end"]]
            row[side] = {**span, "text": words, "type": mention.get("type")}
        found.append(row)
    return found
