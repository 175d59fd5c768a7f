"""The number read from joins: planted numbers are found, one relation can be found, nothing depends on order or copies."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from hf_relation.clustering import NumRelationsEstimate, estimate_num_relations
from hf_relation.clustering.num_relations import JOIN_THRESHOLD
from hf_relation.errors import UsageError


def planted(number: int, *, noise: float = 0.08, seed: int = 0, least: int = 30, most: int = 90) -> np.ndarray:
    random = np.random.default_rng(seed)
    centers = random.normal(size=(number, 32))
    sizes = random.integers(least, most, number)
    rows = np.repeat(centers / np.linalg.norm(centers, axis=1, keepdims=True), sizes, axis=0)
    return rows + noise * random.normal(size=rows.shape)


def auto(rows, **settings):
    return estimate_num_relations(rows, calibration=JOIN_THRESHOLD, **settings)


def joins(rows, **settings):
    return auto(rows, criterion="ward_joins", **settings)


@pytest.mark.parametrize("number", [4, 7, 12, 20, 40])
def test_planted_number_is_found(number):
    estimate = joins(planted(number))
    assert estimate.criterion == "ward_joins"
    assert abs(estimate.best - number) <= 0.1 * number
    assert estimate.low <= number <= estimate.high
    assert estimate.scores[estimate.candidates.index(estimate.best)] == max(estimate.scores)


def test_one_relation_and_equal_rows():
    one = planted(1, least=300, most=301)
    assert joins(one).best == joins(one).low == 1
    for rows in (np.ones((500, 3)), np.zeros((500, 3))):
        estimate = joins(rows)
        assert (estimate.best, estimate.low, estimate.high) == (1, 1, 1)


@pytest.mark.parametrize("criterion", ["ward_joins", "modularity", "silhouette_modularity"])
def test_order_copies_and_scale_do_not_matter(criterion):
    rows = planted(6, noise=0.2).astype(np.float32)
    settings = {"criterion": criterion, "calibration": JOIN_THRESHOLD}
    expected = estimate_num_relations(rows, **settings)
    order = np.random.default_rng(1).permutation(len(rows))
    assert estimate_num_relations(np.concatenate([rows[order], rows[:50]]), **settings) == expected
    assert estimate_num_relations(rows * np.float32(4), **settings) == expected


def test_large_corpus_is_sampled_and_found():
    rows = planted(16, least=650, most=750)
    estimate = joins(rows)
    assert 14 <= estimate.best <= 18
    assert joins(rows) == estimate


def test_higher_threshold_finds_no_more_and_range_widens_with_tolerance():
    rows = planted(10, noise=0.2)
    found = [estimate_num_relations(rows, calibration=threshold).best for threshold in (0.5, 1.0, 1.8, 2.5, 5.0)]
    assert found == sorted(found, reverse=True) and found[0] > found[-1] == 1
    narrow, wide = joins(rows, tolerance=0.0), joins(rows, tolerance=0.6)
    assert narrow.low == narrow.best == narrow.high
    assert wide.low <= narrow.low and wide.high > narrow.high
    # The range is what the two moved thresholds find.
    assert wide.low == estimate_num_relations(rows, calibration=1.6 * JOIN_THRESHOLD).best
    assert wide.high == estimate_num_relations(rows, calibration=0.4 * JOIN_THRESHOLD).best


def test_given_candidates_bound_the_result():
    rows = planted(8)
    assert joins(rows, candidates=[2, 3, 5]).best == 5
    assert joins(rows, candidates=[30, 60]).best == 30
    estimate = joins(rows, candidates=[7, 8, 9])
    assert estimate.best == 8 and estimate.candidates == (7, 8, 9)


def test_the_rule_of_auto():
    random = np.random.default_rng(0)
    many = random.normal(size=(350, 3))
    assert estimate_num_relations(many).criterion == "modularity"
    assert auto(many).criterion == "ward_joins"
    for number in (180, 349):
        assert auto(many[:number], n_init=1, candidates=[2, 3]).criterion == "silhouette_modularity"
    few = many[:179]
    assert auto(few, n_init=1, candidates=[2, 3]).criterion == "smoothed_silhouette"
    twice = np.concatenate([few, few])  # distinct rows count
    assert auto(twice, n_init=1, candidates=[2, 3]).criterion == "smoothed_silhouette"


def test_between_two_criteria_by_hand():
    rows = np.random.default_rng(0).normal(size=(200, 6))
    settings = {"candidates": range(2, 20), "n_init": 2}
    one = estimate_num_relations(rows, criterion="smoothed_silhouette", **settings)
    other = estimate_num_relations(rows, criterion="modularity", **settings)
    found = estimate_num_relations(rows, criterion="silhouette_modularity", **settings)
    assert one.best != other.best
    assert found.best == round((one.best * other.best) ** 0.5)
    assert (found.low, found.high) == (min(one.best, other.best), max(one.best, other.best))
    assert np.allclose(found.scores, (np.array(one.scores) + np.array(other.scores)) / 2)
    assert found.candidates == tuple(range(2, 20))


@pytest.mark.parametrize("number", [4, 9, 16])
def test_modularity_finds_planted_numbers(number):
    estimate = estimate_num_relations(planted(number), criterion="modularity")
    assert estimate.best == number
    assert estimate.low <= number <= estimate.high


def test_result_survives_json():
    estimate = joins(planted(5))
    assert NumRelationsEstimate(**json.loads(json.dumps(dataclasses.asdict(estimate), allow_nan=False))) == estimate


@pytest.mark.parametrize("number", [1, 3, 4, 8])
@pytest.mark.parametrize("criterion", ["ward_joins", "modularity", "silhouette_modularity"])
def test_a_handful_of_rows(criterion, number):
    rows = np.eye(8)[:number]
    estimate = estimate_num_relations(rows, criterion=criterion, calibration=1.0)
    assert 1 <= estimate.low <= estimate.best <= estimate.high <= max(number, 1)
    assert np.isfinite(estimate.scores).all()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"criterion": "ward_joins"}, "needs `calibration`.*1.78.*modularity"),
        ({"calibration": 0.0}, "`calibration` must be a finite number above 0, got 0.0"),
        ({"calibration": float("nan")}, "`calibration`"),
        ({"calibration": float("inf")}, "`calibration`"),
        (
            {"criterion": "gap"},
            "one of auto, ward_joins, modularity, silhouette_modularity, smoothed_silhouette, silhouette; got 'gap'",
        ),
        ({"tolerance": -0.1}, "`tolerance`"),
    ],
)
def test_settings_out_of_range(settings, said):
    with pytest.raises(UsageError, match=said):
        estimate_num_relations(planted(2), **settings)
