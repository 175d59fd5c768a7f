"""The words that stand between two mentions, as patterns with slots, and how often each relation has them."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


MAX_WORDS = 8  # a longer gap has no complete pattern, only shortened ones
MAX_SHORTENED = 4  # words of a shortened pattern
_CHARACTERS_PER_WORD = 60  # how far to look for one word, so that a megabyte of text stays cheap
_JOINERS = "'-‐\u200c\u200d"  # inside a word only, as in `split_words`
_UNSPACED = (("\u3040", "\u30ff"), ("\u3400", "\u9fff"), ("\uf900", "\ufaff"), ("\U00020000", "\U0003ffff"))


class Pattern(NamedTuple):
    """Words between two slots, `X` for the head and `Y` for the tail.

    Args:
        words (`tuple[str, ...]`): as from [`pattern_words`].
        forward (`bool`): the head stands first in the text.
        start (`bool`): nothing stands between the first slot and the words.
        end (`bool`): nothing stands between the words and the second slot.

    Example:

    ```python
    >>> from hf_relation.discovery.pattern_counts import Pattern
    >>> str(Pattern(("was", "born", "in"), True, True, True)), str(Pattern(("by",), False, False, True))
    ('X was born in Y', 'Y ... by X')

    ```
    """

    words: tuple[str, ...]
    forward: bool
    start: bool
    end: bool

    @property
    def complete(self) -> bool:
        """`bool`: the words are all that stands between the mentions."""
        return self.start and self.end

    def swapped(self) -> Pattern:
        """The same words with head and tail changed over."""
        return self._replace(forward=not self.forward)

    def __str__(self) -> str:
        first, second = "XY" if self.forward else "YX"
        words = [join_words(self.words)] if self.words else []
        return " ".join([first, *([] if self.start else ["..."]), *words, *([] if self.end else ["..."]), second])

    def shorter(self) -> Iterator[Pattern]:
        """The patterns one step more general: every instance that has this one has them too."""
        words, length = self.words, len(self.words)
        if length > MAX_SHORTENED:
            for i in range(length - MAX_SHORTENED + 1):
                j = i + MAX_SHORTENED
                yield Pattern(words[i:j], self.forward, self.start and i == 0, self.end and j == length)
            return
        if self.start and words:
            yield self._replace(start=False)
        if self.end and words:
            yield self._replace(end=False)
        if length > 1:
            yield self._replace(words=words[1:], start=False)
            yield self._replace(words=words[:-1], end=False)


def is_unspaced(character: str) -> bool:
    """Whether a character is Chinese or Japanese, written without spaces between words."""
    return character >= _UNSPACED[0][0] and any(low <= character <= high for low, high in _UNSPACED)


def pattern_words(text: str) -> list[str]:
    """Split what stands between two mentions into lower-case words and marks, in linear time.

    Every run of digits becomes `#`, the English possessive ending a word of its own, a dash of any kind `-`; quotation
    marks and control characters are left out. Chinese and Japanese characters are words by themselves, since no spaces part
    them.

    Args:
        text (`str`): any text.

    Returns:
        `list[str]`: in order, in Unicode form NFC.

    Example:

    ```python
    >>> from hf_relation.discovery.pattern_counts import pattern_words
    >>> pattern_words("'s co-founder, born 3.5 km from “Old” 出生")
    ["'s", 'co-founder', ',', 'born', '#', 'km', 'from', 'old', '出', '生']

    ```
    """
    text = unicodedata.normalize("NFC", text).lower().replace("’", "'")
    words: list[str] = []
    current: list[str] = []

    def finish() -> None:
        word = "".join(current).strip(_JOINERS)
        current.clear()
        stem = word.removesuffix("'s")
        if any(c.isalnum() or c == "#" for c in stem):
            words.append(stem)
            if stem != word:
                words.append("'s")

    ending = -1  # where an "s" stands that has been read already
    for i, c in enumerate(text):
        category = unicodedata.category(c)
        if i == ending:
            continue
        if c.isdigit():
            if not current or current[-1] != "#":
                current.append("#")
        elif c.isalnum() and is_unspaced(c):
            finish()
            words.append(c)
        elif c.isalnum() or category[0] == "M" or (c in _JOINERS and current):
            current.append(c)
        elif c in ".," and current and current[-1] == "#" and text[i + 1 : i + 2].isdigit():
            continue  # inside a number
        else:
            finish()
            if c == "'" and text[i + 1 : i + 2] == "s" and not text[i + 2 : i + 3].isalnum():
                words.append("'s")  # the ending of the mention itself
                ending = i + 1
            elif category == "Pd":
                words.append("-")
            elif category[0] in "PS" and category not in ("Pi", "Pf") and c not in "\"'":
                words.append(c)
    finish()
    return words


def join_words(words: Sequence[str]) -> str:
    """Words as one string, with spaces except between Chinese or Japanese characters."""
    text = ""
    for word in words:
        text += word if not text or (is_unspaced(text[-1]) and is_unspaced(word[0])) else " " + word
    return text


def patterns_between(instance: Mapping[str, Any]) -> set[Pattern]:
    """All patterns of one instance: what stands between its mentions, complete, and runs of up to four words of it.

    Of a gap of more than eight words (marks count as words) the first and the last eight are read, and there is no complete
    pattern.

    Args:
        instance (`Mapping`): one instance of the data contract.

    Returns:
        `set[Pattern]`: a pattern with an open end (`...` in its text) also stands for the words with nothing there.

    Example:

    ```python
    >>> from hf_relation.discovery.pattern_counts import patterns_between
    >>> instance = {"text": "Ada married Bob", "head": {"start": 0, "end": 3}, "tail": {"start": 12, "end": 15}}
    >>> sorted(map(str, patterns_between(instance)))
    ['X ... married ... Y', 'X ... married Y', 'X married ... Y', 'X married Y']

    ```
    """
    text = instance["text"]
    first, second = sorted((instance["head"], instance["tail"]), key=lambda mention: mention["start"])
    forward = first is instance["head"]
    begin, stop, reach = first["end"], second["start"], MAX_WORDS * _CHARACTERS_PER_WORD
    words: tuple[str, ...]
    if stop - begin <= 2 * reach:
        words = tuple(pattern_words(text[begin:stop]))
        is_long = len(words) > MAX_WORDS
        parts = [words[:MAX_WORDS], words[MAX_WORDS:][-MAX_WORDS:]] if is_long else [words]
    else:
        is_long = True
        before, after = pattern_words(text[begin : begin + reach]), pattern_words(text[stop - reach : stop])
        parts = [tuple(before[:MAX_WORDS]), tuple(after[-MAX_WORDS:])]
    found: set[Pattern] = set()
    for number, words in enumerate(parts):
        length = len(words)
        for size in range(1, min(length, MAX_SHORTENED) + 1):
            for i in range(length - size + 1):
                found.add(Pattern(words[i : i + size], forward, False, False))
            if number == 0:
                found.add(Pattern(words[:size], forward, True, False))
            if number == len(parts) - 1:
                found.add(Pattern(words[length - size :], forward, False, True))
    if not is_long:
        found.add(Pattern(parts[0], forward, True, True))
    return found


@dataclass
class PatternCounts:
    """How many instances of every relation have a pattern.

    Args:
        sizes (`list[int]`): how many instances of every relation were read.
        counts (`list[dict[Pattern, int]]`): for every relation, all the patterns that some relation has repeatedly.
        candidates (`list[list[Pattern]]`): for every relation, those it has repeatedly, without those that a longer one
            makes redundant (as many instances have the longer one).
    """

    sizes: list[int]
    counts: list[dict[Pattern, int]]
    candidates: list[list[Pattern]]

    def __post_init__(self) -> None:
        totals: dict[Pattern, float] = {}
        for relation, counts in enumerate(self.counts):
            for pattern in counts:
                totals[pattern] = totals.get(pattern, 0.0) + self.coverage(relation, pattern)
        self._totals = totals

    def coverage(self, relation: int, pattern: Pattern) -> float:
        """The share of the relation's instances that have the pattern, in [0, 1]."""
        return self.counts[relation].get(pattern, 0) / max(self.sizes[relation], 1)

    def lift(self, relation: int, pattern: Pattern) -> float:
        """Its coverage here over its mean coverage in all relations: from 0 to their number, 1 is nothing special."""
        total = self._totals.get(pattern, 0.0)
        return len(self.sizes) * (self.coverage(relation, pattern) / total) if total else 0.0


