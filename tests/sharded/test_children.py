"""Processes whose parent is killed, also where siblings hold its pipes open."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sharded.process_tree import members, wait_for


CHILD = """
import multiprocessing, sys, time

def sleep(number):
    from hf_relation.sharded.children import end_with_parent
    end_with_parent()
    end_with_parent()
    print("ready", flush=True)
    time.sleep(600)

if __name__ == "__main__":
    # A pool of forked processes is what datatrove has on Ray; what is forked later holds their pipes open.
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        if sys.argv[1] == "fork":
            multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,)).start()
        pool.map(sleep, range(2), chunksize=1)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="children are found in /proc")
@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_children_end_when_their_parent_is_killed(tmp_path, method):
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    run = subprocess.Popen(
        [sys.executable, str(script), method], env=env, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert [run.stdout.readline() for _ in range(2)] == ["ready\n", "ready\n"]
    assert len(members(run.pid)) >= 3
    os.kill(run.pid, signal.SIGKILL)
    run.wait(60)
    wait_for(lambda: len(members(run.pid)) == (method == "fork"), 30)  # one does not watch its parent
    for left in members(run.pid):
        os.kill(left, signal.SIGKILL)
    run.stdout.close()
