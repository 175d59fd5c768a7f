"""`hf-relation discover` in shards, and on several files."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_relation.cli import sharding
from hf_relation.data import write_jsonl
from hf_relation.discovery import RelationDiscovery
from hf_relation.sharded import ShardedSettings, discover_sharded
from tests.common.tiny_tokenizers import sample_instances


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def inputs(tmp_path: Path) -> list[Path]:
    """Twelve instances and eight."""
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    rows = sample_instances(20)
    write_jsonl(paths[0], rows[:12])
    write_jsonl(paths[1], rows[12:])
    return paths


def entries(workdir: Path) -> dict[str, int]:
    return {path.relative_to(workdir).as_posix(): path.stat().st_mtime_ns for path in workdir.rglob("*.json")}


def labels(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_files_json_table_and_relations_to_predict_with(
    run_discover: Run, discover_model: Path, inputs: list[Path], tmp_path: Path
) -> None:
    work, out, saved = tmp_path / "work", tmp_path / "out", tmp_path / "saved"
    shards = ["--workdir", work, "--workers", 0, "--shard-rows", 5, "--seed", 3]
    names = tmp_path / "names.tsv"
    names.write_text("birth\tsomebody was born somewhere\nriver\ta river flows into the sea\nwork\tto work\n")
    code, printed, err = run_discover(*inputs, *shards, "--output", out, "--save", saved, "--progress")
    assert code == 0 and "3 relations in 20 instances" in printed and "shard" in err and f"Wrote {out}" in err
    # The public function with the settings of the checkpoint gives the same.
    chosen = ShardedSettings.from_pretrained(discover_model, seed=3, shard_rows=5)
    assert (
        chosen.whitening and chosen.n_init == 3 and chosen.num_relations == 3 and chosen.model == str(discover_model)
    )
    found = discover_sharded(inputs, tmp_path / "other", settings=chosen, workers=0)
    assert labels(out / "instances.jsonl") == list(found.instance_rows())
    assert [row["id"] for row in found.instance_rows()] == [row["id"] for row in sample_instances(20)]
    relations = json.loads((out / "relations.json").read_text(encoding="utf-8"))
    with open(out / "relations.csv", encoding="utf-8", newline="") as stream:
        sizes = [int(row["size"]) for row in csv.DictReader(stream)]
    assert sizes == [relation["size"] for relation in relations["relations"]] and sum(sizes) == 20
    # Again: nothing is done anew, now as JSON.
    before = entries(work)
    code, printed, err = run_discover(*inputs, *shards, "--json", "--quiet")
    assert code == 0 and err == "" and printed.count("\n") == 1
    content = json.loads(printed)
    assert content["instances"] == labels(out / "instances.jsonl")
    assert {"relations": content["relations"], "num_relations": content["num_relations"]} == relations
    assert content["skipped"] == [] and set(content) == {"instances", *relations, "skipped"}
    assert entries(work) == before
    # What was saved labels the same sentences the same way.
    code, printed, _ = run_discover(inputs[1], "--mode", "predict", "--json", model=saved)
    assert [row["label"] for row in json.loads(printed)["instances"]] == found.labels()[12:].tolist()
    code, _, err = run_discover(inputs[1], "--mode", "grow", model=saved)
    assert code == 2 and "or is a sharded one" in err.replace("\n", " ")


def test_texts_are_counted_over_all_shards(run_discover: Run, discover_model: Path, tmp_path: Path) -> None:
    names, texts = tmp_path / "names.tsv", tmp_path / "texts.log"
    names.write_text("Ada\tPERSON\nBob\tPERSON\nLindau\tPLACE\n")
    texts.write_text("Ada met Bob in Lindau.\n\nNobody came.\nBob left. Ada stayed in Lindau.\nBob saw Ada.\n")
    options = [texts, "--text", "--entities", f"dictionary:{names}", "--num-relations", 1, "--types", "*:PLACE"]
    shards = ["--workdir", tmp_path / "work", "--workers", 0, "--shard-rows", 2]
    code, printed, err = run_discover(*options, *shards, "--json")
    assert code == 0 and "4 texts: 8 mentions of entities, 3 pairs." in err and "(ids: 1)" in err
    _, in_memory, _ = run_discover(*options, "--json")
    ours, theirs = json.loads(printed), json.loads(in_memory)
    assert ours["texts"] == theirs["texts"] and ours["mentions"] == theirs["mentions"] and ours["mentions"]
    assert [row["id"] for row in ours["instances"]] == [row["id"] for row in theirs["instances"]]


def test_a_failed_shard_is_named_and_the_others_finish(run_discover: Run, inputs: list[Path], tmp_path: Path) -> None:
    work = tmp_path / "work"
    good = inputs[1].read_text(encoding="utf-8")
    lines = good.splitlines()
    inputs[1].write_text("\n".join([*lines[:2], lines[2][:30], *lines[3:]]) + "\n", encoding="utf-8")
    shards = ["--workdir", work, "--workers", 0, "--shard-rows", 4]
    code, printed, err = run_discover(*inputs, *shards)
    assert code == 1 and printed == "" and "Traceback" not in err
    assert 'Stage "read": 1 of 5 shards failed; the others are done' in err
    (line,) = [line for line in err.splitlines() if line.startswith("  0001-00000: ")]
    assert f"{inputs[1]}, line 3: " in line
    assert len(list((work / "manifest/read").iterdir())) == 4
    inputs[1].write_text(good, encoding="utf-8")
    code, _, err = run_discover(*inputs, *shards)
    assert code == 2 and "b.jsonl has other contents" in err and "--redo" in err
    code, _, _ = run_discover(*inputs, *shards, "--redo", "--output", tmp_path / "ours")
    assert code == 0
    run_discover(*inputs, "--workdir", tmp_path / "fresh", *shards[2:], "--output", tmp_path / "fresh_out")
    for name in ("instances.jsonl", "relations.json"):
        assert (tmp_path / "ours" / name).read_bytes() == (tmp_path / "fresh_out" / name).read_bytes()
    # Bad rows can be left out; they are listed with their files.
    inputs[1].write_text("\n".join([*lines[:2], lines[2][:30], *lines[3:]]) + "\n", encoding="utf-8")
    code, printed, err = run_discover(*inputs, *shards, "--redo", "--skip-bad", "--json")
    assert code == 0 and "Skipped 1 bad rows." in err
    content = json.loads(printed)
    assert len(content["instances"]) == 19
    assert [(row["file"], row["line"]) for row in content["skipped"]] == [(str(inputs[1]), 3)]


def test_above_a_size_it_is_done_in_shards_by_itself(
    run_discover: Run, inputs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharding, "MOST_IN_MEMORY", 12)
    out, beside = tmp_path / "out", tmp_path / "out.shards"
    monkeypatch.setattr(sharding, "_cores", lambda: 0)
    code, _, _ = run_discover(inputs[0], "--output", out)  # twelve lines
    assert code == 0 and not beside.exists()
    code, printed, err = run_discover(*inputs, "--output", out)
    assert code == 0 and f"discovering in shards, in {beside}" in err and (beside / "manifest.json").is_file()
    assert len(labels(out / "instances.jsonl")) == 20 and "in 20 instances" in printed
    code, _, err = run_discover(*inputs)
    assert code == 0 and (tmp_path / "a.jsonl.shards/manifest.json").is_file()
    before = set(tmp_path.iterdir())
    code, _, err = run_discover(*inputs, "--export", tmp_path / "all.jsonl")
    assert code == 0 and "all held in memory: --export is written from all instances at once" in err
    code, _, err = run_discover(*inputs, "--in-memory")
    assert code == 0 and "lines" not in err
    # A pipe is read once, so nothing counts its lines.
    os.mkfifo(tmp_path / "pipe")
    before |= {tmp_path / "pipe"}
    writer = subprocess.Popen(["cp", inputs[0], tmp_path / "pipe"])
    code, printed, err = run_discover(tmp_path / "pipe")
    assert code == 0 and "in 12 instances" in printed and writer.wait(60) == 0
    code, _, err = run_discover(tmp_path / "pipe", "--workdir", tmp_path / "w")
    assert code == 2 and "is no regular file" in err
    assert set(tmp_path.iterdir()) == before | {tmp_path / "all.jsonl"}


def test_what_does_not_go_with_shards_is_refused(run_discover: Run, inputs: list[Path], tmp_path: Path) -> None:
    work = ["--workdir", tmp_path / "work"]
    for arguments, message in [
        ([*inputs, *work, "--mode", "predict"], "--mode does not go with --workdir: it goes on from relations"),
        ([*inputs, *work, "--known", "checkpoint"], "--known does not go with --workdir: it fits a gate"),
        ([*inputs, *work, "--pair-weighting", "0.5"], "--pair-weighting does not go with --workdir"),
        ([*inputs, *work, "--min-score", "0.5"], "--min-score does not go with --workdir"),
        ([*inputs, *work, "--export", tmp_path / "x.jsonl"], "--export does not go with --workdir"),
        ([*inputs, *work, "--report", tmp_path / "x.html"], "--report does not go with --workdir"),
        ([*inputs, *work, "--plot", f"map={tmp_path / 'x.png'}"], "--plot does not go with --workdir"),
        ([*inputs, *work, "--whole-file"], "--whole-file does not go with --workdir: it makes one text of a file"),
        ([*inputs, *work, "--in-memory"], "contradict one another"),
        ([*inputs, "--workers", "2"], "--workers goes with --workdir"),
        ([*inputs, "--redo"], "--redo goes with --workdir"),
        ([*inputs, *work, "--algorithm", "hdbscan", "--num-relations", "2"], "finds the number of relations itself"),
    ]:
        code, printed, err = run_discover(*arguments)
        assert code == 2 and printed == "" and message in err.replace("\n", " "), (arguments, err)
    assert not (tmp_path / "work").exists()


def test_tables_are_cut_into_shards_too(run_discover: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names, table = tmp_path / "names.tsv", tmp_path / "t.csv"
    names.write_text("Ada\tPERSON\nBob\tPERSON\nRome\tPLACE\n")
    sentences = ["Ada met Bob.", "Ada left Rome.", "Bob lives in Rome.", "Bob was born in Rome."]
    table.write_text("number,said\n" + "".join(f"{number},{said}\n" for number, said in enumerate(sentences * 2)))
    options = [table, "--entities", f"dictionary:{names}", "--text-column", "said", "--num-relations", 2, "--json"]
    code, printed, err = run_discover(*options)
    assert code == 0, err
    whole = json.loads(printed)["instances"]
    monkeypatch.setattr(sharding, "MOST_IN_MEMORY", 5)
    code, printed, err = run_discover(*options, "--shard-rows", 3, "--workers", 0)
    assert code == 0 and "discovering in shards" in err, err
    found = json.loads(printed)["instances"]
    assert [row["id"] for row in found] == [row["id"] for row in whole] and len(found) == 8


def test_several_small_files_are_read_as_one(run_discover: Run, discover_model: Path, tmp_path: Path) -> None:
    rows = [{key: row[key] for key in row if key != "id"} for row in sample_instances(12)]
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_text("\n".join(map(json.dumps, rows[:5])))
    second.write_text("\n\n" + "\n".join(map(json.dumps, rows[5:])))
    code, printed, err = run_discover(first, second, "--json")
    assert code == 0, err
    expected = RelationDiscovery.from_pretrained(discover_model).fit_predict(rows)
    found = json.loads(printed)["instances"]
    assert [row["id"] for row in found] == [str(number) for number in range(12)]
    assert [row["label"] for row in found] == expected.labels.tolist()
    with open(second, "a") as stream:
        stream.write('\n{"text": 7}\n')
    code, _, err = run_discover(first, second)
    assert code == 1 and f"{second}, line 10: " in err
    code, printed, err = run_discover(first, second, "--skip-bad", "--json")
    assert [(row["file"], row["line"]) for row in json.loads(printed)["skipped"]] == [(str(second), 10)]
    assert code == 0 and len(json.loads(printed)["instances"]) == 12


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="children are found in /proc")
def test_killed_and_started_again_it_comes_to_the_same_bytes(
    run_discover: Run, discover_model: Path, inputs: list[Path], tmp_path: Path
) -> None:
    work = tmp_path / "work"
    arguments = [*inputs, "--shard-rows", 2, "--workdir", work]
    start = [sys.executable, "-c", "from hf_relation.cli.app import main; main()", "discover"]
    command = [*start, "--model", discover_model, *arguments, "--workers", 1]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(list(map(str, command)), env=environment, start_new_session=True)
    try:
        end = time.monotonic() + 300
        while not list((work / "manifest/embed").glob("*.json")):
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.005)
        # Only workers hold a model in memory.
        assert "libtorch" not in Path(f"/proc/{process.pid}/maps").read_text()
    finally:
        process.kill()  # no signal that could be answered
        process.wait(60)
    done = {name: time_ for name, time_ in entries(work).items() if name.startswith("manifest/")}
    assert done and "manifest/describe/all.json" not in done
    code, printed, err = run_discover(*arguments, "--workers", 0, "--output", tmp_path / "out")
    assert code == 0, err
    now = entries(work)
    assert {name: now[name] for name in done} == done
    run_discover(*inputs, "--shard-rows", 2, "--workdir", tmp_path / "whole", "--workers", 0)
    kept = [
        {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (work, tmp_path / "whole")
    ]
    assert kept[0] == kept[1]
