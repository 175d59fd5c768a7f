"""Stable ids, centres, assignment and cohesion against slow loops and values worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from hf_relation.clustering import assign, canonical_labels, cluster_centers, cohesion
from hf_relation.errors import UsageError


def unit_rows(num_rows: int = 50, dim: int = 4, seed: int = 0) -> np.ndarray:
    X = np.random.default_rng(seed).normal(size=(num_rows, dim)).astype(np.float32)
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def test_ids_go_by_size_then_smallest_key():
    labels = [5, 5, 9, 9, 2, 2, 2, -1, 0]
    keys = ["z", "k", "m", "a", "x", "y", "w", "b", "c"]
    # size 3: 2; size 2: 9 (key a) before 5 (key k); size 1: 0.
    assert canonical_labels(labels, keys).tolist() == [2, 2, 1, 1, 0, 0, 0, -1, 3]


def test_ids_do_not_depend_on_names_or_row_order():
    random = np.random.default_rng(0)
    labels = random.integers(-1, 6, 80)
    keys = np.array([f"id{number:03d}" for number in random.permutation(80)])
    expected = canonical_labels(labels, keys)
    order = random.permutation(80)
    renamed = np.where(labels == -1, -1, (labels * 7 + 3) % 11)
    np.testing.assert_array_equal(canonical_labels(renamed[order], keys[order]), expected[order])


def test_number_keys_are_compared_as_numbers():
    assert canonical_labels([0, 1], [10, 9]).tolist() == [1, 0]
    assert canonical_labels([0, 1], ["10", "9"]).tolist() == [0, 1]


def test_empty_and_all_left_out():
    assert canonical_labels([], []).tolist() == []
    assert canonical_labels([-1, -1], ["a", "b"]).tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("labels", "keys", "said"),
    [
        ([0, 1], ["a"], "1 keys, 2 labels"),
        ([0, 1], ["a", 1], "strings only or numbers only"),
        ([0, -2], ["a", "b"], "got -2"),
        ([0.0, 1.0], ["a", "b"], "dtype float64"),
        ([[0, 1]], ["a"], r"shape \(1, 2\)"),
    ],
)
def test_bad_labels_and_keys(labels, keys, said):
    with pytest.raises(UsageError, match=said):
        canonical_labels(labels, keys)


def test_centres_are_means_of_normalised_rows_without_those_left_out():
    X = unit_rows() * np.linspace(0.1, 9, 50)[:, None]
    labels = np.arange(50) % 4 - 1
    expected = [[0.0] * 4 for _ in range(3)]
    for row, label in zip(X, labels, strict=True):
        if label >= 0:
            for column in range(4):
                expected[label][column] += row[column] / np.linalg.norm(row) / (labels == label).sum()
    np.testing.assert_allclose(cluster_centers(X, labels), expected, atol=1e-6)


def test_centres_of_nothing():
    assert cluster_centers(np.ones((2, 3)), [-1, -1]).shape == (0, 3)
    assert cluster_centers(np.ones((0, 3)), []).shape == (0, 3)
    assert cohesion(np.ones((2, 3)), [-1, -1]).shape == (0,)


def test_a_skipped_number_is_named():
    with pytest.raises(UsageError, match="no row has 1"):
        cluster_centers(np.ones((2, 3)), [0, 2])


def test_centres_need_one_label_per_row():
    with pytest.raises(UsageError, match="3 rows, 2 labels"):
        cluster_centers(np.ones((3, 2)), [0, 1])


def test_assignment_equals_a_slow_loop():
    X, centers = unit_rows() * 3, unit_rows(5, seed=1) * 0.7
    labels, scores = assign(X, centers)
    for row, label, score in zip(X / 3, labels, scores, strict=True):
        distances = [float(np.sqrt(((row - center) ** 2).sum())) for center in centers]
        nearest, second = sorted(distances)[:2]
        assert distances[label] == nearest
        assert score == pytest.approx(1 - nearest / second, abs=1e-6)
    assert labels.dtype == np.int64 and scores.dtype == np.float64
    assert ((scores >= 0) & (scores <= 1)).all()


def test_score_on_a_centre_half_way_and_with_a_single_centre():
    labels, scores = assign([[1.0, 0.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]])
    assert labels.tolist() == [0, 0]
    np.testing.assert_allclose(scores, [1, 0], atol=1e-7)
    labels, scores = assign([[1.0, 0.0], [-1.0, 0.0]], [[1.0, 0.0]])
    assert labels.tolist() == [0, 0] and scores.tolist() == [1, 1]


def test_a_row_on_two_equal_centres_gets_the_lower_number_and_score_zero():
    labels, scores = assign([[1.0, 0.0]], [[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    assert labels.tolist() == [1] and scores.tolist() == [0]


def test_assigning_nothing_and_to_nothing():
    labels, scores = assign(np.zeros((0, 2)), [[1.0, 0.0]])
    assert labels.shape == scores.shape == (0,)
    with pytest.raises(UsageError, match="`centers` must have at least 1 row"):
        assign([[1.0, 0.0]], np.zeros((0, 2)))
    with pytest.raises(UsageError, match="2 columns"):
        assign([[1.0]], [[1.0, 0.0]])


def test_cohesion_is_the_mean_cosine_to_the_centre():
    X = unit_rows() * 5
    labels = np.arange(50) % 3
    expected = []
    for label in range(3):
        members = [row / np.linalg.norm(row) for row in X[labels == label]]
        center = np.mean(members, axis=0)
        expected.append(np.mean([row @ center / np.linalg.norm(center) for row in members]))
    np.testing.assert_allclose(cohesion(X, labels), expected, atol=1e-6)


def test_cohesion_of_opposite_rows_is_zero_and_of_one_row_is_one():
    assert cohesion([[1.0, 0.0], [-1.0, 0.0], [0.3, 0.4]], [0, 0, 1]).tolist() == [0, 1]
