"""Pairs without a relation, made from sentences that have one: one mention is replaced by another span of the sentence."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import UsageError
from .schema import Instance, Mention
from .validation import check_instances


Offsets = tuple[int, int]

_WORD = re.compile(r"[^\W_]+(?:[-'’.&][^\W_]+)*", re.UNICODE)
# Words that stand inside names: "Bank of England", "Tour de France".
_JOINING = frozenset("of de la le du des del della di da do dos von van der den the and y al el bin ibn".split())
_DETERMINERS = frozenset("a an the his her its their our my your this that these those some each every".split())
# Capitalised at the start of a sentence, or always, without being a name.
_NOT_NAMES = frozenset(
    """a an the this that these those he she it they we i you his her its their our my your in on at of for from by with
    to as and but or nor so yet if when while after before during since until although though because however there here
    it's who which what where why how not no also both all many most some several other such was is are were be been has
    have had then thus once later early only one two three""".split()
)
_LONGEST = 5  # words of a made mention


@dataclass(frozen=True)
class ShuffledPairs:
    """What [`shuffled_pair_negatives`] made.

    Args:
        instances (`list[Instance]`): pairs without a label (`relations` is empty), in the order of their sentences.
        sources (`list[int]`): for each of them the position of the row it was made from.
        without_candidate (`int`): rows that gave no pair: their sentence has no other span that looks like an entity.
    """

    instances: list[Instance]
    sources: list[int]
    without_candidate: int


def shuffled_pair_negatives(instances: Iterable[Mapping[str, Any]], *, seed: int = 0) -> ShuffledPairs:
    """Make pairs that (mostly) have no relation from sentences in which another pair has one.

    In each row one of the two mentions, drawn by chance, is replaced by another span of the same sentence that looks like an
    entity: a run of capitalised words or a number of three or four digits (a year), or, where a sentence has none, the words
    behind an article. The span overlaps neither mention and spells neither of them. Sentence and other mention stay, so what tells
    such a pair from a true one is only whether the two belong together.

    What it cannot do: some pairs made this way *do* express a relation, or the same one ("Ada and Bob were born in Oslo":
    Bob for Ada), and spans are found by spelling alone, so that a part of a longer name, or a name's first word at the
    start of a sentence, is sometimes left out or cut. In scripts without capitals only the numbers are found. Take figures
    measured on such pairs as figures on such pairs.

    Args:
        instances (`Iterable[Mapping]`): instances of the data contract; labels are not read.
        seed (`int`, defaults to 0): which mention is replaced, and by which span. Depends on the row's id and text alone, so that
            the order of the rows, and what other rows there are, change nothing.

    Returns:
        [`ShuffledPairs`]: at most one pair a row, its id that of the row with `"/none"` behind it.

    Raises:
        InvalidRowError: a bad row.
        UsageError: `seed` is not a whole number of at least 0.

    Example:

    ```python
    >>> from hf_relation.data import shuffled_pair_negatives
    >>> text = "Ada Lind was born in Oslo and met Bo Ferrer."
    >>> row = {"id": "r", "text": text, "head": {"start": 0, "end": 8}, "tail": {"start": 21, "end": 25}, "relation": "born in"}
    >>> made = shuffled_pair_negatives([row])
    >>> pair = made.instances[0]
    >>> [text[pair[side]["start"] : pair[side]["end"]] for side in ("head", "tail")]
    ['Bo Ferrer', 'Oslo']
    >>> pair["relations"], made.without_candidate
    ([], 0)

    ```

    Reference: Zhang et al., "Position-aware Attention and Supervised Data Improve Slot Filling", EMNLP 2017 (TACRED), where
    most pairs of entities in a sentence have no relation; Gao et al., "FewRel 2.0", EMNLP 2019, for "none of the above".
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise UsageError(f"`seed` must be a whole number of at least 0, got {seed!r}.")
    made: list[Instance] = []
    sources: list[int] = []
    rows = check_instances(instances)
    for position, row in enumerate(rows):
        spans = _candidates(row)
        if not spans:
            continue
        # From the row itself, so that a row gives the same pair in any company.
        key = hashlib.sha256(f"{seed}\n{row['id']}\n{row['text']}".encode()).digest()
        generator = np.random.default_rng(list(key))
        replaced = ("head", "tail")[int(generator.integers(2))]
        start, end = spans[int(generator.integers(len(spans)))]
        mention: Mention = {"start": start, "end": end, "type": None}
        head, tail = (mention, row["tail"]) if replaced == "head" else (row["head"], mention)
        made.append(
            {
                "id": f"{row['id']}/none",
                "text": row["text"],
                "head": dict(head),  # type: ignore[typeddict-item]
                "tail": dict(tail),  # type: ignore[typeddict-item]
                "relations": [],
            }
        )
        sources.append(position)
    return ShuffledPairs(made, sources, len(rows) - len(made))


def _candidates(row: Instance) -> list[Offsets]:
    """The spans that may take the place of a mention: names and years, or else nouns behind an article."""
    text = row["text"]
    taken = [(mention["start"], mention["end"]) for mention in (row["head"], row["tail"])]
    spelled = {text[start:end].casefold() for start, end in taken}

    def free(spans: Iterator[Offsets]) -> list[Offsets]:
        return [
            (start, end)
            for start, end in spans
            if all(end <= first or last <= start for first, last in taken)
            and text[start:end].casefold() not in spelled
        ]

    # Words that touch a mention without white space ("London-based") are parts of it.
    words = [match.span() for match in _WORD.finditer(text)]
    runs = _runs(text, [span for span in words if all(span[1] <= first or last <= span[0] for first, last in taken)])
    return free(_names(text, runs)) or free(_nouns(text, runs))


def _runs(text: str, words: list[Offsets]) -> list[list[Offsets]]:
    """Words in runs that only single blanks stand between."""
    runs: list[list[Offsets]] = []
    for span in words:
        if runs and text[runs[-1][-1][1] : span[0]] == " ":
            runs[-1].append(span)
        else:
            runs.append([span])
    return runs


def _names(text: str, runs: list[list[Offsets]]) -> Iterator[Offsets]:
    """Runs of capitalised words, with words like "of" between them, and numbers of three or four digits."""
    for run in runs:
        name: list[Offsets] = []
        for start, end in [*run, (0, 0)]:
            word = text[start:end]
            if _capitalised(word) and not (not name and word.casefold() in _NOT_NAMES):
                name.append((start, end))
                continue
            if name and word in _JOINING:
                name.append((start, end))
                continue
            while name and text[slice(*name[-1])] in _JOINING:
                name.pop()
            if name and len(name) <= _LONGEST:
                yield name[0][0], name[-1][1]
            name = []
            if word.isdecimal() and len(word) in (3, 4):
                yield start, end


def _nouns(text: str, runs: list[list[Offsets]]) -> Iterator[Offsets]:
    """The words from a determiner to the next word that cannot be a part of its noun, three at most."""
    for run in runs:
        words = [text[start:end].casefold() for start, end in run]
        for position, word in enumerate(words):
            if word not in _DETERMINERS:
                continue
            last = position
            while last + 1 < len(words) and last < position + 3 and words[last + 1] not in _NOT_NAMES | _JOINING:
                last += 1
            if last > position and len(words[last]) > 2:
                yield run[position + 1][0], run[last][1]


def _capitalised(word: str) -> bool:
    return len(word) > 1 and word[0].isupper()
