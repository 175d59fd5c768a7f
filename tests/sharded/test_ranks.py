"""Parts of stages: which shards fall to whom, and what is waited for."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace

import pytest

from hf_relation.errors import HfRelationError, UsageError
from hf_relation.sharded import ShardFailures, discover_sharded
from hf_relation.sharded.discover import prepare
from hf_relation.sharded.manifest import json_bytes
from hf_relation.sharded.plan import stages_of
from hf_relation.sharded.ranks import run_rank
from hf_relation.sharded.run_folder import RunFolder
from tests.sharded.planted_files import settings, snapshot, write_planted


def _begin(folder, **changes):
    inputs, arrays, *_ = write_planted(folder / "in", parts=(30,))
    record = prepare(inputs, folder / "work", settings=settings(**changes), embeddings=arrays, on_change="redo")
    return RunFolder(folder / "work"), record


def _do(folder, stage, rank=0, world=1, **options):
    return [entry.shard for entry in run_rank(folder, stage, rank, world, **options)]


def test_every_shard_is_done_once_by_one_rank(tmp_path):
    folder, _ = _begin(tmp_path)
    assert [_do(folder, "split", rank, 3) for rank in range(3)] == [["0000"], ["0001"], []]
    # 30 and 80 rows, 20 a shard
    found = [_do(folder, "read", rank, 4) for rank in range(4)]
    assert found == [["0000-00000", "0001-00002"], ["0000-00001", "0001-00003"], ["0001-00000"], ["0001-00001"]]
    assert _do(folder, "read", 0, 1) == []


def test_a_changed_number_of_ranks_goes_on_to_the_same_bytes(tmp_path):
    folder, record = _begin(tmp_path)
    discover_sharded(
        [given["path"] for given in record.inputs],
        tmp_path / "whole",
        settings=settings(),
        embeddings=[given["path"] for given in record.embeddings],
        workers=0,
    )
    _do(folder, "split")
    first = _do(folder, "read", 0, 2)
    # started again with 3 ranks: of these, none does what is done
    rest = [shard for rank in range(3) for shard in _do(folder, "read", rank, 3)]
    assert len(first) == 3 and len(rest) == 3 and not set(first) & set(rest)
    for number, stage in enumerate(stages_of(record)[2:]):
        for rank in range(1 + number % 4):
            _do(folder, stage, rank, 1 + number % 4)
    assert snapshot(tmp_path / "work") == snapshot(tmp_path / "whole")


def test_what_an_earlier_run_left_is_no_sign_that_a_stage_is_done(tmp_path):
    folder, record = _begin(tmp_path)
    for stage in stages_of(record):
        _do(folder, stage)
    folder, record = _begin(tmp_path, sample_rows=50)
    # "fit" of the earlier run fits "sample" of the earlier run, which is to be made anew.
    with pytest.raises(HfRelationError, match='stage "assign", .* shards of stage "(draw|sample)" are to be done'):
        _do(folder, "assign")
    for stage in stages_of(record):
        _do(folder, stage)
    assert _do(folder, "assign") == []


def test_it_waits_for_others_as_long_as_they_go_on(tmp_path):
    folder, _ = _begin(tmp_path)
    with pytest.raises(HfRelationError, match='2 shards of stage "split" .* Nobody finished one for 0.2 seconds'):
        _do(folder, "read", wait=0.2)
    found = []
    waiting = threading.Thread(target=lambda: found.extend(_do(folder, "read", wait=60)))
    waiting.start()
    _do(folder, "split", 1, 2)
    assert not found and waiting.is_alive()
    _do(folder, "split", 0, 2)
    waiting.join(60)
    assert len(found) == 6


def test_failures_are_named_and_the_others_of_the_rank_are_done(tmp_path):
    folder, _ = _begin(tmp_path)
    _do(folder, "split")
    damaged = tmp_path / "work/split/0001-00002.jsonl"
    damaged.write_bytes(damaged.read_bytes()[:-2])
    with pytest.raises(ShardFailures, match="1 of 3 shards failed") as caught:
        _do(folder, "read", 0, 2)
    assert list(caught.value.failures) == ["0001-00002"]
    assert len(list((tmp_path / "work/manifest/read").iterdir())) == 2


def test_a_machine_with_other_versions_is_refused(tmp_path):
    folder, record = _begin(tmp_path)
    other = replace(record, versions=record.versions | {"numpy": "1.0"})
    (tmp_path / "work/manifest.json").write_bytes(json_bytes({"format": 1, **other.__dict__}))
    with pytest.raises(UsageError, match=r"numpy [\d.]+, not 1.0"):
        deque(run_rank(folder, "split"), maxlen=0)
