"""The window against a plain restatement of its rules, on every small case."""

from __future__ import annotations

import itertools

from hf_relation.processing.windows import Window, choose_window


def kept_positions(window: Window) -> set[int]:
    return set(range(window.left, window.middle_end)) | set(range(window.middle_start, window.right))


def small_cases():
    for num_tokens in range(2, 9):
        for a0, a1, b0, b1 in itertools.combinations(range(num_tokens + 1), 4):
            yield num_tokens, (a0, a1), (b0, b1)
        for a0, edge, b1 in itertools.combinations(range(num_tokens + 1), 3):  # adjacent mentions
            yield num_tokens, (a0, edge), (edge, b1)


def test_every_small_case_keeps_mentions_and_fills_the_budget():
    for num_tokens, first, second in small_cases():
        mentions = set(range(*first)) | set(range(*second))
        for budget in range(1, num_tokens + 2):
            window = choose_window(num_tokens, first, second, budget)
            if len(mentions) > budget:
                assert window is None
                continue
            kept = kept_positions(window)
            assert mentions <= kept <= set(range(num_tokens))
            assert len(kept) == window.size == min(budget, num_tokens)


def test_the_middle_is_cut_only_when_the_stretch_between_the_mentions_does_not_fit():
    for num_tokens, first, second in small_cases():
        for budget in range(1, num_tokens + 2):
            window = choose_window(num_tokens, first, second, budget)
            if window is None:
                continue
            whole = window.middle_end == window.middle_start
            if second[1] - first[0] <= budget:
                assert whole
            elif second[0] > first[1]:
                assert not whole


def test_context_is_shared_evenly_where_there_is_enough_on_every_side():
    window = choose_window(100, (40, 42), (50, 53), 33)
    assert (40 - window.left, window.right - 53) == (10, 10)
    window = choose_window(100, (20, 21), (80, 82), 43)
    assert [20 - window.left, window.middle_end - 21, 80 - window.middle_start, window.right - 82] == [10, 10, 10, 10]


def test_a_short_side_gives_its_share_to_the_others():
    assert choose_window(50, (1, 2), (4, 5), 24) == Window(0, 4, 4, 24)
    assert choose_window(50, (40, 41), (47, 49), 20) == Window(30, 47, 47, 50)
    # One token before the first mention, none after the second: the inner sides share the other eight of nine.
    assert choose_window(50, (1, 2), (48, 50), 12) == Window(0, 6, 44, 50)
