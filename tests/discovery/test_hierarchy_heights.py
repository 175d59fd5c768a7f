from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.cluster.hierarchy import cophenet, linkage

from hf_relation.discovery import DiscoveredRelation, RelationHierarchy
from hf_relation.discovery.hierarchy import hierarchy_of
from hf_relation.errors import UsageError


def relation_linkage(centers: np.ndarray, sizes: Sequence[int] | np.ndarray) -> np.ndarray:
    return RelationHierarchy.from_centers(centers, sizes).scaled_linkage()


def test_equal_sizes_give_what_scipy_gives() -> None:
    centers = np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32)  # as the centres of relations are
    np.testing.assert_allclose(relation_linkage(centers, [7] * 30), linkage(centers, "ward"), rtol=1e-9)


def test_sizes_count_as_that_many_rows_at_the_centre() -> None:
    rng = np.random.default_rng(1)
    centers, sizes = rng.normal(size=(9, 4)).astype(np.float32), rng.integers(1, 12, 9)
    ours = cophenet(relation_linkage(centers, sizes)) * np.sqrt(sizes.mean())
    repeated = np.repeat(np.arange(9), sizes)
    theirs = np.zeros((9, 9))
    distances = cophenet(linkage(centers[repeated], "ward"))
    first, second = np.triu_indices(len(repeated), 1)
    theirs[repeated[first], repeated[second]] = distances
    np.testing.assert_allclose(ours, theirs[np.triu_indices(9, 1)], rtol=1e-9)


def test_one_and_none() -> None:
    assert relation_linkage(np.ones((1, 3)), [4]).shape == (0, 4)
    with pytest.raises(UsageError):
        relation_linkage(np.ones((0, 3)), [])
    with pytest.raises(UsageError):
        relation_linkage(np.ones((2, 3)), [1])


def test_relations_without_instances_are_not_in_the_tree() -> None:
    relations = [DiscoveredRelation(id_, f"r{id_}", [], size, 1.0) for id_, size in ((0, 4), (3, 0), (5, 2))]
    assert hierarchy_of(relations, np.eye(3)).ids == (0, 5)
