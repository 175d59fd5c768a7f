"""Adaptive clustering: worked values, derivatives by torch, rounds that lower the divergence, ends, refusals."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from hf_relation.clustering import AdaptiveClustering
from hf_relation.clustering.adaptive import center_steps, soft_assignment, target_distribution
from hf_relation.errors import InvalidRowError, UsageError


Z = np.array([[0.0, 0.0], [2.0, 0.0]])
CENTERS = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])


def groups(num_rows: int = 120, noise: float = 0.9, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    gold = random.integers(0, 4, num_rows)
    X = np.eye(8)[gold] + noise * random.normal(size=(num_rows, 8)) / np.sqrt(8)
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32), gold


def divergence(target: np.ndarray, q: np.ndarray) -> float:
    return float((target * np.log(target / q)).sum())


def test_worked_values():
    q, kernel = soft_assignment(Z, CENTERS)
    np.testing.assert_allclose(q, [[0.714286, 0.142857, 0.142857], [0.152542, 0.762712, 0.084746]], atol=1e-6)
    np.testing.assert_allclose(kernel, [[1, 0.2, 0.2], [0.2, 1, 1 / 9]])
    np.testing.assert_allclose(
        target_distribution(q, np.ones(2)), [[0.839892, 0.032158, 0.127950], [0.038305, 0.916668, 0.045027]], atol=1e-6
    )


@pytest.mark.parametrize("alpha", [0.3, 1.0, 4.0])
def test_a_step_is_the_gradient_by_torch_divided_by_the_weight_of_the_cluster(alpha):
    random = np.random.default_rng(0)
    z, centers, weights = (
        random.normal(size=(9, 4)),
        random.normal(size=(3, 4)),
        random.integers(1, 4, 9).astype(float),
    )
    target = target_distribution(soft_assignment(z, centers + 0.3, alpha)[0], weights)
    mu = torch.tensor(centers, requires_grad=True)
    kernel = 1 / (1 + (torch.tensor(z)[:, None] - mu[None]).square().sum(2) / alpha)
    power = kernel ** ((alpha + 1) / 2)
    q = power / power.sum(1, keepdim=True)
    (torch.tensor(weights)[:, None] * torch.tensor(target) * (torch.tensor(target).log() - q.log())).sum().backward()
    mass = (torch.tensor(weights)[:, None] * kernel * q).sum(0).detach()
    expected = -mu.grad / mass[:, None] * alpha / (alpha + 1)
    np.testing.assert_allclose(center_steps(z, centers, target, weights, alpha), expected.numpy(), atol=1e-12)


def test_steps_lower_the_divergence_from_a_fixed_target():
    X, _ = groups()
    rows, weights = X.astype(float), np.ones(len(X))
    centers = KMeans(4, n_init=3, random_state=0).fit(X).cluster_centers_.astype(float)
    target = target_distribution(soft_assignment(rows, centers)[0], weights)
    values = []
    for _ in range(10):
        values.append(divergence(target, soft_assignment(rows, centers)[0]))
        centers = centers + 0.5 * center_steps(rows, centers, target, weights)
    assert (np.diff(values) < 0).all()


def test_planted_groups_are_found_and_rows_become_more_certain():
    X, gold = groups(noise=0.5)
    start = AdaptiveClustering(4, max_iter=0).fit(X)
    fitted = AdaptiveClustering(4).fit(X)
    assert adjusted_rand_score(gold, fitted.labels_) == 1
    assert fitted.soft_labels_.max(axis=1).mean() > start.soft_labels_.max(axis=1).mean()


def test_no_round_leaves_the_clusters_of_kmeans():
    X, _ = groups()
    found = AdaptiveClustering(4, max_iter=0, n_init=7, seed=3).fit(X)
    reference = KMeans(4, n_init=7, random_state=3).fit(X)
    np.testing.assert_array_equal(found.labels_, reference.labels_)
    np.testing.assert_allclose(found.cluster_centers_, reference.cluster_centers_, atol=1e-6)
    assert found.n_iter_ == 0


def test_rounds_end_when_hardly_a_row_moves_or_at_the_limit():
    X = 5 * groups(noise=3.0)[0]
    until_still = AdaptiveClustering(10, tol=0.0).fit(X)
    assert 1 < until_still.n_iter_ < 100
    assert AdaptiveClustering(10, tol=1.0).fit(X).n_iter_ == 1
    assert AdaptiveClustering(10, tol=0.0, max_iter=1).fit(X).n_iter_ == 1


def test_what_is_stored_fits_together():
    X, _ = groups()
    fitted = AdaptiveClustering(5, alpha=2.0).fit(X)
    distances = ((X[:, None].astype(float) - fitted.cluster_centers_[None]) ** 2).sum(2)
    power = (1 + distances / 2) ** -1.5
    np.testing.assert_allclose(fitted.soft_labels_, power / power.sum(1, keepdims=True), atol=1e-9)
    np.testing.assert_array_equal(fitted.labels_, distances.argmin(axis=1))
    assert fitted.n_features_in_ == 8 and fitted.cluster_centers_.shape == (5, 8)


@pytest.mark.parametrize("seed", range(3))
def test_every_cluster_keeps_a_row(seed):
    random = np.random.default_rng(seed)
    X = np.concatenate([random.normal(size=(60, 2)), 0.01 * random.normal(size=(60, 2))])  # a crowd amid few
    fitted = AdaptiveClustering(12, n_init=1, tol=0.0, learning_rate=1.0, alpha=0.2).fit(X)
    assert len(np.unique(fitted.labels_)) == 12


def test_a_weight_is_that_many_copies():
    X, _ = groups(40)
    counts = np.random.default_rng(0).integers(1, 4, 40)
    copies = AdaptiveClustering(3, seed=1).fit(np.repeat(X, counts, axis=0))
    weighted = AdaptiveClustering(3, seed=1).fit(X, sample_weight=counts)
    assert adjusted_rand_score(weighted.labels_, copies.predict(X)) == 1


def test_one_cluster_one_row_and_equal_rows():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for X in ([[1.0, 2.0]], [[1.0, 2.0]] * 5, [[0.0, 0.0]] * 2):
            fitted = AdaptiveClustering(1).fit(X)
            assert fitted.labels_.tolist() == [0] * len(X)
            np.testing.assert_allclose(fitted.cluster_centers_, X[:1])
    X, _ = groups()
    np.testing.assert_allclose(AdaptiveClustering(1).fit(X).cluster_centers_[0], X.mean(axis=0), atol=1e-6)


def test_far_rows_are_finite():
    X = np.array([[1e18, 0.0], [-1e18, 0.0], [0.0, 1e18], [1e18, 1e3]])
    fitted = AdaptiveClustering(3).fit(X)
    assert np.isfinite(fitted.soft_labels_).all() and fitted.labels_[0] == fitted.labels_[3]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"n_clusters": 0}, "`n_clusters` must be an integer from 1 up, got 0"),
        ({"n_clusters": 2.0}, "got 2.0"),
        ({"n_init": 0}, "`n_init`"),
        ({"max_iter": -1}, "`max_iter` must be an integer from 0 up, got -1"),
        ({"update_interval": 0}, "`update_interval`"),
        ({"seed": True}, "`seed`.*got True"),
        ({"tol": 1.5}, "`tol` must be a number from 0 to 1, got 1.5"),
        ({"learning_rate": 0.0}, "`learning_rate` must be a number above 0 and at most 1, got 0.0"),
        ({"alpha": np.inf}, "`alpha` must be a number finite and above 0, got inf"),
        ({"alpha": "1"}, "got '1'"),
    ],
)
def test_settings_out_of_range_are_refused(settings, said):
    with pytest.raises(UsageError, match=said):
        AdaptiveClustering(**({"n_clusters": 2} | settings)).fit(Z)


def test_rows_and_weights_that_do_not_fit_are_refused():
    with pytest.raises(UsageError, match=r"distinct rows \(2 among 4 rows\), got 3"):
        AdaptiveClustering(3).fit(np.tile(Z, (2, 1)))
    with pytest.raises(InvalidRowError, match="row 1: "):
        AdaptiveClustering(2).fit([[0.0], [np.nan], [1.0]])
    with pytest.raises(UsageError, match="at least 1 row"):
        AdaptiveClustering(1).fit(Z[:0])
    for wrong in ([1.0], [1.0, 0.0], [1.0, np.nan]):
        with pytest.raises(
            UsageError, match="`sample_weight` must be (finite numbers above 0|one number per row: 2 rows)"
        ):
            AdaptiveClustering(2).fit(Z, sample_weight=wrong)
