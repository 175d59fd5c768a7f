"""How far sharded discovery goes: seconds, memory and agreement from ten thousand rows to a million.

Four parts, each a table:

rows      ready embeddings with planted relations, for every number of `--rows`: seconds on the clock and of the processor
          (all processes), peak memory of the process tree (proportional: shared pages count once), agreement (adjusted Rand
          index) with the unsharded discovery on the same embeddings, up to `--whole_rows`, and with what was planted; the
          scaling exponent: the slope of log(processor seconds) over log(rows).
encoder   the same with a real encoder, on sentences in real words, for every number of `--encoder_rows`.
workers   one process and `--workers`: seconds, memory, whether the labels are the same to the last bit.
overhead  a stage that does nothing but sleep, 2 ms a row, as an encoder would work: what the pool costs beside that, and
          datatrove where it is installed (pip install 'hf_relation[scale]').

Every run is a new process with one thread for each worker. Time on the clock depends on what else the machine does (the load
is printed); processor time hardly does. Finished runs are kept in `--work` and not made again. Nothing is downloaded.

Examples:
  python examples/benchmarks/scale.py --markdown scale.md --output scale.json --work runs/scale
  python examples/benchmarks/scale.py --parts overhead
  python examples/benchmarks/scale.py --parts rows --rows 10000 100000 --kmeans_rounds 5
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from reporting import QUICK, command_line, environment, shown_seconds, write_files
from rich.console import Console
from scale_jobs import Jobs, has_datatrove
from timing import Part, processor_name

from hf_relation.errors import HfRelationError


PARTS = ("rows", "encoder", "workers", "overhead")
LEAST_AGREEMENT, MOST_GROWTH, MOST_OVERHEAD = 0.98, 1.15, 0.05
MOST_SECONDS, MOST_BYTES = 180, 3e9  # of a million rows
SECONDS_PER_ROW = 0.002
_COLUMNS = ["seconds", "processor s", "rows/s", "peak memory", "agreement", "planted", "load"]


def rows_part(jobs: Jobs, args: argparse.Namespace) -> Part:
    """Ready embeddings, by number of rows."""
    part = Part(
        f"{jobs.data['relations']} planted relations, ready embeddings of {jobs.data['columns']} columns",
        ["rows", *_COLUMNS, "named"],
        raw={"runs": {}, "whole": {}},
    )
    for rows in args.rows:
        run = jobs.sharded(rows, args.workers)
        part.raw["runs"][rows] = run
        agreement = None
        if rows <= args.whole_rows:
            part.raw["whole"][rows] = unsharded = jobs.whole(rows, run, args.whole_n_init)
            agreement = unsharded["agreement"]
        part.rows.append([*_row(rows, run, agreement), f"{run['named']} of {jobs.data['relations']}"])
    part.notes += _rows_notes(part.raw)
    return part


def _rows_notes(raw: dict[str, Any]) -> list[str]:
    runs, notes = raw["runs"], ["`named`: relations whose name holds the word that was planted."]
    if len(runs) > 1:
        for clock in ("cpu_seconds", "seconds"):
            raw[f"exponent_{clock}"] = exponent(list(runs), [run[clock] for run in runs.values()])
        notes.append(
            f"Scaling exponent: {raw['exponent_cpu_seconds']:.2f} by processor time, {raw['exponent_seconds']:.2f} on the clock "
            "(1 is proportional to the rows; below it, fixed costs weigh)."
        )
        largest, before = max(runs), sorted(runs)[-2]
        if runs[largest]["peak_bytes"] is not None:
            growth = raw["memory_growth"] = runs[largest]["peak_bytes"] / runs[before]["peak_bytes"]
            notes.append(
                f"Memory from {before:,} to {largest:,} rows: {growth:.2f} times; at most {MOST_GROWTH} is "
                f"{_verdict(growth <= MOST_GROWTH)}."
            )
    if 10**6 in runs:
        run = runs[10**6]
        fits = run["seconds"] < MOST_SECONDS and (run["peak_bytes"] or 0) < MOST_BYTES
        notes.append(
            f"A million rows in less than 3 minutes and 3 GB is {_verdict(fits)} (at the load shown; processor time shared "
            f"evenly by the workers: {run['cpu_seconds'] / 2:.0f} s)."
        )
    for rows, unsharded in raw["whole"].items():
        notes.append(
            f"Unsharded, {rows:,} rows: {shown_seconds(unsharded['cpu_seconds'])} s of the processor, {_megabytes(unsharded)}, "
            f"{unsharded['planted']:.4f} with what was planted; agreement of at least {LEAST_AGREEMENT} is {_verdict(unsharded['agreement'] >= LEAST_AGREEMENT)}."
        )
    stages = {rows: run["stage_seconds"] for rows, run in runs.items()}
    for rows, seconds in stages.items():
        shown = ", ".join(f"{stage} {shown_seconds(value)}" for stage, value in seconds.items())
        notes.append(f"Seconds on the clock of every stage, {rows:,} rows: {shown}.")
    return notes


def encoder_part(jobs: Jobs, args: argparse.Namespace) -> Part:
    """A real encoder, by number of rows."""
    from hf_relation.default_model import default_model

    model = args.model or default_model().name
    part = Part("With a real encoder", ["rows", *_COLUMNS, "embed s"], raw={"encoder_runs": {}, "encoder_whole": {}})
    for rows in args.encoder_rows:
        run = jobs.sharded(rows, args.workers, model=model)
        unsharded = jobs.whole(rows, run, args.whole_n_init, model=model)
        part.raw["encoder_runs"][rows], part.raw["encoder_whole"][rows] = run, unsharded
        embed = shown_seconds(run["stage_seconds"]["embed"])
        part.rows.append([*_row(rows, run, unsharded["agreement"]), embed])
        part.notes.append(f"Unsharded, {rows:,} rows: {unsharded['planted']:.4f} with what was planted.")
    part.notes.append(
        f"Encoder: {Path(model).name}. `agreement` is with the unsharded discovery on the same embeddings."
    )
    return part


def workers_part(jobs: Jobs, args: argparse.Namespace) -> Part:
    """One process and several, in turn, so often."""
    rows = min(args.workers_rows, max(args.rows))
    columns = ["workers", "seconds", "least", "most", "processor s", "rows/s", "peak memory", "same labels"]
    part = Part(f"Workers, {rows:,} rows, median of {args.repeats} run(s)", columns, raw={"workers": {}})
    runs: dict[int, list[dict[str, Any]]] = {1: [], args.workers: []}
    for again in range(args.repeats):
        for workers, done in runs.items():
            done.append(jobs.sharded(rows, workers, again=again))
    labels = {(Path(run["files"]) / "labels.npy").read_bytes() for done in runs.values() for run in done}
    medians = []
    for workers, done in runs.items():
        part.raw["workers"][workers] = done
        seconds = [run["seconds"] for run in done]
        medians.append(statistics.median(seconds))
        processor = statistics.median(run["cpu_seconds"] for run in done)
        shown = [shown_seconds(value) for value in (medians[-1], min(seconds), max(seconds), processor)]
        largest = _megabytes({"peak_bytes": max(run["peak_bytes"] or 0 for run in done) or None})
        same = "yes" if len(labels) == 1 else "NO"
        part.rows.append([str(workers), *shown, f"{rows / medians[-1]:,.0f}", largest, same])
    part.raw["speedup"] = medians[0] / medians[-1]
    part.notes.append(f"{args.workers} workers are {part.raw['speedup']:.2f} times as fast as one.")
    return part


def overhead_part(jobs: Jobs, args: argparse.Namespace) -> Part:
    """A stage that only sleeps."""
    part = Part(
        f"A stage that sleeps {SECONDS_PER_ROW * 1e3:g} ms a row, {args.overhead_rows:,} rows",
        [
            "engine",
            "workers",
            "asleep s",
            "seconds",
            "more on the clock",
            "processor us/row",
            "processor time",
            "target",
        ],
        text_columns=1,
        raw={"overhead": []},
    )
    engines = ["pool", *(["datatrove"] if has_datatrove() else [])]
    for engine in engines:
        for workers in (1, args.workers):
            run = jobs.empty(args.overhead_rows, engine, workers, SECONDS_PER_ROW, args.overhead_rows // 10)
            part.rows.append(_overhead_row(engine, workers, run))
            part.raw["overhead"].append(run | {"engine": engine, "workers": workers})
    part.notes.append(
        "Starting the processes, checking and writing the manifest are in it. `processor time`: of all processes, as a share of the "
        f"time asleep; this is compared with the target of less than {MOST_OVERHEAD:.0%}, as the clock also runs for others."
    )
    if len(engines) == 1:
        part.notes.append("datatrove is not installed, or this version has no adapter for it: not measured.")
    return part


def _overhead_row(engine: str, workers: int, run: dict[str, Any]) -> list[str]:
    asleep = run["rows"] * SECONDS_PER_ROW
    share = run["stage_cpu_seconds"] / asleep
    return [
        engine,
        str(workers),
        f"{asleep / workers:.1f}",
        f"{run['seconds']:.1f}",
        f"{run['seconds'] * workers / asleep - 1:+.1%}",
        f"{run['stage_cpu_seconds'] / run['rows'] * 1e6:.0f}",
        f"{share:.1%}",
        f"< {MOST_OVERHEAD:.0%} {_verdict(share < MOST_OVERHEAD)}",
    ]


def _row(rows: int, run: dict[str, Any], agreement: float | None) -> list[str]:
    return [
        f"{rows:,}",
        shown_seconds(run["seconds"]),
        shown_seconds(run["cpu_seconds"]),
        f"{rows / run['seconds']:,.0f}",
        _megabytes(run),
        "" if agreement is None else f"{agreement:.4f}",
        f"{run['planted']:.4f}",
        f"{run['load'][0]:.1f}",
    ]


def exponent(rows: list[int], seconds: list[float]) -> float:
    """The slope of log(seconds) over log(rows), by least squares."""
    return float(np.polyfit(np.log(rows), np.log(seconds), 1)[0])


def _megabytes(run: dict[str, Any]) -> str:
    return "not known" if run["peak_bytes"] is None else f"{run['peak_bytes'] / 1e6:,.0f} MB"


def _verdict(reached: bool) -> str:
    return "reached" if reached else "missed"


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="which tables; default: all")
    parser.add_argument("--rows", nargs="+", type=int, help="default: 10000 100000 1000000")
    parser.add_argument(
        "--whole_rows", type=int, default=100_000, help="the unsharded discovery is run up to so many rows"
    )
    parser.add_argument("--encoder_rows", nargs="+", type=int, help="default: 10000 100000")
    parser.add_argument("--model", help="encoder of that part; default: the shipped checkpoint")
    parser.add_argument("--workers", type=int, default=2, help="processes; default: 2")
    parser.add_argument(
        "--workers_rows", type=int, default=100_000, help="rows of the part `workers`; default: 100000"
    )
    parser.add_argument("--repeats", type=int, default=3, help="runs of the part `workers`; default: 3")
    parser.add_argument("--overhead_rows", type=int, help="rows of the part `overhead`; default: 20000")
    parser.add_argument("--relations", type=int, help="planted; default: 200")
    parser.add_argument("--columns", type=int, help="of the ready embeddings; default: 384")
    parser.add_argument(
        "--noise", type=float, default=0.16, help="of the ready embeddings; more is harder; default: 0.16"
    )
    parser.add_argument("--n_init", type=int, default=20, help="restarts of k-means over the centres; default: 20")
    parser.add_argument(
        "--whole_n_init",
        type=int,
        default=60,
        help="restarts of the unsharded k-means, which with few misses some of many relations; default: 60",
    )
    parser.add_argument("--kmeans_rounds", type=int, default=0, help="of the sharded discovery; default: 0")
    parser.add_argument(
        "--work", type=Path, help="folder for all files, kept (4 GB for a million rows); default: a temporary one"
    )
    parser.add_argument("--output", type=Path, help="JSON file for every raw figure")
    parser.add_argument("--markdown", type=Path, help="Markdown file for the tables")
    parser.add_argument(
        "--quick", action="store_true", help="a few hundred rows, to see that all runs; not for quoting"
    )
    args = parser.parse_args(argv)
    full = {"rows": [10**4, 10**5, 10**6], "encoder_rows": [10**4, 10**5], "overhead_rows": 20_000}
    small = {"rows": [300, 600], "encoder_rows": [60], "overhead_rows": 100}
    for name, value in (
        (small | {"relations": 4, "columns": 16}) if args.quick else full | {"relations": 200, "columns": 384}
    ).items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    if (
        min([*args.rows, *args.encoder_rows, args.workers, args.repeats, args.relations, args.columns]) < 1
        or args.overhead_rows < 10
    ):
        parser.error("numbers must be at least 1, and --overhead_rows at least 10")
    return args


def main(argv: list[str] | None = None) -> dict[str, Any]:
    args = parse(argv)
    data = {"relations": args.relations, "columns": args.columns, "noise": args.noise}
    settings = {"n_init": args.n_init, "kmeans_rounds": args.kmeans_rounds}
    makers = {"rows": rows_part, "encoder": encoder_part, "workers": workers_part, "overhead": overhead_part}
    console = Console()
    if not console.is_terminal:
        console = Console(width=170)
    parts = []
    with tempfile.TemporaryDirectory() as temporary:
        jobs = Jobs((args.work or Path(temporary)).absolute(), data, settings)
        for name in args.parts:
            parts.append(makers[name](jobs, args))
            console.print(parts[-1].rich())
    command = command_line("examples/benchmarks/scale.py", sys.argv[1:] if argv is None else argv)
    machine = environment()
    machine["machine"] |= {"processor_name": processor_name(), "load": os.getloadavg()}
    results = {"command": command, "quick": args.quick, **machine}
    for part in parts:
        results |= part.raw
    about = f"`{command}`: {processor_name()}, {os.cpu_count()} cores" + (f" ({QUICK})" if args.quick else "")
    write_files(args.output, args.markdown, results, [f"{about}.", *(part.markdown() for part in parts)])
    return results


if __name__ == "__main__":
    try:
        main()
    except HfRelationError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
