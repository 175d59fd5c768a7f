"""Stopped anywhere and started again: only what is unfinished is done, and the result is the same to the last byte."""

from __future__ import annotations

import functools
import shutil

import pytest

import hf_relation.sharded.tasks as tasks
from hf_relation.errors import UsageError
from hf_relation.sharded import ShardFailures, discover_sharded
from hf_relation.sharded.manifest import entry_path
from hf_relation.sharded.stages import STAGE_FUNCTIONS, STAGES
from tests.sharded.planted_files import settings, snapshot, write_planted


class Stopped(BaseException):
    """As a signal: nothing in the package may catch it."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    inputs, arrays, *_ = write_planted(folder / "in", parts=(30,))
    discover_sharded(inputs, folder / "work", settings=settings(), embeddings=arrays, workers=0)
    return inputs, arrays, folder / "work", snapshot(folder / "work")


@pytest.fixture
def calls(monkeypatch):
    """Which shards are done, in order."""
    made: list[tuple[str, str]] = []
    for stage, function in STAGE_FUNCTIONS.items():

        def recorded(sources, out, shard, given, stage=stage, function=function):
            made.append((stage, shard))
            return function(sources, out, shard, given)

        monkeypatch.setitem(tasks.STAGE_FUNCTIONS, stage, recorded)
    return made


def test_a_finished_run_does_nothing_again(whole, calls):
    inputs, arrays, work, before = whole
    discover_sharded(inputs, work, settings=settings(), embeddings=arrays, workers=0)
    assert calls == [] and snapshot(work) == before


def test_stopped_at_every_moment_of_every_stage(whole, tmp_path, monkeypatch):
    """One folder, stopped 27 times: before a shard, after it, and when all but its entry is written."""
    inputs, arrays, _, before = whole
    work = tmp_path / "work"
    manifest = {name.removeprefix("manifest/") for name in before if name.startswith("manifest/")}
    # The last shard of each stage, so that the others are done by then.
    last = {stage: max(name for name in manifest if name.startswith(f"{stage}/")) for stage in STAGES}
    stops = [(last[stage], moment) for stage in STAGES for moment in ("before", "after", "entry")]
    run, write = tasks.run_task, tasks.write_entry
    made: list[str] = []
    where: tuple[str, str] | None = None

    def recorded(workdir, task):
        made.append(f"{task.stage}/{task.shard}.json")
        return run(workdir, task)

    def stop_entry(workdir, entry):
        if (f"{entry.stage}/{entry.shard}.json", "entry") == where:
            raise Stopped
        write(workdir, entry)

    def stop_stage(sources, out, shard, given, stage, function):
        if (f"{stage}/{shard}.json", "before") == where:
            raise Stopped
        result = function(sources, out, shard, given)
        if (f"{stage}/{shard}.json", "after") == where:
            raise Stopped
        return result

    monkeypatch.setattr("hf_relation.sharded.local.run_task", recorded)
    monkeypatch.setattr(tasks, "write_entry", stop_entry)
    for stage, function in list(STAGE_FUNCTIONS.items()):
        monkeypatch.setitem(
            tasks.STAGE_FUNCTIONS, stage, functools.partial(stop_stage, stage=stage, function=function)
        )
    done: set[str] = set()
    for where in [*stops, None]:
        made.clear()
        if where is None:
            discover_sharded(inputs, work, settings=settings(), embeddings=arrays, workers=0)
        else:
            with pytest.raises(Stopped):
                discover_sharded(inputs, work, settings=settings(), embeddings=arrays, workers=0)
            assert made[-1] == where[0]
        now = {path.relative_to(work / "manifest").as_posix() for path in (work / "manifest").rglob("*.json")}
        # Nothing that was done is done again, and nothing that is done is lost; what was stopped is not done.
        assert len(made) == len(set(made)) and done.isdisjoint(made) and done <= now
        assert now - done == set(made) - ({where[0]} if where else set())
        done = now
    assert done == manifest
    assert snapshot(work) == before


def test_changed_settings_and_inputs_are_named(whole, tmp_path):
    inputs, arrays, work, before = whole
    with pytest.raises(UsageError, match=r"num_relations 3, now 2.*seed 0, now 5"):
        discover_sharded(inputs, work, settings=settings(num_relations=2, seed=5), embeddings=arrays, workers=0)
    other = tmp_path / "part0.jsonl"
    other.write_text(inputs[0].read_text() + "\n")
    with pytest.raises(UsageError, match=r"part0.jsonl, now .*part0.jsonl"):
        discover_sharded([other, inputs[1]], work, settings=settings(), embeddings=arrays, workers=0)
    with pytest.raises(UsageError, match="2 files of inputs, now 1"):
        discover_sharded(inputs[:1], work, settings=settings(), embeddings=arrays[:1], workers=0)
    assert snapshot(work) == before


def test_another_version_is_named(whole, monkeypatch):
    inputs, arrays, work, before = whole
    versions = {**__import__("hf_relation.sharded.versions", fromlist=["x"]).code_versions(), "stages": "99"}
    monkeypatch.setattr("hf_relation.sharded.run_record.code_versions", lambda: versions)
    with pytest.raises(UsageError, match="stages '1', now '99'"):
        discover_sharded(inputs, work, settings=settings(), embeddings=arrays, workers=0)
    assert snapshot(work) == before


def test_redo_makes_anew_what_depends_on_the_change(whole, tmp_path, calls):
    inputs, arrays, work, _ = whole
    copy = tmp_path / "work"
    shutil.copytree(work, copy)
    changed = settings(num_relations=2)
    result = discover_sharded(inputs, copy, settings=changed, embeddings=arrays, workers=0, on_change="redo")
    # The number is an argument of "fit", but the centres come out the same, and with them what they are assigned to.
    assert {stage for stage, _ in calls} == {"fit", "merge", "label", "describe"}
    assert len(result.relations) == 2
    fresh = discover_sharded(inputs, tmp_path / "fresh", settings=changed, embeddings=arrays, workers=0)
    assert fresh.labels().tolist() == result.labels().tolist()
    assert snapshot(copy) == snapshot(tmp_path / "fresh")


@pytest.mark.parametrize("name", ["embed/0000-00001.npy", "assign/0001-00000.safetensors", "merge/all.safetensors"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
def test_a_damaged_file_is_named_and_made_anew(whole, tmp_path, calls, caplog, name, damage):
    inputs, arrays, work, before = whole
    copy = tmp_path / "work"
    shutil.copytree(work, copy)
    content = bytearray(before[name])
    if damage == "flipped":
        content[-1] ^= 1
        (copy / name).write_bytes(content)
    elif damage == "cut":
        (copy / name).write_bytes(content[:-1])
    else:
        (copy / name).unlink()
    discover_sharded(inputs, copy, settings=settings(), embeddings=arrays, workers=0)
    stage, shard = name.split("/")[0], name.split("/")[1].split(".")[0]
    assert calls == [(stage, shard)]
    assert name in caplog.text and len(caplog.records) == 1
    assert snapshot(copy) == before


def test_a_damaged_entry_is_named_and_its_shard_made_anew(whole, tmp_path, calls, caplog):
    inputs, arrays, work, before = whole
    copy = tmp_path / "work"
    shutil.copytree(work, copy)
    entry_path(copy, "label", "0000-00001").write_text('{"format": 1, "stage"')
    discover_sharded(inputs, copy, settings=settings(), embeddings=arrays, workers=0)
    assert calls == [("label", "0000-00001")] and "0000-00001.json is damaged" in caplog.text
    assert snapshot(copy) == before


def test_damage_in_the_middle_of_a_run_fails_that_shard_and_no_other(whole, tmp_path, monkeypatch):
    inputs, arrays, _, before = whole
    work = tmp_path / "work"
    fit = STAGE_FUNCTIONS["fit"]

    def fit_and_damage(sources, out, shard, given):
        place = work / "embed/0001-00001.npy"
        place.write_bytes(place.read_bytes()[:-4] + b"\0\0\0\0")
        return fit(sources, out, shard, given)

    with monkeypatch.context() as patch:
        patch.setitem(tasks.STAGE_FUNCTIONS, "fit", fit_and_damage)
        with pytest.raises(ShardFailures, match="embed/0001-00001.npy is missing or damaged") as caught:
            discover_sharded(inputs, work, settings=settings(), embeddings=arrays, workers=0)
    assert caught.value.stage == "assign" and list(caught.value.failures) == ["0001-00001"]
    assert len(list((work / "assign").glob("*.safetensors"))) == caught.value.number - 1
    discover_sharded(inputs, work, settings=settings(), embeddings=arrays, workers=0)
    assert snapshot(work) == before


def test_a_folder_of_something_else_is_left_alone(whole, tmp_path):
    inputs, arrays, *_ = whole
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty, and holds no sharded discovery"):
        discover_sharded(inputs, tmp_path, settings=settings(), embeddings=arrays, workers=0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
