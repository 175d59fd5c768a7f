"""Stage "assign": the nearest centre of every row, and what a reduction over all shards needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hf_relation.data.jsonl import read_jsonl
from hf_relation.sharded.stages.fitting import load_steps


def assign_shard(
    sources: Sequence[Path], out: Path, shard: str, settings: Mapping[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Give every row of a shard its nearest centre.

    Args:
        sources (`Sequence[Path]`): steps, centres, embeddings, instances.
        out (`Path`), shard (`str`): `SHARD.safetensors`: `nearest` `(n,)` int32, `counts` `(m,)` int64 and `sums` `(m, p)` float64 over
            the vectors of every centre. Sums are made row by row, so that adding the shards in their order gives the same bits
            whoever made them.
        settings (`Mapping`): none.

    Returns:
        `tuple`: number of rows, and `{"first_ids": {centre: smallest id}}`.
    """
    from safetensors.numpy import save_file
    from scipy.sparse import csr_array

    from hf_relation.discovery.prototypes import PrototypeTree

    steps, centers = load_steps(sources[0]), np.load(sources[1], allow_pickle=False)
    embeddings = np.load(sources[2], allow_pickle=False)
    vectors = steps.transform(embeddings) if len(embeddings) else np.empty((0, centers.shape[1]), np.float32)
    nearest = PrototypeTree.flat(centers, np.arange(len(centers))).assign(vectors)
    counts = np.bincount(nearest, minlength=len(centers))
    members = csr_array(
        (np.ones(len(nearest)), np.argsort(nearest, kind="stable"), np.concatenate([[0], np.cumsum(counts)])),
        shape=(len(centers), len(nearest)),
    )
    first_ids: dict[str, str] = {}
    for center, row in zip(nearest.tolist(), read_jsonl(sources[3], unique_ids=False), strict=True):
        name = str(center)
        if name not in first_ids or row["id"] < first_ids[name]:
            first_ids[name] = row["id"]
    arrays = {
        "nearest": nearest.astype(np.int32),
        "counts": counts.astype(np.int64),
        "sums": np.ascontiguousarray(members @ vectors.astype(np.float64)),
    }
    save_file(arrays, out / f"{shard}.safetensors")
    return len(nearest), {"first_ids": first_ids}
