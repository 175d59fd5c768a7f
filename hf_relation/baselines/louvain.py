"""Communities of a graph."""

from __future__ import annotations

import networkx  # type: ignore[import-untyped]
import numpy as np

from hf_relation.baselines.checks import check_integer, check_number
from hf_relation.errors import UsageError


def louvain_communities(num_nodes: int, edges: np.ndarray, *, seed: int = 0, resolution: float = 1.0) -> np.ndarray:
    """Group the nodes of a graph so that there are many edges within and few between the groups (Louvain's method).

    A thin layer over networkx that takes and gives arrays.

    Args:
        num_nodes (`int`): nodes are 0 to `num_nodes` - 1; one without edges is a group of its own.
        edges (`np.ndarray` of shape `(m, 2)`, integer): pairs of nodes; which stands first does not matter.
        seed (`int`, defaults to 0): of the order in which nodes are moved.
        resolution (`float`, defaults to 1.0): above 1 for smaller groups, below for larger ones; above 0.

    Returns:
        `np.ndarray` of shape `(num_nodes,)`, int64: groups from 0 in the order of their smallest node.

    Raises:
        UsageError: an edge to no node, or a setting out of range.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.baselines import louvain_communities
    >>> edges = np.array([[0, 2], [2, 4], [0, 4], [1, 3], [3, 5], [1, 5], [4, 5]])  # two triangles and a bridge
    >>> louvain_communities(7, edges).tolist()
    [0, 1, 0, 1, 0, 1, 2]

    ```

    Reference: Blondel et al., "Fast unfolding of communities in large networks", 2008.
    """
    check_integer("num_nodes", num_nodes, 0)
    check_integer("seed", seed, 0)
    check_number("resolution", resolution, 0, above=True)
    pairs = np.asarray(edges, dtype=np.int64).reshape(-1, 2)
    if len(pairs) and not 0 <= pairs.min() <= pairs.max() < num_nodes:
        raise UsageError(f"`edges` must join nodes from 0 to {num_nodes - 1}, got {pairs.min()} to {pairs.max()}.")
    graph = networkx.Graph()
    graph.add_nodes_from(range(num_nodes))
    graph.add_edges_from(pairs.tolist())
    labels = np.full(num_nodes, -1, dtype=np.int64)
    if graph.number_of_edges():
        groups = networkx.algorithms.community.louvain_communities(graph, seed=seed, resolution=resolution)
    else:
        groups = [{node} for node in range(num_nodes)]
    for number, group in enumerate(sorted(groups, key=min)):
        labels[list(group)] = number
    return labels
