"""TaskBatchSampler: every row of every task, batches of one task, mixing as asked for, the same order again."""

from collections import Counter

import numpy as np
import pytest
from accelerate.data_loader import BatchSamplerShard

from hf_relation.errors import UsageError
from hf_relation.training import TaskBatchSampler
from hf_relation.training.task_sampler import share_out


SIZES = [10, 3, 7]


def tasks_of(batches):
    places = [set(np.searchsorted(np.cumsum(SIZES), batch, side="right").tolist()) for batch in batches]
    assert all(len(place) == 1 for place in places)
    return [place.pop() for place in places]


def test_proportional_sees_every_row_in_batches_of_one_task():
    sampler = TaskBatchSampler(SIZES, batch_size=4)
    batches = list(sampler)
    assert Counter(tasks_of(batches)) == {0: 3, 1: 1, 2: 2} and len(sampler) == 6
    assert {row for batch in batches for row in batch} == set(range(20))
    assert all(len(batch) == 4 for batch in batches)
    for task, times in ((0, 2), (2, 2)):  # filled up: no row comes a third time before all came twice
        rows = Counter(
            row for batch, one in zip(batches, tasks_of(batches), strict=True) if one == task for row in batch
        )
        assert max(rows.values()) <= times


def test_batches_of_all_tasks_are_shuffled_anew_in_every_epoch():
    sampler = TaskBatchSampler(SIZES, batch_size=1, seed=3)
    first = list(sampler)
    assert list(TaskBatchSampler(SIZES, batch_size=1, seed=3)) == first == list(sampler)
    assert tasks_of(first) != sorted(tasks_of(first))
    sampler.set_epoch(1)
    assert list(sampler) != first and sorted(map(tuple, sampler)) == sorted(map(tuple, first))


@pytest.mark.parametrize(
    ("mixing", "expected"),
    [("equal", [2, 2, 2]), ([1, 0, 2], [2, 0, 4]), ([9.0, 3.0, 0.0], [5, 1, 0]), ("proportional", [3, 1, 2])],
)
def test_mixing(mixing, expected):
    sampler = TaskBatchSampler(SIZES, batch_size=4, mixing=mixing)
    if mixing == [9.0, 3.0, 0.0]:  # 4.5 and 1.5 of 6: the first of equal remainders
        expected = [5, 1, 0]
    assert sampler.batches_of_task == expected
    assert Counter(tasks_of(list(sampler))) == {task: number for task, number in enumerate(expected) if number}


def test_two_processes_take_turns_in_the_one_order():
    sampler = TaskBatchSampler([9, 3], batch_size=3, num_processes=2)
    shares = [list(BatchSamplerShard(sampler, 2, rank)) for rank in range(2)]
    batches = list(sampler)
    assert len(batches) == 4 and shares[0] == batches[0::2] and shares[1] == batches[1::2]
    assert len(TaskBatchSampler([3], batch_size=4, num_processes=2)) == 2
    assert len(TaskBatchSampler([9, 1], batch_size=2, num_processes=4)) == 4  # of six


def test_parts_sum_to_the_whole():
    rng = np.random.default_rng(0)
    for total in range(12):
        weights = rng.random(4).tolist()
        parts = share_out(total, weights)
        exact = [total * weight / sum(weights) for weight in weights]
        assert sum(parts) == total and all(abs(part - value) < 1 for part, value in zip(parts, exact, strict=True))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sizes": []}, "at least one task"),
        ({"sizes": [3, 0]}, r"sizes\[1\]"),
        ({"batch_size": 0}, "batch_size"),
        ({"mixing": "random"}, "mixing"),
        ({"mixing": [1, 2]}, "3 numbers"),
        ({"mixing": [0, 0, 0]}, "one of them above"),
        ({"mixing": [1, -1, float("nan")]}, "at least 0"),
        ({"seed": -1}, "seed"),
        ({"num_batches": 0}, "num_batches"),
    ],
)
def test_bad_settings_are_told(settings, message):
    with pytest.raises(UsageError, match=message):
        TaskBatchSampler(**({"sizes": SIZES} | settings))


