"""Sharded discovery killed in every stage, by real signals, and under a limit of its address space.

A run is started again and again in one folder. Each time, once the next stage has begun, it is ended with SIGKILL: in turn the
process that was started, or one of its workers. Afterwards no process of it may be left, and in the end all files must be the
same, to the last byte, as those of a run that nobody disturbed; what was done before a signal is not done again.
Then the same run is made where no process may have more than `--gigabytes` of addresses.

Linux only (processes are found in /proc). One table is printed; the exit status is 1 where anything was not as it must be.

Examples:
  python examples/benchmarks/scale_faults.py
  python examples/benchmarks/scale_faults.py --rows 100000 --relations 50 --columns 128
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from reporting import markdown_table
from scale_data import write_embeddings, write_rows
from scale_jobs import child_variables, run_child

from hf_relation.errors import HfRelationError
from hf_relation.sharded import ShardedSettings
from hf_relation.sharded.plan import stages_of
from hf_relation.sharded.run_record import RunRecord


FOLDER = Path(__file__).parent
PATIENCE = 600  # seconds for a stage to begin


def start(folder: Path, job: dict[str, Any]) -> subprocess.Popen[bytes]:
    """The run, in a session of its own, so that all that it starts is found."""
    (folder / "killed.json").write_text(json.dumps(job), encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, str(FOLDER / "scale_run.py"), str(folder / "killed.json")],
        env=child_variables(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def members(session: int) -> list[int]:
    """Processes of a session that are alive."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (OSError, psutil.Error):
            continue
    return found


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        if time.monotonic() > end:
            raise HfRelationError(f"{what} did not happen within {PATIENCE} s.")
        time.sleep(0.005)
    return found


def kill_in(stage: str, done: tuple[str, int], folder: Path, job: dict[str, Any], *, worker: bool) -> str:
    """Start the run, kill it in a stage, that is when so many shards of the one before are done, and see that nothing is left."""
    manifest = Path(job["work"]) / "manifest"
    run = start(folder, job)
    working = Path(job["work"]) / ".unfinished"

    def begun() -> list[int]:
        if run.poll() is not None:
            raise HfRelationError(
                f"The run ended by itself, with {run.returncode}, before it was killed in {stage!r}."
            )
        if len(list((manifest / done[0]).glob("*.json"))) < done[1]:
            return []
        try:
            holders = {int(path.name.split("+")[1]) for path in working.iterdir()} - {run.pid}
        except FileNotFoundError:
            return []
        return sorted(holders)

    victim = wait_for(begun, f"Stage {stage!r}")[0] if worker else (wait_for(begun, f"Stage {stage!r}"), run.pid)[1]
    os.kill(victim, signal.SIGKILL)
    run.wait(PATIENCE)
    wait_for(lambda: not members(run.pid), "The end of all processes")
    return "worker" if worker else "parent"


def contents(work: Path) -> dict[str, bytes]:
    return {path.relative_to(work).as_posix(): path.read_bytes() for path in work.rglob("*") if path.is_file()}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=4000, help="default: 4000, in 8 shards")
    parser.add_argument("--relations", type=int, default=10, help="planted; default: 10")
    parser.add_argument("--columns", type=int, default=64, help="of the embeddings; default: 64")
    parser.add_argument("--workers", type=int, default=2, help="default: 2")
    parser.add_argument("--kmeans_rounds", type=int, default=1, help="default: 1")
    parser.add_argument("--gigabytes", type=float, default=2.0, help="of addresses, for a process; default: 2")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_rows(folder, args.rows, args.relations)
        write_embeddings(folder, args.rows, args.relations, columns=args.columns, noise=0.1)
        settings = {
            "num_relations": args.relations,
            "n_init": 3,
            "kmeans_rounds": args.kmeans_rounds,
            "shard_rows": -(-args.rows // 8),
        }
        job = {"kind": "sharded", "folder": name, "ready": True, "workers": args.workers, "settings": settings}
        whole = folder / "whole"
        limit = int(args.gigabytes * 2**30)
        limited = {**job, "work": str(whole), "labels": f"{name}/whole.npy", "address_space": limit}
        run_child(folder, limited)
        expected = contents(whole)
        rows = [["whole run", f"at most {args.gigabytes:g} GiB of addresses", f"{len(expected)} files"]]
        job |= {"work": str(folder / "work"), "labels": f"{name}/labels.npy"}
        planned = stages_of(RunRecord([], None, ShardedSettings(**settings).to_dict(), {}, {}))
        stages = [stage for stage in planned if (whole / "manifest" / stage).is_dir()]  # rounds may end early
        kept: dict[Path, int] = {}
        for number, (before, stage) in enumerate(zip(["", *stages[:-1]], stages, strict=True)):
            done = (before, len(list((whole / "manifest" / before).glob("*.json"))))
            who = kill_in(stage, done, folder, job, worker=number % 2 == 0)
            entries = {path: path.stat().st_mtime_ns for path in (folder / "work" / "manifest").rglob("*.json")}
            again = [path.name for path, time_ in kept.items() if entries.get(path) != time_]
            kept = entries
            rows.append([stage, f"{who} killed", f"{len(entries)} shards done, {len(again)} of them twice"])
        run_child(folder, job)
        same = contents(folder / "work") == expected
        rows.append(["to the end", "", "the same bytes" if same else "OTHER BYTES"])
        print(markdown_table(["stage", "what happened", "then"], rows, text_columns=3))
        return 0 if same and all(" 0 of them twice" in row[2] for row in rows[1:-1]) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except HfRelationError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
