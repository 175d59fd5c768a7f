"""Executors in processes of their own, which are killed, and two of them at once as two machines."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hf_relation.sharded import discover_sharded
from tests.sharded.planted_files import settings, snapshot, write_planted
from tests.sharded.process_tree import members, wait_for


pytest.importorskip("datatrove", reason="needs the extra `scale`")
SCRIPT = Path(__file__).with_name("executor_run.py")
pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="children are found in /proc")
# Started processes import torch: too long for every run of the tests. `.ci/scale` runs them all.
thorough = pytest.mark.skipif(not os.environ.get("HF_RELATION_SCALE"), reason="minutes; .ci/scale runs it")
with_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs Ray (the extra `ray`)")


@pytest.fixture
def planted(tmp_path):
    inputs, arrays, *_ = write_planted(tmp_path, parts=(30,))
    discover_sharded(inputs, tmp_path / "whole", settings=settings(), embeddings=arrays, workers=0)
    return tmp_path


def _start(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    # A session of its own, so that all its children are found, also those whose parent is gone.
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(folder), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _same(folder: Path) -> bool:
    made = {name: data for name, data in snapshot(folder / "work").items() if not name.startswith("logs/")}
    return made == snapshot(folder / "whole")


def _finish(run: subprocess.Popen[str], code: int = 0) -> str:
    _, message = run.communicate(timeout=280)
    assert run.returncode == code, message[-2000:]
    return message


@thorough
def test_two_processes_on_one_folder_as_two_machines(planted):
    """The second is killed and started again, while the first waits for it."""
    first, second = (_start(planted, "local", 4, 1, node, 2) for node in (0, 1))
    wait_for(lambda: list((planted / "work/manifest/read").glob("*.json")), 200)
    os.kill(second.pid, signal.SIGKILL)
    second.communicate(timeout=60)
    assert first.poll() is None
    second = _start(planted, "local", 4, 1, 1, 2)
    _finish(first)
    _finish(second)
    assert _same(planted)


@thorough
@pytest.mark.parametrize("executor", ["local", "stock"])
def test_killed_parent_and_other_numbers_of_tasks(planted, executor):
    run = _start(planted, executor, 3, 2)
    wait_for(lambda: list((planted / "work/manifest/embed").glob("*.json")), 200)
    os.kill(run.pid, signal.SIGKILL)
    run.wait(60)  # what is left may hold its stderr open
    # datatrove's own leaves its manager, which keeps the server of forks and the tracker of resources alive; workers go.
    left_of_stock = 3 if executor == "stock" else 0
    wait_for(lambda: len(members(run.pid)) <= left_of_stock, 60, 0.1)
    for process in members(run.pid):
        os.kill(process, signal.SIGKILL)
    run.communicate(timeout=60)
    _finish(_start(planted, "local", 2, 2))
    assert _same(planted)


@thorough
def test_killed_worker(planted):
    run = _start(planted, "local", 3, 2)
    work = planted / "work/.unfinished"

    def working() -> list[int]:
        found = [int(path.name.split("+")[1]) for path in work.iterdir()] if work.is_dir() else []
        return [process for process in found if process != run.pid]

    os.kill(wait_for(working, 200)[0], signal.SIGKILL)
    message = _finish(run, 1)
    assert "a process was ended from outside" in message and "start again" in message
    wait_for(lambda: not members(run.pid), 30)
    _finish(_start(planted, "local", 3, 2))
    assert _same(planted)


@thorough
@with_ray
@pytest.mark.timeout(1800)
def test_ray_runs_the_stages_and_ends_with_the_process_that_started_it(planted):
    run = _start(planted, "ray", 3, 2)
    wait_for(lambda: list((planted / "work/manifest/embed").glob("*.json")), 900)
    os.kill(run.pid, signal.SIGKILL)
    run.communicate(timeout=60)
    wait_for(lambda: not members(run.pid), 120)
    _, message = (again := _start(planted, "ray", 2, 2)).communicate(timeout=900)
    assert again.returncode == 0, message[-2000:]
    assert _same(planted)
    wait_for(lambda: not members(again.pid), 120)
