"""Stage "assign": the nearest centre of every row, and what a reduction over all shards needs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hf_relation.data.files import read_json
from hf_relation.sharded.stages.arrays import map_npy
from hf_relation.sharded.stages.fitting import load_steps


_BLOCK_ROWS = 1024


def assign_shard(
    sources: Sequence[Path], out: Path, shard: str, settings: Mapping[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Give every row of a shard its nearest centre: one of many first, one of the relations in rounds of k-means.

    Args:
        sources (`Sequence[Path]`): steps, centres (`.npy`, or `.safetensors` with `centers`), embeddings, ids.
        out (`Path`), shard (`str`): `SHARD.safetensors`: `nearest` `(n,)` int32, `counts` `(m,)` int64 and `sums` `(m, p)` float64 over
            the vectors of every centre. Sums are made row by row, so that adding the shards in their order gives the same bits
            whoever made them. `SHARD.first_ids.json`: the smallest id of every centre that has rows.
        settings (`Mapping`): none.

    Returns:
        `tuple`: number of rows, and nothing else.
    """
    from safetensors.numpy import save_file

    from hf_relation.discovery.prototypes import PrototypeTree

    steps, centers = load_steps(sources[0]), load_centers(sources[1])
    embeddings = map_npy(sources[2])
    points = PrototypeTree.flat(centers, np.arange(len(centers)))
    nearest = np.empty(len(embeddings), dtype=np.int64)
    sums = np.zeros(centers.shape, dtype=np.float64)
    # In small blocks: distances to many centres take much more memory than the rows, and time once they leave the cache.
    for start in range(0, len(nearest), _BLOCK_ROWS):
        vectors = steps.transform(embeddings[start : start + _BLOCK_ROWS])
        block = points.assign(vectors)
        nearest[start : start + _BLOCK_ROWS] = block
        sums += sums_by_center(vectors, block, len(centers))
    first_ids: dict[int, str] = {}
    for center, id_ in zip(nearest.tolist(), read_json(sources[3]), strict=True):
        if center not in first_ids or id_ < first_ids[center]:
            first_ids[center] = id_
    (out / f"{shard}.first_ids.json").write_bytes(json.dumps(first_ids, sort_keys=True).encode("ascii"))
    arrays = {
        "nearest": nearest.astype(np.int32),
        "counts": np.bincount(nearest, minlength=len(centers)).astype(np.int64),
        "sums": sums,
    }
    save_file(arrays, out / f"{shard}.safetensors")
    return len(nearest), {}


def load_centers(path: Path) -> np.ndarray:
    """Centres from the file of any stage that makes some."""
    from safetensors.numpy import load_file

    if path.suffix == ".npy":
        centers: np.ndarray = np.load(path, allow_pickle=False)
        return centers
    return load_file(path)["centers"]


def sums_by_center(vectors: np.ndarray, nearest: np.ndarray, number: int) -> np.ndarray:
    """The sum of the vectors of every centre, one row after the other.

    Args:
        vectors (`np.ndarray` of shape `(n, p)`): rows.
        nearest (`np.ndarray` of shape `(n,)`, integer): their centres.
        number (`int`): centres there are.

    Returns:
        `np.ndarray` of shape `(number, p)`, float64.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.sharded.stages.assigning import sums_by_center
    >>> sums_by_center(np.array([[1.0], [2.0], [4.0]]), np.array([1, 0, 1]), 3).tolist()
    [[2.0], [5.0], [0.0]]

    ```
    """
    from scipy.sparse import csr_array

    ends = np.concatenate([[0], np.cumsum(np.bincount(nearest, minlength=number))])
    members = csr_array(
        (np.ones(len(nearest)), np.argsort(nearest, kind="stable"), ends), shape=(number, len(nearest))
    )
    sums: np.ndarray = members @ vectors.astype(np.float64)
    return sums
