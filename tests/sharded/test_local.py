"""The pool of processes: really spawned, really killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hf_relation.sharded import discover_sharded
from hf_relation.sharded.local import run_local
from hf_relation.sharded.run_record import begin, record_of
from tests.sharded.planted_files import settings, snapshot, write_planted
from tests.sharded.process_tree import members, wait_for


SCRIPT = Path(__file__).with_name("pool_run.py")
pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="children are found in /proc")


def _start(folder: Path, workers: int) -> subprocess.Popen[str]:
    root = str(Path(__file__).parents[2])
    # A session of its own, so that all its children are found, also those whose parent is gone.
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(folder), str(workers)],
        env={**os.environ, "PYTHONPATH": root},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _working(workdir: Path, parent: int) -> list[int]:
    """Workers that hold a temporary folder."""
    try:
        found = [int(path.name.split("+")[1]) for path in (workdir / ".unfinished").iterdir()]
    except FileNotFoundError:
        return []
    return [process for process in found if process != parent]


def test_killed_worker_killed_parent_and_other_numbers_of_workers(tmp_path):
    inputs, arrays, *_ = write_planted(tmp_path, parts=(30,))
    work = tmp_path / "work"
    discover_sharded(inputs, tmp_path / "whole", settings=settings(), embeddings=arrays, workers=0)

    # A worker is killed: the run ends with what to do, and no process is left.
    run = _start(tmp_path, 2)
    victim = wait_for(lambda: _working(work, run.pid))[0]
    os.kill(victim, signal.SIGKILL)
    _, message = run.communicate(timeout=120)
    assert run.returncode == 1 and "a process was ended from outside" in message and "start again" in message
    wait_for(lambda: not members(run.pid), 20, 0.1)

    # The parent is killed once shards are embedded: its children end by themselves.
    run = _start(tmp_path, 2)
    wait_for(lambda: list((work / "manifest/embed").glob("*.json")))
    children = [process for process in members(run.pid) if process != run.pid]
    assert children
    os.kill(run.pid, signal.SIGKILL)
    run.communicate(timeout=120)
    wait_for(lambda: not members(run.pid), 20, 0.1)

    # With another number of workers it goes on, and comes to the same bytes; nothing here needs a model, and none is imported.
    done = {path: path.stat().st_mtime_ns for path in (work / "manifest").rglob("*.json")}
    assert done
    run = _start(tmp_path, 0)
    _, message = run.communicate(timeout=250)
    assert run.returncode == 0, message
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert snapshot(work) == snapshot(tmp_path / "whole")


def test_it_waits_for_the_end_of_its_processes(tmp_path):
    inputs, *_ = write_planted(tmp_path)
    record = record_of(inputs, None, settings(), {})
    begin(tmp_path / "work", record, redo=False)
    others = multiprocessing.active_children()  # the page of another test may have one
    run_local(tmp_path / "work", record, workers=1, stages=["split"])
    assert [child for child in multiprocessing.active_children() if child not in others] == []
