"""Where the sentences of a text begin."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from ..compat import import_optional
from ..errors import UsageError


LONGEST_SENTENCE = 2_000
"""What is longer, in characters, is cut at white space."""

Sentences = str | Callable[[str], Iterable[tuple[int, int]]] | Any


def split_sentences(text: str, sentences: Sentences = "en") -> list[tuple[int, int]]:
    """Split a text into sentences, by character offsets.

    The rules for about 300 languages (abbreviations, initials, decimal numbers, quotes, full stops of other scripts) are those
    of the library [sentencex](https://github.com/wikimedia/sentencex). An empty line always ends a sentence, a single line feed
    does not. The time is linear in the length of the text: sentences longer than 2,000 characters are cut.

    Args:
        text (`str`): the text.
        sentences (`str` or `Callable`, defaults to `"en"`): how to split:
            - a language code, such as `"en"`, `"de"` or `"zh"`;
            - `"lines"`: every line is a sentence;
            - `"text"`: the whole text is one;
            - a spaCy pipeline (anything with `pipe` that, called with a text, gives something with `sents`);
            - a function of the text that gives `(start, end)` of every sentence.

    Returns:
        `list[tuple[int, int]]`: start and end (exclusive), in order, without white space at the ends and without blank ones.

    Raises:
        ImportError: a language is given, and sentencex (extra `text`) is not installed.
        UsageError: `sentences` is none of these, or answers offsets that are not in order within the text.

    Example:

    ```python
    >>> from hf_relation.data import split_sentences
    >>> text = "Dr. Weil paid 3.5 francs. Who took it?"
    >>> [text[start:end] for start, end in split_sentences(text)]
    ['Dr. Weil paid 3.5 francs.', 'Who took it?']

    ```
    """
    if isinstance(sentences, str):
        if sentences == "text":
            found = [(0, len(text))]
        elif sentences == "lines":
            found = _lines(text)
        else:
            found = _by_language(text, _checked_language(sentences))
    elif hasattr(sentences, "pipe") and callable(sentences):
        parsed: Any = sentences(text)
        found = [(sentence.start_char, sentence.end_char) for sentence in parsed.sents]
    elif callable(sentences):
        found = _checked(sentences(text), len(text))
    else:
        raise UsageError(
            "`sentences` must be a language code, 'lines', 'text', a spaCy pipeline or a function of a text, got "
            f"{type(sentences).__name__}."
        )
    return [span for span in (_trimmed(text, *span) for span in found) if span[0] < span[1]]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), end - len(part) + len(part.rstrip())


def _lines(text: str) -> list[tuple[int, int]]:
    found, start = [], 0
    for line in text.splitlines(keepends=True):
        found.append((start, start + len(line)))
        start += len(line)
    return found


def _checked_language(name: str) -> str:
    if not name.strip() or not name.replace("-", "").replace("_", "").isalnum() or len(name) > 12:
        raise UsageError(
            f"`sentences` must be a language code such as 'en', 'lines' or 'text' (or a function), got {name!r}."
        )
    return name


def _checked(answer: Any, length: int) -> list[tuple[int, int]]:
    try:
        found = [(int(start), int(end)) for start, end in answer]
    except (TypeError, ValueError):
        raise UsageError(f"`sentences` must give (start, end) of every sentence, got {answer!r:.80}.") from None
    last = 0
    for start, end in found:
        if not last <= start <= end <= length:
            raise UsageError(
                f"`sentences` gave the sentence ({start}, {end}) in a text of {length} characters, behind one that ends at {last}. "
                "Sentences are character offsets, end exclusive, in order and without overlap."
            )
        last = end
    return found


@cache
def _plain_space() -> dict[int, str]:
    # sentencex 1.0.32 panics at white space of several bytes behind an initial; one character for one keeps the offsets.
    spaces = {code: " " for code in range(sys.maxunicode + 1) if chr(code).isspace() and chr(code) not in "\n\r"}
    return spaces | dict.fromkeys((0x0B, 0x0C, 0x85, 0x2028, 0x2029), "\n") | dict.fromkeys(range(0xD800, 0xE000), "?")


def _by_language(text: str, language: str) -> list[tuple[int, int]]:
    if not text.strip():
        return []  # also without the library
    get_sentence_boundaries = import_optional("sentencex", extra="text").get_sentence_boundaries
    plain = (
        text if text.isascii() and not set("\x0b\x0c\x1c\x1d\x1e\x1f") & set(text) else text.translate(_plain_space())
    )
    found: list[tuple[int, int]] = []
    position = 0
    # Piece by piece: in one go its time grows with the square of the number of opening quotation marks.
    while position < len(plain):
        piece = plain[position : position + LONGEST_SENTENCE]
        ends = [sentence["end_index"] for sentence in get_sentence_boundaries(language, piece)]
        if position + len(piece) < len(plain):
            # The last one may go on behind the piece.
            ends = ends[:-1] or [_last_space(piece)]
        start = position
        for end in ends:
            found.append((start, position + end))
            start = position + end
        position = start
    return found


def _last_space(piece: str) -> int:
    """Behind the last white space; the whole piece where there is none in its second half."""
    place = max(piece.rfind(" "), piece.rfind("\n"))
    return place + 1 if place >= len(piece) // 2 else len(piece)
