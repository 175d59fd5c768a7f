"""Which tokens of a long document go through the encoder together, so that every pair has a window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hf_relation.processing.windows import choose_window


class DocumentWindow(NamedTuple):
    """Token ranges of a document that make one input, and the pairs that are scored in it.

    Args:
        stretches (`tuple[tuple[int, int], ...]`): ranges of tokens, end exclusive, in order; two when the middle between
            two far mentions is cut out.
        pairs (`tuple[int, ...]`): positions of the pairs; both mentions of each lie in the stretches.
    """

    stretches: tuple[tuple[int, int], ...]
    pairs: tuple[int, ...]


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
    budget gets a window of its own, with the middle cut out.

    Args:
        num_tokens (`int`): tokens of the document, without markers and special tokens.
        mentions (`Sequence[tuple[int, int]]`): token range of every mention, end exclusive.
        pairs (`Sequence[tuple[int, int]]`): positions in `mentions`.
        budget (`int`): how many tokens fit, markers included.
        markers (`int`, defaults to 0): marker tokens around every mention that lies in the window.
        cover (`bool`, defaults to `False`): add windows for tokens that lie in none, as a tagger needs.

    Returns:
        `list[DocumentWindow]`, at least one; or `int`, the position of a pair whose mentions alone do not fit.

    Example:

    ```python
    >>> from hf_relation.processing.document_windows import plan_windows
    >>> mentions = [(0, 1), (4, 5), (40, 41)]
    >>> plan_windows(50, mentions, [(0, 1), (2, 1), (0, 2)], budget=38)
    [DocumentWindow(stretches=((0, 38),), pairs=(0,)), DocumentWindow(stretches=((4, 42),), pairs=(1,)), \
DocumentWindow(stretches=((0, 19), (31, 50)), pairs=(2,))]

    ```
    """
    if num_tokens + markers * len(mentions) <= budget:
        return [DocumentWindow(((0, num_tokens),), tuple(range(len(pairs))))]

    def reach(pair: int) -> tuple[int, int]:
        spans = [mentions[place] for place in pairs[pair]]
        return min(start for start, _ in spans), max(end for _, end in spans)

    def size(left: int, right: int) -> int:
        inside = sum(left <= start and end <= right for start, end in mentions) if markers else 0
        return right - left + markers * inside

    waiting = sorted(range(len(pairs)), key=lambda pair: (*reach(pair), pair))
    windows: list[DocumentWindow] = []
    while waiting:
        left, right = reach(waiting[0])
        if size(left, right) > budget:
            first, second = sorted(mentions[place] for place in pairs[waiting[0]])
            cut = choose_window(num_tokens, first, second, budget - 2 * markers) if first[1] <= second[0] else None
            if cut is None:
                return waiting[0]
            stretches = ((cut.left, cut.middle_end), (cut.middle_start, cut.right))
            windows.append(DocumentWindow(_joined(stretches), (waiting.pop(0),)))
            continue
        for pair in waiting[1:]:
            start, end = reach(pair)
            if start > right and start - left > budget:
                break
            if size(min(left, start), max(right, end)) <= budget:
                left, right = min(left, start), max(right, end)
        left, right = _widened(left, right, num_tokens, budget, size)
        taken = [pair for pair in waiting if left <= reach(pair)[0] and reach(pair)[1] <= right]
        windows.append(DocumentWindow(((left, right),), tuple(sorted(taken))))
        waiting = [pair for pair in waiting if pair not in set(taken)]
    if cover or not windows:
        windows += [DocumentWindow((stretch,), ()) for stretch in _uncovered(num_tokens, windows, budget, size)]
    return windows


def _joined(stretches: tuple[tuple[int, int], tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    (first, middle_end), (middle_start, last) = stretches
    return ((first, last),) if middle_end >= middle_start else stretches


def _widened(left: int, right: int, num_tokens: int, budget: int, size) -> tuple[int, int]:  # type: ignore[no-untyped-def]
    """Take in tokens on both sides in turn while they fit."""
    open_left, open_right = left > 0, right < num_tokens
    while open_left or open_right:
        if open_left:
            open_left = size(left - 1, right) <= budget
            left -= open_left
            open_left = open_left and left > 0
        if open_right:
            open_right = size(left, right + 1) <= budget
            right += open_right
            open_right = open_right and right < num_tokens
    return left, right


def _uncovered(num_tokens: int, windows: Sequence[DocumentWindow], budget: int, size) -> list[tuple[int, int]]:  # type: ignore[no-untyped-def]
    """Windows, with a fourth of the budget in common with what lies before, for tokens that lie in none."""
    covered = [False] * num_tokens
    for window in windows:
        for start, end in window.stretches:
            covered[start:end] = [True] * (end - start)
    found: list[tuple[int, int]] = []
    while False in covered:
        first = covered.index(False)
        left = max(first - budget // 4, 0)
        right = left + 1
        while right < num_tokens and size(left, right + 1) <= budget:
            right += 1
        if right <= first:  # markers alone fill the window: begin at the token itself
            left, right = first, first + 1
        covered[left:right] = [True] * (right - left)
        found.append((left, right))
    return found
