"""What it costs to score all attention heads for every example by itself: batches with a gate an example, or batches of one.

The same examples (random words, labelled tokens) through `instance_importance` in batches and one by one, in turn: medians,
and ratios with their range over the rounds. The model has the sizes of MiniLM-L6 and random weights. With one thread the
seconds are processor time of this process. Batches pay off the more the shorter the texts and the more units the machine has;
on one CPU thread most of the time is arithmetic that both must do. Nothing is downloaded.

Examples:
  OMP_NUM_THREADS=1 python examples/benchmarks/instance_importance.py --output runs/instance_importance
  python examples/benchmarks/instance_importance.py --quick --output runs/try
"""

from __future__ import annotations

import argparse
import statistics
import sys
from functools import partial
from pathlib import Path
from typing import Any

from head_importance import make_inputs, run
from reporting import QUICK
from timing import Part, interleave, ratios, shown_ratio, shown_time

from hf_relation.errors import HfRelationError
from hf_relation.heads import head_layout, instance_importance


TARGET = 8.0


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder for instance_importance.md and .json")
    parser.add_argument("--num_threads", type=int, default=1, help="threads of both; default: 1")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the timings; default: 3")
    parser.add_argument("--num_batches", type=int, default=2, help="batches; default: 2")
    parser.add_argument("--batch_size", type=int, default=32, help="texts of a batch; default: 32")
    parser.add_argument("--num_tokens", type=int, default=24, help="tokens of a text; default: 24")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that all runs; not for quoting")
    args = parser.parse_args(argv)
    for name in ("num_threads", "rounds", "num_batches", "batch_size", "num_tokens"):
        if getattr(args, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(args, name)}")
    return args


def measure(args: argparse.Namespace) -> Part:
    """Time both in turn, after checking that they give the same."""
    model, batches = make_inputs(args)
    alone = [
        {name: column[row : row + 1] for name, column in batch.items()}
        for batch in batches
        for row in range(args.batch_size)
    ]
    difference = float(abs(instance_importance(model, batches) - instance_importance(model, alone)).max())
    contestants = {
        "batches, a gate an example": partial(instance_importance, model, batches),
        "batches of one example": partial(instance_importance, model, alone),
    }
    samples = interleave(contestants, args.rounds, least_seconds=0)
    clock = "cpu" if args.num_threads == 1 else "wall"
    seconds = {name: sample.seconds(clock) for name, sample in samples.items()}
    fast, slow = seconds.values()
    found = ratios(slow, fast)
    value = statistics.median(found)
    heads = head_layout(model)
    part = Part(
        f"Scoring {heads.num_layers * heads.num_heads} heads for each of {len(alone)} examples",
        ["what", "time", "one by one / this"],
        raw={
            "num_heads": heads.num_layers * heads.num_heads,
            "num_examples": len(alone),
            "times": {name: sample.to_dict() for name, sample in samples.items()},
            "ratios": found,
            "largest_difference": difference,
            "target": {"target": TARGET, "value": value, "reached": value >= TARGET},
        },
    )
    for name, times in seconds.items():
        part.rows.append([name, shown_time(times), shown_ratio(ratios(slow, times))])
    part.notes.append(
        f"Target: at least {TARGET:g} times as fast as batches of one; {value:.3g}: "
        f"{'reached' if value >= TARGET else 'MISSED'}{f' ({QUICK})' if args.quick else ''}."
    )
    part.notes.append(
        f"{args.num_batches} batches of {args.batch_size} texts of {batches[0]['input_ids'].shape[1]} tokens; the largest "
        f"difference between both scores is {difference:.1e}."
    )
    return part


def main(argv: list[str] | None = None) -> dict[str, Any]:
    return run(parse(argv), argv, measure, "instance_importance", "Head importance of instances")


if __name__ == "__main__":
    try:
        main()
    except HfRelationError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
