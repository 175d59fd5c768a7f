"""Where strings stand in a text: the one rule by which corpora that list entities as strings get character offsets."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
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
    found = {string: occurrences for string in wanted if (occurrences := _occurrences(text, string.strip()))}
    taken: list[Place] = []
    located: dict[str, Located] = {}
    for string in sorted(found, key=lambda string: -len(string.strip())):
        how, places = found[string]
        free = [place for place in places if not any(_overlap(place, other) for other in taken)]
        located[string] = Located(tuple(free or places), how, nested=not free)
        taken.extend(free)
    return {string: located[string] for string in wanted if string in located}


def _occurrences(text: str, string: str) -> tuple[How, list[Place]] | None:
    if not string:
        return None
    literal = re.escape(string)
    spaced = r"\s*".join(map(re.escape, re.findall(r"\w+|[^\w\s]", string)))
    steps: tuple[tuple[How, str, re.RegexFlag], ...] = (
        ("exact", literal, re.NOFLAG),
        ("ignoring_case", literal, re.IGNORECASE),
        ("ignoring_spacing", spaced, re.IGNORECASE),
    )
    for how, pattern, flags in steps:
        if places := _separate(place for place in _all(text, pattern, flags) if _is_whole(text, place)):
            return how, places
    for flags in (re.NOFLAG, re.IGNORECASE):
        if places := _separate(_all(text, literal, flags)):
            return "inside_word", places
    return None


def _all(text: str, pattern: str, flags: re.RegexFlag) -> Iterable[Place]:
    # Looking ahead finds occurrences that overlap as well, so that a part of a word does not hide a whole one behind it.
    return (match.span(1) for match in re.finditer(f"(?=({pattern}))", text, flags))


def _separate(places: Iterable[Place]) -> list[Place]:
    kept: list[Place] = []
    for place in places:
        if not kept or kept[-1][1] <= place[0]:
            kept.append(place)
    return kept


def _overlap(one: Place, other: Place) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _is_whole(text: str, place: Place) -> bool:
    return not any(
        0 < offset < len(text) and _of_word(text[offset - 1]) and _of_word(text[offset]) for offset in place
    )


def _of_word(character: str) -> bool:
    # Accents that are characters of their own belong to the word before them.
    return character.isalnum() or character == "_" or unicodedata.category(character).startswith("M")
