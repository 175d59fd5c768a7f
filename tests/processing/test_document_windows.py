"""Windows of long documents: what holds for any mentions and pairs, and worked cases."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_relation.processing.document_windows import DocumentWindow, plan_windows


FAST = settings(max_examples=200, deadline=None)


@st.composite
def documents(draw: st.DrawFn) -> dict:
    num_tokens = draw(st.integers(1, 30))
    starts = draw(st.lists(st.integers(0, num_tokens - 1), min_size=1, max_size=6))
    mentions = [(start, draw(st.integers(start + 1, min(start + 5, num_tokens)))) for start in starts]
    place = st.integers(0, len(mentions) - 1)
    return {
        "num_tokens": num_tokens,
        "mentions": mentions,
        "pairs": draw(st.lists(st.tuples(place, place), max_size=8)),
        "budget": draw(st.integers(1, 34)),
        "markers": draw(st.sampled_from([0, 2])),
        "cover": draw(st.booleans()),
    }


def size(window: DocumentWindow, markers: int) -> int:
    return sum(end - start for start, end in window.stretches) + markers * len(window.mentions)


def holds(window: DocumentWindow, span: tuple[int, int]) -> bool:
    return any(left <= span[0] and span[1] <= right for left, right in window.stretches)


@FAST
@given(documents())
def test_every_pair_has_one_window_with_both_mentions_within_the_budget(document):
    windows = plan_windows(**document)
    mentions, pairs = document["mentions"], document["pairs"]
    if isinstance(windows, int):
        return
    assert windows and sorted(pair for window in windows for pair in window.pairs) == list(range(len(pairs)))
    for window in windows:
        assert window.stretches == tuple(sorted(window.stretches)) and len(window.stretches) in (1, 2)
        assert all(0 <= left <= right <= document["num_tokens"] for left, right in window.stretches)
        assert len(window.stretches) == 1 or window.stretches[0][1] < window.stretches[1][0]
        assert all(holds(window, mentions[mention]) for mention in window.mentions)
        assert {mention for pair in window.pairs for mention in pairs[pair]} <= set(window.mentions)
        # A window for no pair, of one token, may have nothing marked; otherwise the budget always holds.
        assert size(window, document["markers"]) <= max(document["budget"], 1)


@FAST
@given(documents())
def test_a_pair_is_refused_only_when_it_cannot_fit(document):
    found = plan_windows(**document)
    mentions, markers, budget = document["mentions"], document["markers"], document["budget"]

    def least(pair: tuple[int, int]) -> int:
        tokens = {token for mention in pair for token in range(*mentions[mention])}
        first, second = (mentions[mention] for mention in pair)
        if max(first[0], second[0]) < min(first[1], second[1]):  # one stretch, as they overlap
            tokens = set(range(min(tokens), max(tokens) + 1))
        return len(tokens) + markers * len(set(pair))

    if isinstance(found, int):
        assert least(document["pairs"][found]) > budget
    else:
        assert all(least(pair) <= budget for pair in document["pairs"])


@FAST
@given(documents())
def test_cover_leaves_no_token_out(document):
    windows = plan_windows(**(document | {"cover": True}))
    if not isinstance(windows, int):
        seen = {token for window in windows for stretch in window.stretches for token in range(*stretch)}
        assert seen == set(range(document["num_tokens"]))


@FAST
@given(documents())
def test_a_window_is_full_when_the_text_is_long_and_nothing_is_marked(document):
    document |= {"markers": 0, "cover": False}
    windows = plan_windows(**document)
    if not isinstance(windows, int):
        for window in windows:
            if window.pairs:
                assert size(window, 0) == min(document["budget"], document["num_tokens"])


def test_a_document_that_fits_is_one_window():
    assert plan_windows(10, [(0, 1), (4, 6)], [(0, 1)], 14, markers=2) == [DocumentWindow(((0, 10),), (0,), (0, 1))]
    assert plan_windows(0, [], [], 5) == [DocumentWindow(((0, 0),), (), ())]


def test_near_pairs_share_a_window_and_context_is_even():
    windows = plan_windows(100, [(40, 41), (44, 45), (46, 48)], [(0, 1), (2, 0)], 20)
    assert windows == [DocumentWindow(((34, 54),), (0, 1), (0, 1, 2))]


def test_the_middle_is_cut_and_both_directions_share_the_window():
    windows = plan_windows(100, [(0, 2), (90, 91), (50, 51)], [(0, 1), (1, 0)], 16, markers=2)
    # 16 - 4 markers - 3 tokens of mentions = 9: three on each inner side and after the second mention; 0 before the first.
    assert windows == [DocumentWindow(((0, 5), (87, 94)), (0, 1), (0, 1))]


def test_markers_of_mentions_in_the_middle_do_not_exceed_the_budget():
    """Without the marks of those between them the pair fits; with them it does not."""
    mentions = [(0, 1), *((place, place + 1) for place in range(2, 10)), (11, 12)]
    (window,) = plan_windows(20, mentions, [(0, 9)], 18, markers=2)
    assert window == DocumentWindow(((0, 14),), (0,), (0, 9)) and size(window, 2) == 18


def test_markers_of_mentions_within_a_mention_do_not_make_it_too_long():
    mentions = [(0, 6), (0, 1), (1, 2), (2, 3), (3, 4)]
    assert plan_windows(8, mentions, [(0, 1)], 12, markers=2) == [DocumentWindow(((0, 8),), (0,), (0, 1))]


def test_mentions_that_are_too_long_together_are_named():
    assert plan_windows(50, [(0, 1), (4, 5), (10, 20), (30, 40)], [(0, 1), (2, 3)], 19) == 1
    assert plan_windows(50, [(0, 1), (4, 5), (10, 20), (30, 40)], [(0, 1), (2, 3)], 20, markers=2) == 1


@pytest.mark.parametrize("markers", [0, 2])
def test_a_long_document_with_two_hundred_mentions_takes_no_minutes(markers):
    mentions = [(10 * number, 10 * number + 2) for number in range(200)]
    pairs = [(head, tail) for head in range(200) for tail in range(200) if 0 < abs(head - tail) <= 40]
    started = time.process_time()
    windows = plan_windows(2_000, mentions, pairs, 512, markers=markers)
    assert time.process_time() - started < 20 and sum(len(window.pairs) for window in windows) == len(pairs)
