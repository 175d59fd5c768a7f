"""Stage "sample": the rows that steps and centres are fitted on, the same however the input is cut into shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hf_relation.data.jsonl import read_jsonl
from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.sharded.stages.arrays import map_npy, save_npy
from hf_relation.sharded.stages.reading import key_of


_KEYS_AT_ONCE = 2**22  # about so many are compared at once: 32 MiB


def draw_sample(
    sources: Sequence[Path], out: Path, shard: str, settings: Mapping[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Take the embeddings of the rows whose ids have the smallest digests, and refuse ids that occur twice.

    Args:
        sources (`Sequence[Path]`): of every shard what "draw" made (sorted keys, drawn keys, drawn rows), and its instances.
        out (`Path`), shard (`str`): `SHARD.npy`, in the order of the digests.
        settings (`Mapping`): `sample_rows`; `rows` of all shards; `columns`, a list of one number.

    Returns:
        `tuple`: rows of the sample, and `{"rows": n}` of all shards.

    Raises:
        UsageError: there are no instances at all, or shards differ in columns.
        InvalidRowError: an id occurs twice.
    """
    if not settings["rows"]:
        raise UsageError(
            "The inputs hold no instances. At least 1 instance, or a text with a pair of entities, is needed."
        )
    columns = settings["columns"]
    if len(columns) > 1:
        raise UsageError(f"The embeddings of the inputs differ in columns ({columns}). Make them with one encoder.")
    _refuse_same_keys(sources[0::4], sources[3::4], settings["rows"])
    keys = [np.load(path, allow_pickle=False) for path in sources[1::4]]
    everything = np.concatenate(keys)
    starts = np.cumsum([0, *map(len, keys)])
    chosen = np.argsort(everything, kind="stable")[: settings["sample_rows"]]
    place = np.full(len(everything), -1)
    place[chosen] = np.arange(len(chosen))
    sample = np.empty((len(chosen), columns[0]), dtype=np.float32)
    for start, stop, path in zip(starts[:-1], starts[1:], sources[2::4], strict=True):
        here = place[start:stop]
        sample[here[here >= 0]] = np.load(path, allow_pickle=False)[here >= 0]
    save_npy(out / f"{shard}.npy", sample)
    return len(sample), {"rows": settings["rows"]}


def _refuse_same_keys(sorted_keys: Sequence[Path], instances: Sequence[Path], total: int) -> None:
    # Range by range, so that the memory does not grow with the rows.
    passes = -(-total // _KEYS_AT_ONCE)
    bounds = [number * 2**64 // passes for number in range(passes)]
    for low, high in zip(bounds, [*bounds[1:], None], strict=True):
        parts = [_between(map_npy(path), low, high) for path in sorted_keys]
        together = np.sort(np.concatenate(parts))
        twice = together[1:][together[1:] == together[:-1]]
        if len(twice):
            _refuse_same_ids(set(twice.tolist()), parts, instances)


def _between(keys: np.ndarray, low: int, high: int | None) -> np.ndarray:
    first = np.searchsorted(keys, np.uint64(low))
    last = len(keys) if high is None else np.searchsorted(keys, np.uint64(high))
    return np.array(keys[first:last])


def _refuse_same_ids(candidates: set[int], keys: Sequence[np.ndarray], files: Sequence[Path]) -> None:
    seen: dict[str, str] = {}
    for part, path in zip(keys, files, strict=True):
        if candidates.isdisjoint(part.tolist()):
            continue
        for row in read_jsonl(path, unique_ids=False):
            if key_of(row["id"]) not in candidates:
                continue
            if row["id"] in seen:
                raise InvalidRowError(
                    f"the id {row['id'][:60]!r} occurs in shard {seen[row['id']]} and in shard {path.stem}. Ids must be "
                    "distinct over all inputs: rename one, or leave all ids out."
                )
            seen[row["id"]] = path.stem
