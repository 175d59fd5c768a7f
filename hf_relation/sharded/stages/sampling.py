"""Stage "sample": the rows that steps and centres are fitted on, the same however the input is cut into shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hf_relation.data.jsonl import read_jsonl
from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.sharded.stages.arrays import save_npy


def draw_sample(
    sources: Sequence[Path], out: Path, shard: str, settings: Mapping[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Take the embeddings of the rows whose ids have the smallest digests, and refuse ids that occur twice.

    Args:
        sources (`Sequence[Path]`): of every shard its keys, its embeddings and its instances.
        out (`Path`), shard (`str`): `SHARD.npy`, in the order of the digests.
        settings (`Mapping`): `sample_rows`.

    Returns:
        `tuple`: rows of the sample, and `{"rows": n}` of all shards.

    Raises:
        UsageError: there are no instances at all, or shards differ in columns.
        InvalidRowError: an id occurs twice.
    """
    keys = [np.load(path, allow_pickle=False) for path in sources[0::3]]
    arrays = [np.load(path, mmap_mode="r", allow_pickle=False) for path in sources[1::3]]
    starts = np.cumsum([0, *(len(part) for part in keys)])
    everything = np.concatenate(keys)
    if not len(everything):
        raise UsageError(
            "The inputs hold no instances. At least 1 instance, or a text with a pair of entities, is needed."
        )
    columns = sorted({array.shape[1] for array in arrays if len(array)})
    if len(columns) > 1:
        raise UsageError(f"The embeddings of the inputs differ in columns ({columns}). Make them with one encoder.")
    order = np.argsort(everything, kind="stable")
    twice = order[1:][everything[order[1:]] == everything[order[:-1]]]
    if len(twice):
        _refuse_same_ids(set(everything[twice].tolist()), keys, sources[2::3])
    chosen = order[: settings["sample_rows"]]
    sample = np.empty((len(chosen), columns[0]), dtype=np.float32)
    of_shard = np.searchsorted(starts, chosen, side="right") - 1
    for number, array in enumerate(arrays):
        here = np.flatnonzero(of_shard == number)
        sample[here] = array[chosen[here] - starts[number]]
    save_npy(out / f"{shard}.npy", sample)
    return len(sample), {"rows": len(everything)}


def _refuse_same_ids(candidates: set[int], keys: Sequence[np.ndarray], files: Sequence[Path]) -> None:
    seen: dict[str, str] = {}
    for part, path in zip(keys, files, strict=True):
        if candidates.isdisjoint(part.tolist()):
            continue
        for key, row in zip(part.tolist(), read_jsonl(path, unique_ids=False), strict=True):
            if key not in candidates:
                continue
            if row["id"] in seen:
                raise InvalidRowError(
                    f"the id {row['id'][:60]!r} occurs in shard {seen[row['id']]} and in shard {path.stem}. Ids must be "
                    "distinct over all inputs: rename one, or leave all ids out."
                )
            seen[row["id"]] = path.stem
