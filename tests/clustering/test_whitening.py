"""Within-class whitening against hand-worked values and the definition."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

from hf_relation.clustering import WithinClassWhitening
from hf_relation.errors import CheckpointError, UsageError


def labelled_rows(num_rows: int = 90, dim: int = 12, classes: int = 6, seed: int = 0):
    random = np.random.default_rng(seed)
    y = np.arange(num_rows) % classes
    centers = random.normal(size=(classes, dim))
    mixing = random.normal(size=(dim, dim)) * np.linspace(2, 0.1, dim)
    return centers[y] + random.normal(size=(num_rows, dim)) @ mixing.T, y


def by_definition(X, y, rows, shrinkage):
    """WCCN as written: S_w over N, shrunk, Cholesky factor of its inverse."""
    scatter = np.zeros((X.shape[1], X.shape[1]))
    for label in np.unique(y):
        for row in X[y == label]:
            difference = row - X[y == label].mean(axis=0)
            scatter += np.outer(difference, difference) / len(X)
    shrunk = (1 - shrinkage) * scatter + shrinkage * np.trace(scatter) / len(scatter) * np.eye(len(scatter))
    L = scipy.linalg.cholesky(scipy.linalg.inv(shrunk), lower=True)
    whitened = (rows - X.mean(axis=0)) @ L
    return whitened / np.linalg.norm(whitened, axis=1, keepdims=True)


def test_two_dimensional_case_worked_by_hand():
    # S_w = diag(0, 9), tr/d = 4.5, a = .1: S = diag(.45, 8.55); (1, 1) - mean = (.5, 1) -> (.5/sqrt(.45),
    # 1/sqrt(8.55)) = (.7453560, .3419928), of length .8200699.
    X = [[0, -3], [0, 3], [1, -3], [1, 3]]
    whitening = WithinClassWhitening(shrinkage=0.1).fit(X, ["a", "a", "b", "b"])
    np.testing.assert_allclose(whitening.transform([[1, 1]]), [[0.9088933, 0.4170287]], atol=1e-6)


@pytest.mark.parametrize("shrinkage", [0.0, 0.1, 0.8, 1.0])
def test_distances_are_those_of_the_definition_with_a_cholesky_factor(shrinkage):
    X, y = labelled_rows()
    rows = labelled_rows(20, seed=1)[0]
    expected = by_definition(X, y, rows, shrinkage)
    found = WithinClassWhitening(shrinkage).fit(X, y).transform(rows)
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=5e-6)


def test_full_whitening_makes_the_within_class_scatter_a_multiple_of_the_identity():
    X, y = labelled_rows(300, 5)
    whitening = WithinClassWhitening(shrinkage=0.0).fit(X, y)
    # Undo the last step, the scaling to length one, by applying the factor by hand.
    centered = X - whitening.mean_
    whitened = centered - (centered @ whitening.factor_.T) @ whitening.factor_
    within = whitened - np.stack([whitened[y == label].mean(axis=0) for label in range(6)])[y]
    scatter = within.T @ within
    np.testing.assert_allclose(scatter / scatter[0, 0], np.eye(5), atol=1e-4)


def test_shrinkage_one_only_centres():
    X, y = labelled_rows()
    centered = X - X.mean(axis=0)
    expected = centered / np.linalg.norm(centered, axis=1, keepdims=True)
    np.testing.assert_allclose(WithinClassWhitening(1.0).fit(X, y).transform(X), expected, atol=1e-5)


def test_negative_integer_labels_are_left_out():
    X, y = labelled_rows()
    kept = y != 2
    found = WithinClassWhitening().fit(X, np.where(kept, y, -1)).transform(X)
    np.testing.assert_array_equal(found, WithinClassWhitening().fit(X[kept], y[kept]).transform(X))


@pytest.mark.parametrize("rank", [None, 1, 4, 11, 12, 50])
def test_state_of_a_rank_is_the_transform_fitted_with_that_many_components(rank):
    X, y = labelled_rows()
    full = WithinClassWhitening(0.3).fit(X, y)
    restored = WithinClassWhitening.from_state(full.get_state("float32", rank))
    fitted = WithinClassWhitening(0.3, n_components=rank).fit(X, y)
    np.testing.assert_allclose(restored.transform(X), fitted.transform(X), atol=1e-5)
    assert restored.factor_.shape == (min(rank or 12, 12), 12)


def test_low_rank_form_keeps_the_listed_directions_and_averages_the_scale_of_the_others():
    X, y = labelled_rows()
    full = WithinClassWhitening(0.3).fit(X, y)
    within = X - np.stack([X[y == label].mean(axis=0) for label in range(6)])[y]
    variances, directions = scipy.linalg.eigh(within.T @ within / len(X))
    scales = (0.7 * variances + 0.3 * variances.mean()) ** -0.5
    scales[:-3] = scales[:-3].mean()  # the three directions of greatest variance stand last
    expected = (X - X.mean(axis=0)) @ directions * scales @ directions.T
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = WithinClassWhitening.from_state(full.get_state("float32", rank=3)).transform(X)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_half_precision_state_is_small_and_faithful():
    X, y = labelled_rows()
    whitening = WithinClassWhitening().fit(X, y)
    state = whitening.get_state()
    assert {name: (array.dtype, array.shape) for name, array in state.items()} == {
        "mean": (np.dtype(np.float16), (12,)),
        "factor": (np.dtype(np.float16), (12, 12)),
    }
    restored = WithinClassWhitening.from_state(state).transform(X)
    np.testing.assert_allclose(restored, whitening.transform(X), atol=5e-3)
    fidelity = whitening.state_fidelity(X, rank=4)
    assert fidelity["numbers"] == 12 * 5
    assert fidelity["min_cosine"] <= fidelity["mean_cosine"] < whitening.state_fidelity(X)["mean_cosine"] <= 1.0001


def test_state_is_independent_of_the_estimator():
    X, y = labelled_rows()
    whitening = WithinClassWhitening().fit(X, y)
    before = whitening.transform(X)
    whitening.get_state("float32")["factor"][:] = 7
    np.testing.assert_array_equal(whitening.transform(X), before)


@pytest.mark.parametrize(
    "change",
    [
        {"mean": None},
        {"factor": None},
        {"extra": np.zeros(1)},
        {"mean": np.zeros(3, dtype=np.float32)},
        {"mean": np.zeros((1, 12), dtype=np.float32)},
        {"factor": np.zeros(12, dtype=np.float32)},
        {"factor": np.zeros((2, 12), dtype=np.int64)},
        {"factor": np.full((2, 12), np.nan, dtype=np.float32)},
    ],
)
def test_damaged_state_is_refused(change):
    X, y = labelled_rows()
    state = WithinClassWhitening().fit(X, y).get_state() | change
    with pytest.raises(CheckpointError, match="whitening state"):
        WithinClassWhitening.from_state({name: array for name, array in state.items() if array is not None})


@pytest.mark.parametrize("y", [["a"] * 4, ["a", "a", "b", "c"], ["a", "b", "c", "d"], [0, 0, -1, -1]])
def test_fault_05_fewer_than_two_relations_with_two_instances(y):
    with pytest.raises(UsageError, match="at least 2 relations with at least 2 instances each, got [01]"):
        WithinClassWhitening().fit(np.arange(8.0).reshape(4, 2), y)


def test_fault_05_no_rows():
    with pytest.raises(UsageError, match="in 0 labelled row"):
        WithinClassWhitening().fit(np.zeros((0, 2)), [])


@pytest.mark.parametrize("y", [["a", "a", 1, 1], [0.5, 0.5, 1.5, 1.5], [None, None, "a", "a"], [True, True, False, 1]])
def test_fault_46_mixed_or_odd_label_types(y):
    with pytest.raises(UsageError, match="either strings only or integers only"):
        WithinClassWhitening().fit(np.arange(8.0).reshape(4, 2), y)


def test_labels_as_many_as_rows():
    with pytest.raises(UsageError, match="4 rows, 3 labels"):
        WithinClassWhitening().fit(np.arange(8.0).reshape(4, 2), [0, 0, 1])


def test_classes_without_any_variation_are_refused():
    with pytest.raises(UsageError, match="all instances of each relation are the same"):
        WithinClassWhitening().fit([[0, 1], [0, 1], [1, 0], [1, 0]], [0, 0, 1, 1])


def test_no_shrinkage_with_fewer_rows_than_dimensions_is_refused():
    with pytest.raises(UsageError, match="Raise `shrinkage`"):
        WithinClassWhitening(0.0).fit(np.random.default_rng(0).normal(size=(4, 9)), [0, 0, 1, 1])


@pytest.mark.parametrize("arguments", [{"shrinkage": -0.1}, {"shrinkage": 1.1}, {"n_components": 0}])
def test_arguments_out_of_range(arguments):
    with pytest.raises(UsageError, match=next(iter(arguments))):
        WithinClassWhitening(**arguments).fit(*labelled_rows())


@pytest.mark.parametrize("arguments", [{"dtype": "int8"}, {"rank": 0}])
def test_state_arguments_out_of_range(arguments):
    with pytest.raises(UsageError, match=next(iter(arguments))):
        WithinClassWhitening().fit(*labelled_rows()).get_state(**arguments)
