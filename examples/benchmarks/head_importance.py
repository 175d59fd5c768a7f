"""What it costs to score all attention heads at once, beside one pass of training and beside ablating head by head.

All on the same batches of random words, in turn, so that what else the machine does strikes all alike: medians, and ratios
with their range over the rounds. The model has the sizes of MiniLM-L6 and random weights (seconds do not depend on weights);
training is a forward and a backward pass without the optimizer's step. Ablating masks one head after another and runs all
batches forward, without gradients. With one thread the seconds are processor time of this process. Nothing is downloaded.

Examples:
  OMP_NUM_THREADS=1 python examples/benchmarks/head_importance.py --output runs/head_importance
  python examples/benchmarks/head_importance.py --quick --output runs/try
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, get_args

import torch
import transformers
from reporting import QUICK, command_line, write_report
from rich.console import Console
from timing import Part, interleave, processor_name, ratios, shown_ratio, shown_time
from transformers import BertConfig, BertForTokenClassification

from hf_relation.errors import HfRelationError
from hf_relation.heads import head_importance, head_layout, mask_heads
from hf_relation.heads.result import Method


# Sizes of MiniLM-L6: 72 heads.
SIZES = {
    "vocab_size": 30_522,
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
}
QUICK_SIZES = {
    "vocab_size": 1000,
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
}
BACKWARD_TARGET, ABLATION_TARGET = 1.5, 20.0


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder for head_importance.md and .json")
    parser.add_argument("--num_threads", type=int, default=1, help="threads of all contestants; default: 1")
    parser.add_argument("--rounds", type=int, help="rounds of the timings; default: 3 (2 with --quick)")
    parser.add_argument("--num_batches", type=int, default=2, help="batches of every contestant; default: 2")
    parser.add_argument("--batch_size", type=int, default=16, help="texts of a batch; default: 16")
    parser.add_argument("--num_tokens", type=int, default=64, help="tokens of a text; default: 64")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that all runs; not for quoting")
    args = parser.parse_args(argv)
    args.rounds = args.rounds if args.rounds is not None else 2 if args.quick else 3
    for name in ("num_threads", "rounds", "num_batches", "batch_size", "num_tokens"):
        if getattr(args, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(args, name)}")
    return args


def make_inputs(args: argparse.Namespace) -> tuple[BertForTokenClassification, list[dict[str, torch.Tensor]]]:
    """The model, in evaluation mode, and its labelled batches."""
    torch.manual_seed(0)
    length = min(args.num_tokens, 16) if args.quick else args.num_tokens
    sizes = QUICK_SIZES if args.quick else SIZES
    config = BertConfig(num_labels=17, max_position_embeddings=max(length, 128), **sizes)
    model = BertForTokenClassification(config).eval()
    shape = (args.batch_size, length)
    batches = [
        {"input_ids": torch.randint(1, config.vocab_size, shape), "labels": torch.randint(0, 17, shape)}
        for _ in range(args.num_batches)
    ]
    return model, batches


def measure(args: argparse.Namespace) -> Part:
    """Time all contestants in turn."""
    model, batches = make_inputs(args)
    heads = head_layout(model)
    total = heads.num_layers * heads.num_heads

    def forward() -> None:
        for batch in batches:
            model(**batch)

    def train() -> None:
        for batch in batches:
            model(**batch).loss.backward()
            model.zero_grad()

    @torch.no_grad()
    def ablate() -> None:
        for layer in range(heads.num_layers):
            for head in range(heads.num_heads):
                with mask_heads(model, {layer: [head]}):
                    for batch in batches:
                        model(**batch)

    methods: tuple[Method, ...] = get_args(Method)
    contestants: dict[str, Callable[[], object]] = {
        f"importance, {method}": partial(head_importance, model, batches, method=method) for method in methods
    }
    contestants |= {"training, forward": forward, "training, forward + backward": train}
    head_importance(model, batches[:1])  # what is slow at first only
    train()
    samples = interleave(contestants | {"ablating head by head": ablate}, args.rounds, least_seconds=0)
    clock = "cpu" if args.num_threads == 1 else "wall"
    seconds = {name: sample.seconds(clock) for name, sample in samples.items()}
    both, alone = seconds["training, forward + backward"], seconds["training, forward"]
    backward = [max(whole - part, 1e-9) for whole, part in zip(both, alone, strict=True)]
    part = Part(
        f"Scoring {total} heads",
        ["what", "time", "/ training pass", "/ its backward pass", "ablating / this"],
        raw={"num_heads": total, "times": {name: sample.to_dict() for name, sample in samples.items()}, "ratios": {}},
    )
    for name, times in seconds.items():
        found = [ratios(times, both), ratios(times, backward), ratios(seconds["ablating head by head"], times)]
        part.rows.append([name, shown_time(times), *map(shown_ratio, found)])
        part.raw["ratios"][name] = dict(zip(("training", "backward", "ablating"), found, strict=True))
    gate = part.raw["ratios"]["importance, gate"]
    for ratio, target, sign in (("backward", BACKWARD_TARGET, "at most"), ("ablating", ABLATION_TARGET, "at least")):
        value = statistics.median(gate[ratio])
        reached = value <= target if sign == "at most" else value >= target
        part.raw[f"{ratio}_target"] = {"target": target, "value": value, "reached": reached}
        what = "backward passes of a training epoch" if ratio == "backward" else "times as fast as ablating"
        part.notes.append(
            f"Target for gates: {sign} {target:g} {what}; {value:.3g}: {'reached' if reached else 'MISSED'}"
            f"{f' ({QUICK})' if args.quick else ''}."
        )
    part.notes.append(
        f"{args.num_batches} batches of {args.batch_size} texts of {batches[0]['input_ids'].shape[1]} tokens, all labelled; "
        "the backward pass is forward + backward less forward."
    )
    return part


def main(argv: list[str] | None = None) -> dict[str, Any]:
    return run(parse(argv), argv, measure, "head_importance", "Head importance")


def run(
    args: argparse.Namespace,
    argv: list[str] | None,
    measured: Callable[[argparse.Namespace], Part],
    name: str,
    title: str,
) -> dict[str, Any]:
    """Measure, show and write the report of the script `name`; gives what its JSON file holds."""
    torch.set_num_threads(args.num_threads)
    transformers.logging.set_verbosity_error()
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    part = measured(args)
    console.print(part.rich())
    command = command_line(f"examples/benchmarks/{name}.py", sys.argv[1:] if argv is None else argv)
    clock = "processor time" if args.num_threads == 1 else "time on the clock"
    quick = f" ({QUICK})" if args.quick else ""
    head = f"`{command}`: {processor_name()}, {args.num_threads} thread(s), {args.rounds} rounds; {clock}{quick}."
    content = {"command": command, "quick": args.quick, "rounds": args.rounds, "notes": part.notes, **part.raw}
    write_report(args.output, name, [f"# {title}", head, part.markdown()], content)
    return content


if __name__ == "__main__":
    try:
        main()
    except HfRelationError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
