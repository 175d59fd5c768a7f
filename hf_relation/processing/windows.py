"""Which tokens of a long text stay: pure arithmetic on token positions."""

from __future__ import annotations

from typing import NamedTuple


class Window(NamedTuple):
    """The kept tokens: `[left, middle_end)` and `[middle_start, right)`; nothing is cut between when they meet.

    Args:
        left (`int`): first kept token, at or before the first mention.
        middle_end (`int`): one past the last kept token after the first mention.
        middle_start (`int`): first kept token before the second mention; equal to `middle_end` when the middle is whole.
        right (`int`): one past the last kept token, at or after the end of the second mention.

    Example:

    ```python
    >>> from hf_relation.processing.windows import Window
    >>> Window(left=0, middle_end=5, middle_start=9, right=12).size
    8

    ```
    """

    left: int
    middle_end: int
    middle_start: int
    right: int

    @property
    def size(self) -> int:
        """How many tokens are kept."""
        return (self.middle_end - self.left) + (self.right - self.middle_start)


def choose_window(num_tokens: int, first: tuple[int, int], second: tuple[int, int], budget: int) -> Window | None:
    """Keep both mentions whole and as much context as fits, evenly on the sides.

    When the stretch from the first to the second mention fits, it is kept whole and the rest of the budget goes to the
    left and the right of it in equal parts; what one side has no tokens for, the other side gets. When it does not fit,
    the middle is cut, and the budget left after the mentions goes in equal parts to the four sides of the mentions.

    Args:
        num_tokens (`int`): tokens of the text, without markers and special tokens.
        first (`tuple[int, int]`): token range (end exclusive) of the mention that comes first.
        second (`tuple[int, int]`): token range of the other mention, at or after the end of the first.
        budget (`int`): how many text tokens fit.

    Returns:
        `Window` or `None`: `None` when the two mentions alone are longer than the budget. Otherwise a window with
        `min(budget, num_tokens)` tokens.

    Example:

    ```python
    >>> from hf_relation.processing.windows import choose_window
    >>> choose_window(20, (8, 9), (11, 12), budget=8)  # 4 from mention to mention, 2 on each side
    Window(left=6, middle_end=11, middle_start=11, right=14)
    >>> choose_window(20, (0, 1), (18, 20), budget=9)  # the middle is cut; nothing stands outside the mentions
    Window(left=0, middle_end=4, middle_start=15, right=20)
    >>> choose_window(20, (0, 5), (10, 15), budget=9) is None
    True

    ```
    """
    if num_tokens <= budget:
        return Window(0, second[0], second[0], num_tokens)
    before, after = first[0], num_tokens - second[1]
    stretch = second[1] - first[0]
    if stretch <= budget:
        left, right = _share_evenly(budget - stretch, [before, after])
        return Window(first[0] - left, second[0], second[0], second[1] + right)
    mentions = (first[1] - first[0]) + (second[1] - second[0])
    if mentions > budget:
        return None
    # The middle is longer than what is left, so the two inner sides together can never reach across it.
    middle = second[0] - first[1]
    left, inner_first, inner_second, right = _share_evenly(budget - mentions, [before, middle, middle, after])
    return Window(first[0] - left, first[1] + inner_first, second[0] - inner_second, second[1] + right)


def _share_evenly(amount: int, capacities: list[int]) -> list[int]:
    """Deal `amount` out in equal parts, none above its capacity; odd ones go to the earlier places."""
    shares = [0] * len(capacities)
    while amount > 0:
        open_places = [i for i, capacity in enumerate(capacities) if shares[i] < capacity]
        if not open_places:
            break
        part = max(amount // len(open_places), 1)
        for i in open_places:
            given = min(part, capacities[i] - shares[i], amount)
            shares[i] += given
            amount -= given
    return shares
