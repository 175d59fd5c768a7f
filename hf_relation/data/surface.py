"""Where strings stand in a text: the one rule by which corpora that list entities as strings get character offsets."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal


How = Literal["exact", "ignoring_case", "ignoring_spacing", "inside_word"]
Place = tuple[int, int]


@dataclass(frozen=True)
class Located:
    """The places of one string in a text.

    Args:
        places (`tuple[tuple[int, int], ...]`): character offsets (end exclusive) in the order of the text, at least one, none
            overlapping another.
        how (`str`): `"exact"`: whole words as they stand; `"ignoring_case"`: whole words in another case; `"ignoring_spacing"`:
            whole words with blanks elsewhere, as tokenising leaves them; `"inside_word"`: only as a part of a word.
        nested (`bool`): every place overlaps one of a longer string.
    """

    places: tuple[Place, ...]
    how: How
    nested: bool


def locate_strings(text: str, strings: Iterable[str]) -> dict[str, Located]:
    """Find where strings stand in a text. **The rule**, in this order:

    1. A string stands wherever it occurs as whole words. Where it does not: as whole words whatever the case; then whatever
       case and blanks (`"St.Paul"` in `"St . Paul"`); then as a part of a word, in its case or else in any. The first of
       these that finds something counts, and all that it finds are places of the string.
    2. Longer strings go first, and take their places: `"York"` inside of `"New York"` is no place of `"York"` when both are
       asked for, unless `"York"` has no other.

    Text without blanks between its words (Chinese, Japanese) has no whole words in this sense; there the last resort of
    step 1 is the usual case. Blanks around a string do not count. The text is never altered.

    Args:
        text (`str`): the text.
        strings (`Iterable[str]`): what to look for; the same string twice counts once.

    Returns:
        `dict[str, Located]`: in the order of `strings`; strings that are nowhere are absent.

    Example:

    ```python
    >>> from hf_relation.data import locate_strings
    >>> found = locate_strings("New York is north of york , PA .", ["York", "New York", "Ohio"])
    >>> found["New York"].places, found["York"].places, found["York"].nested
    (((0, 8),), ((4, 8),), True)
    >>> list(found), locate_strings("New York is north of york , PA .", ["york"])["york"].places
    (['York', 'New York'], ((21, 25),))

    ```
    """
    wanted = list(dict.fromkeys(strings))
    searched = _Searched(text)
    found = {string: where for string in wanted if (where := _occurrences(searched, string.strip()))}
    taken: list[Place] = []  # in order, none overlapping another
    located: dict[str, Located] = {}
    for string in sorted(found, key=lambda string: -len(string.strip())):
        how, places = found[string]
        free = [place for place in places if not _overlaps_one(place, taken)]
        located[string] = Located(tuple(free or places), how, nested=not free)
        taken = sorted([*taken, *free])
    return {string: located[string] for string in wanted if string in located}


class _Searched:
    """A text to search in. Every search takes time in proportion to the text, whatever the string and the text repeat."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def folded(self) -> str:
        """The text without case, character by character."""
        return _folded(self.text)

    @cached_property
    def dense(self) -> tuple[str, list[int]]:
        """The folded text without blanks, and where its characters stand in the text."""
        places = [place for place, character in enumerate(self.folded) if not character.isspace()]
        return "".join([self.folded[place] for place in places]), places

    def exact(self, string: str) -> Iterator[Place]:
        return ((start, start + len(string)) for start in _starts(self.text, string))

    def ignoring_case(self, string: str) -> Iterator[Place]:
        return ((start, start + len(string)) for start in _starts(self.folded, _folded(string)))

    def ignoring_spacing(self, string: str) -> Iterator[Place]:
        dense, places = self.dense
        tokens = re.findall(r"\w+|[^\w\s]", string)
        spaced = re.compile(r"\s*".join(map(re.escape, tokens)), re.IGNORECASE)
        for start in _starts(dense, _folded("".join(tokens))):
            # Blanks may stand between tokens, not inside one.
            if match := spaced.match(self.text, places[start]):
                yield match.span()


def _starts(text: str, string: str) -> Iterator[int]:
    # Occurrences that overlap count as well, so that a part of a word does not hide a whole one behind it.
    start = text.find(string)
    while start >= 0:
        yield start
        start = text.find(string, start + 1)


def _folded(text: str) -> str:
    return text.lower() if text.isascii() else "".join(map(_folded_character, text))


@lru_cache(maxsize=4096)
def _folded_character(character: str) -> str:
    """As regular expressions ignore case: one character for one."""
    if character in "\u0130\u0131":  # of Turkish, with and without its dot
        return "i"
    folds = (character.casefold(), character.lower())
    return next((folded for folded in folds if len(folded) == 1), character)


def _occurrences(searched: _Searched, string: str) -> tuple[How, list[Place]] | None:
    if not string:
        return None
    steps: tuple[tuple[How, Callable[[str], Iterator[Place]]], ...] = (
        ("exact", searched.exact),
        ("ignoring_case", searched.ignoring_case),
        ("ignoring_spacing", searched.ignoring_spacing),
    )
    for how, search in steps:
        if places := _separate(place for place in search(string) if _is_whole(searched.text, place)):
            return how, places
    for _, search in steps[:2]:
        if places := _separate(search(string)):
            return "inside_word", places
    return None


def _separate(places: Iterable[Place]) -> list[Place]:
    kept: list[Place] = []
    for place in places:
        if not kept or kept[-1][1] <= place[0]:
            kept.append(place)
    return kept


def _overlaps_one(place: Place, taken: list[Place]) -> bool:
    """Whether a place overlaps one of those taken, which are in order and apart."""
    behind = bisect_left(taken, (place[1], 0))
    return behind > 0 and taken[behind - 1][1] > place[0]


def _is_whole(text: str, place: Place) -> bool:
    for offset in place:
        if 0 < offset < len(text) and _of_word(text[offset - 1]) and _of_word(text[offset]):
            return False
    return True


def _of_word(character: str) -> bool:
    # Accents that are characters of their own belong to the word before them.
    return character.isalnum() or character == "_" or unicodedata.category(character).startswith("M")
