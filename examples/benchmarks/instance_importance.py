"""What it costs to score all attention heads for every example by itself: batches with a gate an example, or a loop.

The same examples (random words, labelled tokens) in turn: through `instance_importance` in batches; through it one by one; and
through a loop as in GradTS's code, which backpropagates one example at a time to all weights and reads the gradients of keys and
values. Medians, and ratios with their range over the rounds. The model has the sizes of MiniLM-L6 (its vocabulary too) and
random weights. With one thread the seconds are processor time of this process. Against the loop gates save the gradients of
weights, which every example has anew; against batches of one they save little on one CPU thread, where both do the same
arithmetic. Nothing is downloaded.

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

import numpy as np
import torch
from head_importance import make_inputs, run
from reporting import QUICK
from timing import Part, interleave, ratios, shown_ratio, shown_time
from torch import nn

from hf_relation.errors import HfRelationError
from hf_relation.heads import head_layout, instance_importance


TARGET = 8.0


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder for instance_importance.md and .json")
    parser.add_argument("--num_threads", type=int, default=1, help="threads of both; default: 1")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the timings; default: 3")
    parser.add_argument("--num_batches", type=int, default=2, help="batches; default: 2")
    parser.add_argument("--batch_size", type=int, default=64, help="texts of a batch; default: 64")
    parser.add_argument(
        "--num_tokens", type=int, default=12, help="tokens of a text; default: 12, as many as CoLA's have"
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that all runs; not for quoting")
    args = parser.parse_args(argv)
    for name in ("num_threads", "rounds", "num_batches", "batch_size", "num_tokens"):
        if getattr(args, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(args, name)}")
    return args


def weight_loop(model: nn.Module, alone: list[dict[str, torch.Tensor]]) -> np.ndarray:
    """Scores of every head for every example, as GradTS's code goes about it (but with rows of weights, not columns)."""
    heads = head_layout(model)
    rows = np.zeros((len(alone), heads.num_layers, heads.num_heads))
    for number, batch in enumerate(alone):
        model.zero_grad(set_to_none=True)
        model(**batch).loss.backward()
        for layer in range(heads.num_layers):
            for part in ("key", "value"):
                gradient = heads.linear(layer, part).weight.grad.abs()  # (heads * head_dim, hidden)
                rows[number, layer] += gradient.unflatten(0, (heads.num_heads, -1)).mean((1, 2)).numpy()
    model.zero_grad(set_to_none=True)
    return rows


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
        "loop over examples, gradients of weights": partial(weight_loop, model, alone),
    }
    samples = interleave(contestants, args.rounds, least_seconds=0)
    clock = "cpu" if args.num_threads == 1 else "wall"
    seconds = {name: sample.seconds(clock) for name, sample in samples.items()}
    fast, _, slow = seconds.values()
    found = ratios(slow, fast)
    value = statistics.median(found)
    heads = head_layout(model)
    part = Part(
        f"Scoring {heads.num_layers * heads.num_heads} heads for each of {len(alone)} examples",
        ["what", "time", "loop / this"],
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
        f"Target: at least {TARGET:g} times as fast as the loop; {value:.3g}: "
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
