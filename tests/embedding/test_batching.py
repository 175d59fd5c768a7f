from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_relation.embedding import token_budget_batches
from hf_relation.errors import UsageError


@given(st.lists(st.integers(1, 60), max_size=60), st.integers(1, 200))
@settings(max_examples=60, deadline=None)
def test_every_row_once_and_no_batch_above_the_budget(lengths, budget):
    batches = token_budget_batches(lengths, budget)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or max(lengths[row] for row in batch) * len(batch) <= budget
    in_order = [lengths[row] for batch in batches for row in batch]
    assert in_order == sorted(lengths, reverse=True)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=60), st.integers(1, 200))
@settings(max_examples=60, deadline=None)
def test_a_batch_ends_at_its_budget_or_when_a_quarter_full_before_a_much_shorter_row(lengths, budget):
    batches = token_budget_batches(lengths, budget)
    for batch, following in itertools.pairwise(batches):
        longest, next_length = lengths[batch[0]], lengths[following[0]]
        full = longest * (len(batch) + 1) > budget
        assert full or (4 * longest * len(batch) >= budget and next_length < 0.9 * longest)


def test_few_rows_of_unlike_length_have_little_padding():
    lengths = [60, 15, 14, 58, 30, 31, 59, 16, 32, 15, 57, 30] * 2
    batches = token_budget_batches(lengths, 1024)
    lengths_of_batches = [sorted({lengths[row] for row in batch}) for batch in batches]
    assert lengths_of_batches == [[57, 58, 59, 60], [30, 31, 32], [14, 15, 16]]


def test_rows_of_equal_length_stay_in_order():
    assert token_budget_batches([4] * 5, 8) == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize("budget", [0, -1, 1.5, True, None])
def test_bad_budgets_are_refused(budget):
    with pytest.raises(UsageError, match="at least 1"):
        token_budget_batches([1], budget)
