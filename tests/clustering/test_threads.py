"""The limit to one thread holds inside and ends outside."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.cluster import HDBSCAN, AgglomerativeClustering, KMeans, MeanShift
from threadpoolctl import threadpool_info, threadpool_limits

from hf_relation.clustering import AdaptiveClustering, cluster
from hf_relation.clustering.threads import one_thread


def thread_counts() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if "torch" not in library["filepath"]}


def test_one_thread_inside_and_the_old_number_after():
    with threadpool_limits(limits=2):
        before = thread_counts()
        with one_thread(), one_thread():
            assert thread_counts() == {1}
        assert thread_counts() == before == {2}


@pytest.mark.parametrize(
    ("algorithm", "number", "estimator"),
    [
        ("kmeans", 2, KMeans),
        ("agglomerative", 2, AgglomerativeClustering),
        ("adaptive", 2, AdaptiveClustering),
        ("mean_shift", None, MeanShift),
        ("hdbscan", None, HDBSCAN),
    ],
)
def test_fault_08_every_algorithm_runs_in_one_thread(algorithm, number, estimator, monkeypatch):
    seen = []
    fit = estimator.fit
    monkeypatch.setattr(estimator, "fit", lambda *args, **kwargs: seen.append(thread_counts()) or fit(*args, **kwargs))
    with threadpool_limits(limits=2):
        cluster(np.random.default_rng(0).normal(size=(12, 2)), algorithm, number)
    assert seen == [{1}]


def test_fault_37_calls_from_several_threads_give_the_serial_result():
    X = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    expected = [cluster(X, "kmeans", number, n_init=2) for number in (3, 4, 5, 6)]
    with threadpool_limits(limits=2):
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda number: cluster(X, "kmeans", number, n_init=2), (3, 4, 5, 6)))
        assert thread_counts() == {2}
    for labels, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(labels, other)
