"""Principal components against a singular value decomposition."""

from __future__ import annotations

import numpy as np
import pytest

from hf_relation.clustering import PrincipalComponents
from hf_relation.errors import UsageError


@pytest.mark.parametrize("shape", [(40, 6), (5, 9)])  # both exact solvers
def test_equals_a_singular_value_decomposition_up_to_signs(shape):
    X = np.random.default_rng(0).normal(size=shape) * np.linspace(3, 1, shape[1])
    centered = X - X.mean(axis=0)
    directions = np.linalg.svd(centered)[2][:3]
    expected = centered @ directions.T
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = PrincipalComponents(3).fit_transform(X)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-5)
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=1e-5)


def test_keeps_no_more_directions_than_rows_or_columns():
    components = PrincipalComponents(64).fit(np.random.default_rng(0).normal(size=(5, 9)))
    assert components.n_components_ == 5
    assert PrincipalComponents(64).fit(np.random.default_rng(0).normal(size=(50, 9))).n_components_ == 9


def test_large_common_offset_does_not_hide_the_differences():
    X = np.random.default_rng(0).normal(size=(30, 4))
    plain, moved = (PrincipalComponents(2).fit_transform(rows) for rows in (X, X + 100))
    np.testing.assert_allclose(np.abs(moved), np.abs(plain), atol=1e-3)


def test_no_rows():
    with pytest.raises(UsageError, match="at least 1 row"):
        PrincipalComponents().fit(np.zeros((0, 4)))
    assert PrincipalComponents(2).fit(np.eye(4)).transform(np.zeros((0, 4))).shape == (0, 2)


def test_argument_out_of_range():
    with pytest.raises(UsageError, match="`n_components` must be at least 1, got 0"):
        PrincipalComponents(0).fit(np.eye(3))
