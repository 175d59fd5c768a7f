"""Mean shift with all seeds at once against scikit-learn's one by one."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import MeanShift, get_bin_seeds
from sklearn.metrics import adjusted_rand_score

from hf_relation.clustering.mean_shift import QuantileMeanShift, climb
from hf_relation.errors import UsageError


def groups(num_rows: int, dim: int, noise: float, seed: int = 0) -> np.ndarray:
    """Unequal groups on the sphere that overlap more the larger the noise."""
    random = np.random.default_rng(seed)
    gold = np.minimum(random.geometric(0.3, num_rows), min(dim, 6))
    rows = np.eye(dim)[gold - 1] + noise * random.normal(size=(num_rows, dim)) / np.sqrt(dim)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("bandwidth", [0.5, 0.9])
@pytest.mark.parametrize(("dim", "noise"), [(6, 1.5), (40, 1.0)])
def test_same_centres_and_labels_as_scikit_learn(dim, noise, bandwidth):
    rows = groups(60, dim, noise)
    reference = MeanShift(bandwidth=bandwidth).fit(rows)
    found = QuantileMeanShift(bandwidth=bandwidth).fit(rows)
    assert len(found.cluster_centers_) == len(reference.cluster_centers_)
    assert adjusted_rand_score(reference.labels_, found.labels_) == 1
    np.testing.assert_allclose(found.cluster_centers_, reference.cluster_centers_, atol=1e-5)


def test_far_from_the_origin_as_near_it():
    rows = groups(80, 6, 0.8)
    moved = QuantileMeanShift(bandwidth=0.6).fit(rows + 200)
    np.testing.assert_array_equal(moved.labels_, QuantileMeanShift(bandwidth=0.6).fit(rows).labels_)


def test_orphans_are_left_out_where_asked():
    rows = np.concatenate([groups(60, 6, 0.5), [[9, 9, 9, 9, 9, 9]]]).astype(np.float32)
    seeds = rows[:60]
    found = QuantileMeanShift(bandwidth=0.5, seeds=seeds, cluster_all=False).fit(rows)
    reference = MeanShift(bandwidth=0.5, seeds=seeds, cluster_all=False).fit(rows)
    assert found.labels_[-1] == -1
    np.testing.assert_array_equal(found.labels_ == -1, reference.labels_ == -1)


def test_bins_as_starts():
    rows = groups(150, 3, 0.2)
    bins = get_bin_seeds(rows, 0.4, 3)
    reference = MeanShift(bandwidth=0.4, seeds=bins).fit(rows)
    found = QuantileMeanShift(bandwidth=0.4, bin_seeding=True, min_bin_freq=3).fit(rows)
    assert adjusted_rand_score(reference.labels_, found.labels_) == 1
    with pytest.raises(UsageError, match="No row is within the bandwidth .*lower `min_bin_freq`"):
        QuantileMeanShift(bandwidth=0.4, bin_seeding=True, min_bin_freq=151).fit(rows)


def test_seeds_without_neighbours_lead_nowhere():
    rows = groups(20, 6, 0.5)
    assert len(climb(rows, np.full((3, 6), 50, dtype=np.float32), 0.5)) == 0
    with pytest.raises(UsageError, match=r"within the bandwidth \(0.5\) of a seed"):
        QuantileMeanShift(bandwidth=0.5, seeds=np.full((3, 6), 50.0)).fit(rows)


def test_blocks_of_seeds_change_nothing(monkeypatch):
    rows = groups(90, 6, 1.0)
    whole = climb(rows, rows, 0.7)
    monkeypatch.setattr("hf_relation.clustering.mean_shift._BLOCK_VALUES", 7 * len(rows))
    np.testing.assert_allclose(climb(rows, rows, 0.7), whole, atol=1e-6)


def test_the_number_of_steps_is_limited():
    rows = np.linspace(0, 1, 50, dtype=np.float32)[:, None] ** 2
    one = climb(rows, rows[:1], 0.2, max_iter=0)
    np.testing.assert_array_equal(one, rows[:1])  # the step that is left is scikit-learn's
    assert climb(rows, rows[-1:], 0.2)[0, 0] < 0.95  # downhill to the denser end
