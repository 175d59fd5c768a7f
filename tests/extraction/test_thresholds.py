"""Thresholds of highest F1 against trying all of them with scikit-learn."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import f1_score

from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.extraction import Thresholds, choose_threshold


def pairs(seed: int, n: int = 60, r: int = 3, decimals: int = 2):
    generator = np.random.default_rng(seed)
    p = generator.random((n, r)).round(decimals)  # with ties
    return p, (generator.random((n, r)) < p**2).astype(int)


def best_f1(p: np.ndarray, y: np.ndarray) -> float:
    return max(f1_score(y.ravel(), p.ravel() >= t) for t in np.unique(p))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("decimals", [1, 2, 8])
def test_no_threshold_has_a_higher_f1(seed, decimals):
    p, y = pairs(seed, decimals=decimals)
    found = choose_threshold(p, y, min_positives=1)
    chosen = found.apply(p)
    assert f1_score(y.ravel(), chosen.ravel()) == pytest.approx(best_f1(p, y))
    assert found.f1 == pytest.approx(f1_score(y, chosen, average="micro"))


@pytest.mark.parametrize("seed", range(4))
def test_by_relation_each_has_its_highest_f1_or_the_common_threshold(seed):
    p, y = pairs(seed)
    y[:, 1] = 0
    y[:4, 1] = 1  # fewer than five
    names = ["a", "b", "c"]
    found = choose_threshold(p, y, relations=names, per_relation=True, min_positives=5)
    assert set(found.per_relation) == {"a", "c"}
    assert found.value == choose_threshold(p, y, min_positives=5).value
    chosen = found.apply(p, names)
    for column in (0, 2):
        assert f1_score(y[:, column], chosen[:, column]) == pytest.approx(best_f1(p[:, column], y[:, column]))
    assert (chosen[:, 1] == (p[:, 1] >= found.value)).all()
    assert found.f1 == pytest.approx(f1_score(y, chosen, average="micro"))


def test_the_default_stays_where_nothing_is_better_and_else_the_middle_is_taken():
    assert choose_threshold([[0.9], [0.1]], [[1], [0]], min_positives=1).value == 0.5
    assert choose_threshold([[0.9], [0.6]], [[1], [0]], min_positives=1).value == pytest.approx(0.75)
    assert choose_threshold([[0.2], [0.1]], [[1], [0]], min_positives=1).value == pytest.approx(0.15)
    assert choose_threshold([[0.9], [0.6]], [[1], [1]], min_positives=1, default=0.0).value == 0.0
    # All and only the first have F1 2/3 each: 0.55 is nearer to 0.5 than the middle below 0.2.
    found = choose_threshold([[0.8], [0.3], [0.25], [0.2]], [[1], [0], [0], [1]], min_positives=1)
    assert found.value == 0.5 and found.f1 == pytest.approx(2 / 3)


def test_neighbouring_floats_and_the_ends_of_the_range():
    low = 0.7
    high = np.nextafter(low, 1)
    for p in ([[high], [low]], [[np.nextafter(np.float32(0.7), np.float32(1))], [np.float32(0.7)]]):
        p = np.asarray(p)
        found = choose_threshold(p, [[1], [0]], min_positives=1)
        assert found.apply(p).tolist() == [[True], [False]]
    assert choose_threshold([[0.0]], [[1]], min_positives=1).apply([[0.0]]).all()
    assert choose_threshold([[1.0], [0.99]], [[1], [0]], min_positives=1).apply([[1.0], [0.99]]).sum() == 1


def test_missed_triples_count_as_not_predicted():
    # Scores .9 (right), .8 (wrong), .7 (right). F1 of the cuts: with none missed 2/3, 1/2, 4/5; with seven 2/10, 2/11, 4/12.
    p, y = [[0.9], [0.8], [0.7]], [[1], [0], [1]]
    assert choose_threshold(p, y, min_positives=1).f1 == pytest.approx(4 / 5)
    assert choose_threshold(p, y, min_positives=1, num_missed=7).f1 == pytest.approx(4 / 12)
    by_name = choose_threshold(p, y, relations=["a"], min_positives=1, num_missed={"a": 7})
    assert by_name.f1 == pytest.approx(4 / 12)
    # Missed triples make more predictions worth while: .9 right; .8 wrong, .7 wrong, .6 right.
    p, y = [[0.9], [0.8], [0.7], [0.6]], [[1], [0], [0], [1]]
    assert choose_threshold(p, y, min_positives=1).apply(p).sum() == 4  # 4/6 and 2/3 are equal; .5 is the default
    assert choose_threshold(p, y, min_positives=1, default=0.85).apply(p).sum() == 1
    assert choose_threshold(p, y, min_positives=1, default=0.85, num_missed=1).apply(p).sum() == 4  # 4/7 against 2/4
    own = choose_threshold(
        p, y, relations=["a"], per_relation=True, min_positives=1, default=0.85, num_missed={"a": 1}
    )
    assert own.apply(p, ["a"]).sum() == 4


def test_too_little_to_choose_by_is_the_default():
    p, y = pairs(0)
    assert choose_threshold(p, np.zeros_like(y)) == Thresholds(0.5, {}, 0.0)
    assert choose_threshold(np.zeros((3, 2)), np.zeros((3, 2)), default=0.4) == Thresholds(0.4, {}, None)
    assert choose_threshold(np.empty((0, 2)), np.empty((0, 2))).value == 0.5
    assert choose_threshold([[0.1]], [[1]], min_positives=2, default=0.3).value == 0.3


def test_order_of_the_pairs_does_not_matter():
    p, y = pairs(3)
    order = np.random.default_rng(1).permutation(len(p))
    assert choose_threshold(p[order], y[order]) == choose_threshold(p, y)


def test_stored_as_json_and_read_back_it_is_the_same():
    p, y = pairs(1)
    found = choose_threshold(p, y, relations=["a", "b", "c"], per_relation=True)
    assert Thresholds.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "must be an object with the keys value, per_relation, f1"),
        ({"value": 0.5}, "keys"),
        ({"value": 1.5, "per_relation": {}, "f1": None}, "`value` of thresholds must be a number from 0 to 1"),
        ({"value": None, "per_relation": {}, "f1": None}, "`value`"),
        ({"value": 0.5, "per_relation": [], "f1": None}, "`per_relation`"),
        ({"value": 0.5, "per_relation": {"a": "0.5"}, "f1": None}, "The threshold of 'a'"),
        ({"value": 0.5, "per_relation": {}, "f1": 2}, "`f1`"),
    ],
)
def test_damaged_files_are_told_plainly(content, message):
    with pytest.raises(UsageError, match=message):
        Thresholds.from_dict(content)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"probabilities": [[0.5, np.nan]]}, InvalidRowError, "row 0: .* in column 1"),
        ({"probabilities": [0.5, 0.5]}, UsageError, r"shape \(pairs, relations\)"),
        ({"labels": [[1, 0], [0, 0]]}, UsageError, "shape"),
        ({"labels": [[1, 3]]}, InvalidRowError, "0 or 1, got 3"),
        ({"default": 1.1}, UsageError, "`default` must be a number from 0 to 1"),
        ({"min_positives": 0}, UsageError, "`min_positives`"),
        ({"per_relation": True}, UsageError, "`per_relation` needs `relations`"),
        ({"relations": ["a"]}, UsageError, "2 different names, one per column, got 1"),
        ({"relations": ["a", "a"]}, UsageError, "of which 1 differ"),
        ({"relations": "ab"}, UsageError, "a list of names"),
        ({"num_missed": -1}, UsageError, "`num_missed`"),
        ({"num_missed": {"x": 1}, "relations": ["a", "b"]}, UsageError, "names 'x', which is not among"),
    ],
)
def test_bad_input_is_told_plainly(change, error, message):
    with pytest.raises(error, match=message):
        choose_threshold(**({"probabilities": [[0.5, 0.6]], "labels": [[1, 0]]} | change))


def test_thresholds_by_relation_need_names():
    with pytest.raises(UsageError, match="differ by relation"):
        Thresholds(0.5, {"a": 0.7}).apply([[0.6]])
