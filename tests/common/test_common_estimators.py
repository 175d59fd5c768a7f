"""Checks that every transform and every class that clusters or learns to must pass. Register a new one once, below."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from threadpoolctl import threadpool_limits

from hf_relation import baselines, clustering
from hf_relation.baselines import RelationalSiameseNetwork
from hf_relation.clustering import (
    AdaptiveClustering,
    BalancedKMeans,
    NeighborSmoothing,
    PrincipalComponents,
    WithinClassWhitening,
)
from hf_relation.errors import InvalidRowError, UsageError
from tests.common.clustering_inputs import sample, unusual_forms


# Transforms with an argument each that is not the default. All are called as fit(X, y).
TRANSFORMS: dict[str, BaseEstimator] = {
    "NeighborSmoothing": NeighborSmoothing(n_neighbors=4, n_rounds=2),
    "PrincipalComponents": PrincipalComponents(n_components=3),
    "WithinClassWhitening": WithinClassWhitening(shrinkage=0.5),
    "WithinClassWhitening, low rank": WithinClassWhitening(shrinkage=0.5, n_components=2),
}

# Clustering classes of our own with an argument each that is not the default. All are called as fit(X).
CLUSTERERS: dict[str, BaseEstimator] = {
    "AdaptiveClustering": AdaptiveClustering(n_clusters=4, n_init=3),
    "BalancedKMeans": BalancedKMeans(n_clusters=4, n_init=3),
}

# Classes that learn from known relations how to find others. They are called as fit(X, y).predict(X).
LEARNERS: dict[str, BaseEstimator] = {
    "RelationalSiameseNetwork": RelationalSiameseNetwork(8, num_steps=40, learning_rate=0.02, min_size=2)
}
EVERY = TRANSFORMS | CLUSTERERS | LEARNERS


@pytest.fixture(params=TRANSFORMS.values(), ids=TRANSFORMS)
def transform(request) -> BaseEstimator:
    return clone(request.param)


# ---- registration


def test_every_estimator_is_registered():
    public = {
        name
        for room in (clustering, baselines)
        for name in room.__all__
        if inspect.isclass(getattr(room, name)) and issubclass(getattr(room, name), BaseEstimator)
    }
    assert public == {type(estimator).__name__ for estimator in EVERY.values()}


# ---- transforms


@pytest.mark.parametrize("estimator", EVERY.values(), ids=EVERY)
def test_parameters_can_be_read_set_and_cloned(estimator):
    estimator = clone(estimator)
    parameters = estimator.get_params()
    assert set(parameters) == set(inspect.signature(type(estimator).__init__).parameters) - {"self"}
    fitted = estimator.fit(*sample())
    copy = clone(fitted)
    assert copy.get_params() == parameters == fitted.get_params()
    assert not [name for name in vars(copy) if name.endswith("_")]
    for name in parameters:
        assert copy.set_params(**{name: 1}).get_params()[name] == 1
    with pytest.raises(ValueError, match="Invalid parameter"):
        copy.set_params(no_such_parameter=1)


@pytest.mark.parametrize("estimator", EVERY.values(), ids=EVERY)
def test_constructor_only_stores_its_arguments(estimator):
    odd = {name: object() for name in estimator.get_params()}
    assert type(estimator)(**odd).get_params() == odd


def test_transform_twice_is_bitwise_equal(transform):
    X, y = sample()
    first = transform.fit(X, y).transform(X)
    np.testing.assert_array_equal(transform.transform(X), first)
    np.testing.assert_array_equal(clone(transform).fit(X, y).transform(X), first)
    np.testing.assert_array_equal(clone(transform).fit_transform(X, y), first)


def test_rows_have_length_one_and_float32(transform):
    X, y = sample()
    result = transform.fit(X, y).transform(X)
    assert result.dtype == np.float32 and len(result) == len(X)
    np.testing.assert_allclose(np.linalg.norm(result, axis=1), 1, atol=1e-6)


def test_fault_07_transform_in_another_row_order(transform):
    X, y = sample()
    expected = transform.fit(X, y).transform(X)
    order = np.random.default_rng(1).permutation(len(X))
    np.testing.assert_array_equal(clone(transform).fit(X[order], y[order]).transform(X[order]), expected[order])


def test_fault_06_duplicates_are_transformed_alike(transform):
    X, y = sample()
    X, y = np.concatenate([X, X[:7], X[:7]]), np.concatenate([y, y[:7], y[:7]])
    result = transform.fit(X, y).transform(X)
    np.testing.assert_array_equal(result[36:43], result[:7])
    np.testing.assert_array_equal(result[43:], result[:7])


def test_fault_01_transform_of_no_rows(transform):
    X, y = sample()
    width = transform.fit(X, y).transform(X).shape[1]
    assert transform.transform(X[:0]).shape == (0, width)


def test_fault_02_transform_of_one_row(transform):
    X, y = sample()
    result = transform.fit(X, y).transform(X[:1])
    assert result.shape[0] == 1 and np.isfinite(result).all()


def test_fault_03_transform_of_identical_rows(transform):
    X, y = sample()
    same = np.tile(X[:1], (9, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = transform.fit(X, y).transform(same)
        assert np.isfinite(result).all() and (result == result[0]).all()
        if not isinstance(transform, WithinClassWhitening):  # which needs variation to fit, and says so
            refitted = transform.fit(same).transform(same)
            assert np.isfinite(refitted).all() and (refitted == refitted[0]).all()


def test_fault_11_transform_names_the_first_bad_row(transform):
    X, y = sample()
    for value in (np.nan, np.inf, -np.inf):
        bad = X.copy()
        bad[[5, 9], 2] = value
        with pytest.raises(InvalidRowError, match="row 5: ") as error:
            transform.fit(bad, y)
        assert error.value.index == 5
        with pytest.raises(InvalidRowError, match="row 5: "):
            clone(transform).fit(X, y).transform(bad)


def test_fault_12_transform_refuses_what_is_no_matrix_of_numbers(transform):
    X, y = sample()
    transform.fit(X, y)
    for bad in (X[0], X[None], X.astype(object), X.astype(complex), X.astype(str)):
        with pytest.raises(UsageError, match="`X` must"):
            transform.transform(bad)


def test_fault_12_transform_refuses_other_columns(transform):
    X, y = sample()
    transform.fit(X, y)
    if isinstance(transform, NeighborSmoothing):  # uses nothing from fit
        assert transform.transform(X[:, :4]).shape == (36, 4)
        return
    with pytest.raises(UsageError, match="6 columns, as when it was fitted, got 4"):
        transform.transform(X[:, :4])


def test_fault_12_transform_takes_integers(transform):
    X, y = sample()
    whole = (X * 100).astype(np.int64)
    expected = transform.fit(whole.astype(np.float32), y).transform(whole.astype(np.float32))
    np.testing.assert_array_equal(clone(transform).fit(whole, y).transform(whole), expected)


def test_fault_13_transform_of_unusual_arrays(transform, tmp_path):
    X, y = sample()
    X = X.astype(np.float16).astype(np.float32)
    expected = transform.fit(X, y).transform(X)
    for form, values in unusual_forms(X, tmp_path).items():
        np.testing.assert_array_equal(clone(transform).fit(values, y).transform(values), expected, err_msg=form)


def test_transform_does_not_change_its_input(transform):
    X, y = sample()
    kept, labels = X.copy(), y.copy()
    transform.fit(X, y).transform(X)
    np.testing.assert_array_equal(X, kept)
    np.testing.assert_array_equal(y, labels)


def test_fault_08_transform_with_one_and_two_threads(transform):
    X, y = sample(700, 40)
    results = []
    for limit in (1, 2):
        with threadpool_limits(limits=limit):
            results.append(clone(transform).fit(X, y).transform(X))
    np.testing.assert_array_equal(*results)


def test_transform_before_fit(transform):
    if isinstance(transform, NeighborSmoothing):
        assert transform.transform(sample()[0]).shape == (36, 6)
        return
    with pytest.raises(NotFittedError):
        transform.transform(sample()[0])


# ---- classes that cluster


@pytest.fixture(params=CLUSTERERS.values(), ids=CLUSTERERS)
def clusterer(request) -> BaseEstimator:
    return clone(request.param)


def test_fit_predict_and_predict_give_the_labels_of_fit(clusterer):
    X, _ = sample()
    labels = clusterer.fit(X).labels_
    assert labels.dtype == np.int64 and labels.shape == (36,)
    np.testing.assert_array_equal(clusterer.predict(X), labels)
    np.testing.assert_array_equal(clone(clusterer).fit_predict(X), labels)
    assert clusterer.predict(X[:0]).shape == (0,)
    np.testing.assert_array_equal(clusterer.predict(X[:1]), labels[:1])


def test_predict_before_fit_and_of_other_columns(clusterer):
    X, _ = sample()
    with pytest.raises(NotFittedError):
        clusterer.predict(X)
    with pytest.raises(UsageError, match="6 columns, as when it was fitted, got 4"):
        clusterer.fit(X).predict(X[:, :4])


# ---- classes that learn from known relations


@pytest.fixture(params=LEARNERS.values(), ids=LEARNERS)
def learner(request) -> BaseEstimator:
    return clone(request.param)


def test_learned_twice_is_equal(learner):
    X, y = sample()
    labels = learner.fit(X, y).predict(X)
    assert labels.dtype == np.int64 and labels.shape == (36,) and set(labels) == set(range(labels.max() + 1))
    np.testing.assert_array_equal(learner.predict(X), labels)
    np.testing.assert_array_equal(clone(learner).fit(X, y).predict(X), labels)
    np.testing.assert_array_equal(clone(learner).fit(X, np.array(list("abcd"))[y]).predict(X), labels)


def test_fault_07_learned_in_another_row_order(learner):
    X, y = sample()
    order = np.random.default_rng(1).permutation(len(X))
    expected = learner.fit(X, y).predict(X)
    np.testing.assert_array_equal(learner.predict(X[order]), expected[order])
    np.testing.assert_array_equal(clone(learner).fit(X[order], y[order]).predict(X), expected)


def test_fault_08_learned_with_one_and_two_threads(learner):
    X, y = sample(200, 40)
    results = []
    for limit in (1, 2):
        with threadpool_limits(limits=limit):
            results.append(clone(learner).fit(X, y).predict(X))
    np.testing.assert_array_equal(*results)


def test_fault_01_02_06_learner_with_no_row_one_row_and_duplicates(learner):
    X, y = sample()
    learner.fit(X, y)
    assert learner.predict(X[:0]).shape == (0,) and learner.predict(X[:1]).tolist() == [0]
    labels = learner.predict(np.concatenate([X, X[:9]]))
    np.testing.assert_array_equal(labels[36:], labels[:9])


def test_fault_05_learner_with_one_known_relation(learner):
    X, _ = sample()
    with pytest.raises(UsageError, match="at least two relations"):
        learner.fit(X, np.zeros(36, dtype=int))


def test_fault_11_learner_names_the_first_bad_row(learner):
    X, y = sample()
    bad = X.copy()
    bad[[5, 9], 2] = np.nan
    with pytest.raises(InvalidRowError, match="row 5: "):
        clone(learner).fit(bad, y)
    with pytest.raises(InvalidRowError, match="row 5: "):
        learner.fit(X, y).predict(bad)


def test_fault_12_learner_before_fit_and_of_other_columns(learner):
    X, y = sample()
    with pytest.raises(NotFittedError):
        learner.predict(X)
    with pytest.raises(UsageError, match="6 columns, as when it was fitted, got 4"):
        learner.fit(X, y).predict(X[:, :4])


def test_fault_13_learner_of_unusual_arrays(learner, tmp_path):
    X, y = sample()
    X = X.astype(np.float16).astype(np.float32)
    expected = learner.fit(X, y).predict(X)
    for form, values in unusual_forms(X, tmp_path).items():
        np.testing.assert_array_equal(clone(learner).fit(values, y).predict(values), expected, err_msg=form)
