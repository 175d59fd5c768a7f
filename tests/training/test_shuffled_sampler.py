"""Batches of all rows: a pure function of seed and epoch, of one size, no row twice."""

import pytest

from hf_relation.errors import UsageError
from hf_relation.training import ShuffledBatchSampler


def epoch(sampler, number):
    sampler.set_epoch(number)
    return list(sampler)


def test_every_epoch_is_another_order_of_the_rows_and_always_the_same():
    sampler = ShuffledBatchSampler(10, batch_size=3, seed=4)
    assert len(sampler) == 3
    first, second = epoch(sampler, 0), epoch(sampler, 1)
    assert first != second and epoch(sampler, 0) == first
    assert epoch(ShuffledBatchSampler(10, batch_size=3, seed=4), 1) == second
    assert epoch(ShuffledBatchSampler(10, batch_size=3, seed=5), 0) != first
    left_out = set()
    for number in range(40):
        rows = [row for batch in epoch(sampler, number) for row in batch]
        assert len(rows) == len(set(rows)) == 9 and set(rows) < set(range(10))
        left_out |= set(range(10)) - set(rows)
    assert left_out == set(range(10))  # not always the same one


@pytest.mark.parametrize(
    "num_rows, processes, size, batches",
    [(5, 1, 5, 1), (64, 1, 64, 1), (127, 1, 64, 1), (100, 2, 50, 2), (9, 4, 2, 4)],
)
def test_few_rows_make_smaller_batches_and_every_process_has_one(num_rows, processes, size, batches):
    sampler = ShuffledBatchSampler(num_rows, num_processes=processes)
    assert (sampler.batch_size, len(sampler)) == (size, batches)
    assert [len(batch) for batch in sampler] == [size] * batches


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"num_rows": 1}, "`num_rows` must be an integer of at least 2, got 1"),
        ({"num_rows": 9, "batch_size": 1}, "`batch_size`"),
        ({"num_rows": 9, "seed": -1}, "`seed`"),
        ({"num_rows": 3, "num_processes": 2}, "3 rows are too few for 2 processes"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(UsageError, match=message):
        ShuffledBatchSampler(**settings)
