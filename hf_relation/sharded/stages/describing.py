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
        sources (`Sequence[Path]`): what "merge" or "settle" made, then of every shard `SHARD.described.safetensors`,
            `SHARD.near.jsonl` and `SHARD.sampled.jsonl`.
        out (`Path`), shard (`str`): `SHARD.relations.json`: fields of [`~hf_relation.discovery.DiscoveredRelation`].
        settings (`Mapping`): `described_rows`.

    Returns:
        `tuple`: number of relations, and nothing else.
    """
    from safetensors.numpy import load_file

    from hf_relation.discovery.describe import describe_relations

    merged = load_file(sources[0])
    centers, sizes = merged["centers"], merged["sizes"]
    numbers, near, sampled = sources[1::3], sources[2::3], sources[3::3]
    instances, labels, scores = _sample(numbers, sampled, len(sizes), settings["described_rows"])
    nothing = np.zeros((len(instances), 1), dtype=np.float32)  # what is computed of vectors is replaced below
    relations = describe_relations(instances, nothing, labels, scores, np.zeros((len(sizes), 1)), num_examples=1)
    del instances
    examples = _examples(numbers, near, len(sizes))
    for relation, size, center in zip(relations, sizes.tolist(), centers, strict=True):
        relation.size = size
        # The length of the mean of rows of length one is their mean cosine to it.
        relation.cohesion = float(min(np.linalg.norm(center), np.float32(1)))
        relation.examples = examples[relation.id]
    content = json.dumps([asdict(relation) for relation in relations], ensure_ascii=False, indent=1, allow_nan=False)
    (out / f"{shard}.relations.json").write_bytes(content.encode("utf-8") + b"\n")
    return len(relations), {}


def _sample(
    numbers: Sequence[Path], lines: Sequence[Path], relations: int, wanted: int
) -> tuple[list[Any], np.ndarray, np.ndarray]:
    """Instances, labels and scores of the `wanted` rows of every relation with the smallest keys."""
    labels, scores, keys = (_column(numbers, f"sampled.{name}") for name in ("labels", "scores", "keys"))
    # By key, so that it does not matter how the input was cut.
    order = np.lexsort((keys, labels))
    starts = np.searchsorted(labels[order], np.arange(relations))
    chosen = order[np.arange(len(order)) - starts[labels[order]] < wanted]
    rank = np.full(len(labels), -1)
    rank[chosen] = np.arange(len(chosen))
    instances: list[Any] = [None] * len(chosen)
    places = iter(rank.tolist())
    for path in lines:
        for (_, content), place in zip(read_lines(path), places, strict=False):
            if place >= 0:
                instances[place] = parse_json(content)
    return instances, labels[chosen], scores[chosen]


def _column(paths: Sequence[Path], name: str) -> np.ndarray:
    from safetensors import safe_open

    parts = []
    for path in paths:
        with safe_open(path, framework="numpy") as file:
            parts.append(file.get_tensor(name))
    return np.concatenate(parts)


def _examples(numbers: Sequence[Path], lines: Sequence[Path], relations: int) -> list[list[dict[str, Any]]]:
    """The nearest rows of every relation, kept shard by shard: those of a union are among those of its parts."""
    from safetensors.numpy import load_file

    from hf_relation.discovery.describe import nearest_examples

    best: list[list[tuple[float, float, Any]]] = [[] for _ in range(relations)]
    for path, texts in zip(numbers, lines, strict=True):
        found = load_file(path)
        columns = (found[f"near.{name}"].tolist() for name in ("labels", "closeness", "scores"))
        waiting: dict[int, list[tuple[float, float, Any]]] = {}
        for label, closeness, score, (_, content) in zip(*columns, read_lines(texts), strict=True):
            if len(best[label]) < EXAMPLES or closeness >= best[label][-1][0]:
                waiting.setdefault(label, []).append((closeness, score, parse_json(content)))
        for label, more in waiting.items():
            best[label] = _best([*best[label], *more])
    return [
        nearest_examples(
            [instance for *_, instance in rows],
            np.array([[closeness] for closeness, *_ in rows], dtype=np.float32).reshape(-1, 1),
            np.array([score for _, score, _ in rows], dtype=np.float32),
            np.arange(len(rows)),
            np.ones(1, dtype=np.float32),
            EXAMPLES,
        )
        for rows in best
    ]


def _best(rows: list[tuple[float, float, Any]]) -> list[tuple[float, float, Any]]:
    from hf_relation.discovery.describe import nearest_members

    closeness = np.array([[value] for value, *_ in rows], dtype=np.float32)
    chosen = nearest_members(
        [instance for *_, instance in rows],
        closeness,
        np.arange(len(rows)),
        np.ones(1, dtype=np.float32),
        EXAMPLES,
    )
    return [rows[place] for place in chosen]
