"""Checks that every clustering algorithm must pass. Register a new one once, below."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from hf_relation import clustering
from hf_relation.clustering import (
    canonical_labels,
    cluster,
)
from hf_relation.errors import InvalidRowError, UsageError
from tests.common.clustering_inputs import sample, unusual_forms


# Algorithms with their settings; `None` where the algorithm finds the number of clusters itself.
ALGORITHMS: dict[str, tuple[str, int | None, dict[str, Any]]] = {
    "kmeans": ("kmeans", 4, {"n_init": 3}),
    "agglomerative": ("agglomerative", 4, {}),
    "agglomerative, average cosine": ("agglomerative", 4, {"linkage": "average", "metric": "cosine"}),
    "adaptive": ("adaptive", 4, {"n_init": 3}),
    "adaptive, narrow": ("adaptive", 4, {"n_init": 3, "alpha": 0.1, "learning_rate": 1.0, "tol": 0.0, "max_iter": 20}),
    "mean_shift": ("mean_shift", None, {}),
    "mean_shift, bandwidth": ("mean_shift", None, {"bandwidth": 0.9}),
    "hdbscan": ("hdbscan", None, {}),
}


@pytest.fixture(params=ALGORITHMS.values(), ids=ALGORITHMS)
def algorithm(request):
    name, number, settings = request.param

    def labels_of(X, **kwargs) -> np.ndarray:
        return cluster(X, name, kwargs.pop("num_clusters", number), **settings, **kwargs)

    labels_of.number = number
    labels_of.many_rows = 60 if name == "mean_shift" else 700  # scikit-learn's mean shift takes 1 ms a step
    return labels_of


def test_every_algorithm_is_registered():
    assert {name for name, _, _ in ALGORITHMS.values()} == set(clustering.ALGORITHMS)


def test_fault_09_one_label_per_row_numbered_by_size(algorithm):
    for num_rows in (5, 17, 36):
        X, _ = sample(num_rows)
        labels = algorithm(X)
        assert labels.shape == (num_rows,) and labels.dtype == np.int64
        sizes = np.bincount(labels[labels >= 0])
        assert (sizes > 0).all() and (np.diff(sizes) <= 0).all() and labels.min() >= -1
        assert algorithm.number in (None, len(sizes))


def test_fault_08_same_labels_twice_in_one_process(algorithm):
    X, _ = sample()
    np.testing.assert_array_equal(algorithm(X), algorithm(X))


def test_fault_08_same_labels_with_one_and_two_threads(algorithm):
    X, _ = sample(algorithm.many_rows, 12)
    results = []
    for limit in (1, 2):
        with threadpool_limits(limits=limit):
            results.append(algorithm(X))
    np.testing.assert_array_equal(*results)


def test_fault_08_same_labels_in_a_new_process():
    X, _ = sample()
    program = (
        "import json, sys, numpy as np; from hf_relation.clustering import cluster; task = json.load(sys.stdin);"
        "X = np.array(task['X'], dtype=np.float32);"
        "print(json.dumps([cluster(X, name, number, **kw).tolist() for name, number, kw in task['cases']]))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps({"X": X.tolist(), "cases": list(ALGORITHMS.values())}),
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    expected = [cluster(X, name, number, **settings).tolist() for name, number, settings in ALGORITHMS.values()]
    assert json.loads(found.stdout) == expected


@pytest.mark.parametrize("seed", range(2))
def test_fault_07_same_labels_in_another_row_order(algorithm, seed):
    X, _ = sample()
    X = np.concatenate([X, X[:6]])
    order = np.random.default_rng(seed).permutation(len(X))
    np.testing.assert_array_equal(algorithm(X[order]), algorithm(X)[order])


def test_fault_07_canonical_ids_follow_the_keys(algorithm):
    X, _ = sample()
    keys = np.array([f"instance {number:02d}" for number in range(len(X))])
    order = np.random.default_rng(3).permutation(len(X))
    expected = canonical_labels(algorithm(X), keys)
    np.testing.assert_array_equal(canonical_labels(algorithm(X[order]), keys[order]), expected[order])


def test_fault_06_duplicates_share_a_label(algorithm):
    X, _ = sample(15)
    repeated = np.concatenate([X] * 3)[np.random.default_rng(0).permutation(45)]
    labels = algorithm(repeated)
    for row in X:
        assert len(set(labels[(repeated == row).all(axis=1)])) == 1


def test_fault_06_negative_zero_is_a_duplicate_of_zero(algorithm):
    X, _ = sample(20)
    X[:, 0] = 0
    X = np.concatenate([X, X])
    X[20:, 0] = -0.0
    labels = algorithm(X)
    np.testing.assert_array_equal(labels[:20], labels[20:])


def test_fault_01_no_rows(algorithm):
    with pytest.raises(UsageError, match="`X` must have at least 1 row"):
        algorithm(np.zeros((0, 6)))


def test_fault_02_one_row_and_two_identical_rows(algorithm):
    number = None if algorithm.number is None else 1
    started = time.monotonic()
    assert algorithm([[0.6, 0.8]], num_clusters=number).tolist() == [0]
    assert algorithm([[0.6, 0.8]] * 2, num_clusters=number).tolist() == [0, 0]
    assert time.monotonic() - started < 10


def test_fault_02_two_different_rows(algorithm):
    number = None if algorithm.number is None else 2
    labels = algorithm([[0.6, 0.8], [0.8, 0.6]], num_clusters=number)
    assert labels.shape == (2,) and set(labels.tolist()) <= {-1, 0, 1}


def test_fault_03_all_rows_identical(algorithm):
    number = None if algorithm.number is None else 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for row in ([0.6, 0.8], [0.0, 0.0]):
            assert algorithm([row] * 50, num_clusters=number).tolist() == [0] * 50


def test_fault_04_fewer_distinct_rows_than_relations(algorithm):
    if algorithm.number is None:
        with pytest.raises(UsageError, match="finds the number of clusters itself"):
            algorithm(np.eye(3), num_clusters=4)
        return
    with pytest.raises(UsageError, match=r"\(3 among 6 rows\), got 4"):
        algorithm(np.tile(np.eye(3), (2, 1)), num_clusters=4)


def test_fault_11_the_first_bad_row_is_named(algorithm):
    for value in (np.nan, np.inf, -np.inf):
        X, _ = sample()
        X[[5, 9], 2] = value
        with pytest.raises(InvalidRowError, match="row 5: ") as error:
            algorithm(X)
        assert error.value.index == 5


def test_fault_12_what_is_no_matrix_of_numbers(algorithm):
    X, _ = sample()
    for bad in (X[0], X[None], X.astype(object), X.astype(complex), X.astype(str)):
        with pytest.raises(UsageError, match="`X` must"):
            algorithm(bad)


def test_fault_12_integers_are_taken(algorithm):
    whole = (sample()[0] * 10).astype(np.int16)
    np.testing.assert_array_equal(algorithm(whole), algorithm(whole.astype(np.float32)))


def test_fault_13_unusual_arrays(algorithm, tmp_path):
    X = sample()[0].astype(np.float16).astype(np.float32)
    expected = algorithm(X)
    for form, values in unusual_forms(X, tmp_path).items():
        np.testing.assert_array_equal(algorithm(values), expected, err_msg=form)


def test_input_is_not_changed(algorithm):
    X, _ = sample()
    kept = X.copy()
    algorithm(X)
    np.testing.assert_array_equal(X, kept)
