"""Asking a source of entities about texts of any length."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from .entities import EntitySpan, entities_of
from .entity_dictionary import EntityDictionary
from .sentences import Sentences, split_sentences
from .validation import is_blank


_LONGEST_PIECE = 50_000  # characters that a source of entities is given at once


def entities_of_long_texts(
    source: Any, texts: Sequence[str], *, sentences: Sentences = "en"
) -> list[list[EntitySpan]]:
    """Ask for the entities of texts, of long ones in pieces of whole sentences, so that no tagger runs out of memory.

    Args:
        source: see [`~hf_relation.data.entities_of`]. An [`~hf_relation.data.EntityDictionary`] is given whole texts: its time and
            memory are linear.
        texts (`Sequence[str]`): the texts.
        sentences (`str` or `Callable`, defaults to `"en"`): how a text of more than 50,000 characters is split; `"lines"` and `"text"`
            split it at its lines.

    Returns:
        `list[list[EntitySpan]]`: one list a text, by its own offsets; what a tagger found in white space is left out.

    Raises:
        UsageError: as `entities_of`.

    Example:

    ```python
    >>> from hf_relation.data.text_entities import entities_of_long_texts
    >>> entities_of_long_texts(lambda texts: [[(0, 3)] for _ in texts], ["Ada sings."])
    [[EntitySpan(start=0, end=3, type=None)]]

    ```
    """
    whole = isinstance(source, EntityDictionary)
    pieces = [
        (index, start, text[start:end])
        for index, text in enumerate(texts)
        for start, end in ([(0, len(text))] if whole else _pieces(text, sentences))
    ]
    found: list[list[EntitySpan]] = [[] for _ in texts]
    answers = entities_of(source, [text for _, _, text in pieces])
    for (index, start, text), spans in zip(pieces, answers, strict=True):
        found[index] += [
            EntitySpan(span.start + start, span.end + start, span.type)
            for span in spans
            if not _is_blank_within(text, span)
        ]
    return found


def _pieces(text: str, sentences: Sentences) -> list[tuple[int, int]]:
    """A long text in pieces that begin where sentences do."""
    if len(text) <= _LONGEST_PIECE:
        return [(0, len(text))]
    is_language = isinstance(sentences, str) and sentences not in ("lines", "text")
    starts = [start for start, _ in split_sentences(text, sentences if is_language else "lines")]
    cuts = [0]
    while len(text) - cuts[-1] > _LONGEST_PIECE:
        farthest = cuts[-1] + _LONGEST_PIECE
        near = bisect_right(starts, farthest) - 1
        cuts.append(starts[near] if near >= 0 and starts[near] > cuts[-1] else farthest)
    return list(zip(cuts, [*cuts[1:], len(text)], strict=True))


def _is_blank_within(text: str, span: EntitySpan) -> bool:
    """Whether a tagger took white space for an entity; spans outside of the text are left to be refused."""
    return 0 <= span.start < span.end <= len(text) and is_blank(text[span.start : span.end])
