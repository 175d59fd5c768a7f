"""Texts from the corpus as pieces, each with the part it plays, so that the page can colour the mentions."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any


# What a piece is: plain text, the head, the tail, or in both mentions.
PLAIN, HEAD, TAIL, BOTH = 0, 1, 2, 3
Piece = tuple[str, int]


def clean(text: object) -> str:
    """Text that a page can hold: control characters (but for line breaks and tabs) and lone surrogates become U+FFFD.

    Args:
        text (`object`): shown as `str(text)`.

    Returns:
        `str`.

    Example:

    ```python
    >>> from hf_relation.discovery.report.marks import clean
    >>> clean("a\\x00b")
    'a\ufffdb'

    ```
    """
    return "".join(
        "\ufffd" if unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t" else character
        for character in str(text)
    )


def marked_text(instance: Mapping[str, Any], *, around: int) -> list[Piece]:
    """The text of an instance in pieces, shortened far from the mentions.

    Args:
        instance (`Mapping`): with `text`, `head` and `tail`.
        around (`int`): so many characters are kept on each side of a mention, of a longer text before, between or after the mentions;
            "…" stands for what is left out. Of a mention twice as many are kept.

    Returns:
        `list[tuple[str, int]]`: text and part: 0 outside the mentions, 1 head, 2 tail, 3 both.

    Example:

    ```python
    >>> from hf_relation.discovery.report.marks import marked_text
    >>> row = {"text": "Ada met Bob.", "head": {"start": 8, "end": 11}, "tail": {"start": 0, "end": 3}}
    >>> marked_text(row, around=40)
    [('Ada', 2), (' met ', 0), ('Bob', 1), ('.', 0)]

    ```
    """
    text = instance["text"]
    spans = [(instance[side]["start"], instance[side]["end"], part) for side, part in (("head", HEAD), ("tail", TAIL))]
    cuts = sorted({0, len(text), *(edge for start, end, _ in spans for edge in (start, end))})
    pieces = []
    for start, end in zip(cuts, cuts[1:], strict=False):
        part = sum(role for first, last, role in spans if first <= start and end <= last)
        pieces.append((text[start:end], part))
    last = len(pieces) - 1
    return [
        (clean(_shortened(piece, around, first=index == 0, last=index == last, mention=part != PLAIN)), part)
        for index, (piece, part) in enumerate(pieces)
    ]


def _shortened(piece: str, around: int, *, first: bool, last: bool, mention: bool) -> str:
    if mention or not (first or last):
        if len(piece) <= 2 * around + 3:
            return piece
        return piece[:around] + " … " + piece[-around:]
    if len(piece) <= around + 2:
        return piece
    return piece[:around] + " …" if last else "… " + piece[-around:]
