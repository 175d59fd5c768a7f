"""Checks on embedding matrices, and their order by value."""

from __future__ import annotations

import numpy as np
import pytest

from hf_relation.clustering.rows import (
    BLOCK_ROWS,
    check_matrix,
    distinct_positions,
    group_rows,
    map_distinct_rows,
    normalize_rows,
)
from hf_relation.errors import InvalidRowError, UsageError


def test_float32_is_not_copied():
    X = np.ones((3, 2), dtype=np.float32)
    assert check_matrix(X) is X


@pytest.mark.parametrize(
    ("X", "said"),
    [
        ([1.0, 2.0], r"shape \(2,\).*X\[None, :\]"),
        (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\)"),
        (np.zeros((3, 0)), "at least one column"),
        ([[1, 2], [3]], "equal length"),
        ([["a", "b"]], "dtype <U1"),
        (np.array([[None, 1.0]]), "dtype object"),
        (np.array([[1j]]), "dtype complex128"),
        (np.array([[True]]), "dtype bool"),
        (None, "dtype object"),
    ],
)
def test_what_is_no_matrix_of_numbers_is_refused(X, said):
    with pytest.raises(UsageError, match=said):
        check_matrix(X)


def test_first_bad_row_is_named_beyond_the_first_block():
    X = np.zeros((BLOCK_ROWS + 5, 3), dtype=np.float32)
    X[BLOCK_ROWS + 2, 1] = np.inf
    X[BLOCK_ROWS + 4, 0] = np.nan
    with pytest.raises(InvalidRowError, match=rf"row {BLOCK_ROWS + 2}: `X` holds inf in column 1") as error:
        check_matrix(X)
    assert error.value.index == BLOCK_ROWS + 2


def test_a_value_beyond_float32_is_named_with_its_value():
    with pytest.raises(InvalidRowError, match="row 1: `X` holds 1e[+]300 in column 0"):
        check_matrix([[1.0], [1e300]])


def test_very_small_and_very_large_rows_normalise_without_overflow():
    X = np.array([[3e38, 3e38], [3e-38, 4e-38], [0.0, 0.0]], dtype=np.float32)
    np.testing.assert_allclose(normalize_rows(X), [[0.5**0.5, 0.5**0.5], [0.6, 0.8], [0, 0]], rtol=1e-5)


def test_rows_are_ordered_as_python_orders_their_tuples():
    random = np.random.default_rng(0)
    X = random.integers(-2, 3, size=(200, 4)).astype(np.float32) / 4  # many ties in every column
    X[random.random(X.shape) < 0.1] = -0.0
    order, group = group_rows(X)
    expected = sorted(tuple(row) for row in X.tolist())
    assert [tuple(row) for row in X[order].tolist()] == expected
    ranks = {value: rank for rank, value in enumerate(sorted(set(expected)))}
    assert group.tolist() == [ranks[tuple(row)] for row in X.tolist()]
    assert [tuple(row) for row in X[distinct_positions(order, group)].tolist()] == sorted(set(expected))


def test_no_rows_have_an_empty_order():
    order, group = group_rows(np.zeros((0, 3), dtype=np.float32))
    assert len(order) == len(group) == len(distinct_positions(order, group)) == 0


def test_function_sees_each_distinct_row_once():
    seen = []
    X = np.array([[2], [1], [2], [1]], dtype=np.float32)
    result = map_distinct_rows(lambda rows: seen.append(rows.tolist()) or rows + 1, X)
    assert seen == [[[1.0], [2.0]]]
    assert result.tolist() == [[3], [2], [3], [2]]
