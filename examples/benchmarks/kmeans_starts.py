"""How many starts does k-means need? Random starts beside the one from Ward's tree, by the number of planted relations.

Rows as in scale.py, where relations overlap a little. For every number of relations: scikit-learn's `KMeans` with few and with many
random starts, and `hf_relation.clustering.cluster`, which adds one start from Ward's tree from 100 clusters on. Adjusted Rand index
with what was planted and processor time of one thread; mean and standard deviation over the seeds, each of which plants other rows.
"ceiling": k-means started from the true centres.

Examples:
  python examples/benchmarks/kmeans_starts.py --markdown starts.md
  python examples/benchmarks/kmeans_starts.py --relations 400 --rows 40000 --seeds 1
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from reporting import QUICK, command_line, environment, mean_sd, shown, write_files
from rich.console import Console
from scale_data import planted_labels, write_embeddings
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from timing import Part, processor_name

from hf_relation.clustering import cluster
from hf_relation.clustering.rows import normalize_rows
from hf_relation.clustering.threads import one_thread


def contestants(starts: list[int], gold: np.ndarray) -> dict[str, Callable[[np.ndarray, int, int], np.ndarray]]:
    """Ways to cluster `(rows, number, seed)`, by name."""

    def from_truth(rows: np.ndarray, number: int, seed: int) -> np.ndarray:
        means = np.stack([rows[gold == label].mean(axis=0) for label in np.unique(gold)])
        return KMeans(len(means), init=means, n_init=1).fit(rows).labels_

    ways: dict[str, Callable[[np.ndarray, int, int], np.ndarray]] = {"ceiling": from_truth}
    for tried in starts:

        def random(rows: np.ndarray, number: int, seed: int, tried: int = tried) -> np.ndarray:
            return KMeans(number, n_init=tried, random_state=seed).fit(rows).labels_

        ways[f"KMeans, {tried} starts"] = random
    few = max(min(starts), 2)
    ways[f"cluster, {few} starts"] = lambda rows, number, seed: cluster(rows, "kmeans", number, n_init=few, seed=seed)
    return ways


def measure(folder: Path, args: argparse.Namespace) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Adjusted Rand index and seconds of every seed, by number of relations and way."""
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for number in args.relations:
        ways = found.setdefault(str(number), {})
        for seed in range(args.seeds):
            settings = {"columns": args.columns, "noise": args.noise, "seed": seed}
            rows = normalize_rows(np.load(write_embeddings(folder, args.rows, number, **settings)))
            gold = planted_labels(args.rows, number, seed=seed)
            for name, way in contestants(args.starts, gold).items():
                print(f"{number} relations, seed {seed}: {name} ...", file=sys.stderr, flush=True)
                began = time.process_time()
                with one_thread():
                    labels = way(rows, number, seed)
                seconds = time.process_time() - began
                ways.setdefault(name, []).append((float(adjusted_rand_score(gold, labels)), seconds))
    return found


def table(found: dict[str, dict[str, list[tuple[float, float]]]], args: argparse.Namespace) -> Part:
    """A row for each number of relations and way."""
    part = Part(
        f"{args.rows:,} rows of {args.columns} columns, noise {args.noise:g}, {args.seeds} seed(s)",
        ["relations", "k-means", "adjusted Rand index", "processor s"],
        text_columns=2,
        raw={"runs": found},
    )
    for number, ways in found.items():
        for name, runs in ways.items():
            index, seconds = mean_sd(run[0] for run in runs), mean_sd(run[1] for run in runs)
            part.rows.append([number, name, shown(*index), shown(*seconds, digits=1)])
    return part


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--relations", nargs="+", type=int, help="planted; default: 16 50 100 200")
    parser.add_argument("--rows", type=int, help="default: 10000")
    parser.add_argument("--columns", type=int, default=384, help="default: 384")
    parser.add_argument("--noise", type=float, default=0.16, help="more is harder; default: 0.16")
    parser.add_argument("--starts", nargs="+", type=int, help="random starts; default: 5 60")
    parser.add_argument("--seeds", type=int, help="default: 3")
    parser.add_argument("--output", type=Path, help="JSON file for every raw figure")
    parser.add_argument("--markdown", type=Path, help="Markdown file for the table")
    parser.add_argument("--quick", action="store_true", help="few rows, to see that all runs; not for quoting")
    args = parser.parse_args(argv)
    full = {"relations": [16, 50, 100, 200], "rows": 10_000, "starts": [5, 60], "seeds": 3}
    small = {"relations": [4, 100], "rows": 1500, "starts": [2], "seeds": 1}
    for name, value in (small if args.quick else full).items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    if min([*args.relations, *args.starts, args.seeds, args.columns]) < 1 or args.rows < max(args.relations):
        parser.error("numbers must be at least 1, and --rows at least the number of relations")
    return args


def main(argv: list[str] | None = None) -> dict[str, Any]:
    args = parse(argv)
    with tempfile.TemporaryDirectory() as folder:
        part = table(measure(Path(folder), args), args)
    console = Console()
    (console if console.is_terminal else Console(width=120)).print(part.rich())
    command = command_line("examples/benchmarks/kmeans_starts.py", sys.argv[1:] if argv is None else argv)
    results = {"command": command, "quick": args.quick, **part.raw, **environment()}
    about = f"`{command}`: {processor_name()}, {os.cpu_count()} cores" + (f" ({QUICK})" if args.quick else "")
    write_files(args.output, args.markdown, results, [f"{about}.", part.markdown()])
    return results


if __name__ == "__main__":
    main()
