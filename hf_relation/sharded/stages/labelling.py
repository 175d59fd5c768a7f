"""Stage "label": relation and score of every row, and the rows that relations are described by."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hf_relation.data.files import parse_json, read_json, read_lines
from hf_relation.sharded.stages.drawing import share_below
from hf_relation.sharded.stages.fitting import load_steps


EXAMPLES = 5
_FEW = 8 * EXAMPLES  # examples are looked for among so many first, as no text may occur twice


def label_shard(
    sources: Sequence[Path], out: Path, shard: str, settings: Mapping[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Label the rows of a shard.

    Args:
        sources (`Sequence[Path]`): what "merge" or "settle" made; of the shard: what "assign" made, embeddings, keys, ids, instances;
            the steps.
        out (`Path`), shard (`str`): `SHARD.safetensors` (`labels` `(n,)` int64, `scores` `(n,)` float32), `SHARD.jsonl` (`id`, `label`,
            `score`, as [`~hf_relation.discovery.DiscoveryResult`] writes them), and for "describe" instances as `SHARD.near.jsonl`
            (the nearest of every relation) and `SHARD.sampled.jsonl`, with their numbers in `SHARD.described.safetensors`.
        settings (`Mapping`): `described_rows`.

    Returns:
        `tuple`: number of rows, and `{"counts": [...]}`: rows of every relation, left out.
    """
    from safetensors.numpy import load_file, save_file

    from hf_relation.discovery.assignment import score_by_centers

    merged, nearest = load_file(sources[0]), load_file(sources[1])["nearest"]
    embeddings, keys = (np.load(path, allow_pickle=False) for path in sources[2:4])
    ids = read_json(sources[4])
    instances = _Instances(sources[5])
    steps = load_steps(sources[6])
    centers, sizes = merged["centers"], merged["sizes"]
    labels = merged["relations"][nearest]
    vectors = steps.transform(embeddings) if len(embeddings) else np.empty((0, centers.shape[1]), np.float32)
    del embeddings
    scores = score_by_centers(vectors, labels, centers) if len(centers) else np.zeros(len(labels), np.float32)
    save_file({"labels": labels, "scores": scores}, out / f"{shard}.safetensors")
    with open(out / f"{shard}.jsonl", "xb") as stream:
        for id_, label, score in zip(ids, labels.tolist(), scores.tolist(), strict=True):
            row = {"id": id_, "label": label, "score": score}
            stream.write(json.dumps(row, ensure_ascii=False).encode("utf-8") + b"\n")
    sampled = np.flatnonzero(sampled_rows(labels, keys, sizes, settings["described_rows"]))
    near, closeness = _nearest(instances, vectors, labels, centers)
    instances.copy(near, out / f"{shard}.near.jsonl")
    instances.copy(sampled, out / f"{shard}.sampled.jsonl")
    described = {"near.closeness": closeness, "sampled.keys": keys[sampled]}
    for name, places in (("near", near), ("sampled", sampled)):
        described |= {f"{name}.labels": labels[places], f"{name}.scores": scores[places]}
    save_file(described, out / f"{shard}.described.safetensors")
    return len(labels), {"counts": np.bincount(labels[labels >= 0], minlength=len(sizes)).tolist()}


def sampled_rows(labels: np.ndarray, keys: np.ndarray, sizes: np.ndarray, wanted: int) -> np.ndarray:
    """Which rows may be among the `wanted` of their relation with the smallest keys.

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
    below = keys.astype(np.float64) / 2.0**64 <= np.append(share_below(wanted, sizes), 0.0)[labels]
    result: np.ndarray = (labels >= 0) & below
    return result


class _Instances(Sequence[Mapping[str, Any]]):
    """The instances of a shard, made of their lines when they are asked for: of most only the line is ever wanted."""

    def __init__(self, path: Path) -> None:
        self._lines = [content for _, content in read_lines(path)]

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, place: Any) -> Any:
        return parse_json(self._lines[place])

    def copy(self, places: np.ndarray, path: Path) -> None:
        with open(path, "xb") as stream:
            stream.writelines(self._lines[place] + b"\n" for place in places.tolist())


def _nearest(
    instances: _Instances, vectors: np.ndarray, labels: np.ndarray, centers: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The rows nearest to the centre of their relation, no text twice, and how near they are: `(c,)`, float32."""
    from hf_relation.discovery.describe import nearest_members

    chosen: list[int] = []
    order = np.argsort(labels, kind="stable")
    bounds = np.searchsorted(labels[order], np.arange(len(centers) + 1))
    closeness = np.empty(len(labels), dtype=np.float32)
    for relation, center in enumerate(centers):
        members = order[bounds[relation] : bounds[relation + 1]]
        if not len(members):
            continue
        # As `nearest_members` rounds; rounded so, it goes through float32 unchanged.
        closeness[members] = values = (vectors[members].astype(np.float64) @ center.astype(np.float64)).round(6)
        few = members
        if len(members) > _FEW:
            few = members[values >= np.partition(values, -_FEW)[-_FEW]]
        found = nearest_members(instances, closeness[:, None], few, _ONE, EXAMPLES)
        if len(found) < EXAMPLES and len(few) < len(members):
            found = nearest_members(instances, closeness[:, None], members, _ONE, EXAMPLES)
        chosen += found
    places = np.array(chosen, dtype=np.int64)
    return places, closeness[places]


# A row's closeness stands for the row, one for the centre: their product is the closeness.
_ONE = np.ones(1, dtype=np.float32)
