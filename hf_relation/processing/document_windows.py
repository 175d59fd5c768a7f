"""Which tokens of a long document go through the encoder together, so that every pair has a window."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from hf_relation.processing.windows import choose_window


class DocumentWindow(NamedTuple):
    """Token ranges of a document that make one input, and the pairs that are scored in it.

    Args:
        stretches (`tuple[tuple[int, int], ...]`): ranges of tokens, end exclusive, in order; two when the middle between
            two far mentions is cut out.
        pairs (`tuple[int, ...]`): positions of the pairs; both mentions of each lie in the stretches.
        mentions (`tuple[int, ...]`): positions of the mentions that the window knows, and marks; those of its pairs are
            among them, and each lies whole in one stretch.
    """

    stretches: tuple[tuple[int, int], ...]
    pairs: tuple[int, ...]
    mentions: tuple[int, ...]


def plan_windows(
    num_tokens: int,
    mentions: Sequence[tuple[int, int]],
    pairs: Sequence[tuple[int, int]],
    budget: int,
    *,
    markers: int = 0,
    cover: bool = False,
) -> list[DocumentWindow] | int:
    """Give every pair one window that holds both of its mentions, with as much context as fits.

    A document that fits is one window. Otherwise pairs are taken in the order of the text: a window takes up as many as fit
    into its budget, and what is left of the budget goes to both sides in equal parts. A pair that lies farther apart than the
    budget (tokens between its mentions, or markers of other mentions there) gets a window in which its two mentions alone are
    marked, if need be with the middle cut out; without markers, other pairs that lie as far apart share that window.

    Args:
        num_tokens (`int`): tokens of the document, without markers and special tokens.
        mentions (`Sequence[tuple[int, int]]`): token range of every mention, end exclusive.
        pairs (`Sequence[tuple[int, int]]`): positions in `mentions`.
        budget (`int`): how many tokens fit, markers included.
        markers (`int`, defaults to 0): marker tokens around every mention of the window.
        cover (`bool`, defaults to `False`): add windows for tokens that lie in none, as a tagger needs.

    Returns:
        `list[DocumentWindow]`, at least one; or `int`, the position of a pair whose mentions alone do not fit.

    Example:

    ```python
    >>> from hf_relation.processing.document_windows import plan_windows
    >>> for window in plan_windows(50, [(0, 1), (4, 5), (40, 41)], [(0, 1), (2, 1), (0, 2)], budget=38):
    ...     print(window.stretches, window.pairs, window.mentions)
    ((0, 38),) (0,) (0, 1)
    ((0, 15), (27, 50)) (2,) (0, 2)
    ((3, 41),) (1,) (1, 2)

    ```
    """
    text = _Text(num_tokens, mentions, budget, markers)
    if text.fits(0, num_tokens):
        return [text.window(0, num_tokens, range(len(pairs)))]
    reach = [text.reach(pair) for pair in pairs]
    waiting = sorted(range(len(pairs)), key=lambda pair: (*reach[pair], pair))
    windows: list[DocumentWindow] = []
    while waiting:
        left, right = reach[waiting[0]]
        if text.fits(left, right):
            for pair in waiting[1:]:
                start, end = reach[pair]
                if start > right and start - left > budget:
                    break
                if end > right and text.fits(left, end):  # it does not begin before the first
                    right = end
            left, right = text.widened(left, right)
            taken = {pair for pair in waiting if left <= reach[pair][0] and reach[pair][1] <= right}
            windows.append(text.window(left, right, taken))
        else:
            stretches = text.around(pairs[waiting[0]])
            if stretches is None:
                return waiting[0]
            # Markers of further mentions would have no room.
            inside = set(pairs[waiting[0]]) if markers else text.inside_any(stretches)
            taken = {pair for pair in waiting if set(pairs[pair]) <= inside and not text.fits(*reach[pair])}
            shown = {mention for pair in taken for mention in pairs[pair]}
            windows.append(DocumentWindow(stretches, tuple(sorted(taken)), tuple(sorted(shown))))
        waiting = [pair for pair in waiting if pair not in taken]
    if cover or not windows:
        windows += text.uncovered(windows)
    return windows


class _Text:
    """The sizes of stretches of a document."""

    def __init__(self, num_tokens: int, mentions: Sequence[tuple[int, int]], budget: int, markers: int) -> None:
        self.num_tokens, self.mentions, self.budget, self.markers = num_tokens, mentions, budget, markers
        self.starts, self.ends = np.array(mentions, dtype=np.int64).reshape(-1, 2).T

    def reach(self, pair: tuple[int, int]) -> tuple[int, int]:
        """From the first to the last token of two mentions."""
        spans = [self.mentions[place] for place in pair]
        return min(start for start, _ in spans), max(end for _, end in spans)

    def inside(self, left: int, right: int) -> np.ndarray:
        """The mentions that lie whole in a stretch."""
        return np.flatnonzero((self.starts >= left) & (self.ends <= right))

    def inside_any(self, stretches: Iterable[tuple[int, int]]) -> set[int]:
        """The mentions that lie whole in one of some stretches."""
        return {int(mention) for stretch in stretches for mention in self.inside(*stretch)}

    def fits(self, left: int, right: int) -> bool:
        """Whether a stretch with the markers of its mentions is within the budget."""
        size = right - left
        if self.markers and size <= self.budget:
            size += self.markers * len(self.inside(left, right))
        return size <= self.budget

    def window(self, left: int, right: int, pairs: Iterable[int]) -> DocumentWindow:
        """The stretch as a window with all mentions in it."""
        return DocumentWindow(((left, right),), tuple(sorted(pairs)), tuple(self.inside(left, right).tolist()))

    def widened(self, left: int, right: int) -> tuple[int, int]:
        """Take in tokens on both sides in turn while they fit."""
        open_left, open_right = left > 0, right < self.num_tokens
        while open_left or open_right:
            if open_left:
                open_left = self.fits(left - 1, right)
                left -= open_left
                open_left = open_left and left > 0
            if open_right:
                open_right = self.fits(left, right + 1)
                right += open_right
                open_right = open_right and right < self.num_tokens
        return left, right

    def around(self, pair: tuple[int, int]) -> tuple[tuple[int, int], ...] | None:
        """Stretches around two mentions that are alone marked; `None` when they do not fit."""
        first, second = sorted(self.mentions[place] for place in pair)
        left, right = self.reach(pair)
        room = self.budget - self.markers * len(set(pair))
        if right - left <= room:  # what does not fit are the markers of other mentions
            first, second = (left, right), (right, right)
        elif first[1] > second[0]:
            return None
        cut = choose_window(self.num_tokens, first, second, room)
        if cut is None:
            return None
        if cut.middle_end == cut.middle_start:
            return ((cut.left, cut.right),)
        return (cut.left, cut.middle_end), (cut.middle_start, cut.right)

    def uncovered(self, windows: Sequence[DocumentWindow]) -> list[DocumentWindow]:
        """Windows, with a fourth of the budget in common with what lies before, for tokens that lie in none."""
        covered = np.zeros(self.num_tokens, dtype=bool)
        for window in windows:
            for start, end in window.stretches:
                covered[start:end] = True
        found: list[DocumentWindow] = []
        while not covered.all():
            first = int(covered.argmin())
            left, right = max(first - self.budget // 4, 0), first + 1
            if not self.fits(left, right):
                left = first
            if not self.fits(left, right):  # a token with more mentions than can be marked
                found.append(DocumentWindow(((left, right),), (), ()))
            else:
                while right < self.num_tokens and self.fits(left, right + 1):
                    right += 1
                found.append(self.window(left, right, ()))
            covered[left:right] = True
        return found
