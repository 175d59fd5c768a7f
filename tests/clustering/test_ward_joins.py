"""Strengths of joins: heights from a slow loop over all pairs of groups, the rest by hand."""

from __future__ import annotations

import numpy as np
import pytest

from hf_relation.clustering.ward_joins import join_strengths, strengths_of_tree, ward_tree


def unit_rows(number: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(number, 4))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def slow_joins(rows: np.ndarray) -> list[tuple[float, int]]:
    """Height and size of the smaller part of every join, by trying all pairs of groups at every step."""
    groups, found = [[i] for i in range(len(rows))], []
    scatter = lambda members: ((rows[members] - rows[members].mean(axis=0)) ** 2).sum()  # noqa: E731
    while len(groups) > 1:
        pairs = [(a, b) for a in range(len(groups)) for b in range(a + 1, len(groups))]
        cost = {p: scatter(groups[p[0]] + groups[p[1]]) - scatter(groups[p[0]]) - scatter(groups[p[1]]) for p in pairs}
        a, b = min(cost, key=cost.__getitem__)
        found.append(((2 * cost[a, b]) ** 0.5, min(len(groups[a]), len(groups[b]))))
        groups[a] += groups.pop(b)
    return found


@pytest.mark.parametrize(("seed", "part", "exponent"), [(0, 1, 0.25), (1, 3, 0.25), (2, 2, 0.0), (3, 4, 0.5)])
def test_strengths_are_those_of_the_slow_loop(seed, part, exponent):
    rows = unit_rows(24, seed)
    heights = sorted((height for height, size in slow_joins(rows) if size >= part), reverse=True)
    expected, least = [], np.inf
    for rank, height in enumerate(heights):
        least = min(least, height * ((rank + 2) / 24) ** exponent)
        expected.append(least)
    np.testing.assert_allclose(join_strengths(rows, part, exponent), expected, rtol=1e-6)


def test_small_parts_do_not_count():
    rows = np.repeat(np.eye(4), [30, 30, 30, 5], axis=0)
    assert (join_strengths(rows) > 0.1).sum() == 2  # three relations; the five rows are no fourth
    assert (join_strengths(rows, smallest_part=5) > 0.1).sum() == 3


def test_more_rows_of_everything_strengthen_less_than_heights_grow():
    # Four times the rows: heights double, strengths grow by the square root of that.
    rows = np.repeat(np.eye(3), 25, axis=0)
    few, many = join_strengths(rows), join_strengths(np.repeat(rows, 4, axis=0))
    assert many[0] / few[0] == pytest.approx(2**0.5)


def test_tree_can_be_used_again():
    rows = unit_rows(60, 0)
    assert np.array_equal(strengths_of_tree(ward_tree(rows), 5), join_strengths(rows, 5))
