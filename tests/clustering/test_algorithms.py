"""Clustering against scikit-learn, published values and planted groups; every refusal names what to do."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import HDBSCAN, AgglomerativeClustering, KMeans, MeanShift
from sklearn.metrics import adjusted_rand_score, silhouette_score

from hf_relation.clustering import AdaptiveClustering, cluster, make_clusterer
from hf_relation.errors import InvalidRowError, UsageError


def planted(sizes=(30, 20, 12, 8), dim: int = 8, noise: float = 0.15, seed: int = 0):
    random = np.random.default_rng(seed)
    gold = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
    X = np.eye(dim)[gold] + noise * random.normal(size=(len(gold), dim))
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32), gold


def test_mean_shift_value():
    X = [[0.0], [0.1], [0.2], [2.0], [2.1]]
    assert cluster(X, "mean_shift", bandwidth=0.5).tolist() == [0, 0, 0, 1, 1]
    assert cluster(X, "mean_shift").max() >= 1  # two neighbours at least: bandwidth zero would fail


def test_silhouette_values_of_the_two_partitions_of_a_rectangle():
    X = [(0, 0), (0, 1), (4, 0), (4, 1)]
    labels = cluster(X, "kmeans", 2)
    assert labels.tolist() == [0, 0, 1, 1]
    assert silhouette_score(X, labels) == pytest.approx(0.753789, abs=1e-6)
    assert silhouette_score(X, [0, 1, 0, 1]) == pytest.approx(-0.359612, abs=1e-6)


@pytest.mark.parametrize(
    ("algorithm", "number", "settings"),
    [
        ("kmeans", 4, {"n_init": 10}),
        ("agglomerative", 4, {}),
        ("agglomerative", 4, {"linkage": "average", "metric": "cosine"}),
        ("agglomerative", None, {"distance_threshold": 2.0}),
        ("adaptive", 4, {"n_init": 10}),
        ("mean_shift", None, {"bandwidth": 0.7}),
        ("hdbscan", None, {"min_cluster_size": 5, "min_samples": 2}),
    ],
)
def test_planted_groups_are_found_and_numbered_by_size(algorithm, number, settings):
    X, gold = planted()
    labels = cluster(X, algorithm, number, **settings)
    inside = labels >= 0
    assert inside.mean() > 0.9
    np.testing.assert_array_equal(labels[inside], gold[inside])  # gold groups are numbered by size, too


@pytest.mark.parametrize(
    ("algorithm", "number", "settings", "reference"),
    [
        ("agglomerative", 6, {}, AgglomerativeClustering(6)),
        ("agglomerative", 6, {"linkage": "average", "metric": "cosine"},
         AgglomerativeClustering(6, linkage="average", metric="cosine")),
        ("mean_shift", None, {"bandwidth": 0.8, "bin_seeding": True}, MeanShift(bandwidth=0.8, bin_seeding=True)),
        ("hdbscan", None, {"min_cluster_size": 4}, HDBSCAN(min_cluster_size=4, copy=True)),
    ],
)  # fmt: skip
def test_same_partition_as_scikit_learn_on_overlapping_groups(algorithm, number, settings, reference):
    X, _ = planted(noise=0.4)
    # Sorted, as HDBSCAN breaks its many ties by row order: that is why our result is the one for sorted rows.
    X = X[np.lexsort(X.T[::-1])]
    expected = reference.fit_predict(X)
    X = X[::-1]
    expected = expected[::-1]
    labels = cluster(X, algorithm, number, **settings)
    assert adjusted_rand_score(expected, labels) == 1
    np.testing.assert_array_equal(expected == -1, labels == -1)


def test_kmeans_keeps_the_start_of_least_inertia():
    X, _ = planted(noise=0.5)

    def inertia(labels):
        return sum(((X[labels == label] - X[labels == label].mean(axis=0)) ** 2).sum() for label in set(labels))

    single = [KMeans(6, n_init=1, random_state=seed).fit(X).inertia_ for seed in range(20)]
    assert inertia(cluster(X, "kmeans", 6, n_init=60)) <= min(single) + 1e-3 < np.mean(single)


def test_seed_reaches_kmeans():
    X, _ = planted(noise=0.6)
    runs = {tuple(cluster(X, "kmeans", 6, n_init=1, seed=seed)) for seed in range(6)}
    assert len(runs) > 1


def test_make_clusterer_returns_scikit_learn_estimators():
    assert make_clusterer("kmeans", 3, n_init=7, seed=5).get_params()["n_init"] == 7
    assert make_clusterer("kmeans", 3, seed=5).get_params()["random_state"] == 5
    assert make_clusterer("agglomerative", 3).get_params()["linkage"] == "ward"
    assert isinstance(make_clusterer("mean_shift"), MeanShift)
    assert isinstance(make_clusterer("hdbscan"), HDBSCAN)
    adaptive = make_clusterer("adaptive", 3, n_init=7, seed=5, alpha=0.5)
    assert isinstance(adaptive, AdaptiveClustering)
    assert (adaptive.n_clusters, adaptive.n_init, adaptive.seed, adaptive.alpha) == (3, 7, 5, 0.5)
    assert make_clusterer("kmeans", np.int64(3)).n_clusters == 3


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        (("spectral",), {}, "one of kmeans, agglomerative, adaptive, mean_shift, hdbscan; got 'spectral'"),
        (("kmeans",), {}, "needs `num_clusters`.*estimate_num_relations"),
        (("agglomerative",), {}, "needs `num_clusters`"),
        (("adaptive",), {}, "needs `num_clusters`"),
        (("adaptive", 2), {"alpha": 0}, "`alpha` must be a number finite and above 0, got 0"),
        (("mean_shift", 4), {}, r"finds the number of clusters itself; drop `num_clusters` \(4\)"),
        (("hdbscan", 4), {}, r"finds the number of clusters itself; drop `num_clusters` \(4\)"),
        (("kmeans", 0), {}, "`num_clusters` must be an integer from 1 up, got 0"),
        (("kmeans", 2.0), {}, "got 2.0"),
        (("kmeans", True), {}, "got True"),
        (("kmeans", 2), {"n_init": 0}, "`n_init`"),
        (("kmeans", 2), {"seed": -1}, "`seed`"),
        (("kmeans", 2), {"linkage": "ward"}, "no setting 'linkage'.*algorithm"),
        (("kmeans", 2), {"random_state": 3}, "no setting 'random_state'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(arguments, settings, said):
    with pytest.raises(UsageError, match=said):
        make_clusterer(*arguments, **settings)


def test_fault_01_no_rows():
    with pytest.raises(UsageError, match="at least 1 row"):
        cluster(np.zeros((0, 3)), "kmeans", 1)


@pytest.mark.parametrize("algorithm", ["kmeans", "agglomerative"])
def test_fault_04_fewer_rows_than_relations(algorithm):
    with pytest.raises(UsageError, match=r"distinct rows \(3 among 3 rows\), got 4"):
        cluster(np.eye(3), algorithm, 4)


@pytest.mark.parametrize("algorithm", ["kmeans", "agglomerative"])
def test_fault_04_fewer_distinct_rows_than_relations(algorithm):
    with pytest.raises(UsageError, match=r"distinct rows \(3 among 30 rows\), got 4"):
        cluster(np.tile(np.eye(3), (10, 1)), algorithm, 4)


def test_as_many_relations_as_distinct_rows():
    X = np.eye(3)[[0, 1, 1, 2, 2, 2]]
    for algorithm in ("kmeans", "agglomerative", "adaptive"):
        assert cluster(X, algorithm, 3).tolist() == [2, 1, 1, 0, 0, 0]


def test_fault_06_repeated_rows_weigh_as_much_as_in_scikit_learn():
    # Two starts of equal shape, but 20 copies of one row pull the centre: k-means on all rows and ours must agree.
    X, _ = planted(noise=0.5)
    X = np.concatenate([X, np.repeat(X[:3], 20, axis=0)])
    expected = KMeans(3, n_init=60, random_state=0).fit(X)
    assert adjusted_rand_score(expected.labels_, cluster(X, "kmeans", 3)) == 1


@pytest.mark.parametrize(("algorithm", "number"), [("agglomerative", 2), ("mean_shift", None), ("hdbscan", None)])
def test_fault_41_distance_matrix_of_200k_rows(algorithm, number):
    with pytest.raises(UsageError, match=r'200,000 rows are 160\.0 GB.*Use "kmeans"'):
        cluster(np.zeros((200_000, 1), dtype=np.float32), algorithm, number)


def test_zero_row_with_cosine_is_named():
    with pytest.raises(InvalidRowError, match="row 1: a row of zeros has no direction"):
        cluster([[1, 0], [0, 0], [0, 1]], "agglomerative", 2, linkage="average", metric="cosine")


def test_hdbscan_leaves_out_far_rows_and_refuses_more_samples_than_rows():
    steps = np.linspace(0, 1, 15)[:, None] ** 2  # ever wider gaps
    X = np.concatenate([steps * [1, 0], [5, 5] + steps[:12] * [0, 1], [[50, -50]]])
    assert cluster(X, "hdbscan").tolist() == [0] * 15 + [1] * 12 + [-1]
    with pytest.raises(UsageError, match=r"rows \(28\), got 29"):
        cluster(X, "hdbscan", min_samples=29)


def test_mean_shift_starts_from_a_sample_of_many_rows(monkeypatch):
    monkeypatch.setattr("hf_relation.clustering.mean_shift.MEAN_SHIFT_SEEDS", 20)
    monkeypatch.setattr("hf_relation.clustering.bandwidth.BANDWIDTH_ROWS", 40)
    X, gold = planted(noise=0.1)
    labels = cluster(X, "mean_shift", bandwidth=0.7)
    np.testing.assert_array_equal(labels, gold)
    assert len(cluster(X, "mean_shift")) == len(X)
