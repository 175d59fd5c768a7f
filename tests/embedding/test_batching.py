from __future__ import annotations

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
def test_no_batch_could_have_taken_the_next_row(lengths, budget):
    batches = token_budget_batches(lengths, budget)
    for batch in batches[:-1]:
        assert max(lengths[row] for row in batch) * (len(batch) + 1) > budget


def test_rows_of_equal_length_stay_in_order():
    assert token_budget_batches([4] * 5, 8) == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize("budget", [0, -1, 1.5, True, None])
def test_bad_budgets_are_refused(budget):
    with pytest.raises(UsageError, match="at least 1"):
        token_budget_batches([1], budget)
