"""Stages "mean" and "settle": rounds of k-means over all rows, and the relations they end with.

A round is a map, "assign" to the relations' centres, and a reduction, their means: Lloyd's algorithm (S. Lloyd, "Least squares
quantization in PCM", IEEE Transactions on Information Theory 28, 1982).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hf_relation.sharded.stages.arrays import save_npy
from hf_relation.sharded.stages.assigning import load_centers
from hf_relation.sharded.stages.reducing import added, by_size


def mean_centers(
    sources: Sequence[Path], out: Path, shard: str, settings: Mapping[str, Any]
) -> tuple[int, dict[str, Any]]:
    """The mean of the rows of every relation.

    Args:
        sources (`Sequence[Path]`): the centres that rows were assigned to, then what "assign" made of every shard, in their order.
        out (`Path`), shard (`str`): `SHARD.npy`: `(r, p)`, float32. A centre without rows stays where it was.
        settings (`Mapping`): none.

    Returns:
        `tuple`: number of centres, and `{"moved": ...}`: how many are elsewhere now. Where none is, further rounds would change
        nothing.
    """
    before = load_centers(sources[0])
    counts, sums = added(sources[1:])
    filled = counts > 0
    after = before.copy()
    after[filled] = sums[filled] / counts[filled, None]
    save_npy(out / f"{shard}.npy", after)
    return len(after), {"moved": int((after != before).any(axis=1).sum())}


def settle_relations(
    sources: Sequence[Path], out: Path, shard: str, settings: Mapping[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Number the relations anew, by how many rows they have after the last round.

    Args:
        sources (`Sequence[Path]`): what the last "assign" made of every shard, arrays and ids in turn.
        out (`Path`), shard (`str`): `SHARD.safetensors` with `relations`, `sizes` and `centers`, as "merge" writes it, where the
            relations of the rounds are what there the many centres are. One that lost all its rows is -1.
        settings (`Mapping`): none.

    Returns:
        `tuple`: number of relations, and `{"sizes": [...]}`.
    """
    from safetensors.numpy import save_file

    counts, sums = added(sources[0::2])
    groups = np.where(counts > 0, np.cumsum(counts > 0) - 1, -1)
    relations, sizes = by_size(groups, counts, sources[1::2])
    centers = np.empty((len(sizes), sums.shape[1]), dtype=np.float32)
    filled = relations >= 0
    centers[relations[filled]] = sums[filled] / counts[filled, None]
    save_file({"relations": relations, "sizes": sizes, "centers": centers}, out / f"{shard}.safetensors")
    return len(sizes), {"sizes": sizes.tolist()}
