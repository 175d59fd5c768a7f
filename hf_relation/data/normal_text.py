"""Text in a form in which equal words are equal strings, with the way back to the offsets of the original."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass


_MOST_MARKS = 32  # on one character; sorting more of them takes time that grows with the square of their number
_SPACES = re.compile(r"\s\s|[^\S ]")
_JOINERS = "\u200c\u200d"
# Scripts that are written without spaces between words, or (Hangul) with endings joined to names.
_NO_SPACES = re.compile(
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fff\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31a0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaa7f\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)


@dataclass(frozen=True)
class NormalText:
    """What [`normal_text`] gives.

    Args:
        characters (`str`): in normal form.
        starts (`list[int]`, *optional*), ends (`list[int]`, *optional*): for each of them, the original stretch it stands for;
            `None` where it stands for itself.
    """

    characters: str
    starts: list[int] | None = None
    ends: list[int] | None = None

    def start_of(self, position: int) -> int:
        """Where the stretch of this character begins in the original."""
        return position if self.starts is None else self.starts[position]

    def end_of(self, position: int) -> int:
        """Behind the stretch of this character in the original."""
        return position + 1 if self.ends is None else self.ends[position]


def normal_text(text: str, *, ignore_case: bool = False) -> NormalText:
    """Bring a text to Unicode normal form C, with every run of white space as one space.

    Args:
        text (`str`): the text.
        ignore_case (`bool`, defaults to `False`): fold upper and lower case.

    Returns:
        [`NormalText`].

    Example:

    ```python
    >>> from hf_relation.data.normal_text import normal_text
    >>> found = normal_text("Zoe\u0301  sings")
    >>> found.characters == "Zo\u00e9 sings", found.start_of(2), found.end_of(2), found.start_of(4)
    (True, 2, 4, 6)

    ```
    """
    if (text.isascii() or not ignore_case) and not _SPACES.search(text) and unicodedata.is_normalized("NFC", text):
        return NormalText(text.lower() if ignore_case else text)
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end in _clusters(text):
        part = text[start:end]
        if part.isspace():
            part = " "
        elif not part.isascii():
            part = unicodedata.normalize("NFC", part)
        if ignore_case and part != " ":
            part = unicodedata.normalize("NFC", part.casefold())
        parts.append(part)
        starts += [start] * len(part)
        ends += [end] * len(part)
    return NormalText("".join(parts), starts, ends)


def _clusters(text: str) -> list[tuple[int, int]]:
    """Characters with the marks on them, and runs of white space."""
    found: list[tuple[int, int]] = []
    start, length = 0, len(text)
    while start < length:
        end = start + 1
        if text[start].isspace():
            while end < length and text[end].isspace():
                end += 1
        else:
            while end < length and end - start <= _MOST_MARKS and _continues(text[end]):
                end += 1
        found.append((start, end))
        start = end
    return found


def _continues(character: str) -> bool:
    """Whether a character belongs to the one before it: marks, and the later letters of a Korean syllable."""
    if character < "\u0300":
        return False
    return "\u1160" <= character <= "\u11ff" or unicodedata.category(character).startswith("M")


def is_border(text: NormalText, position: int) -> bool:
    """Whether a name may begin or end before this character.

    Args:
        text ([`NormalText`]): the text.
        position (`int`): from 0 to its number of characters.

    Returns:
        `bool`: not within a word, nor between a character and what belongs to it.
    """
    characters = text.characters
    if position == 0 or position == len(characters):
        return True
    before, behind = characters[position - 1], characters[position]
    if before == " " or behind == " ":
        return True
    if text.starts is not None and text.starts[position] == text.starts[position - 1]:
        return False  # one character that became several, such as the German sharp s
    if behind in _JOINERS or before in _JOINERS or _continues(behind):
        return False
    return not (_in_word(before) and _in_word(behind))


def _in_word(character: str) -> bool:
    if character.isascii():
        return character.isalnum() or character == "_"
    return (character.isalnum() or _continues(character)) and not _NO_SPACES.match(character)
