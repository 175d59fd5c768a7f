"""Stage "describe": names, keywords, patterns and examples of the relations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from hf_relation.data.files import parse_json, read_lines
from hf_relation.sharded.stages.labelling import EXAMPLES


def describe_all(
    sources: Sequence[Path], out: Path, shard: str, settings: Mapping[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Describe the relations by the rows that "label" chose; sizes, cohesion and examples are those of all rows.

    Args:
        sources (`Sequence[Path]`): what "merge" made, then of every shard `SHARD.described.jsonl` and `SHARD.described.npy`.
        out (`Path`), shard (`str`): `SHARD.relations.json`: fields of [`~hf_relation.discovery.DiscoveredRelation`].
        settings (`Mapping`): `described_rows`.

    Returns:
        `tuple`: number of relations, and nothing else.
    """
    from safetensors.numpy import load_file

    from hf_relation.discovery.describe import describe_relations, nearest_examples

    merged = load_file(sources[0])
    centers, sizes = merged["centers"], merged["sizes"]
    rows = [parse_json(content) for path in sources[1::2] for _, content in read_lines(path)]
    vectors = np.concatenate([np.load(path, allow_pickle=False) for path in sources[2::2]])
    # By key, so that it does not matter how the input was cut.
    order = sorted(range(len(rows)), key=lambda place: (int(rows[place]["key"]), rows[place]["instance"]["id"]))
    rows, vectors = [rows[place] for place in order], vectors[order]
    instances = [row["instance"] for row in rows]
    labels = np.array([row["label"] for row in rows], dtype=np.int64)
    scores = np.array([row["score"] for row in rows], dtype=np.float32)
    sampled = np.array([row["sampled"] for row in rows], dtype=bool)
    chosen = np.concatenate(
        [np.flatnonzero(sampled & (labels == r))[: settings["described_rows"]] for r in range(len(centers))]
        or [np.empty(0, dtype=np.int64)]
    )
    relations = describe_relations(
        [instances[place] for place in chosen.tolist()], vectors[chosen], labels[chosen], scores[chosen], centers
    )
    for relation, size, center in zip(relations, sizes.tolist(), centers, strict=True):
        relation.size = size
        # The length of the mean of rows of length one is their mean cosine to it.
        relation.cohesion = float(min(np.linalg.norm(center), np.float32(1)))
        members = np.flatnonzero(labels == relation.id)
        relation.examples = nearest_examples(instances, vectors, scores, members, center, EXAMPLES)
    content = json.dumps([asdict(relation) for relation in relations], ensure_ascii=False, indent=1, allow_nan=False)
    (out / f"{shard}.relations.json").write_bytes(content.encode("utf-8") + b"\n")
    return len(relations), {}
