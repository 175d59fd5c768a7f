"""Batches with labelled and unlabelled rows: what is in them, in which order, and what cannot make them."""

import logging
from collections import Counter

import numpy as np
import pytest
from accelerate.data_loader import BatchSamplerShard

from hf_relation.errors import UsageError
from hf_relation.training import MixedBatchSampler


# 4 relations with 9, 6, 6 and 3 rows; 17 unlabelled rows; mixed up.
LABELS = np.random.default_rng(0).permutation([0] * 9 + [1] * 6 + [2] * 6 + [3] * 3 + [-100] * 17).tolist()


def batches(epoch=0, **settings):
    sampler = MixedBatchSampler(LABELS, **({"labelled_per_batch": 4, "unlabelled_per_batch": 3} | settings))
    sampler.set_epoch(epoch)
    return list(sampler)


def labelled(batch):
    return [row for row in batch if LABELS[row] >= 0]


def unlabelled(batch):
    return [row for row in batch if LABELS[row] < 0]


def test_every_batch_has_both_kinds_and_an_epoch_is_a_pass_over_the_unlabelled_rows():
    found = batches()
    assert len(found) == 6  # 17 unlabelled rows, 3 in a batch
    for batch in found:
        assert len(labelled(batch)) == 4 and len(unlabelled(batch)) == 3 and len(set(batch)) == 7
        assert labelled(batch) == batch[:4]
    seen = Counter(row for batch in found for row in unlabelled(batch))
    assert set(seen) == {row for row, label in enumerate(LABELS) if label < 0}
    assert sorted(seen.values()) == [1] * 16 + [2]  # 18 places
    of_known = Counter(row for batch in found for row in labelled(batch))
    assert set(of_known.values()) == {1} and len(of_known) == 24  # 24 places for 24 rows


def test_rows_are_drawn_evenly_over_relations_where_asked():
    for epoch in range(3):
        for batch in batches(epoch, labelled_per_batch=6, labelled_classes=3):
            counts = Counter(LABELS[row] for row in labelled(batch))
            assert len(counts) == 3 and set(counts.values()) == {2}


def test_the_order_is_a_function_of_seed_and_epoch_and_a_short_epoch_begins_a_long_one():
    assert batches(1) == batches(1)
    assert len({str(batches(epoch, seed=seed)) for epoch in range(3) for seed in range(3)}) == 9
    assert batches(2, num_batches=2) == batches(2)[:2]
    assert len(batches(num_batches=20)) == 20
    sampler = MixedBatchSampler(LABELS, labelled_per_batch=4, unlabelled_per_batch=3)
    first = list(sampler)
    assert list(sampler) == first


def test_two_processes_take_turns():
    sampler = MixedBatchSampler(LABELS, labelled_per_batch=4, unlabelled_per_batch=3)
    shards = [list(BatchSamplerShard(sampler, num_processes=2, process_index=rank)) for rank in (0, 1)]
    assert shards[0] == list(sampler)[0::2] and shards[1] == list(sampler)[1::2]


def test_few_rows_repeat_inside_a_batch_and_that_is_said_once(caplog):
    with caplog.at_level(logging.WARNING):
        sampler = MixedBatchSampler([0, 1, -100, -100], labelled_per_batch=3, unlabelled_per_batch=5)
        found = list(sampler)
    assert len(found) == 1 and Counter(found[0][3:]).keys() == {2, 3} and set(found[0][:3]) == {0, 1}
    assert [record.message for record in caplog.records] == [
        "There are 2 unlabelled row(s) for the 5 of a batch; they repeat inside it.",
        "There are 2 labelled row(s) for the 3 of a batch; they repeat inside it.",
    ]


@pytest.mark.parametrize(
    "labels, settings, message",
    [
        ([0, 1, 0], {}, "There are no unlabelled rows, .*--unlabeled_file"),
        ([-100, -100], {}, r"0 labelled row\(s\) of 0 known .*such as Siamese-URE"),
        ([3, 3, -100], {}, r"2 labelled row\(s\) of 1 known relation\(s\); at least 2"),
        (LABELS, {"labelled_per_batch": 0}, "`labelled_per_batch` must be an integer of at least 1, got 0"),
        (LABELS, {"unlabelled_per_batch": True}, "`unlabelled_per_batch` must be an integer of at least 1, got True"),
        (LABELS, {"labelled_classes": 1}, "`labelled_classes` must be an integer of at least 2, got 1"),
        (
            LABELS,
            {"labelled_per_batch": 5, "labelled_classes": 2},
            r"\(5\) must be a multiple of `labelled_classes` \(2\)",
        ),
        (
            LABELS,
            {"labelled_per_batch": 10, "labelled_classes": 5},
            "is 5, but the training data has 4 labelled relations",
        ),
        (LABELS, {"seed": -1}, "`seed` must be"),
    ],
)
def test_what_cannot_make_batches_is_refused(labels, settings, message):
    with pytest.raises(UsageError, match=message):
        MixedBatchSampler(labels, **settings)
