"""Communities: a graph whose best cut is known, and the objective against every other cut of a small one."""

import itertools

import networkx
import numpy as np
import pytest

from hf_relation.baselines import louvain_communities
from hf_relation.errors import UsageError


def rings(num_groups, size):
    """Cliques in a ring, one edge from each to the next."""
    edges = []
    for group in range(num_groups):
        nodes = range(group * size, (group + 1) * size)
        edges += itertools.combinations(nodes, 2)
        edges.append((group * size, (group + 1) % num_groups * size + 1))
    return np.array(edges)


def test_cliques_are_found():
    labels = louvain_communities(30, rings(6, 5))
    assert labels.tolist() == np.repeat(np.arange(6), 5).tolist()


def test_no_other_cut_of_a_small_graph_is_better():
    edges = np.array([[0, 1], [1, 2], [0, 2], [2, 3], [3, 4], [4, 5], [3, 5]])
    graph = networkx.Graph(edges.tolist())

    def modularity(labels):
        groups = [{node for node in range(6) if labels[node] == label} for label in set(labels)]
        return networkx.algorithms.community.modularity(graph, groups)

    best = max(modularity(labels) for labels in itertools.product(range(3), repeat=6))
    assert modularity(louvain_communities(6, edges).tolist()) == pytest.approx(best)


def test_higher_resolution_gives_no_fewer_groups():
    edges = rings(12, 4)
    numbers = [louvain_communities(48, edges, resolution=each).max() + 1 for each in (0.1, 1.0, 5.0)]
    assert numbers == sorted(numbers) and numbers[0] < numbers[1]


def test_nodes_without_edges():
    assert louvain_communities(3, np.zeros((0, 2), dtype=np.int64)).tolist() == [0, 1, 2]
    assert louvain_communities(0, np.zeros((0, 2), dtype=np.int64)).tolist() == []
    assert louvain_communities(3, np.array([[0, 2]])).tolist() == [0, 1, 0]


def test_edges_to_no_node():
    with pytest.raises(UsageError, match="nodes from 0 to 2, got 0 to 3"):
        louvain_communities(3, np.array([[0, 3]]))
    with pytest.raises(UsageError, match="`resolution` must be"):
        louvain_communities(3, np.array([[0, 1]]), resolution=0)
