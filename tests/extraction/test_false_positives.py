"""Predictions for pairs that merely occur together, counted by loops."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hf_relation.errors import UsageError
from hf_relation.extraction import Thresholds, co_occurrence_false_positive_rate


def test_counts_equal_a_slow_loop():
    generator = np.random.default_rng(0)
    p = generator.random((80, 3))
    y = (generator.random((80, 3)) < 0.2).astype(int)
    thresholds = Thresholds(0.6, {"b": 0.9})
    found = co_occurrence_false_positive_rate(p, y, thresholds, relations=["a", "b", "c"])
    unrelated = [i for i in range(80) if sum(y[i]) == 0]
    wrong = {
        name: sum(p[i, column] >= limit for i in unrelated)
        for name, column, limit in zip("abc", range(3), (0.6, 0.9, 0.6), strict=True)
    }
    some = sum(any(p[i, column] >= (0.6, 0.9, 0.6)[column] for column in range(3)) for i in unrelated)
    assert found.num_pairs == 80 and found.num_unrelated == len(unrelated)
    assert found.num_predicted == some and found.rate == pytest.approx(some / len(unrelated))
    assert found.predicted_by_relation == wrong
    assert found.rate_by_relation == pytest.approx({name: count / len(unrelated) for name, count in wrong.items()})
    assert json.loads(json.dumps(found.to_dict()))["rate"] == found.rate


def test_no_unrelated_pair_has_no_rate():
    for p, y in (([[0.9]], [[1]]), (np.empty((0, 1)), np.empty((0, 1)))):
        found = co_occurrence_false_positive_rate(p, y)
        assert (found.num_unrelated, found.num_predicted, found.rate, found.rate_by_relation) == (0, 0, None, None)


def test_a_score_at_the_threshold_is_predicted():
    assert co_occurrence_false_positive_rate([[0.5]], [[0]]).rate == 1
    assert co_occurrence_false_positive_rate([[0.5]], [[0]], 0.51).rate == 0


def test_bad_input_is_told_plainly():
    with pytest.raises(UsageError, match="from 0 to 1"):
        co_occurrence_false_positive_rate([[0.5]], [[0]], 2)
    with pytest.raises(UsageError, match="has one for 'b', which is not among"):
        co_occurrence_false_positive_rate([[0.5]], [[0]], Thresholds(0.5, {"b": 0.1}), relations=["a"])
