"""What shards found out about centres, added in their order, one after the other: bit-stable, and in flat memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hf_relation.data.files import read_json


def added(sources: Sequence[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Counts and sums over all shards.

    Args:
        sources (`Sequence[Path]`): the arrays that [`~hf_relation.sharded.stages.assigning.assign_shard`] made, in the order of the
            shards: floating-point sums depend on it.

    Returns:
        `tuple[np.ndarray, np.ndarray]`: counts `(m,)`, int64, and sums `(m, p)`, float64.
    """
    from safetensors import safe_open

    counts = sums = None
    for path in sources:
        with safe_open(path, framework="numpy") as file:
            more, others = file.get_tensor("counts"), file.get_tensor("sums")
        counts, sums = (more, others) if counts is None or sums is None else (counts + more, sums + others)
    if counts is None or sums is None:
        raise ValueError("There must be at least one shard.")
    return counts, sums


def first_ids(sources: Sequence[Path], groups: np.ndarray) -> dict[int, str]:
    """The smallest id of every group of centres.

    Args:
        sources (`Sequence[Path]`): the ids that [`~hf_relation.sharded.stages.assigning.assign_shard`] wrote.
        groups (`np.ndarray` of shape `(m,)`, integer): the group of every centre; -1 for none.

    Returns:
        `dict[int, str]`: by group.
    """
    smallest: dict[int, str] = {}
    of_center = groups.tolist()
    for path in sources:
        for center, id_ in read_json(path).items():
            group = of_center[int(center)]
            if group >= 0 and (group not in smallest or id_ < smallest[group]):
                smallest[group] = id_
    return smallest


def by_size(groups: np.ndarray, counts: np.ndarray, sources: Sequence[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Number groups of centres as relations are numbered everywhere: by size, then by the smallest instance id.

    Args:
        groups (`np.ndarray` of shape `(m,)`, int64): the group of every centre, or -1.
        counts (`np.ndarray` of shape `(m,)`, int64): rows of every centre.
        sources (`Sequence[Path]`): as for [`first_ids`].

    Returns:
        `tuple[np.ndarray, np.ndarray]`: the relation of every centre, or -1, and the sizes of the relations.
    """
    number = int(groups.max(initial=-1)) + 1
    sizes = np.zeros(number, dtype=np.int64)
    np.add.at(sizes, groups[groups >= 0], counts[groups >= 0])
    smallest = first_ids(sources, groups)
    order = sorted(range(number), key=lambda group: (-sizes[group], smallest[group]))
    new = np.empty(number + 1, dtype=np.int64)
    new[order] = np.arange(number)
    new[number] = -1  # where a label of -1 points
    return new[groups], sizes[order]
