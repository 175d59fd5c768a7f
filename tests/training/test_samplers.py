"""ClassBalancedBatchSampler: composition, coverage, order."""

import logging
from collections import Counter

import pytest

from hf_relation.errors import UsageError
from hf_relation.training import ClassBalancedBatchSampler


LABELS = [number for number in range(8) for _ in range(5 + number)] + [-100] * 4


def batches(**kwargs):
    settings = {"classes_per_batch": 3, "instances_per_class": 4, "num_batches": 20, "seed": 1} | kwargs
    return list(ClassBalancedBatchSampler(LABELS, **settings))


def test_every_batch_holds_c_relations_with_m_different_instances_each():
    for batch in batches():
        assert len(batch) == len(set(batch)) == 12
        assert sorted(Counter(LABELS[row] for row in batch).values()) == [4, 4, 4]


def test_unlabelled_rows_are_never_drawn():
    assert all(LABELS[row] != -100 for batch in batches(num_batches=100) for row in batch)


def test_relations_are_drawn_evenly_whatever_their_size():
    drawn = Counter(LABELS[row] for batch in batches(num_batches=800) for row in batch)
    # 800 * 3 / 8 = 300 draws of 4 rows each; the standard deviation of the number of draws is about 14
    assert all(abs(drawn[label] / 4 - 300) < 70 for label in range(8))


def test_no_instance_comes_back_before_all_of_its_relation_were_used():
    order = [row for batch in batches(num_batches=60) for row in batch if LABELS[row] == 7]
    size = LABELS.count(7)
    passes = [order[start : start + size] for start in range(0, len(order) - size, size)]
    assert len(passes) > 3
    assert all(len(set(one_pass)) == size for one_pass in passes)


def test_order_is_a_function_of_seed_and_epoch():
    sampler = ClassBalancedBatchSampler(LABELS, 3, 4, num_batches=5, seed=1)
    first = list(sampler)
    assert list(sampler) == first
    sampler.set_epoch(1)
    second = list(sampler)
    assert second != first
    assert batches(num_batches=5, seed=2) != first
    fresh = ClassBalancedBatchSampler(LABELS, 3, 4, num_batches=5, seed=1)
    fresh.set_epoch(1)
    assert list(fresh) == second


def test_a_longer_epoch_starts_with_the_batches_of_a_shorter_one():
    assert batches(num_batches=30)[:7] == batches(num_batches=7)


def test_small_relations_repeat_and_are_named_once(caplog):
    labels = [0] * 6 + [1, 1] + [2]
    with caplog.at_level(logging.WARNING):
        sampler = ClassBalancedBatchSampler(labels, 3, 5, num_batches=3, names=["large", "pair", "single"])
        drawn = list(sampler)
    for batch in drawn:
        counts = Counter(batch)
        assert Counter(labels[row] for row in batch) == {0: 5, 1: 5, 2: 5}
        assert sorted((counts[6], counts[7])) == [2, 3]
        assert counts[8] == 5
    assert len(caplog.records) == 1
    assert "pair (2), single (1)" in caplog.text and "large" not in caplog.text


def test_default_length_is_one_pass_over_the_labelled_rows():
    sampler = ClassBalancedBatchSampler(LABELS, 3, 4)
    assert len(sampler) == (len(LABELS) - 4) // 12 == len(list(sampler))
    assert sampler.batch_size == 12 and sampler.drop_last is True


@pytest.mark.parametrize("labels, found", [([], 0), ([-100, -100], 0), ([3, 3, 3], 1), ([0, 1, 0, 1], 2)])
def test_fewer_relations_than_a_batch_needs_is_an_error_with_both_numbers(labels, found):
    with pytest.raises(UsageError, match=rf"`classes_per_batch`=3 relations, but the training data has {found} "):
        ClassBalancedBatchSampler(labels, classes_per_batch=3)


@pytest.mark.parametrize(
    "labels, message",
    [
        ([0, 1, -1], "row 2 has -1"),
        ([0.0, 1.0], "float64"),
        (["a", "b"], "flat list of integers"),
        ([0, "b"], "integers"),
    ],
)
def test_labels_of_the_wrong_kind_are_refused(labels, message):
    with pytest.raises(UsageError, match=message):
        ClassBalancedBatchSampler(labels, classes_per_batch=2)


@pytest.mark.parametrize(
    "setting, value",
    [("classes_per_batch", 1), ("instances_per_class", 1), ("num_batches", 0), ("seed", -1), ("seed", True)],
)
def test_numbers_out_of_range_are_named(setting, value):
    with pytest.raises(UsageError, match=f"`{setting}` must be an integer of at least"):
        batches(**{setting: value})
