"""Bad shards and bad arguments: what is wrong is named, and all else is done."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from hf_relation.data import write_jsonl
from hf_relation.errors import UsageError
from hf_relation.sharded import ShardedSettings, ShardFailures, discover_sharded
from hf_relation.sharded.stages.reading import key_of
from tests.common.disks import small_disk
from tests.sharded.planted_files import settings, snapshot, write_planted


def test_a_corrupt_shard_is_named_with_its_line_and_the_others_finish(tmp_path):
    inputs, arrays, *_ = write_planted(tmp_path / "in")
    good = inputs[0].read_text()
    lines = good.splitlines()
    lines[46] = lines[46][:40]  # of 20 lines a shard, in the third
    inputs[0].write_text("\n".join(lines) + "\n")
    work = tmp_path / "work"
    with pytest.raises(ShardFailures) as caught:
        discover_sharded(inputs, work, settings=settings(), embeddings=arrays, workers=0)
    assert list(caught.value.failures) == ["0000-00002"] and caught.value.number == 6
    assert "part0.jsonl, line 47: " in str(caught.value) and "1 of 6 shards failed" in str(caught.value)
    assert len(list((work / "manifest/read").iterdir())) == 5
    inputs[0].write_text(good)
    with pytest.raises(UsageError, match="part0.jsonl has other contents"):
        discover_sharded(inputs, work, settings=settings(), embeddings=arrays, workers=0)
    discover_sharded(inputs, work, settings=settings(), embeddings=arrays, workers=0, on_change="redo")
    discover_sharded(inputs, tmp_path / "fresh", settings=settings(), embeddings=arrays, workers=0)
    assert snapshot(work) == snapshot(tmp_path / "fresh")


def test_empty_inputs_blank_lines_and_a_shard_fifty_times_as_large(tmp_path):
    instances = write_planted(tmp_path / "in", sizes=(60, 50))[2]
    embeddings = np.load(tmp_path / "in/part0.npy")
    one = "\n".join(map(json.dumps, instances[:2]))
    (tmp_path / "a.jsonl").write_text("\n\n" + one.replace("\n", "\n \n"))
    (tmp_path / "b.jsonl").write_text("")
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, instances[2:])).encode()))
    bounds = [0, 2, 2, 110]
    for name, start, stop in zip("abc", bounds, bounds[1:], strict=False):
        np.save(tmp_path / f"{name}.npy", embeddings[start:stop])
    inputs = [tmp_path / name for name in ("a.jsonl", "b.jsonl", "c.jsonl.gz")]
    arrays = [tmp_path / f"{name}.npy" for name in "abc"]
    found = discover_sharded(
        inputs, tmp_path / "work", settings=settings(num_relations=2, shard_rows=108), embeddings=arrays, workers=0
    )
    rows = [len(np.load(path)) for path in sorted((tmp_path / "work/embed").iterdir())]
    assert rows == [2, 0, 108]
    assert [row["id"] for row in found.instance_rows()] == [row["id"] for row in instances]
    assert [relation.size for relation in found.relations] == [60, 50]


def test_nothing_but_empty_files(tmp_path):
    (tmp_path / "a.jsonl").write_text("\n")
    np.save(tmp_path / "a.npy", np.empty((0, 4), dtype=np.float32))
    with pytest.raises(ShardFailures, match="hold no instances"):
        discover_sharded([tmp_path / "a.jsonl"], tmp_path / "w", embeddings=[tmp_path / "a.npy"], workers=0)


def test_an_id_that_occurs_in_two_shards_is_named(tmp_path):
    inputs, arrays, instances, *_ = write_planted(tmp_path / "in")
    instances[90]["id"] = instances[3]["id"]
    write_jsonl(inputs[0], instances)
    with pytest.raises(ShardFailures, match="the id 'i03' occurs in shard 0000-00000 and in shard 0000-00004"):
        discover_sharded(inputs, tmp_path / "w", settings=settings(), embeddings=arrays, workers=0)


def test_rows_without_ids_are_numbered_over_all_inputs(tmp_path):
    inputs, arrays, instances, *_ = write_planted(tmp_path / "in", parts=(30,))
    for path, rows in zip(inputs, (instances[:30], instances[30:]), strict=True):
        write_jsonl(path, [{key: row[key] for key in row if key != "id"} for row in rows])
    found = discover_sharded(inputs, tmp_path / "w", settings=settings(), embeddings=arrays, workers=0)
    assert [row["id"] for row in found.instance_rows()] == [str(number) for number in range(len(instances))]


def test_embeddings_that_do_not_fit(tmp_path):
    inputs, arrays, *_ = write_planted(tmp_path / "in")
    good = np.load(arrays[0])
    np.save(arrays[0], good[:-1])
    with pytest.raises(UsageError, match="has 109 rows for the 110 of"):
        discover_sharded(inputs, tmp_path / "w1", settings=settings(), embeddings=arrays, workers=0)
    good[41, 2] = np.nan
    np.save(arrays[0], good)
    with pytest.raises(
        ShardFailures, match=r"0000-00002: .*part0.jsonl, 20 rows from line 41: row 41: .*holds nan in column 2"
    ):
        discover_sharded(inputs, tmp_path / "w2", settings=settings(), embeddings=arrays, workers=0)
    np.save(arrays[0], np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UsageError, match="is no .npy file of numbers"):
        discover_sharded(inputs, tmp_path / "w3", settings=settings(), embeddings=arrays, workers=0)


def test_more_relations_than_rows(tmp_path):
    inputs, arrays, *_ = write_planted(tmp_path / "in", sizes=(3, 2))
    with pytest.raises(ShardFailures, match="`num_relations` is 9, but the sample has only 5 distinct rows"):
        discover_sharded(inputs, tmp_path / "w", settings=settings(num_relations=9), embeddings=arrays, workers=0)


def test_bad_arguments(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text("")
    ready = {"embeddings": [file]}
    for inputs, options, message in (
        ([], ready, "at least one file"),
        (str(file), ready, "must be a list"),
        ([file], {}, "Name the encoder's checkpoint"),
        ([file, file], ready, "one file for each input: 2 inputs, 1 files"),
        ([file], ready | {"workers": -1}, "`workers` must be an integer from 0"),
        ([file], ready | {"on_change": "ask"}, "`on_change` must be"),
        ([tmp_path / "none.jsonl"], ready, "none.jsonl does not exist"),
        ([file], ready | {"settings": ShardedSettings(skip_bad=True)}, "`skip_bad` would part rows"),
    ):
        with pytest.raises(UsageError, match=message):
            discover_sharded(inputs, tmp_path / "w", **options)
    assert not (tmp_path / "w").exists()


def test_a_full_disk_is_an_error_and_the_run_goes_on_where_there_is_room(tmp_path):
    inputs, arrays, *_ = write_planted(tmp_path / "in", sizes=(300, 200), dim=64)
    chosen = settings(num_relations=2, shard_rows=100)
    with small_disk(tmp_path / "small", "400k") as disk:
        with pytest.raises((ShardFailures, OSError), match="No space left on device"):
            discover_sharded(inputs, disk / "work", settings=chosen, embeddings=arrays, workers=0)
        assert not [path for path in (disk / "work").rglob("*") if ".unfinished" in path.parts and path.is_file()]
        kept = list((disk / "work/manifest").rglob("*.json"))
        assert kept
        import shutil

        shutil.copytree(disk / "work", tmp_path / "work")
    discover_sharded(inputs, tmp_path / "work", settings=chosen, embeddings=arrays, workers=0)
    discover_sharded(inputs, tmp_path / "fresh", settings=chosen, embeddings=arrays, workers=0)
    ours, fresh = snapshot(tmp_path / "work"), snapshot(tmp_path / "fresh")
    assert {name: ours[name] for name in fresh} == fresh


def test_keys_are_spread_evenly():
    keys = np.array([key_of(f"i{number}") for number in range(2000)], dtype=np.float64) / 2.0**64
    assert abs(np.mean(keys) - 0.5) < 0.03 and abs(np.mean(keys < 0.1) - 0.1) < 0.03