def test_rows_of_similar_length_stand_together():
    """Less padding than without, and still every row once an epoch, none twice in a batch."""
    rng = np.random.default_rng(0)
    sizes, lengths = [96, 40], rng.integers(3, 90, 136).tolist()
    padded = {}
    for given in (None, lengths):
        sampler = TaskBatchSampler(sizes, batch_size=8, seed=1, lengths=given)
        batches = list(sampler)
        assert sorted(row for batch in batches for row in batch) == list(range(136))
        assert all(len({row < 96 for row in batch}) == 1 for batch in batches)
        padded[given is None] = sum(8 * max(lengths[row] for row in batch) for batch in batches)
    assert sum(lengths) <= padded[False] < 0.75 * padded[True]


def test_lengths_give_the_same_order_again_and_another_one_in_the_next_epoch():
    lengths = [5, 1, 9, 2, 8, 3, 7, 4]
    first = TaskBatchSampler([8], batch_size=2, seed=5, lengths=lengths)
    order = list(first)
    assert list(TaskBatchSampler([8], batch_size=2, seed=5, lengths=lengths)) == order
    first.set_epoch(1)
    assert list(first) != order


def test_a_task_smaller_than_a_batch_repeats_and_the_last_batch_is_filled():
    sampler = TaskBatchSampler([3, 5], batch_size=4, lengths=[9, 1, 5, 2, 8, 3, 7, 4])
    batches = list(sampler)
    small = [batch for batch in batches if batch[0] < 3]
    assert len(batches) == 3 and all(len(batch) == 4 for batch in batches) and set(small[0]) == {0, 1, 2}
    large = [batch for batch in batches if batch[0] >= 3]
    assert {row for batch in large for row in batch} == {3, 4, 5, 6, 7}
    assert all(len(set(batch)) == 4 for batch in large)


def test_every_row_needs_a_length():
    with pytest.raises(UsageError, match="one number for each of 8 rows, got 2"):
        TaskBatchSampler([8], lengths=[1, 2])


@pytest.mark.parametrize("seed", range(12))
def test_no_row_stands_twice_in_a_batch_and_none_comes_again_before_all_came(seed):
    rng = np.random.default_rng(seed)
    sizes, batch_size = rng.integers(1, 30, 3).tolist(), int(rng.integers(2, 9))
    ends = np.cumsum([0, *sizes])
    lengths = rng.integers(1, 6, sum(sizes)).tolist()  # many are equal, and stand together when sorted
    sampler = TaskBatchSampler(sizes, batch_size, num_batches=int(rng.integers(3, 60)), seed=seed, lengths=lengths)
    times = Counter()
    for batch in sampler:
        task = int(np.searchsorted(ends, batch[0], side="right")) - 1
        assert all(ends[task] <= row < ends[task + 1] for row in batch)
        assert len(set(batch)) == min(batch_size, sizes[task])
        times.update(batch)
    for task, size in enumerate(sizes):
        seen = [times[row] for row in range(ends[task], ends[task + 1])]
        drawn = batch_size * sampler.batches_of_task[task]
        assert sum(seen) == drawn and (max(seen) == 1 if 0 < drawn <= size else min(seen) >= (drawn >= size))


def test_similar_lengths_stand_together_and_batches_do_not_follow_length():
    lengths = [number % 40 + 1 for number in range(80)] + [90] * 40
    batches = list(TaskBatchSampler([80, 40], batch_size=8, lengths=lengths))
    first = [max(lengths[row] for row in batch) for batch in batches if batch[0] < 80]
    # Sorted, 80 rows of lengths 1 to 40, two of each, fall into ten batches of four lengths each.
    assert sorted(first) == [4, 8, 12, 16, 20, 24, 28, 32, 36, 40] and first != sorted(first)


@pytest.mark.parametrize("given", [[], [1] * 7, [1] * 9])
def test_lengths_are_counted(given):
    with pytest.raises(UsageError, match=f"one number for each of 8 rows, got {len(given)}"):
        TaskBatchSampler([3, 5], lengths=given)
