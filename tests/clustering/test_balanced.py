"""Balanced clustering against a slow loop, k-means and worked cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from hf_relation.clustering import BalancedKMeans
from hf_relation.clustering.balanced import balancing_offsets
from hf_relation.errors import UsageError


def slow_sinkhorn(distances, temperature, shares, rounds=2000):
    """Rows and columns scaled in turn, entry by entry."""
    rows, clusters = distances.shape
    plan = [[math.exp(-distances[i, j] / temperature) for j in range(clusters)] for i in range(rows)]
    for _ in range(rounds):
        for j in range(clusters):
            total = sum(plan[i][j] for i in range(rows))
            for i in range(rows):
                plan[i][j] *= 1 / clusters / total
        for i in range(rows):
            total = sum(plan[i])
            for j in range(clusters):
                plan[i][j] *= shares[i] / total
    return np.array(plan)


@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_offsets_give_the_assignment_of_a_slow_loop(temperature):
    random = np.random.default_rng(0)
    distances, shares = random.random((9, 3)) + [0.0, 0.4, 0.8], random.random(9) + 0.5
    shares /= shares.sum()
    offsets = balancing_offsets(distances, temperature, shares, max_iter=2000, tol=1e-9)
    plan = np.exp((offsets - distances) / temperature)
    plan *= (shares / plan.sum(axis=1))[:, None]
    np.testing.assert_allclose(plan, slow_sinkhorn(distances, temperature, shares), atol=1e-7)
    np.testing.assert_allclose(plan.sum(axis=0), 1 / 3, atol=1e-7)
    assert offsets.mean() == pytest.approx(0)


def test_distances_far_beyond_the_temperature_do_not_overflow():
    distances = np.array([[0.0, 5e4], [1.0, 5e4], [2.0, 5e4], [3.0, 5e4]])
    offsets = balancing_offsets(distances, 0.5, max_iter=2000, tol=1e-6)
    assert np.isfinite(offsets).all()
    # All rows differ by the same from one cluster to the other, so that each is shared out half and half.
    np.testing.assert_allclose(offsets[1] - offsets[0], 5e4 - 1.5, atol=2)


def uneven(seed=0):
    """A dense group beside one of the same size that is spread out; k-means gives the dense one rows of the other."""
    random = np.random.default_rng(seed)
    gold = np.repeat([0, 1], [40, 40])
    rows = random.normal(size=(80, 2)) * np.where(gold == 0, 0.15, 1.0)[:, None] + np.array([[0, 0], [2.4, 0]])[gold]
    return rows.astype(np.float32), gold


def test_groups_of_one_size_and_different_width_are_told_apart_better_than_by_k_means():
    rows, gold = uneven()
    balanced = adjusted_rand_score(gold, BalancedKMeans(2).fit(rows).labels_)
    plain = adjusted_rand_score(gold, KMeans(2, n_init=5, random_state=0).fit(rows).labels_)
    assert balanced > plain + 0.05


def test_clear_groups_of_one_size_are_those_of_k_means():
    random = np.random.default_rng(0)
    gold = np.repeat([0, 1, 2], 20)
    rows = np.eye(3)[gold] * 5 + random.normal(size=(60, 3)) * 0.2
    fitted = BalancedKMeans(3).fit(rows)
    assert adjusted_rand_score(gold, fitted.labels_) == 1.0
    means = np.stack([rows[fitted.labels_ == number].mean(axis=0) for number in range(3)])
    np.testing.assert_allclose(fitted.cluster_centers_, means, atol=1e-5)
    np.testing.assert_allclose(fitted.offsets_, 0, atol=0.01)
    spread = ((rows - means[fitted.labels_]) ** 2).sum(axis=1).mean()
    assert fitted.inertia_ == pytest.approx(spread, rel=1e-4)


def test_soft_assignments_share_the_rows_out_evenly_with_repeated_rows_counted():
    rows, _ = uneven()
    rows = np.concatenate([rows, np.repeat(rows[:1], 20, axis=0)])
    probabilities = BalancedKMeans(2, temperature=0.5, tol=0, max_iter=100).fit(rows).predict_proba(rows)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_allclose(probabilities.mean(axis=0), 0.5, atol=0.02)
    np.testing.assert_array_equal(probabilities[80:], np.repeat(probabilities[:1], 20, axis=0))


def test_rows_in_another_order_have_the_same_labels():
    rows, _ = uneven()
    order = np.random.default_rng(1).permutation(len(rows))
    np.testing.assert_array_equal(
        BalancedKMeans(3).fit(rows[order]).labels_, BalancedKMeans(3).fit(rows).labels_[order]
    )


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"n_clusters": 0}, "`n_clusters` must be an integer from 1 up, got 0"),
        ({"n_init": True}, "`n_init` must be an integer"),
        ({"max_iter": 0}, "`max_iter` must be an integer from 1 up"),
        ({"seed": -1}, "`seed` must be an integer from 0 up"),
        ({"temperature": 0}, "`temperature` must be a finite number above 0, got 0"),
        ({"temperature": math.nan}, "`temperature` must be a finite number above 0, got nan"),
        ({"tol": 2}, "`tol` must be a number from 0 to 1"),
        ({"n_clusters": 81}, r"at most the number of distinct rows \(80 among 80 rows\), got 81"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(UsageError, match=message):
        BalancedKMeans(**settings).fit(uneven()[0])
