"""No stage holds more where there are more rows: what grows is the number of shards."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import hf_relation.sharded.stages.sampling as sampling
import hf_relation.sharded.tasks as tasks
from hf_relation.errors import InvalidRowError
from hf_relation.sharded import discover_sharded
from hf_relation.sharded.stages import STAGES
from hf_relation.sharded.stages.arrays import map_npy, save_npy
from hf_relation.sharded.stages.sampling import draw_sample
from tests.sharded.planted_files import settings, write_planted


def _run(folder, sizes) -> None:
    inputs, arrays, *_ = write_planted(folder, sizes, dim=256)
    chosen = settings(shard_rows=100, sample_rows=150, described_rows=30, kmeans_rounds=1)
    discover_sharded(inputs, folder / "work", settings=chosen, embeddings=arrays, workers=0)


def _peaks(folder, sizes, monkeypatch) -> dict[str, int]:
    """The most bytes that Python and numpy held for one shard of a stage."""
    found: dict[str, int] = {}
    run = {stage: function for stage, function in tasks.STAGE_FUNCTIONS.items()}

    def watched(stage):
        def function(*args):
            if stage in found:  # one shard of each; tracing is slow
                return run[stage](*args)
            tracemalloc.start()
            try:
                result = run[stage](*args)
                found[stage] = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            return result

        return function

    with monkeypatch.context() as patch:
        for stage in run:
            patch.setitem(tasks.STAGE_FUNCTIONS, stage, watched(stage))
        _run(folder, sizes)
    return found


def test_six_times_the_rows_take_no_more_memory_in_any_stage(tmp_path, monkeypatch):
    monkeypatch.setattr(sampling, "_KEYS_AT_ONCE", 250)
    sizes = (120, 80, 50)
    _run(tmp_path / "first", sizes)  # what is imported and made once; importing under `tracemalloc` takes minutes
    before = _peaks(tmp_path / "small", sizes, monkeypatch)
    after = _peaks(tmp_path / "large", tuple(6 * size for size in sizes), monkeypatch)
    assert set(before) == set(after) == {*STAGES, "mean", "settle"}
    # Lists of files and of parts grow, by some bytes a shard.
    grown = {stage: after[stage] / before[stage] for stage in after if after[stage] > 1.15 * before[stage] + 20_000}
    assert grown == {}


@pytest.mark.parametrize("at_once", [2, 7, 1000])
def test_keys_that_occur_twice_are_found_range_by_range(tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(sampling, "_KEYS_AT_ONCE", at_once)
    generator = np.random.default_rng(0)
    keys = np.concatenate([generator.integers(0, 2**64, 28, dtype=np.uint64), np.array([0, 2**64 - 1], np.uint64)])
    (tmp_path / "out").mkdir()
    sources = []
    for number, part in enumerate((keys[:11], keys[11:11], keys[11:])):
        for name, array in (("sorted", np.sort(part)), ("keys", part), ("rows", part[:, None].astype(np.float32))):
            sources.append(tmp_path / f"{number}.{name}.npy")
            save_npy(sources[-1], array)
        sources.append(tmp_path / f"{number}.jsonl")
        sources[-1].write_text("")
    chosen = {"sample_rows": 5, "rows": 30, "columns": [1]}
    assert draw_sample(sources, tmp_path / "out", "all", chosen) == (5, {"rows": 30})
    expected = sorted(keys.tolist())[:5]
    assert np.load(tmp_path / "out/all.npy")[:, 0].tolist() == [np.float32(key) for key in expected]
    row = '{"id": "a", "text": "Ada met Bob.", "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 11}}\n'
    for place in (0, 29):  # the smallest and the largest key there can be
        key = np.sort(keys)[0 if place == 0 else -1]
        monkeypatch.setattr(sampling, "key_of", lambda id_, key=key: int(key))
        again = [tmp_path / f"again{place}-{path.name}" for path in sources[:4]]
        for path, array in zip(again, (np.array([key]), np.array([key]), np.ones((1, 1), np.float32)), strict=False):
            save_npy(path, array)
        again[3].write_text(row)
        for path in sources[3::4]:
            path.write_text(row)
        with pytest.raises(InvalidRowError, match="the id 'a' occurs in shard"):
            draw_sample([*sources, *again], tmp_path / "out", "again", chosen | {"rows": 31})


def test_large_arrays_are_mapped_and_small_and_empty_ones_read(tmp_path):
    for name, rows in (("large", 20_000), ("small", 3), ("empty", 0)):
        save_npy(tmp_path / f"{name}.npy", np.ones((rows, 4), dtype=np.float32))
        array = map_npy(tmp_path / f"{name}.npy")
        assert array.shape == (rows, 4) and isinstance(array, np.memmap) == (name == "large")
