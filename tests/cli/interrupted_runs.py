"""Commands in processes of their own that are interrupted at a chosen moment (see test_faults_interrupted.py).

Importing the libraries takes seconds, so that one process does it and forks for every command.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import hf_relation.runs.more  # noqa: F401
from hf_relation.cli import app
from hf_relation.data import convert, jsonl, replacing, write_jsonl
from hf_relation.training import RelationTrainer
from tests.common.tiny_checkpoints import save_tiny_checkpoint, save_tiny_extractor
from tests.common.tiny_runs import save_tiny_encoder, tiny_options, write_tiny_corpus
from tests.common.tiny_tokenizers import sample_instances


WAIT = 60
FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()


def waiting(
    marker: Path, real: Callable[..., Any], moment: Callable[..., bool] = lambda *_: True
) -> Callable[..., Any]:
    """The function, which makes a file and waits for the end when its moment has come."""

    def call(*arguments: Any, **options: Any) -> Any:
        if moment(*arguments):
            marker.touch()
            time.sleep(WAIT)
        return real(*arguments, **options)

    return call


# Where each command is to be interrupted: the owner and the name of a function, and when.
MOMENTS: dict[str, tuple[Any, str, Callable[..., bool]]] = {
    "discover": (replacing, "_sync", lambda *_: True),
    "extract": (replacing, "_sync", lambda *_: True),
    "convert": (convert, "dataset_card", lambda *_: True),
    "label": (jsonl, "_encode", lambda row, index: index == 2),
    "train": (RelationTrainer, "training_step", lambda trainer, *_: trainer.state.global_step == 1),
}


def run(arguments: list[str], log: Path, marker: Path | None = None) -> int:
    """Fork a process, with a group of its own, that runs a command; gives its number."""
    child = os.fork()
    if child:
        return child
    os.setsid()
    # Tests that run in the background of a shell inherit that Ctrl-C is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    if marker is not None:
        owner, name, moment = MOMENTS[arguments[0]]
        mock.patch.object(owner, name, waiting(marker, getattr(owner, name), moment)).start()
    sys.argv = ["hf-relation", *arguments]
    code: Any = 1
    try:
        app.main()
    except SystemExit as stop:
        code = stop.code or 0
    finally:  # as Python ends, but for the seconds of collecting what was imported
        atexit._run_exitfuncs()
        sys.stdout.flush()
        os._exit(code)


def ended(child: int) -> int:
    """How a process ended, which may take a while; one that hangs is killed."""
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        number, status = os.waitpid(child, os.WNOHANG)
        if number:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def alive(group: int) -> bool:
    """Whether a process of the group is there still, after a moment to leave."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.1)
    return True


def interrupt(name: str, arguments: list[str], how: signal.Signals, output: Path) -> None:
    marker, log = FOLDER / f"{name}.marker", FOLDER / f"{name}.log"
    child = run(arguments, log, marker)
    deadline = time.monotonic() + WAIT
    while (
        not marker.exists()
        and time.monotonic() < deadline
        and not os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    ):
        time.sleep(0.02)
    during = sorted(path.name for path in output.parent.iterdir())
    # Ctrl-C reaches all processes of a terminal's group, `kill` the one that is named.
    (os.killpg if how is signal.SIGINT else os.kill)(child, how)
    report(name, code=ended(child), reached=marker.exists(), alive=alive(child), during=during, log=log.read_text())


def report(name: str, **content: Any) -> None:
    print(json.dumps({"name": name, **content}), flush=True)


def main() -> None:
    save_tiny_checkpoint(FOLDER / "checkpoint")
    save_tiny_extractor(FOLDER / "extractor")
    encoder = save_tiny_encoder(FOLDER / "encoder")
    files = write_tiny_corpus(FOLDER)
    rows = FOLDER / "rows.jsonl"
    write_jsonl(rows, sample_instances())
    facts = FOLDER / "facts.tsv"
    facts.write_text("Ada\tmet\tBob\n", encoding="utf-8")

    def training(output: Path) -> list[str]:
        more = "--max_steps 3 --num_seeds 1 --dataloader_num_workers 2".split()
        return ["train", "more", *tiny_options(encoder, files, output, *more)]

    def command(name: str, output: Path) -> list[str]:
        return {
            "discover": ["discover", str(rows), "--model", str(FOLDER / "checkpoint"), "--output", str(output)],
            "extract": ["extract", str(rows), "--model", str(FOLDER / "extractor"), "--output", str(output)],
            "convert": ["convert", "jsonl", f"train={rows}", "--output-dir", str(output), "--overwrite"],
            "label": [
                "label",
                str(rows),
                "--facts",
                str(facts),
                "-o",
                str(output),
                "--keep-unlabelled",
                "--overwrite",
            ],
            "train": training(output),
        }[name]

    gc.freeze()
    for name in MOMENTS:
        for how in (signal.SIGINT, signal.SIGTERM):
            parent = FOLDER / f"{name}-{how.name}"
            parent.mkdir()
            output = parent / "out"
            if name == "convert":  # over an older one, which must stay
                output.mkdir()
                (output / "old.txt").write_text("old")
            if name == "label":
                output.write_text("old")
            interrupt(parent.name, command(name, output), how, output)
    for how in ("SIGINT", "SIGTERM"):
        log = FOLDER / f"resumed-{how}.log"
        code = ended(run([*training(FOLDER / f"train-{how}" / "out"), "--resume"], log))
        report(f"resumed-{how}", code=code, log=log.read_text())

    # Two processes on one output.
    for name in ("discover", "extract", "convert"):
        parent = FOLDER / f"{name}-twice"
        parent.mkdir()
        arguments = [word for word in command(name, parent / "out") if word != "--overwrite"]
        logs = [FOLDER / f"{name}-{number}.log" for number in (1, 2)]
        codes = sorted(ended(child) for child in [run(arguments, log) for log in logs])
        report(parent.name, codes=codes, log="".join(log.read_text() for log in logs))
    marker, log = FOLDER / "train-twice.marker", FOLDER / "train-twice.log"
    (FOLDER / "train-twice").mkdir()
    first = run(training(FOLDER / "train-twice" / "out"), FOLDER / "train-first.log", marker)
    deadline = time.monotonic() + WAIT
    while not marker.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    code = ended(run(training(FOLDER / "train-twice" / "out"), log))
    os.kill(first, signal.SIGKILL)
    ended(first)
    report("train-twice", code=code, alive=alive(first), log=log.read_text())


if __name__ == "__main__":
    main()
