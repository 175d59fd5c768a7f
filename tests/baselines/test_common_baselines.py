"""Checks that every baseline over instances must pass. Register a new one once, below."""

import copy

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from hf_relation import baselines
from hf_relation.baselines import entity_type_relations, relation_topics, rw_hac
from hf_relation.errors import InvalidRowError, UsageError
from tests.common.tiny_sentences import sentences, shuffled, vectors


def _rw_hac(rows, num_relations, **settings):
    return rw_hac(rows, num_relations, vectors(), n_components=4, **settings)


def _topics(rows, num_relations, **settings):
    return relation_topics(rows, num_relations, max_iter=5, **settings)


# Name -> a call (instances, number of relations) -> labels.
BASELINES = {"rw_hac": _rw_hac, "entity_type_relations": entity_type_relations, "relation_topics": _topics}
SEEDED = {"entity_type_relations", "relation_topics"}
# Not functions from instances to labels; they have tests of their own.
OTHERS = {"RelationalSiameseNetwork", "louvain_communities", "reweighted_features", "word_piece_vectors"}


@pytest.fixture(params=BASELINES.values(), ids=BASELINES)
def baseline(request):
    return request.param


def test_every_baseline_is_registered():
    assert set(baselines.__all__) == set(BASELINES) | OTHERS


def test_one_label_per_row_numbered_by_size(baseline):
    for number in (1, 2, 3):
        labels = baseline(sentences(), number)
        assert labels.shape == (120,) and labels.dtype == np.int64
        sizes = np.bincount(labels[labels >= 0])
        assert (sizes > 0).all() and (np.diff(sizes) <= 0).all() and len(sizes) <= number and labels.min() >= -1


def test_gold_labels_are_not_read(baseline):
    rows = sentences()
    without = [{key: value for key, value in row.items() if key != "relations"} for row in rows]
    wrong = [row | {"relations": [row["id"]]} for row in rows]
    expected = baseline(rows, 3)
    np.testing.assert_array_equal(baseline(without, 3), expected)
    np.testing.assert_array_equal(baseline(wrong, 3), expected)


def test_fault_07_same_labels_in_another_row_order(baseline):
    rows = sentences()
    mixed, order = shuffled(rows)
    np.testing.assert_array_equal(baseline(mixed, 3), baseline(rows, 3)[order])


def test_fault_06_duplicates_share_a_label(baseline):
    rows = sentences()[::3]
    twice = rows + [row | {"id": row["id"] + " again"} for row in rows]
    labels = baseline(twice, 3)
    np.testing.assert_array_equal(labels[: len(rows)], labels[len(rows) :])


def test_fault_08_same_labels_twice_and_with_one_and_two_threads(baseline):
    results = []
    for limit in (1, 1, 2):
        with threadpool_limits(limits=limit):
            results.append(baseline(sentences(), 3))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


@pytest.mark.parametrize("name", sorted(SEEDED))
def test_a_seed_must_be_a_whole_number(name):
    with pytest.raises(UsageError, match="`seed` must be an integer"):
        BASELINES[name](sentences(), 3, seed=-1)


def test_input_is_not_changed(baseline):
    rows = sentences()
    kept = copy.deepcopy(rows)
    baseline(rows, 2)
    assert rows == kept


def test_fault_01_no_instances(baseline):
    with pytest.raises(UsageError, match="no instances"):
        baseline([], 1)


def test_fault_02_one_instance(baseline):
    row = sentences()[0] | {"text": "Ada was born in Lindau, it it it is said."}
    assert baseline([row, row | {"id": "2"}], 1).tolist() == [0, 0]


def test_fault_04_fewer_instances_than_relations(baseline):
    with pytest.raises(UsageError, match=r"`num_relations` must be at most the number of instances \(3\), got 4"):
        baseline(sentences()[:3], 4)
    for bad in (0, 2.0, True):
        with pytest.raises(UsageError, match="`num_relations` must be an integer from 1 up"):
            baseline(sentences(), bad)


def test_fault_14_a_bad_row_is_named(baseline):
    rows = sentences()
    rows[5] = rows[5] | {"text": None}
    with pytest.raises(InvalidRowError, match="row 5: ") as error:
        baseline(rows, 2)
    assert error.value.index == 5
