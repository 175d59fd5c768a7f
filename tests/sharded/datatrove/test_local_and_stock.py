"""The stages on datatrove's executors for one machine: its own, and the one with the pool of sharded discovery."""

from __future__ import annotations

import json
import pickle

import fsspec
import pytest

from hf_relation.errors import HfRelationError, UsageError
from hf_relation.sharded import ShardFailures, discover_sharded
from hf_relation.sharded.datatrove import ShardsLocalExecutor, ShardStage, open_result, sharded_executors
from hf_relation.sharded.discover import prepare
from hf_relation.sharded.plan import stages_of
from tests.sharded.planted_files import settings, snapshot, write_planted


pytest.importorskip("datatrove", reason="needs the extra `scale`")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    inputs, arrays, _, _, gold = write_planted(folder / "in", parts=(30,))
    discover_sharded(inputs, folder / "work", settings=settings(), embeddings=arrays, workers=0)
    return inputs, arrays, gold, snapshot(folder / "work")


def _files(workdir):
    return {name: content for name, content in snapshot(workdir).items() if not name.startswith("logs/")}


def _statistics(path):
    return {name: found["total"] for name, found in json.loads(path.read_text())[0]["stats"].items()}


def test_stock_executor_runs_the_stages(whole, tmp_path):
    from datatrove.executor import LocalPipelineExecutor

    inputs, arrays, _, before = whole
    record = prepare(inputs, tmp_path / "work", settings=settings(), embeddings=arrays, on_change="error")
    last = None
    for stage in stages_of(record):
        step = ShardStage(stage, str(tmp_path / "work"), wait=0)
        last = LocalPipelineExecutor(
            [step], tasks=2, workers=1, logging_dir=str(tmp_path / "logs" / stage), depends=last, skip_completed=False
        )
    last.run()
    assert _files(tmp_path / "work") == before
    assert _statistics(tmp_path / "logs/read/stats.json") == {"shards": 6, "rows": 110}


def test_stages_pass_on_the_documents_of_a_step_before(tmp_path, whole):
    inputs, arrays, *_ = whole
    prepare(inputs, tmp_path / "work", settings=settings(), embeddings=arrays, on_change="error")
    assert list(ShardStage("split", str(tmp_path / "work")).run(iter(["a", "b"]))) == ["a", "b"]
    assert len(list((tmp_path / "work/manifest/split").iterdir())) == 2


def test_a_failing_shard_a_restart_with_other_tasks_and_two_nodes(whole, tmp_path):
    inputs, arrays, gold, before = whole
    work = tmp_path / "work"
    chosen = {"settings": settings(), "embeddings": arrays}
    executors = sharded_executors(inputs, work, tasks=3, workers=1, **chosen)
    # The shard's lines are damaged between its stages.
    executors[0].run()
    place = work / "split/0001-00002.jsonl"
    content = place.read_bytes()
    place.write_bytes(content[:-2])
    with pytest.raises(ShardFailures, match="1 of 6 shards failed") as caught:
        executors[-1].run()
    assert list(caught.value.failures) == ["0001-00002"] and caught.value.stage == "read"
    assert len(list((work / "manifest/read").iterdir())) == 5
    with pytest.raises(HfRelationError, match='1 shards of stage "read" are left, the first is 0001-00002'):
        open_result(work)
    assert _statistics(work / "logs/01-read/stats/00000.json") == {"shards": 2, "rows": 40}
    # datatrove marked these tasks of 3 as completed; 2 tasks have other shards.
    assert sorted(path.name for path in (work / "logs/01-read/completions").iterdir()) == ["00000", "00002"]
    # Two nodes, one after the other: each stage is begun by the first, and finished by the second.
    nodes = [sharded_executors(inputs, work, tasks=2, workers=1, node=node, nodes=2, **chosen) for node in (0, 1)]
    for first, second in zip(*nodes, strict=True):
        first.depends = second.depends = None
        first.run()
        second.run()
    assert _files(work) == before
    assert open_result(work).labels().tolist() == gold.tolist()
    rows = [_statistics(work / f"logs/02-embed/stats-{node:05d}.json")["rows"] for node in (0, 1)]
    assert sum(rows) == 110 and min(rows) > 0


def test_folder_and_inputs_elsewhere(whole, tmp_path):
    inputs, arrays, gold, before = whole
    system = fsspec.filesystem("memory")
    for path in (*inputs, *arrays):
        system.pipe_file(f"/given/{path.name}", path.read_bytes())
    urls, ready = ([f"memory://given/{path.name}" for path in paths] for paths in (inputs, arrays))
    options = {"settings": settings(), "embeddings": ready, "tasks": 2, "workers": 1}
    system.pipe_file("/taken/a.txt", b"mine")
    with pytest.raises(UsageError, match="memory://taken is not empty, and holds no sharded discovery"):
        sharded_executors(urls, "memory://taken", **options)
    sharded_executors(urls, "memory://run", **options)[-1].run()
    found = {path.removeprefix("/run/"): system.cat_file(path) for path in system.find("/run")}
    # Entries name the inputs; all that was computed is the same.
    computed = {name: content for name, content in before.items() if not name.startswith("manifest")}
    assert {name: found[name] for name in computed} == computed
    assert {name for name in found if not name.startswith("logs/")} == set(before)
    with pytest.raises(UsageError, match="name a folder to copy the result into"):
        open_result("memory://run")
    result = open_result("memory://run", copy=tmp_path / "copy")
    assert result.labels().tolist() == gold.tolist()
    assert [relation.size for relation in result.relations] == [50, 35, 25]
    assert not list((tmp_path / "copy").glob("embed/*"))
    with pytest.raises(UsageError, match="num_relations 3, now 2") as caught:
        sharded_executors(urls, "memory://run", **options | {"settings": settings(num_relations=2)})
    assert "memory://run was begun otherwise" in str(caught.value)
    system.pipe_file("/given/part0.jsonl", inputs[0].read_bytes() + b"\n")
    with pytest.raises(UsageError, match="memory://given/part0.jsonl has other contents"):
        sharded_executors(urls, "memory://run", **options)


def test_executors_travel_without_those_they_depend_on(whole, tmp_path):
    inputs, arrays, *_ = whole
    executors = sharded_executors(inputs, tmp_path / "work", settings=settings(), embeddings=arrays, tasks=5)
    assert [executor.tasks for executor in executors[:3]] == [2, 5, 5]  # two inputs
    assert executors[-1].tasks == 1 and executors[-1].depends is executors[-2]
    alone = pickle.loads(pickle.dumps(executors[-1]._alone()))
    assert isinstance(alone, ShardsLocalExecutor) and alone.depends is None and alone.pipeline[0].stage == "describe"


def test_bad_arguments(whole, tmp_path):
    inputs, arrays, *_ = whole
    for options, message in (
        ({"executor": "spark"}, "must be one of local, slurm, ray"),
        ({"tasks": 0}, "`tasks` must be an integer from 1 up"),
        ({"node": 2, "nodes": 2}, "`node` counts from 0"),
        ({"nodes": 2, "executor": "slurm"}, "`node` counts from 0"),
        ({"executor": "slurm", "options": {"time": "1:00"}}, "must hold `partition` and `time`"),
        ({"stage_options": {"embd": {}}}, "`stage_options` names embd; stages are split, read, embed"),
        ({"options": {"speed": 9}}, "does not take these `options` .*speed"),
        ({"options": {"start_method": "fork"}}, '`start_method` must be "spawn"'),
    ):
        with pytest.raises(UsageError, match=message):
            sharded_executors(inputs, tmp_path / "w", settings=settings(), embeddings=arrays, **options)