def count_patterns(
    instances: Sequence[Mapping[str, Any]], labels: np.ndarray, *, min_count: int = 2, max_instances: int = 2000
) -> PatternCounts:
    """Count the patterns of every relation, in time linear in the number of instances and without keeping them all.

    Args:
        instances (`Sequence[Mapping]`): the instances, as in the data contract; gold labels are never read.
        labels (`np.ndarray` of shape `(n,)`, integer): relation ids `0 .. r-1`; -1 marks rows left out.
        min_count (`int`, defaults to 2): a pattern of fewer instances is none (in a relation of fewer instances: of fewer
            than all of them).
        max_instances (`int`, defaults to 2000): of a larger relation a sample of this size is read, drawn by the hash of the
            ids, so that the order of the rows does not matter.

    Returns:
        [`PatternCounts`].
    """
    labels = np.asarray(labels)
    members: list[list[int]] = []
    for relation in range(int(labels.max(initial=-1)) + 1):
        rows = np.flatnonzero(labels == relation).tolist()
        if len(rows) > max_instances:
            rows = sorted(rows, key=lambda row: _digest(str(instances[row].get("id", row))))[:max_instances]
        members.append(rows)
    candidates = []
    for rows in members:
        seen = Counter(pattern for row in rows for pattern in patterns_between(instances[row]))
        frequent = {pattern: count for pattern, count in seen.items() if count >= min(min_count, len(rows))}
        redundant = {
            shorter for pattern, count in frequent.items() for shorter in pattern.shorter() if seen[shorter] == count
        }
        candidates.append(sorted(pattern for pattern in frequent if pattern not in redundant))
    wanted = {pattern for patterns in candidates for pattern in patterns}
    wanted |= {pattern.swapped() for pattern in wanted}
    counts = [
        dict(Counter(pattern for row in rows for pattern in patterns_between(instances[row]) & wanted))
        for rows in members
    ]
    return PatternCounts([len(rows) for rows in members], counts, candidates)


def _digest(key: str) -> bytes:
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()
