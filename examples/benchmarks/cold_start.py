"""How long programs take to start: `import hf_relation` beside transformers with its pipeline registry, and the command line.

Every row is a new process of its own; all take turns in every round, so that what else the machine does strikes all alike.
What hf_relation adds, by registering its model classes and tasks with transformers, is measured twice: as the difference
between two processes of one round, of which only one imports it, and inside one process, where the import alone is timed.
Both have the same target. `--version` and `--help` have seconds as their target.

Targets are compared with processor time (Linux and macOS count it for the children of a process), which other processes hardly
change; time on the clock stands beside it. Modules are read from bytecode, as they are where a package is installed: a first
round, not counted, writes it where it is missing. One thread. Nothing is downloaded.

Examples:
  python examples/benchmarks/cold_start.py --markdown cold_start.md --output cold_start.json
  python examples/benchmarks/cold_start.py --rounds 1
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reporting import QUICK, environment, write_files
from rich.console import Console
from timing import Part, Samples, processor_name, ratios, shown_ratio, shown_time

from hf_relation.errors import HfRelationError


ROOT = Path(__file__).parents[2]
PYTHON, REGISTRY, AFTER, BEFORE, INSIDE, ALONE = (
    "python",
    "import transformers.pipelines",
    "import transformers.pipelines, then hf_relation",
    "import hf_relation, then transformers.pipelines",
    "import hf_relation alone, where transformers.pipelines is imported",
    "import hf_relation, no transformers",
)
# What the installed script `hf-relation` runs.
_MAIN = ("-c", "from hf_relation.cli.app import main; main()")
_IMPORT_ALONE = """
import time
import transformers.pipelines
cpu, wall = time.process_time(), time.perf_counter()
import hf_relation
print(time.process_time() - cpu, time.perf_counter() - wall)
"""
COMMANDS: dict[str, tuple[str, ...]] = {
    PYTHON: ("-c", "pass"),
    REGISTRY: ("-c", "import transformers.pipelines"),
    AFTER: ("-c", "import transformers.pipelines, hf_relation"),
    BEFORE: ("-c", "import hf_relation, transformers.pipelines"),
    INSIDE: ("-c", _IMPORT_ALONE),
    ALONE: ("-c", "import hf_relation"),
    "hf-relation --version": (*_MAIN, "--version"),
    "hf-relation --help": (*_MAIN, "--help"),
    "hf-relation discover --help": (*_MAIN, "discover", "--help"),
}
MOST_ADDED = 0.5  # seconds beside transformers
MOST_SECONDS = {"hf-relation --version": 1.0, "hf-relation --help": 1.0}
_PLACES = ("--output", "--markdown")


def start(arguments: Sequence[str], *, inside: bool = False) -> tuple[float, float]:
    """Processor seconds (of user and system) and seconds on the clock of one run of Python.

    Args:
        arguments: what follows `python`.
        inside: take the two numbers that it prints instead.

    Raises:
        HfRelationError: it failed.
    """
    variables = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), variables.get("PYTHONPATH")]))
    before, began = os.times(), time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], env=variables, capture_output=True, text=True)
    wall, after = time.perf_counter() - began, os.times()
    if done.returncode:
        raise HfRelationError(f"python {' '.join(arguments)} failed with {done.returncode}: {done.stderr.strip()}")
    if inside:
        cpu, wall = map(float, done.stdout.split())
        return cpu, wall
    return after.children_user + after.children_system - before.children_user - before.children_system, wall


def measure(commands: Mapping[str, Sequence[str]], rounds: int) -> dict[str, Samples]:
    """Start each in turn, once for the bytecode, then once in every round."""
    samples = {name: Samples() for name in commands}
    for counted in [False, *[True] * rounds]:
        for name, arguments in commands.items():
            cpu, wall = start(arguments, inside=name == INSIDE)
            if counted:
                samples[name].cpu.append(cpu)
                samples[name].wall.append(wall)
    return samples


def added(with_ours: Samples, without: Samples) -> list[float]:
    """Processor seconds that hf_relation adds, round by round."""
    return [a - b for a, b in zip(with_ours.cpu, without.cpu, strict=True)]


def table(samples: Mapping[str, Samples]) -> Part:
    """Seconds of all, what hf_relation adds to transformers, and which targets are reached."""
    part = Part(
        "Cold start",
        ["a new process", "processor time", "on the clock", "added", "times as long", "target"],
        notes=[
            f"`added`, `times as long`: beside `{REGISTRY}`, by processor time; median and range over the rounds.",
            "Targets are compared with the medians of processor time.",
        ],
        raw={"times": {name: sample.to_dict() for name, sample in samples.items()}, "added_seconds": {}, "ratios": {}},
    )
    for name, sample in samples.items():
        more, times, target = "", "", ""
        if name in (AFTER, BEFORE):
            seconds = added(sample, samples[REGISTRY])
            part.raw["added_seconds"][name] = seconds
            part.raw["ratios"][name] = ratios(sample.cpu, samples[REGISTRY].cpu)
            more = f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"
            times = shown_ratio(part.raw["ratios"][name])
            target = _verdict(statistics.median(seconds), MOST_ADDED, "added ")
        elif name == INSIDE:
            more = shown_time(sample.cpu)
            target = _verdict(statistics.median(sample.cpu), MOST_ADDED, "added ")
        elif name in MOST_SECONDS:
            target = _verdict(statistics.median(sample.cpu), MOST_SECONDS[name])
        part.rows.append([name, shown_time(sample.cpu), shown_time(sample.wall), more, times, target])
    return part


def _verdict(seconds: float, most: float, what: str = "") -> str:
    return f"{what}< {most:g} s {'reached' if seconds < most else 'missed'}"


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, help="rounds of the timings; default: 5 (1 with --quick)")
    parser.add_argument("--output", type=Path, help="JSON file for every raw time, versions and the processor")
    parser.add_argument("--markdown", type=Path, help="Markdown file for the table")
    parser.add_argument("--quick", action="store_true", help="one round, to see that all runs; not for quoting")
    args = parser.parse_args(argv)
    args.rounds = args.rounds if args.rounds is not None else 1 if args.quick else 5
    if args.rounds < 1:
        parser.error(f"--rounds must be at least 1, got {args.rounds}")
    return args


def main(argv: list[str] | None = None) -> dict[str, Any]:
    args = parse(argv)
    part = table(measure(COMMANDS, args.rounds))
    console = Console()
    if not console.is_terminal:
        console = Console(width=150)
    console.print(part.rich())
    words = ["python examples/benchmarks/cold_start.py", *(sys.argv[1:] if argv is None else argv)]
    command = " ".join(
        "FILE" if before in _PLACES else word for before, word in zip(["", *words], words, strict=False)
    )
    machine = environment()
    machine["machine"] |= {"processor_name": processor_name(), "load": os.getloadavg()}
    results = {
        "command": command,
        "quick": args.quick,
        "rounds": args.rounds,
        "notes": part.notes,
        **part.raw,
        **machine,
    }
    about = f"`{command}`: {processor_name()}, {args.rounds} rounds" + (f" ({QUICK})" if args.quick else "")
    write_files(args.output, args.markdown, results, [f"{about}.", part.markdown()])
    return results


if __name__ == "__main__":
    try:
        main()
    except HfRelationError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
