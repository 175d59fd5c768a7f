"""Stage "draw": of every shard the rows that may be in the sample, and its keys in order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hf_relation.sharded.stages.arrays import map_npy, save_npy


def draw_candidates(
    sources: Sequence[Path], out: Path, shard: str, settings: Mapping[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Take the rows of a shard whose keys are so small that they may be among the smallest of all shards.

    Args:
        sources (`Sequence[Path]`): keys and embeddings.
        out (`Path`), shard (`str`): `SHARD.sorted.npy` (all keys, ascending), `SHARD.keys.npy` and `SHARD.npy` (key and embedding of
            the rows drawn).
        settings (`Mapping`): `sample_rows`, and `rows` of all shards.

    Returns:
        `tuple`: rows drawn, and `{"columns": d}`.
    """
    keys = np.load(sources[0], allow_pickle=False)
    embeddings = map_npy(sources[1])
    drawn = np.flatnonzero(keys.astype(np.float64) / 2.0**64 <= share_below(settings["sample_rows"], settings["rows"]))
    save_npy(out / f"{shard}.sorted.npy", np.sort(keys))
    save_npy(out / f"{shard}.keys.npy", keys[drawn])
    save_npy(out / f"{shard}.npy", np.asarray(embeddings[drawn], dtype=np.float32))
    return len(drawn), {"columns": int(embeddings.shape[1])}


def share_below(wanted: int, total: Any) -> Any:
    """The share of keys below which there are at least `wanted` of `total`, as good as certainly: by eight standard deviations.

    Args:
        wanted (`int`): rows.
        total (`int` or `np.ndarray`): rows there are.

    Returns:
        `float` or `np.ndarray`: at most 1.

    Example:

    ```python
    >>> from hf_relation.sharded.stages.drawing import share_below
    >>> float(share_below(100, 1000)), float(share_below(100, 50))
    (0.188, 1.0)

    ```
    """
    return np.minimum((wanted + 8 * math.sqrt(wanted) + 8) / np.maximum(total, 1), 1.0)
