"""Planted corpora as files: instances as JSON lines, embeddings beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hf_relation.data import write_jsonl
from hf_relation.sharded import ShardedSettings
from tests.common.planted import planted_corpus


# Small enough for seconds, large enough that the sample and the described rows are real samples.
SMALL: dict[str, Any] = {"shard_rows": 20, "num_relations": 3, "num_centers": 12, "n_init": 3}


def write_planted(
    folder: Path, sizes: tuple[int, ...] = (50, 35, 25), parts: tuple[int, ...] = (), **options: Any
) -> tuple[list[Path], list[Path], list[dict[str, Any]], np.ndarray, np.ndarray]:
    """Inputs, embeddings files, and what is in them: instances, embeddings, gold numbers.

    `parts`: where one file ends and the next begins.
    """
    instances, embeddings, gold = planted_corpus(sizes, **options)
    folder.mkdir(parents=True, exist_ok=True)
    bounds = [0, *parts, len(instances)]
    inputs, arrays = [], []
    for number, (start, stop) in enumerate(zip(bounds, bounds[1:], strict=False)):
        inputs.append(folder / f"part{number}.jsonl")
        arrays.append(folder / f"part{number}.npy")
        write_jsonl(inputs[-1], instances[start:stop])
        np.save(arrays[-1], embeddings[start:stop])
    return inputs, arrays, instances, embeddings, gold


def settings(**changes: Any) -> ShardedSettings:
    return ShardedSettings(**(SMALL | changes))


def snapshot(workdir: Path) -> dict[str, bytes]:
    """All files of a folder but the temporary ones: there must be none."""
    return {path.relative_to(workdir).as_posix(): path.read_bytes() for path in workdir.rglob("*") if path.is_file()}
