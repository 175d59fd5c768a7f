"""A stretch of a text around two mentions, no longer than asked for."""

from __future__ import annotations

import unicodedata


def stretch_around(
    text: str, sentence: tuple[int, int], mentions: tuple[int, int], longest: int
) -> tuple[int, int, bool]:
    """Choose what of a sentence an instance gets: all of it, or as much around the mentions as fits.

    White space at the ends is left out. A sentence that is too long keeps equally much on both sides of the mentions (what one
    side has no use for, the other gets), and is cut at white space where there is some, else between two characters.

    Args:
        text (`str`): the text.
        sentence (`tuple[int, int]`): offsets of the sentence.
        mentions (`tuple[int, int]`): from the start of the first mention to the end of the second; within the sentence.
        longest (`int`): characters to keep at most; at least as many as the mentions have.

    Returns:
        `tuple[int, int, bool]`: start and end, and whether something was cut.

    Example:

    ```python
    >>> from hf_relation.data.text_stretches import stretch_around
    >>> text = "On a rainy day Ada met Bob in the old town. "
    >>> stretch_around(text, (0, 44), (15, 26), 100), stretch_around(text, (0, 44), (15, 26), 23)
    ((0, 43, False), (11, 29, True))
    >>> text[11:29]
    'day Ada met Bob in'

    ```
    """
    begin, end = sentence
    first, last = mentions
    while begin < first and text[begin].isspace():
        begin += 1
    while end > last and text[end - 1].isspace():
        end -= 1
    if end - begin <= longest:
        return begin, end, False
    spare = longest - (last - first)
    before, behind = first - begin, end - last
    left = min(before, max(spare // 2, spare - behind))
    right = min(behind, spare - left)
    start, stop = first - left, last + right
    if start > begin:
        start = _forward(text, start, first)
    if stop < end:
        stop = _back(text, last, stop)
    while start < first and text[start].isspace():
        start += 1
    while stop > last and text[stop - 1].isspace():
        stop -= 1
    return start, stop, True


def _forward(text: str, start: int, first: int) -> int:
    """The first place from `start` on where a word begins, or else a character."""
    for place in range(start, first):
        if text[place - 1].isspace():
            return place
    while start < first and _joined(text, start):
        start += 1
    return start


def _back(text: str, last: int, stop: int) -> int:
    """The last place up to `stop` where a word ends, or else a character."""
    for place in range(stop, last, -1):
        if text[place].isspace():
            return place
    while stop > last and _joined(text, stop):
        stop -= 1
    return stop


def _joined(text: str, place: int) -> bool:
    """Whether a cut here would part a mark from its character, or what a joiner joins."""
    return unicodedata.category(text[place]).startswith("M") or "\u200d" in text[place - 1 : place + 1]
