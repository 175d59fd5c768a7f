"""Which relations are alike: a tree over relation centres, to cut at any number of relations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.cluster.hierarchy import cut_tree

from hf_relation.clustering.rows import check_matrix
from hf_relation.clustering.threads import one_thread
from hf_relation.errors import UsageError


if TYPE_CHECKING:
    from hf_relation.discovery.relation import DiscoveredRelation


class RelationHierarchy:
    """A tree that joins, step by step, the two groups of relations whose union costs least.

    The cost is Ward's: how much the squared distances of instances to the centre of their group grow, if all instances of a
    relation stood at its centre. So a relation of 500 instances counts as much as 500 relations of one, which is also why this is
    not `scipy.cluster.hierarchy.linkage`: it cannot weigh rows. The result has scipy's form, and the same for the same relations
    on any machine; of equal costs the pair of smallest numbers goes first.

    Make one with [`RelationHierarchy.from_centers`].

    Args:
        ids (`tuple[int, ...]`): relation ids, ascending.
        names (`tuple[str, ...]`): their names.
        sizes (`tuple[float, ...]`): how much each counts, above 0.
        linkage (`np.ndarray` of shape `(r - 1, 4)`, float64): as scipy has it, ready for
            `scipy.cluster.hierarchy.dendrogram`: numbers of the two groups joined (relations are 0 to r - 1 in the order of
            `ids`, the group made by row i is r + i), height, and how many relations the new group has. The height is the
            square root of twice the cost, as in scipy's Ward.

    Example:

    ```python
    >>> from hf_relation.discovery.hierarchy import RelationHierarchy
    >>> tree = RelationHierarchy.from_centers([[0.0], [1.0], [9.0]], [20, 10, 5], names=["born in", "died in", "owns"])
    >>> tree.cut(2)
    {0: 0, 1: 0, 2: 1}
    >>> print(tree.to_text())
    35 instances, joined at 25.4
    ├── owns [2], 5 instances
    └── 30 instances, joined at 3.65
        ├── born in [0], 20 instances
        └── died in [1], 10 instances
    >>> tree.to_newick()
    "('owns':25.373402,('born in':3.6514837,'died in':3.6514837):21.721918);"

    ```

    Reference: Ward 1963, "Hierarchical grouping to optimize an objective function".
    """

    def __init__(self, ids: Sequence[int], names: Sequence[str], sizes: Sequence[float], linkage: np.ndarray) -> None:
        self.ids = tuple(ids)
        self.names = tuple(names)
        self.sizes = tuple(sizes)
        self.linkage = linkage

    @classmethod
    def from_centers(
        cls, centers: Any, sizes: Any, *, ids: Sequence[int] | None = None, names: Sequence[str] | None = None
    ) -> RelationHierarchy:
        """Build the tree over relation centres.

        Args:
            centers (array-like of shape `(r, p)`): one row per relation, at least one; used as they are.
            sizes (array-like of shape `(r,)`): how much each relation counts, above 0; for instance how many instances it has.
            ids (`Sequence[int]`, *optional*): relation ids, ascending; by default 0 to r - 1.
            names (`Sequence[str]`, *optional*): by default "relation 0" and so on.

        Returns:
            [`RelationHierarchy`].

        Raises:
            UsageError: no relation, the arguments do not fit one another, or a size is not above 0.
            InvalidRowError: a centre holds NaN or infinity.
        """
        points = check_matrix(centers, name="centers", min_rows=1).astype(np.float64)
        number = len(points)
        weights = np.asarray(sizes, dtype=np.float64)
        if weights.shape != (number,) or not np.isfinite(weights).all() or (weights <= 0).any():
            raise UsageError(f"`sizes` must be {number} finite numbers above 0, one per center; got {sizes!r}.")
        ids = range(number) if ids is None else [int(id_) for id_ in ids]
        names = [f"relation {id_}" for id_ in ids] if names is None else list(names)
        if len(ids) != number or len(names) != number:
            raise UsageError(
                f"There are {number} centers, so `ids` and `names` must have {number} entries, got {len(ids)} and {len(names)}."
            )
        if list(ids) != sorted(set(ids)):
            raise UsageError("`ids` must be ascending and different from one another.")
        with one_thread():
            linkage = _weighted_ward(points, weights)
        return cls(ids, names, weights.tolist(), linkage)

    def __len__(self) -> int:
        return len(self.ids)

    def scaled_linkage(self) -> np.ndarray:
        """The linkage with sizes divided by their mean, for pictures: heights are of the order of distances between centres, and
        those of scipy's Ward where all sizes are equal.

        Returns:
            `np.ndarray` of shape `(r - 1, 4)`, float64.
        """
        scaled = self.linkage.copy()
        scaled[:, 2] /= np.sqrt(np.mean(self.sizes))
        return scaled

    def cut(self, num_relations: int) -> dict[int, int]:
        """Groups of relations, as they were when so many were left.

        Args:
            num_relations (`int`): how many groups, from 1 to the number of relations.

        Returns:
            `dict[int, int]`: the group of every relation id; groups are numbered from 0 by size, largest first (equal sizes:
            smallest relation id first).

        Raises:
            UsageError: `num_relations` is out of range.
        """
        whole = isinstance(num_relations, (int, np.integer)) and not isinstance(num_relations, bool)
        if not whole or not 1 <= num_relations <= len(self):
            raise UsageError(
                f"`num_relations` must be an integer from 1 to the number of relations ({len(self)}), got {num_relations!r}. A "
                "tree over relations cannot divide one: use `split`, or fit again with a larger number."
            )
        found = (
            cut_tree(self.linkage, n_clusters=int(num_relations))[:, 0] if len(self) > 1 else np.zeros(1, dtype=int)
        )
        total = np.bincount(found, weights=self.sizes)
        first = [int(np.argmax(found == group)) for group in range(len(total))]
        ranks = {
            group: rank for rank, group in enumerate(sorted(range(len(total)), key=lambda g: (-total[g], first[g])))
        }
        return {id_: ranks[int(group)] for id_, group in zip(self.ids, found, strict=True)}

    def to_dict(self) -> dict[str, Any]:
        """The tree as JSON-able lists.

        Returns:
            `dict`: `relations` (`id`, `name` and `size` of each) and `merges`, in the order they happened, with `left` and `right`
            (numbers as in `linkage`), `height`, and `size` of the new group.
        """
        sizes = list(self.sizes)
        merges = []
        for left, right, height, _ in self.linkage.tolist():
            sizes.append(sizes[int(left)] + sizes[int(right)])
            merges.append({"left": int(left), "right": int(right), "height": height, "size": sizes[-1]})
        relations = [
            {"id": id_, "name": name, "size": size}
            for id_, name, size in zip(self.ids, self.names, self.sizes, strict=True)
        ]
        return {"relations": relations, "merges": merges}

    def to_newick(self) -> str:
        """The tree in the Newick format, which programs for drawing trees read.

        Returns:
            `str`: names are quoted; the length of a branch is the height of its upper end less that of its lower end.
        """
        nodes = ["'" + _one_line(name).replace("'", "''") + "'" for name in self.names]
        heights = [0.0] * len(self)
        for left, right, height, _ in self.linkage.tolist():
            parts = (f"{nodes[int(side)]}:{height - heights[int(side)]:.8g}" for side in (left, right))
            nodes.append(f"({','.join(parts)})")
            heights.append(height)
        return f"{nodes[-1]};"

    def to_text(self) -> str:
        """The tree as lines of text, the last join on top.

        Returns:
            `str`: without a line break at the end.
        """
        sizes = list(self.sizes)
        for left, right, *_ in self.linkage.tolist():
            sizes.append(sizes[int(left)] + sizes[int(right)])
        lines = []
        # A stack in the place of recursion: a tree of many relations can be very deep.
        waiting = [(len(sizes) - 1, "", "")]
        while waiting:
            node, before, below = waiting.pop()
            about = f"{sizes[node]:,g} instances"
            if node < len(self):
                lines.append(f"{before}{_one_line(self.names[node])} [{self.ids[node]}], {about}")
                continue
            left, right, height, _ = self.linkage[node - len(self)].tolist()
            lines.append(f"{before}{about}, joined at {height:.3g}")
            waiting.append((int(right), f"{below}└── ", f"{below}    "))
            waiting.append((int(left), f"{below}├── ", f"{below}│   "))
        return "\n".join(lines)


def hierarchy_of(
    relations: Sequence[DiscoveredRelation], centers: np.ndarray, *, known: bool = True
) -> RelationHierarchy:
    """The tree over relations that have instances.

    Args:
        relations (`Sequence[DiscoveredRelation]`): by id.
        centers (`np.ndarray` of shape `(r, p)`): theirs.
        known (`bool`, defaults to `True`): with known relations.

    Returns:
        [`RelationHierarchy`].

    Raises:
        UsageError: none is left.
    """
    kept = [place for place, relation in enumerate(relations) if relation.size and (known or relation.kind == "novel")]
    if not kept:
        raise UsageError("There is no relation with instances, of which a tree could be made.")
    chosen = [relations[place] for place in kept]
    return RelationHierarchy.from_centers(
        centers[kept],
        [relation.size for relation in chosen],
        ids=[relation.id for relation in chosen],
        names=[relation.name for relation in chosen],
    )


def _weighted_ward(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Ward's tree of weighted points in scipy's form; see [`RelationHierarchy`]."""
    number = len(points)
    centers, weights = points.copy(), weights.copy()
    groups, counts = np.arange(number), np.ones(number)
    alive = np.ones(number, dtype=bool)

    def doubled_costs(row: int) -> np.ndarray:
        gaps = ((centers - centers[row]) ** 2).sum(axis=1)
        costs = 2 * weights[row] * weights / (weights[row] + weights) * gaps
        return np.where(alive & (np.arange(number) != row), costs, np.inf)

    costs = np.stack([doubled_costs(row) for row in range(number)])
    linkage = np.zeros((number - 1, 4))
    for step in range(number - 1):
        one, other = sorted(divmod(int(np.argmin(costs)), number))
        left, right = sorted((groups[one], groups[other]))
        linkage[step] = left, right, np.sqrt(costs[one, other]), counts[one] + counts[other]
        share = weights[one] / (weights[one] + weights[other])
        centers[one] = share * centers[one] + (1 - share) * centers[other]
        weights[one] += weights[other]
        counts[one] += counts[other]
        groups[one] = number + step
        alive[other] = False
        costs[other] = costs[:, other] = np.inf
        costs[one] = costs[:, one] = doubled_costs(one)
    # Rounding may put a join a hair below the one before it, which would turn branches around.
    linkage[:, 2] = np.maximum.accumulate(linkage[:, 2])
    return linkage


def _one_line(text: str) -> str:
    return " ".join(text.split())
