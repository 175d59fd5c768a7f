"""Stage "merge": the centres become relations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hf_relation.errors import UsageError
from hf_relation.sharded.stages.reducing import added, by_size


def merge_centers(
    sources: Sequence[Path], out: Path, shard: str, settings: Mapping[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Cluster the means of the centres' rows, by how many rows they have, and number the relations as everywhere: by size, then
    by the smallest instance id.

    Args:
        sources (`Sequence[Path]`): what "assign" made of every shard, in their order, arrays and ids in turn.
        out (`Path`), shard (`str`): `SHARD.safetensors`: `relations` `(m,)` int64 (of every centre, or -1), `sizes` `(r,)` int64 and
            `centers` `(r, p)` float32 (mean of the relation's rows).
        settings (`Mapping`): `number`, `algorithm`, `algorithm_kwargs`, `n_init`, `seed`.

    Returns:
        `tuple`: number of relations, and `{"sizes": [...]}`.

    Raises:
        UsageError: fewer centres with rows than relations, or what [`~hf_relation.clustering.cluster`] refuses.
    """
    from safetensors.numpy import save_file

    from hf_relation.clustering.algorithms import WEIGHS, cluster
    from hf_relation.clustering.rows import normalize_rows

    counts, sums = added(sources[0::2])
    filled = np.flatnonzero(counts)
    number = settings["number"]
    if number is not None and number > len(filled):
        raise UsageError(
            f"{len(filled)} centres have rows, fewer than the {number} relations asked for. Raise `num_centers` or lower "
            "`num_relations`."
        )
    points = normalize_rows(sums[filled] / counts[filled, None]).astype(np.float32)
    weights = counts[filled] if settings["algorithm"] in WEIGHS else None
    labels = cluster(
        points,
        settings["algorithm"],
        number,
        seed=settings["seed"],
        n_init=settings["n_init"],
        weights=weights,
        **settings["algorithm_kwargs"],
    )
    relations = np.full(len(counts), -1, dtype=np.int64)
    relations[filled] = labels
    relations, sizes = by_size(relations, counts, sources[1::2])
    centers = np.zeros((len(sizes), sums.shape[1]))
    for center in np.flatnonzero(relations >= 0):
        centers[relations[center]] += sums[center]
    centers /= sizes[:, None]
    arrays = {"relations": relations, "sizes": sizes, "centers": centers.astype(np.float32)}
    save_file(arrays, out / f"{shard}.safetensors")
    return len(sizes), {"sizes": sizes.tolist()}
