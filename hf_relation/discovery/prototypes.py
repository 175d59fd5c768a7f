"""Points that stand for relations: an instance belongs to the relation of the nearest one, also after edits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hf_relation.clustering.labels import assign
from hf_relation.clustering.rows import map_distinct_rows
from hf_relation.discovery.assignment import nearest_row
from hf_relation.errors import CheckpointError


ROOT = 0
LEFT_OUT = -1
_FEW_POINTS = 2048  # up to here all distances of a block are held at once


@dataclass
class PrototypeTree:
    """Points with the relations they stand for.

    Every vector goes to the nearest point of node 0. The point names a relation, or -1 ("left out"), or a further node, among
    whose points the nearest is taken in turn. So edits never move what they are not about: merging relations gives their points
    one name, deleting one gives its points to -1, and splitting one puts a node of new points under the old ones.

    Args:
        points (`np.ndarray` of shape `(m, p)`, float32): without any, every vector is left out.
        nodes (`np.ndarray` of shape `(m,)`, int64): the node each point belongs to.
        targets (`np.ndarray` of shape `(m,)`, int64): a relation id; -1; or `-1 - n` for node `n`, which is at least 1.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.discovery.prototypes import PrototypeTree
    >>> tree = PrototypeTree.flat(np.eye(2, dtype=np.float32), np.array([0, 1]))
    >>> tree.split(1, np.array([[0.1, 0.9], [0.6, 0.8]], dtype=np.float32), np.array([1, 2]))
    >>> tree.assign(np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]], dtype=np.float32)).tolist()
    [0, 1, 2]

    ```
    """

    points: np.ndarray
    nodes: np.ndarray
    targets: np.ndarray

    @classmethod
    def flat(cls, points: np.ndarray, targets: np.ndarray) -> PrototypeTree:
        """A tree of one node.

        Args:
            points (`np.ndarray` of shape `(m, p)`, float32): the points.
            targets (`np.ndarray` of shape `(m,)`, integer): the relation id of each, or -1.

        Returns:
            [`PrototypeTree`].
        """
        return cls(points, np.zeros(len(points), dtype=np.int64), np.asarray(targets, dtype=np.int64).copy())

    def copy(self) -> PrototypeTree:
        """A copy that can be changed without changing this one."""
        return PrototypeTree(self.points.copy(), self.nodes.copy(), self.targets.copy())

    def assign(self, vectors: np.ndarray) -> np.ndarray:
        """The relation of every vector.

        Args:
            vectors (`np.ndarray` of shape `(n, p)`, float32): may be empty.

        Returns:
            `np.ndarray` of shape `(n,)`, int64: relation ids, or -1. The same for a vector whatever else is given with it.
        """
        if not len(vectors) or not len(self.points):
            return np.full(len(vectors), LEFT_OUT, dtype=np.int64)
        return map_distinct_rows(self._walk, vectors)

    def rename(self, old: int, new: int) -> None:
        """Give the points of a relation to another relation, or to -1."""
        self.targets[self.targets == old] = new

    def add(self, points: np.ndarray, targets: np.ndarray) -> None:
        """Add points to node 0, which take over the vectors that are nearer to them than to all others."""
        self._append(points, ROOT, targets)

    def split(self, relation: int, points: np.ndarray, targets: np.ndarray) -> None:
        """Divide a relation: what belonged to it belongs to the nearest of new points from now on.

        Args:
            relation (`int`): its id.
            points (`np.ndarray` of shape `(m, p)`, float32): the new points.
            targets (`np.ndarray` of shape `(m,)`, integer): the relation each stands for; may hold the old id.
        """
        node = int(self.nodes.max()) + 1
        self.rename(relation, -1 - node)
        self._append(points, node, targets)

    def get_state(self) -> dict[str, np.ndarray]:
        """The tree as plain arrays."""
        return {"points": self.points, "nodes": self.nodes, "targets": self.targets}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray], ids: set[int], width: int | None) -> PrototypeTree:
        """Rebuild a tree from the arrays of [`get_state`].

        Args:
            state (`Mapping[str, np.ndarray]`): the arrays.
            ids (`set[int]`): ids of the relations there are.
            width (`int`, *optional*): columns that the points must have.

        Returns:
            [`PrototypeTree`].

        Raises:
            CheckpointError: arrays are missing, do not fit one another or the ids, or lead in a circle.
        """
        try:
            points, nodes, targets = state["points"], state["nodes"], state["targets"]
        except KeyError as error:
            raise CheckpointError(f"The stored discovery is damaged: no prototype {error}. Save it again.") from error
        fits = (
            points.ndim == 2
            and points.shape[1] == width
            and nodes.shape == targets.shape == (len(points),)
            and points.dtype == np.float32
            and nodes.dtype == targets.dtype == np.int64
            and bool(np.isfinite(points).all())
        )
        if fits and len(points):
            children = -1 - targets[targets < LEFT_OUT]
            parents = nodes[targets < LEFT_OUT]
            fits = (
                set(np.unique(nodes).tolist())
                == {ROOT} | set(children.tolist())  # every node is reached, none is empty
                and bool((children > parents).all())  # downwards only: no circle
                and set(targets[targets >= 0].tolist()) <= ids
            )
        if not fits:
            raise CheckpointError(
                "The stored discovery is damaged: its prototypes do not fit its relations. Save it again."
            )
        return cls(points.copy(), nodes.copy(), targets.copy())

    def _append(self, points: np.ndarray, node: int, targets: np.ndarray) -> None:
        self.points = np.concatenate([self.points, points.astype(np.float32)])
        self.nodes = np.concatenate([self.nodes, np.full(len(points), node, dtype=np.int64)])
        self.targets = np.concatenate([self.targets, np.asarray(targets, dtype=np.int64)])

    def _walk(self, vectors: np.ndarray) -> np.ndarray:
        labels = np.full(len(vectors), LEFT_OUT, dtype=np.int64)
        waiting = {ROOT: np.arange(len(vectors))}
        while waiting:
            node = min(waiting)  # points of several nodes may name one further node, and that has a higher number
            members = waiting.pop(node)
            candidates = np.flatnonzero(self.nodes == node)
            nearest = _nearest(vectors[members], self.points[candidates])
            targets = self.targets[candidates[nearest]]
            labels[members] = np.maximum(targets, LEFT_OUT)
            for target in np.unique(targets[targets < LEFT_OUT]).tolist():
                more = waiting.get(-1 - target, members[:0])
                waiting[-1 - target] = np.concatenate([more, members[targets == target]])
        return labels


def _nearest(vectors: np.ndarray, points: np.ndarray) -> np.ndarray:
    # The routine that k-means labels are settled with, so that rows half way between two points fall to the same side.
    return assign(vectors, points)[0] if len(points) <= _FEW_POINTS else nearest_row(vectors, points)
