"""Neighbour smoothing against a slow loop."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from hf_relation.clustering import NeighborSmoothing
from hf_relation.errors import UsageError


def slow(X, neighbors, rounds, alpha):
    rows = [row / np.linalg.norm(row) for row in np.asarray(X, dtype=np.float64)]
    for _ in range(rounds):
        smoothed = []
        for number, row in enumerate(rows):
            others = [other for position, other in enumerate(rows) if position != number]
            nearest = sorted(others, key=lambda other: -(row @ other))[:neighbors]
            mixed = (1 - alpha) * row + alpha * np.mean(nearest, axis=0)
            smoothed.append(mixed / np.linalg.norm(mixed))
        rows = smoothed
    return np.array(rows)


@pytest.mark.parametrize(("neighbors", "rounds", "alpha"), [(3, 1, 0.5), (5, 2, 0.7), (1, 3, 1.0), (100, 1, 0.3)])
def test_equals_a_slow_loop(neighbors, rounds, alpha):
    X = np.random.default_rng(0).normal(size=(30, 5)) * 4
    found = NeighborSmoothing(neighbors, rounds, alpha).fit_transform(X)
    np.testing.assert_allclose(found, slow(X, neighbors, rounds, alpha), atol=1e-5)


def test_more_rows_than_one_block():
    X = np.random.default_rng(0).normal(size=(1100, 3))
    found = NeighborSmoothing(2, 1, 0.5).fit_transform(X)
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    for row in (0, 500, 1023, 1024, 1099):
        cosines = unit @ unit[row]
        cosines[row] = -2
        expected = unit[row] + unit[np.argsort(-cosines)[:2]].mean(axis=0)
        np.testing.assert_allclose(found[row], expected / np.linalg.norm(expected), atol=1e-5)


@pytest.mark.parametrize("smoothing", [NeighborSmoothing(3, 0, 0.5), NeighborSmoothing(3, 2, 0.0)])
def test_no_rounds_or_no_weight_only_normalise(smoothing):
    X = np.random.default_rng(0).normal(size=(9, 4))
    np.testing.assert_allclose(smoothing.transform(X), X / np.linalg.norm(X, axis=1, keepdims=True), atol=1e-6)


def test_repeating_rows_changes_nothing():
    X = np.random.default_rng(0).normal(size=(20, 4))
    smoothing = NeighborSmoothing(4, 2)
    repeated = smoothing.transform(np.concatenate([X, np.repeat(X[:2], 30, axis=0)]))
    np.testing.assert_array_equal(repeated[:20], smoothing.transform(X))
    np.testing.assert_array_equal(repeated[20:50], np.repeat(repeated[:1], 30, axis=0))


def test_rows_of_zeros_stay_zero_and_touch_no_other_row():
    X = np.random.default_rng(0).normal(size=(8, 3))
    smoothing = NeighborSmoothing(7)
    found = smoothing.transform(np.concatenate([np.zeros((1, 3)), X]))
    assert not found[0].any()
    np.testing.assert_array_equal(found[1:], smoothing.transform(X))


def test_opposite_rows_that_cancel_give_zero_not_nan():
    found = NeighborSmoothing(1, 1, 0.5).transform([[1.0, 0.0], [-1.0, 0.0]])
    assert found.tolist() == [[0, 0], [0, 0]]


def test_memory_stays_far_below_the_distance_matrix():
    X = np.random.default_rng(0).normal(size=(6000, 8)).astype(np.float32)
    smoothing = NeighborSmoothing(5)
    smoothing.transform(X[:50])
    tracemalloc.start()
    smoothing.transform(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6000 * 6000 * 4 / 10


@pytest.mark.parametrize("arguments", [{"n_neighbors": 0}, {"n_neighbors": 2.5}, {"n_rounds": -1}, {"alpha": 1.5}])
def test_arguments_out_of_range(arguments):
    with pytest.raises(UsageError, match=next(iter(arguments))):
        NeighborSmoothing(**arguments).fit_transform(np.eye(3))
