"""From spans that some tagger found to documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any, Literal, NamedTuple

from hf_relation.data.normal_text import normal_text
from hf_relation.data.schema import Document, Entity, Span
from hf_relation.data.validation import is_blank
from hf_relation.errors import InvalidRowError, UsageError


class EntitySpan(NamedTuple):
    """One entity mention that a tagger found.

    Args:
        start (`int`): offset of the first character in the text.
        end (`int`): offset behind the last one.
        type (`str`, *optional*): its type.
    """

    start: int
    end: int
    type: str | None = None


def document_of_spans(
    text: str,
    spans: Iterable[EntitySpan | Sequence[Any]],
    *,
    id: str = "",
    merge: Literal["string", "exact", "none"] = "string",
    index: int | None = None,
) -> Document:
    """Make a document of a text and the spans that some tagger found in it.

    White space at the ends of a span is left out, and of equal spans the first is kept.

    Args:
        text (`str`): the text.
        spans (`Iterable[EntitySpan]`): in characters of `text`, end exclusive; they may be nested or overlap.
        id (`str`, defaults to `""`): the document's id.
        merge (`str`, defaults to `"string"`): `"string"`: spans with equal words (but for case, white space and Unicode form) and type
            are mentions of one entity; `"exact"`: the same, and case counts; `"none"`: every span is an entity. What is really the
            same is not resolved (no coreference).
        index (`int`, *optional*): row of the text, for messages.

    Returns:
        `Document`: entities in the order of the text, without relations.

    Raises:
        InvalidRowError: a span is not within the text, holds nothing but white space, or is not two whole numbers and a type.
        UsageError: an unknown way to merge.

    Example:

    ```python
    >>> from hf_relation.data import EntitySpan, document_of_spans
    >>> found = document_of_spans("Ada met Bob. Bob met Ada.", [EntitySpan(0, 3), EntitySpan(8, 11), EntitySpan(13, 16)])
    >>> [entity["mentions"] for entity in found["entities"]]
    [[0], [1, 2]]

    ```
    """
    if merge not in ("string", "exact", "none"):
        raise UsageError(f"`merge` must be 'string', 'exact' or 'none', got {merge!r}.")
    kept: dict[tuple[int, int], EntitySpan] = {}
    for raw in spans:
        span = _checked(raw, index)
        if not 0 <= span.start < span.end <= len(text):
            raise InvalidRowError(
                f"the entity span ({span.start}, {span.end}) is not within the text of {len(text)} characters. Spans are "
                "character offsets, end exclusive.",
                index=index,
            )
        words = text[span.start : span.end]
        if is_blank(words):
            raise InvalidRowError(
                f"the entity span ({span.start}, {span.end}) holds nothing but white space.", index=index
            )
        start = span.start + len(words) - len(words.lstrip())
        end = span.end - len(words) + len(words.rstrip())
        kept.setdefault((start, end), EntitySpan(start, end, span.type))
    ordered = sorted(kept.values(), key=lambda span: (span.start, span.end))
    mentions: list[Span] = [{"start": span.start, "end": span.end} for span in ordered]
    groups: dict[Any, Entity] = {}
    for place, span in enumerate(ordered):
        words = normal_text(text[span.start : span.end], ignore_case=merge == "string").characters
        key = place if merge == "none" else (words, span.type)
        groups.setdefault(key, {"id": None, "type": span.type, "mentions": []})["mentions"].append(place)
    return {"id": id, "text": text, "mentions": mentions, "entities": list(groups.values()), "relations": []}


def _checked(raw: Sequence[Any], index: int | None) -> EntitySpan:
    """The span in plain Python types, which JSON can hold."""
    if not isinstance(raw, (tuple, list)) or len(raw) not in (2, 3):
        raise InvalidRowError(f"an entity span is (start, end) or (start, end, type), got {raw!r}.", index=index)
    start, end, kind = EntitySpan(*raw)
    for offset in (start, end):
        if type(offset) is not int and (isinstance(offset, bool) or not isinstance(offset, Integral)):
            raise InvalidRowError(f"the offsets of an entity span must be whole numbers, got {raw!r}.", index=index)
    if kind is not None and not (isinstance(kind, str) and kind.strip()):
        raise InvalidRowError(f"the type of an entity span must be a string or None, got {raw!r}.", index=index)
    return EntitySpan(int(start), int(end), kind)


def without_overlaps(spans: Iterable[EntitySpan]) -> list[EntitySpan]:
    """Of spans that overlap keep the longest, of equally long ones the first; in the order of the text.

    Example:

    ```python
    >>> from hf_relation.data import EntitySpan
    >>> from hf_relation.data.entities import without_overlaps
    >>> without_overlaps([EntitySpan(0, 3), EntitySpan(2, 9), EntitySpan(10, 12)])
    [EntitySpan(start=2, end=9, type=None), EntitySpan(start=10, end=12, type=None)]

    ```
    """
    kept: list[EntitySpan] = []
    for span in sorted(set(spans), key=lambda span: (span.start - span.end, span.start, span.type or "")):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return sorted(kept, key=lambda span: span.start)


def entities_of(source: Any, texts: Sequence[str]) -> list[list[EntitySpan]]:
    """Ask any tagger for the entities of texts, by character offsets.

    Args:
        source: one of
            - a transformers token-classification pipeline (made with an `aggregation_strategy` other than `"none"`);
            - a spaCy pipeline (anything with `pipe`, whose documents have `ents`);
            - a function of a list of texts that gives, for each, a list of `(start, end)`, `(start, end, type)`, or mappings
              with `start`, `end` and possibly `type`.
        texts (`Sequence[str]`): the texts.

    Returns:
        `list[list[EntitySpan]]`: one list a text.

    Raises:
        UsageError: the source is none of these, or answers something else; the message says what.

    Example:

    ```python
    >>> from hf_relation.data import entities_of
    >>> entities_of(lambda texts: [[(0, 3, "PERSON")] for _ in texts], ["Ada sings."])
    [[EntitySpan(start=0, end=3, type='PERSON')]]

    ```
    """
    if not texts:
        return []
    if hasattr(source, "pipe") and not hasattr(source, "aggregate"):
        found: list[Any] = [
            [EntitySpan(entity.start_char, entity.end_char, entity.label_ or None) for entity in parsed.ents]
            for parsed in source.pipe(texts)
        ]
    elif callable(source):
        answer = source(list(texts))
        if isinstance(answer, (str, bytes, Mapping)) or not isinstance(answer, Iterable):
            raise UsageError(
                f"The entity source answered {type(answer).__name__}; a list of entities for every text is needed."
            )
        found = list(answer)
        if len(texts) == 1 and found and isinstance(found[0], Mapping):
            found = [found]  # pipelines answer one text with one list
    else:
        raise UsageError(
            f"`entities` must be a token-classification pipeline, a spaCy pipeline or a function of a list of texts, got "
            f"{type(source).__name__}."
        )
    if len(found) != len(texts):
        raise UsageError(f"The entity source answered {len(found)} lists to {len(texts)} texts.")
    for row, of_text in enumerate(found):
        if isinstance(of_text, (str, bytes, Mapping)) or not isinstance(of_text, Iterable):
            raise UsageError(f"text {row}: the entity source gave {of_text!r}; a list of entities is needed.")
    return [[_span(item, row) for item in of_text] for row, of_text in enumerate(found)]


def _span(item: Any, row: int) -> EntitySpan:
    if isinstance(item, Mapping):
        if item.get("start") is None or item.get("end") is None:
            raise UsageError(
                f"text {row}: the entity source gave {dict(item)!r}, which has no character offsets `start` and `end`. With a "
                "transformers pipeline use a fast tokenizer."
            )
        if "entity" in item and "entity_group" not in item:
            raise UsageError(
                "The token-classification pipeline gives single word pieces. Make it with aggregation_strategy='simple'."
            )
        item = (item["start"], item["end"], item.get("entity_group", item.get("type")))
    try:
        return _checked(item, None)
    except InvalidRowError as error:
        raise UsageError(f"text {row}: the entity source gave {item!r}: {error}") from None
