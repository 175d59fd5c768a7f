"""Stage "label": relation and score of every row, and the rows that relations are described by."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hf_relation.data.jsonl import read_jsonl, write_jsonl
from hf_relation.sharded.stages.arrays import save_npy
from hf_relation.sharded.stages.fitting import load_steps


EXAMPLES = 5
_MARGIN = 2  # so many times the rows wanted are expected below the limit, so that there are hardly ever too few


def label_shard(
    sources: Sequence[Path], out: Path, shard: str, settings: Mapping[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Label the rows of a shard.

    Args:
        sources (`Sequence[Path]`): what "merge" made; of the shard: what "assign" made, embeddings, keys, instances; the steps.
        out (`Path`), shard (`str`): `SHARD.safetensors` (`labels` `(n,)` int64, `scores` `(n,)` float32), `SHARD.jsonl` (`id`, `label`,
            `score`, as [`~hf_relation.discovery.DiscoveryResult`] writes them), and `SHARD.described.jsonl` with
            `SHARD.described.npy`: instances and vectors for "describe".
        settings (`Mapping`): `described_rows`.

    Returns:
        `tuple`: number of rows, and `{"counts": [...]}`: rows of every relation, left out.
    """
    from safetensors.numpy import load_file, save_file

    from hf_relation.discovery.assignment import score_by_centers

    merged, nearest = load_file(sources[0]), load_file(sources[1])["nearest"]
    embeddings, keys = (np.load(path, allow_pickle=False) for path in sources[2:4])
    instances = list(read_jsonl(sources[4], unique_ids=False))
    steps = load_steps(sources[5])
    centers, sizes = merged["centers"], merged["sizes"]
    labels = merged["relations"][nearest]
    vectors = steps.transform(embeddings) if len(embeddings) else np.empty((0, centers.shape[1]), np.float32)
    scores = score_by_centers(vectors, labels, centers) if len(centers) else np.zeros(len(labels), np.float32)
    save_file({"labels": labels, "scores": scores}, out / f"{shard}.safetensors")
    with open(out / f"{shard}.jsonl", "xb") as stream:
        for instance, label, score in zip(instances, labels.tolist(), scores.tolist(), strict=True):
            row = {"id": instance["id"], "label": label, "score": score}
            stream.write(json.dumps(row, ensure_ascii=False).encode("utf-8") + b"\n")
    sampled = sampled_rows(labels, keys, sizes, settings["described_rows"])
    near = _nearest(instances, vectors, labels, centers)
    described = np.unique(np.concatenate([np.flatnonzero(sampled), near]))
    write_jsonl(
        out / f"{shard}.described.jsonl",
        (
            {
                "label": int(labels[place]),
                "score": float(scores[place]),
                "key": str(keys[place]),
                "sampled": bool(sampled[place]),
                "instance": instances[place],
            }
            for place in described.tolist()
        ),
    )
    save_npy(out / f"{shard}.described.npy", vectors[described])
    return len(labels), {"counts": np.bincount(labels[labels >= 0], minlength=len(sizes)).tolist()}


def sampled_rows(labels: np.ndarray, keys: np.ndarray, sizes: np.ndarray, wanted: int) -> np.ndarray:
    """Which rows may be among the `wanted` of their relation with the smallest keys; all where it has no more than twice as many.

    Args:
        labels (`np.ndarray` of shape `(n,)`, int64): relations, or -1.
        keys (`np.ndarray` of shape `(n,)`, uint64): digests.
        sizes (`np.ndarray` of shape `(r,)`, int64): rows of the relations in all shards.
        wanted (`int`): rows of a relation.

    Returns:
        `np.ndarray` of shape `(n,)`, bool.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.sharded.stages.labelling import sampled_rows
    >>> sampled_rows(np.array([0, 0, -1, 1]), np.array([0, 2**63, 0, 2**63], dtype=np.uint64), np.array([100, 1]), 1).tolist()
    [True, False, False, True]

    ```
    """
    shares = np.minimum(_MARGIN * wanted / np.maximum(sizes, 1), 1.0)
    below = keys.astype(np.float64) / 2.0**64 <= np.append(shares, 0.0)[labels]
    result: np.ndarray = (labels >= 0) & below
    return result


def _nearest(
    instances: Sequence[Mapping[str, Any]], vectors: np.ndarray, labels: np.ndarray, centers: np.ndarray
) -> np.ndarray:
    from hf_relation.discovery.describe import nearest_members

    chosen: list[int] = []
    order = np.argsort(labels, kind="stable")
    bounds = np.searchsorted(labels[order], np.arange(len(centers) + 1))
    for relation, center in enumerate(centers):
        members = order[bounds[relation] : bounds[relation + 1]]
        if len(members):
            chosen += nearest_members(instances, vectors, members, center, EXAMPLES)
    return np.array(chosen, dtype=np.int64)
