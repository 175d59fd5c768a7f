"""Slurm: what is submitted, read with a parser, and then run as Slurm would run it, with stand-ins for its commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hf_relation.sharded import discover_sharded
from hf_relation.sharded.datatrove import sharded_executors
from tests.sharded.planted_files import settings, snapshot, write_planted


pytest.importorskip("datatrove", reason="needs the extra `scale`")

# Keeps the script and the arguments, and answers as sbatch does.
SBATCH = """#!/bin/sh
number=$(ls {folder} | wc -l)
number=$((1000 + number))
for last; do :; done
{{ for argument; do echo "# ARGUMENT $argument"; done; cat "$last"; }} > {folder}/$number
echo "Submitted batch job $number"
"""
SCONTROL = """#!/bin/sh
echo node1
"""


@pytest.fixture
def submitted(tmp_path, monkeypatch):
    """The folder with the scripts of all jobs, by their number."""
    folder, commands = tmp_path / "jobs", tmp_path / "bin"
    folder.mkdir()
    commands.mkdir()
    for name, content in (("sbatch", SBATCH.format(folder=folder)), ("scontrol", SCONTROL)):
        (commands / name).write_text(content)
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    monkeypatch.delenv("SLURM_ARRAY_TASK_ID", raising=False)
    return folder


def _read(path: Path) -> dict[str, str | None]:
    """Directives and arguments of a job, and its command."""
    found: dict[str, str | None] = {}
    for line in path.read_text().splitlines():
        for mark in ("#SBATCH --", "# ARGUMENT --"):
            if line.startswith(mark):
                name, _, value = line.removeprefix(mark).partition("=")
                found[name] = value
        if line.startswith("srun"):
            found["command"] = line
    return found


def test_jobs_are_submitted_in_order_and_do_the_stages(submitted, tmp_path, monkeypatch):
    inputs, arrays, *_ = write_planted(tmp_path / "in", parts=(30,))
    discover_sharded(inputs, tmp_path / "whole", settings=settings(), embeddings=arrays, workers=0)
    work = tmp_path / "work"
    executors = sharded_executors(
        inputs,
        work,
        executor="slurm",
        tasks=3,
        workers=2,
        settings=settings(),
        embeddings=arrays,
        options={"partition": "cpu", "time": "01:00:00", "mem_per_cpu_gb": 4},
        stage_options={"embed": {"partition": "gpu", "gpus_per_task": 1}},
    )
    executors[-1].run()
    jobs = [path for path in sorted(submitted.iterdir()) if "launch_pickled_pipeline" in path.read_text()]
    stages = [executor.pipeline[0].stage for executor in executors]
    assert len(jobs) == len(stages)
    for number, (stage, job) in enumerate(zip(stages, jobs, strict=True)):
        subprocess.run(["bash", "-n", str(job)], check=True)
        given = _read(job)
        assert given["job-name"] == f"hf-relation-{stage}" and given["time"] == "01:00:00"
        assert given["mem-per-cpu"] == "4G" and given["cpus-per-task"] == "1"
        assert given["partition"] == ("gpu" if stage == "embed" else "cpu")
        assert given.get("gpus") == ("1" if stage == "embed" else None)
        expected = "0-1%2" if stage == "split" else "0-2%2"
        assert given["array"] == (
            expected if stage in ("split", "read", "embed", "draw", "assign", "label") else "0-0%1"
        )
        # after the job of the stage before, and only if all its tasks succeeded
        assert given.get("dependency") == (f"afterok:{jobs[number - 1].name}" if number else None)
        assert given["command"].endswith(f" {work}/logs/{number:02d}-{stage}/executor.pik")
    assert not list((work / "manifest").iterdir())  # nothing is done where it is submitted

    # On the nodes: launch_pickled_pipeline FILE, with what Slurm sets.
    from datatrove.tools.launch_pickled_pipeline import main, parser

    monkeypatch.setenv("SLURM_NODELIST", "node1")
    for number, stage in enumerate(stages):
        folder = work / f"logs/{number:02d}-{stage}"
        for task in range(len(json.loads((folder / "ranks_to_run.json").read_text()))):
            monkeypatch.setenv("SLURM_ARRAY_TASK_ID", str(task))
            monkeypatch.setattr(sys, "argv", [parser.prog, str(folder / "executor.pik")])
            main()
    made = {name: content for name, content in snapshot(work).items() if not name.startswith("logs/")}
    assert made == snapshot(tmp_path / "whole")
