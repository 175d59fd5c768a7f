"""Modularity of cuts of Ward's tree: networkx says the same of the same graph and groups."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage

from hf_relation.clustering.modularity import neighbor_modularity


@pytest.mark.parametrize("neighbors", [3, 7])
def test_same_as_networkx(neighbors):
    rows = np.random.default_rng(0).normal(size=(40, 3))
    distances = ((rows[:, None] - rows[None]) ** 2).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    graph = nx.Graph()
    for row, near in enumerate(np.argsort(distances, axis=1)[:, :neighbors]):
        for other in near.tolist():
            weight = graph[row][other]["weight"] + 1 if graph.has_edge(row, other) else 1
            graph.add_edge(row, other, weight=weight)
    numbers = [1, 2, 5, 9]
    expected = []
    for number in numbers:
        labels = fcluster(linkage(rows, "ward"), number, "maxclust")
        expected.append(nx.community.modularity(graph, [set(np.flatnonzero(labels == g)) for g in np.unique(labels)]))
    assert neighbor_modularity(rows, numbers, neighbors) == pytest.approx(expected, abs=1e-12)


def test_best_where_no_link_is_cut():
    random = np.random.default_rng(0)
    rows = np.repeat(10 * np.eye(6), 25, axis=0) + random.normal(size=(150, 6))
    scores = neighbor_modularity(rows, range(2, 13))
    assert int(np.argmax(scores)) + 2 == 6
    assert scores[4] == pytest.approx(1 - 1 / 6)  # six equal parts without links between them
