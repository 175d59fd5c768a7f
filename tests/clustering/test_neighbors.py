"""Nearest neighbours against scikit-learn and slow loops; self, copies, ties, blocks, another backend, refusals."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from hf_relation.clustering import nearest_neighbors, neighbor_accuracy
from hf_relation.clustering import neighbors as module
from hf_relation.errors import InvalidRowError, UsageError


def random_rows(n: int = 60, d: int = 8, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.normal(size=(n, d)) * random.uniform(0.1, 9, size=(n, 1))).astype(np.float32)


def slow_neighbors(X: np.ndarray, k: int, cosine: bool) -> list[list[int]]:
    rows = X.astype(np.float64)
    if cosine:
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    result = []
    for i in range(len(rows)):
        ranked = sorted((-float(rows[i] @ rows[j]), j) for j in range(len(rows)) if j != i)
        result.append([j for _, j in ranked[:k]])
    return result


class FlatIndex:
    """What is used of `faiss.IndexFlatIP`, by its documentation; ties in any order."""

    def __init__(self, width: int) -> None:
        self.width = width

    def add(self, rows: np.ndarray) -> None:
        assert rows.dtype == np.float32 and rows.flags["C_CONTIGUOUS"] and rows.shape[1] == self.width
        self.rows = rows

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        table = queries @ self.rows.T
        columns = np.argsort(-table[:, ::-1], axis=1, kind="stable")[:, :k]
        columns = len(self.rows) - 1 - columns  # the larger position first among equal ones
        return np.take_along_axis(table, columns, axis=1), columns


@pytest.fixture
def fake_faiss(monkeypatch) -> None:
    faiss = ModuleType("faiss")
    faiss.IndexFlatIP = FlatIndex  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "faiss", faiss)


@pytest.mark.parametrize("metric", ["cosine", "dot"])
@pytest.mark.parametrize("k", [1, 5, 59])
def test_equals_slow_loops(metric, k):
    X = random_rows()
    indices, similarities = nearest_neighbors(X, k, metric=metric)
    assert indices.tolist() == slow_neighbors(X, k, metric == "cosine")
    assert indices.dtype == np.int64 and similarities.dtype == np.float32
    rows = X / np.linalg.norm(X, axis=1, keepdims=True) if metric == "cosine" else X
    expected = np.einsum("nd,nkd->nk", rows.astype(np.float64), rows[indices].astype(np.float64))
    np.testing.assert_allclose(similarities, expected, rtol=1e-5, atol=1e-5)
    assert (np.diff(similarities, axis=1) <= 0).all()


def test_equals_scikit_learn():
    X = random_rows(200, 16)
    distances, expected = NearestNeighbors(n_neighbors=7, metric="cosine", algorithm="brute").fit(X).kneighbors()
    indices, similarities = nearest_neighbors(X, 7)
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_allclose(similarities, 1 - distances, atol=1e-5)


def test_copies_of_a_row_are_its_neighbours_and_the_row_itself_never_is():
    X = random_rows(20)
    X[[4, 11, 17]] = X[2]
    indices, similarities = nearest_neighbors(X, 5)
    copies = [2, 4, 11, 17]
    for row in copies:
        assert indices[row, :3].tolist() == [other for other in copies if other != row]
        np.testing.assert_allclose(similarities[row, :3], 1, atol=1e-6)
        assert indices[row, 3:].tolist() == indices[2, 3:].tolist()
    assert not (indices == np.arange(20)[:, None]).any()


def test_the_row_itself_is_excluded_where_it_is_not_the_first_hit():
    X = np.array([[1.0, 0.0], [9.0, 0.0], [0.0, 1.0]])
    assert nearest_neighbors(X, 1, metric="dot")[0].tolist() == [[1], [0], [0]]


@pytest.mark.parametrize("k", [1, 3, 7])
def test_of_equally_near_rows_the_smaller_position_comes_first(k):
    X = np.eye(8)[[0, 1, 0, 1, 2, 3, 4, 5]]
    indices, _ = nearest_neighbors(X, k)
    for i in range(8):
        twins = [j for j in range(8) if j != i and (X[j] == X[i]).all()]
        others = [j for j in range(8) if j != i and j not in twins]
        assert indices[i].tolist() == (twins + others)[:k]


def test_all_rows_equal_and_two_rows():
    indices, similarities = nearest_neighbors(np.full((5, 3), 0.7), 2)
    assert indices.tolist() == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1]]
    np.testing.assert_allclose(similarities, 1, atol=1e-6)
    assert nearest_neighbors([[1, 2], [-3, 1]], 1)[0].tolist() == [[1], [0]]


@pytest.mark.parametrize("block_rows", [1, 7, 59, 60, 1000])
def test_blocks_change_nothing(block_rows):
    X = random_rows()
    X[30:33] = X[0]
    expected = nearest_neighbors(X, 9)
    found = nearest_neighbors(X, 9, block_rows=block_rows)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], atol=1e-6)


def test_memory_is_that_of_the_blocks(monkeypatch):
    seen = []
    largest = module._largest
    monkeypatch.setattr(module, "_BLOCK_VALUES", 600)
    monkeypatch.setattr(module, "_largest", lambda table, k: seen.append(table.size) or largest(table, k))
    nearest_neighbors(random_rows(), 3)
    assert len(seen) == 6 and max(seen) == 600


def test_another_order_of_the_rows_and_number_of_threads():
    X = random_rows(300, 40)
    order = np.random.default_rng(1).permutation(300)
    back = np.argsort(order)
    results = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads):
            results.append(nearest_neighbors(X, 6))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])
    indices, similarities = nearest_neighbors(X[order], 6)
    np.testing.assert_array_equal(order[indices][back], results[0][0])
    np.testing.assert_array_equal(similarities[back], results[0][1])


def test_input_is_not_changed():
    X = random_rows()
    kept = X.copy()
    nearest_neighbors(X, 3, metric="dot")
    nearest_neighbors(X, 3)
    np.testing.assert_array_equal(X, kept)


@pytest.mark.parametrize("metric", ["cosine", "dot"])
def test_faiss_finds_the_same_and_self_is_dropped_wherever_it_stands(metric, fake_faiss):
    X = random_rows()
    expected = nearest_neighbors(X, 5, metric=metric, backend="exact")
    found = nearest_neighbors(X, 5, metric=metric, backend="faiss")
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-5, atol=1e-5)
    assert found[0].dtype == np.int64 and found[1].dtype == np.float32
    copies = nearest_neighbors(np.ones((9, 2)), 2, backend="faiss")[0]  # more copies than hits
    assert not (copies == np.arange(9)[:, None]).any() and (np.diff(copies, axis=1) > 0).all()


def test_auto_takes_faiss_beyond_a_size_where_it_is_installed(monkeypatch, fake_faiss):
    calls = []
    monkeypatch.setattr(module, "_search_faiss", lambda *inputs: calls.append("faiss") or (None, None))
    monkeypatch.setattr(module, "EXACT_ROWS", 60)
    nearest_neighbors(random_rows(60), 2)
    assert calls == []
    nearest_neighbors(random_rows(61), 2)
    assert calls == ["faiss"]
    monkeypatch.setitem(sys.modules, "faiss", None)
    assert nearest_neighbors(random_rows(61), 2)[0].tolist() == slow_neighbors(random_rows(61), 2, True)


def test_faiss_that_is_not_installed_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ImportError, match=r'pip install "hf_relation\[faiss\]"'):
        nearest_neighbors(random_rows(), 2, backend="faiss")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"k": 60}, r"from 1 to the number of other rows \(59\), got 60"),
        ({"k": 0}, "got 0"),
        ({"k": 2.0}, "got 2.0"),
        ({"k": True}, "got True"),
        ({"metric": "euclidean"}, "'cosine', 'dot'; got 'euclidean'"),
        ({"backend": "annoy"}, "'auto', 'exact', 'faiss'; got 'annoy'"),
        ({"block_rows": 0}, "`block_rows` must be an integer from 1 up, got 0"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, said):
    with pytest.raises(UsageError, match=said):
        nearest_neighbors(random_rows(), **({"k": 3} | settings))


def test_rows_that_do_not_fit_are_named():
    for value in (np.nan, np.inf):
        X = random_rows()
        X[[5, 9], 2] = value
        with pytest.raises(InvalidRowError, match="row 5: ") as error:
            nearest_neighbors(X, 3)
        assert error.value.index == 5
    X = random_rows()
    X[7] = 0
    with pytest.raises(InvalidRowError, match="row 7: a row of zeros has no direction"):
        nearest_neighbors(X, 3)
    assert nearest_neighbors(X, 3, metric="dot")[0].shape == (60, 3)
    with pytest.raises(UsageError, match="`X` must have at least 2 row"):
        nearest_neighbors(X[:1], 1)


def test_accuracy_value_and_slow_loops():
    assert neighbor_accuracy([[1, 2], [0, 2], [1, 0]], ["a", "a", "b"], [2, 1]) == {
        2: pytest.approx(1 / 3),
        1: pytest.approx(2 / 3),
    }
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 60)
    indices, _ = nearest_neighbors(random_rows(), 10)
    found = neighbor_accuracy(indices, labels, range(1, 11))
    for k in range(1, 11):
        slow = [labels[indices[i, j]] == labels[i] for i in range(60) for j in range(k)]
        assert found[k] == pytest.approx(sum(slow) / len(slow))


@pytest.mark.parametrize(
    ("indices", "labels", "ks", "said"),
    [
        ([[1], [0]], ["a"], [1], "2 rows, 1 labels"),
        ([[1], [2]], ["a", "b"], [1], "from 0 to 1, got 1 to 2"),
        ([[1], [-1]], ["a", "b"], [1], "got -1 to 1"),
        ([[1], [0]], ["a", "b"], [2], "from 1 to 1, the neighbours given; got 2"),
        ([[1], [0]], ["a", "b"], [0], "got 0"),
        ([1, 0], ["a", "b"], [1], r"matrix \(rows, neighbours\) of integers, got shape \(2,\)"),
        ([[1.0], [0.0]], ["a", "b"], [1], "dtype float64"),
        (np.zeros((0, 2), dtype=int), [], [1], r"got shape \(0, 2\)"),
    ],
)
def test_accuracy_refuses_what_does_not_fit(indices, labels, ks, said):
    with pytest.raises(UsageError, match=said):
        neighbor_accuracy(indices, labels, ks)
