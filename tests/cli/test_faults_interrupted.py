"""Rows 34, 36, 38 and 51 of the fault plan: commands that are interrupted, and two at once on one output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest


pytestmark = [pytest.mark.timeout(280), pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What became of every command; `folder` is where they ran."""
    folder = tmp_path_factory.mktemp("runs")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    found = subprocess.run(
        [sys.executable, "-m", "tests.cli.interrupted_runs", str(folder)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        timeout=270,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    return {"folder": folder} | {row.pop("name"): row for row in map(json.loads, found.stdout.splitlines())}


@pytest.mark.parametrize(("how", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
@pytest.mark.parametrize("command", ["discover", "extract", "convert", "label"])
def test_fault_38_an_interrupted_command_leaves_nothing_half(
    command: str, how: str, code: int, runs: dict[str, Any]
) -> None:
    run = runs[f"{command}-{how}"]
    assert run["reached"] and any(name.endswith(".tmp") for name in run["during"]), "interrupted while it wrote"
    assert run["code"] == code and not run["alive"], run["log"]
    assert "Traceback" not in run["log"]
    left = [path.name for path in (runs["folder"] / f"{command}-{how}").iterdir()]
    if command == "convert":
        assert left == ["out"]
        assert [path.name for path in (runs["folder"] / f"{command}-{how}" / "out").iterdir()] == ["old.txt"]
    elif command == "label":
        assert left == ["out"] and (runs["folder"] / f"{command}-{how}" / "out").read_text() == "old"
    else:
        assert left == []


@pytest.mark.parametrize(("how", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_fault_34_38_and_51_an_interrupted_training_run_ends_with_its_workers_and_goes_on(
    how: str, code: int, runs: dict[str, Any]
) -> None:
    run, resumed = runs[f"train-{how}"], runs[f"resumed-{how}"]
    assert run["reached"] and run["code"] == code and not run["alive"], run["log"]
    assert "Traceback" not in run["log"]
    output = runs["folder"] / f"train-{how}" / "out"
    assert resumed["code"] == 0, resumed["log"]
    history = json.loads((output / "seed-5" / "run.json").read_text())["history"]
    assert [entry["step"] for entry in history if "loss" in entry] == [1, 2, 3]
    assert (output / "results.json").is_file() and (output / "seed-5" / "model.safetensors").is_file()
    # What was learnt is what the run in the other test learnt: resuming repeats no step and skips none.
    losses = [entry["loss"] for entry in history if "loss" in entry]
    other = runs["folder"] / f"train-{'SIGTERM' if how == 'SIGINT' else 'SIGINT'}" / "out" / "seed-5" / "run.json"
    assert losses == [entry["loss"] for entry in json.loads(other.read_text())["history"] if "loss" in entry]


@pytest.mark.parametrize(("command", "names"), [("discover", 3), ("extract", 2)])
def test_fault_36_two_commands_with_one_output_leave_the_files_of_one(
    command: str, names: int, runs: dict[str, Any]
) -> None:
    assert runs[f"{command}-twice"]["codes"] == [0, 0], runs[f"{command}-twice"]["log"]
    parent = runs["folder"] / f"{command}-twice"
    assert [path.name for path in parent.iterdir()] == ["out"]
    files = {path.name: path.read_text() for path in (parent / "out").iterdir()}
    assert len(files) == names and all(files.values())


def test_fault_36_two_conversions_to_one_folder_are_one_and_an_error(runs: dict[str, Any]) -> None:
    assert runs["convert-twice"]["codes"] == [0, 2]
    assert "is not empty" in " ".join(runs["convert-twice"]["log"].split())
    (table,) = (runs["folder"] / "convert-twice" / "out").rglob("*.parquet")
    assert pq.read_table(table).num_rows == 12


def test_fault_36_a_second_training_run_on_one_folder_is_refused(runs: dict[str, Any]) -> None:
    run = runs["train-twice"]
    assert run["code"] == 2 and "Another run is writing to" in run["log"]


def test_fault_35_workers_of_a_killed_run_do_not_stay(runs: dict[str, Any]) -> None:
    assert not runs["train-twice"]["alive"]
