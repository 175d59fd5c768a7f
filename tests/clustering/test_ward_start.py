"""Many clusters: the start from Ward's tree finds what random starts miss, and is kept only where it is better."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from hf_relation.clustering import cluster, ward_start
from hf_relation.clustering.ward_start import refined_by_ward_start


def many(number: int = 120, each: int = 15, dim: int = 24, noise: float = 0.08, seed: int = 0):
    random = np.random.default_rng(seed)
    directions = random.normal(size=(number, dim))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    gold = random.permutation(np.repeat(np.arange(number), each))
    rows = directions[gold] + noise * random.normal(size=(len(gold), dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), gold


def test_all_of_many_planted_clusters_are_found():
    rows, gold = many()
    random_starts = KMeans(120, n_init=5, random_state=0).fit(rows)
    assert adjusted_rand_score(gold, random_starts.labels_) < 0.99
    assert adjusted_rand_score(gold, cluster(rows, "kmeans", 120, n_init=5)) == 1.0


@pytest.mark.parametrize("settings", [{"n_init": 1}, {"n_init": 5, "init": "random"}])
def test_one_start_and_a_start_of_ones_own_stay_what_they_are(settings):
    rows, _ = many()
    order = np.lexsort(rows.T[::-1])
    reference = KMeans(120, random_state=0, **settings).fit(rows[order]).labels_
    assert adjusted_rand_score(reference, cluster(rows, "kmeans", 120, **settings)[order]) == 1.0


def test_rows_of_weight_two_count_twice_and_row_order_does_not():
    rows, _ = many(each=6)
    labels = cluster(rows, "kmeans", 110, n_init=2, weights=np.full(len(rows), 2.0))
    twice = cluster(np.concatenate([rows, rows]), "kmeans", 110, n_init=2)
    np.testing.assert_array_equal(np.concatenate([labels, labels]), twice)
    order = np.random.default_rng(1).permutation(len(rows))
    np.testing.assert_array_equal(
        cluster(rows[order], "kmeans", 110, n_init=2, weights=np.full(len(rows), 2.0)), labels[order]
    )


def test_it_is_kept_only_where_it_is_better_and_few_clusters_have_none():
    rows, gold = many(number=100)
    found = KMeans(100, init=np.stack([rows[gold == group].mean(axis=0) for group in range(100)]), n_init=1).fit(rows)
    # Nothing is better than what was planted.
    assert refined_by_ward_start(found, rows, np.ones(len(rows)), seed=0) is found
    few = KMeans(99, n_init=1, random_state=0).fit(rows)
    assert refined_by_ward_start(few, rows, np.ones(len(rows)), seed=0) is few


def test_other_settings_of_k_means_are_kept():
    rows, _ = many()
    one = KMeans(120, n_init=2, max_iter=7, tol=0.5, algorithm="elkan", random_state=0).fit(rows)
    better = refined_by_ward_start(one, rows, np.ones(len(rows)), seed=0)
    assert better is not one and better.inertia_ < one.inertia_
    assert (better.max_iter, better.tol, better.algorithm) == (7, 0.5, "elkan")


def test_the_tree_is_made_of_drawn_rows_where_there_are_many(monkeypatch):
    monkeypatch.setattr(ward_start, "_FEWEST_ROWS", 500)
    monkeypatch.setattr(ward_start, "_ROWS_EACH", 5)
    monkeypatch.setattr(ward_start, "_MOST_ROWS", 700)
    made_of = []

    class Watched(ward_start.AgglomerativeClustering):
        def fit(self, X, y=None):
            made_of.append(len(X))
            return super().fit(X, y)

    monkeypatch.setattr(ward_start, "AgglomerativeClustering", Watched)
    rows, gold = many(each=20, noise=0.05)
    assert adjusted_rand_score(gold, cluster(rows, "kmeans", 120, n_init=2)) > 0.99
    assert made_of == [600]
    few_rows, _ = many(number=400, each=2)
    cluster(few_rows, "kmeans", 400, n_init=2)
    assert made_of == [600]  # two rows a cluster would be more than 700 rows
