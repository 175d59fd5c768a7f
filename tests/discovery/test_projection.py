from __future__ import annotations

import numpy as np
import pytest

from hf_relation.discovery.projection import project
from hf_relation.errors import UsageError


def _groups(number: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.arange(number) % 4
    return np.eye(8)[labels] + 0.05 * rng.normal(size=(number, 8)), labels


@pytest.mark.parametrize("number", [120, 1700])  # with and without rows beside the landmarks
def test_near_vectors_are_near_on_the_plane(number: int) -> None:
    vectors, labels = _groups(number)
    shown = project(vectors)
    np.testing.assert_array_equal(shown.rows, np.arange(number))
    assert np.abs(shown.points).max() <= 1.0
    places = shown.points.astype(np.float64)
    distances = ((places[:200, None] - places[None]) ** 2).sum(axis=2)
    np.fill_diagonal(distances[:, :200], np.inf)
    assert (labels[distances.argmin(axis=1)] == labels[:200]).mean() > 0.98


def test_equal_seeds_give_equal_points_and_a_sample_of_the_size_asked_for() -> None:
    vectors, _ = _groups(60)
    first, second, other = (project(vectors, max_points=20, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.points, second.points)
    assert len(first.rows) == 20 and (np.diff(first.rows) > 0).all()
    assert first.rows.tolist() != other.rows.tolist()
    assert first.note.startswith("20 of 60 instances, chosen at random")


@pytest.mark.parametrize("vectors", [np.ones((1, 5)), np.ones((40, 5)), np.eye(2), np.arange(12.0)[:, None]])
def test_few_equal_and_one_dimensional_vectors(vectors: np.ndarray) -> None:
    points = project(vectors).points
    assert points.shape == (len(vectors), 2) and np.isfinite(points).all()


def test_bad_numbers() -> None:
    for bad in (0, True, 2.5):
        with pytest.raises(UsageError, match="max_points"):
            project(np.eye(3), max_points=bad)  # type: ignore[arg-type]
