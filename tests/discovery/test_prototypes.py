from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_relation.discovery.prototypes import PrototypeTree
from hf_relation.errors import CheckpointError


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def walk_slowly(tree: PrototypeTree, vector: np.ndarray) -> int:
    """The definition, one vector at a time: the nearest point of a node, then of the node it names, and so on."""
    node = 0
    while True:
        members = [i for i in range(len(tree.points)) if tree.nodes[i] == node]
        distances = [
            sum((float(a) - float(b)) ** 2 for a, b in zip(vector, tree.points[i], strict=True)) for i in members
        ]
        target = int(tree.targets[members[distances.index(min(distances))]])
        if target >= -1:
            return target
        node = -1 - target


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), edits=st.lists(st.integers(0, 3), max_size=5))
def test_assigning_is_the_walk_from_node_to_node_after_any_edits(seed: int, edits: list[int]) -> None:
    rng = np.random.default_rng(seed)
    tree = PrototypeTree.flat(unit(rng.normal(size=(6, 4))), rng.integers(-1, 4, size=6))
    fresh = 4
    for edit in edits:
        ids = sorted(set(tree.targets[tree.targets >= 0].tolist()))
        if not ids:
            break
        chosen = int(rng.choice(ids))
        if edit == 0:
            tree.rename(chosen, -1)
        elif edit == 1:
            tree.rename(chosen, min(ids))
        elif edit == 2:
            tree.add(unit(rng.normal(size=(1, 4))), np.array([fresh]))
            fresh += 1
        else:
            tree.split(chosen, unit(rng.normal(size=(3, 4))), np.array([chosen, fresh, fresh + 1]))
            fresh += 2
    vectors = unit(rng.normal(size=(15, 4)))
    expected = [walk_slowly(tree, vector) for vector in vectors]
    assert tree.assign(vectors).tolist() == expected
    assert [int(tree.assign(vector[None])[0]) for vector in vectors] == expected, "whatever else is given with it"
    ids_left = set(tree.targets[tree.targets >= 0].tolist())
    again = PrototypeTree.from_state(tree.get_state(), ids_left, 4)
    assert again.assign(vectors).tolist() == expected


def test_a_split_moves_only_what_it_is_about() -> None:
    points = np.eye(3, dtype=np.float32)
    tree = PrototypeTree.flat(points, np.array([0, 1, 2]))
    tree.split(1, unit(np.array([[0.0, 1.0, 0.3], [0.9, 0.5, 0.0]])), np.array([1, 3]))
    # Nearer to the new point of relation 3 than to that of relation 0, but relation 0 was not split.
    beside = unit(np.array([[0.9, 0.6, 0.0]]))
    assert tree.assign(beside).tolist() == [0]
    assert tree.assign(unit(np.array([[0.6, 0.8, 0.0], [0.0, 0.9, 0.2]]))).tolist() == [3, 1]


def test_points_of_several_nodes_may_lead_to_one_node() -> None:
    tree = PrototypeTree.flat(np.eye(3, dtype=np.float32), np.array([0, 1, 2]))
    tree.split(1, unit(np.array([[0.0, 1.0, 0.3], [0.3, 1.0, 0.0]])), np.array([1, 3]))
    tree.rename(1, 0)  # a merge: relation 0 now has points in both nodes
    tree.split(0, unit(np.array([[1.0, 0.0, 0.1], [0.0, 0.1, 1.0]])), np.array([0, 4]))
    vectors = unit(np.array([[1.0, 0.1, 0.0], [0.1, 1.0, 0.2], [0.0, 1.0, 0.9], [0.5, 1.0, 0.0], [0.0, 0.0, 1.0]]))
    expected = [walk_slowly(tree, vector) for vector in vectors]
    assert expected == [0, 4, 4, 3, 2] and tree.assign(vectors).tolist() == expected


def test_a_copy_is_independent_and_nothing_gives_nothing() -> None:
    targets = np.array([0, 1])
    tree = PrototypeTree.flat(np.eye(2, dtype=np.float32), targets)
    copy = tree.copy()
    copy.rename(0, -1)
    copy.add(np.array([[0.6, 0.8]], dtype=np.float32), np.array([2]))
    assert tree.assign(np.eye(2, dtype=np.float32)).tolist() == [0, 1] and targets.tolist() == [0, 1]
    assert copy.assign(np.eye(2, dtype=np.float32)).tolist() == [-1, 1]
    assert tree.assign(np.empty((0, 2), dtype=np.float32)).tolist() == []
    empty = PrototypeTree.flat(np.empty((0, 2), dtype=np.float32), np.empty(0))
    assert empty.assign(np.eye(2, dtype=np.float32)).tolist() == [-1, -1]


def test_many_points_are_searched_in_the_same_way() -> None:
    rng = np.random.default_rng(0)
    points = unit(rng.normal(size=(2100, 3)))  # more than are compared at once
    tree = PrototypeTree.flat(points, np.arange(2100) % 7)
    vectors = unit(rng.normal(size=(20, 3)))
    nearest = [int(np.argmin(((points.astype(float) - vector.astype(float)) ** 2).sum(axis=1))) for vector in vectors]
    assert tree.assign(vectors).tolist() == [number % 7 for number in nearest]
    assert tree.assign(points).tolist() == (np.arange(2100) % 7).tolist(), "a point finds itself"


GOOD: dict[str, Any] = {
    "points": np.eye(3, dtype=np.float32),
    "nodes": np.array([0, 0, 1]),
    "targets": np.array([0, -2, 1]),
}


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param({"points": None}, id="missing"),
        pytest.param({"points": np.eye(3)}, id="float64"),
        pytest.param({"points": np.eye(3, dtype=np.float32) * np.nan}, id="nan"),
        pytest.param({"points": np.ones((3, 4), dtype=np.float32)}, id="width"),
        pytest.param({"points": np.ones(3, dtype=np.float32)}, id="one dimension"),
        pytest.param({"nodes": np.array([0, 0])}, id="fewer nodes"),
        pytest.param({"nodes": np.array([0.0, 0.0, 1.0])}, id="nodes of floats"),
        pytest.param({"nodes": np.array([0, 0, 0])}, id="an empty node"),
        pytest.param({"nodes": np.array([1, 1, 1])}, id="no first node"),
        pytest.param({"nodes": np.array([0, 0, -1])}, id="a negative node"),
        pytest.param({"targets": np.array([0, 1, 1])}, id="a node that nothing leads to"),
        pytest.param({"targets": np.array([0, -2, -2])}, id="a circle of one"),
        pytest.param({"targets": np.array([0, -2, 7])}, id="a relation that is not there"),
        pytest.param({"targets": np.array([0, -3, 1])}, id="a node that is not there"),
        pytest.param({"nodes": np.array([0, 2, 1]), "targets": np.array([-2, -2, -3])}, id="a circle of two"),
    ],
)
def test_damaged_states_are_refused(damage: dict[str, Any]) -> None:
    assert PrototypeTree.from_state(GOOD, {0, 1}, 3).assign(np.eye(3, dtype=np.float32)).tolist() == [0, 1, 0]
    state = {key: value for key, value in (GOOD | damage).items() if value is not None}
    with pytest.raises(CheckpointError, match="damaged"):
        PrototypeTree.from_state(state, {0, 1}, 3)
