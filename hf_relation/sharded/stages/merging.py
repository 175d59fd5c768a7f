"""Stage "merge": the centres become relations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hf_relation.errors import UsageError


def merge_centers(
    sources: Sequence[Path], out: Path, shard: str, settings: Mapping[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Cluster the means of the centres' rows, by how many rows they have, and number the relations as everywhere: by size, then
    by the smallest instance id.

    Args:
        sources (`Sequence[Path]`): what "assign" made of every shard, in their order.
        out (`Path`), shard (`str`): `SHARD.safetensors`: `relations` `(m,)` int64 (of every centre, or -1), `sizes` `(r,)` int64 and
            `centers` `(r, p)` float32 (mean of the relation's rows).
        settings (`Mapping`): `number`, `algorithm`, `algorithm_kwargs`, `n_init`, `seed`, `first_ids` (of every shard).

    Returns:
        `tuple`: number of relations, and `{"sizes": [...]}`.

    Raises:
        UsageError: fewer centres with rows than relations, or what [`~hf_relation.clustering.cluster`] refuses.
    """
    from safetensors.numpy import load_file, save_file

    from hf_relation.clustering.algorithms import WEIGHS, cluster
    from hf_relation.clustering.rows import normalize_rows

    parts = [load_file(path) for path in sources]
    counts = np.sum([part["counts"] for part in parts], axis=0)
    sums = np.zeros_like(parts[0]["sums"])
    for part in parts:  # one after the other: floating-point sums depend on the order
        sums += part["sums"]
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
    relations, sizes = _by_size(relations, counts, settings["first_ids"])
    centers = np.zeros((len(sizes), sums.shape[1]))
    for center in np.flatnonzero(relations >= 0):
        centers[relations[center]] += sums[center]
    centers /= sizes[:, None]
    arrays = {"relations": relations, "sizes": sizes, "centers": centers.astype(np.float32)}
    save_file(arrays, out / f"{shard}.safetensors")
    return len(sizes), {"sizes": sizes.tolist()}


def _by_size(
    relations: np.ndarray, counts: np.ndarray, first_ids: Sequence[Mapping[str, str]]
) -> tuple[np.ndarray, np.ndarray]:
    number = int(relations.max(initial=-1)) + 1
    sizes = np.zeros(number, dtype=np.int64)
    np.add.at(sizes, relations[relations >= 0], counts[relations >= 0])
    smallest: dict[int, str] = {}
    for part in first_ids:
        for center, id_ in part.items():
            relation = int(relations[int(center)])
            if relation >= 0:
                smallest[relation] = min(smallest.get(relation, id_), id_)
    order = sorted(range(number), key=lambda relation: (-sizes[relation], smallest[relation]))
    new = np.empty(number + 1, dtype=np.int64)
    new[order] = np.arange(number)
    new[number] = -1  # where a label of -1 points
    return new[relations], sizes[order]
