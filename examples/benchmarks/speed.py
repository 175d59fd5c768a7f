"""Speed and memory, each part measured in one run with the contestants in turn, so that what else the machine does strikes
all alike: medians, and ratios with their range over the rounds.

- loss: the ranked list loss, forward and backward, beside pytorch-metric-learning's, at batches of 240 and 1,920.
- step: the share of a training step that the losses and the sampler take.
- encoding: sentences to embeddings beside sentence-transformers in float32 and in bfloat16 (what is dtype, what is us), with every
  back end that is installed, and the share of the processor's own matrix-product peak, also of the forward pass alone. The same
  encoder (MiniLM-L6), sentences and threads.
- bcubed: B-cubed beside the quadratic ways in which it is usually computed, and at a million rows.

With one thread the seconds are processor time of this process, which other processes hardly change; with more they are
seconds on the clock. Nothing is downloaded if the base encoder is installed: pip install "hf_relation[minilm,benchmark]".

Examples:
  OMP_NUM_THREADS=1 python examples/benchmarks/speed.py --markdown speed.md --output speed.json
  python examples/benchmarks/speed.py --parts loss --rounds 20
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from reporting import QUICK, environment, write_files
from rich.console import Console
from speed_encoding import measure_encoding
from speed_losses import measure_losses
from speed_metrics import measure_metrics
from speed_step import measure_step
from timing import Part, processor_name

from hf_relation.compat import import_optional
from hf_relation.errors import HfRelationError


# B-cubed first: the growth of the process's memory shows only while little has been given back.
PARTS = ("bcubed", "loss", "step", "encoding")
SAMPLE = Path(__file__).parents[1] / "data" / "sample.jsonl"
_PLACES = ("--data", "--output", "--markdown")
COMPARED = ("pytorch_metric_learning", "sentence_transformers")


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure; default: all")
    parser.add_argument("--num_threads", type=int, default=1, help="threads of all contestants; default: 1")
    parser.add_argument("--rounds", type=int, help="rounds of the timings; default: 5 (2 with --quick)")
    parser.add_argument(
        "--data", type=Path, default=SAMPLE, help="JSONL file of instances to encode; default: the sample"
    )
    parser.add_argument(
        "--num_sentences",
        type=int,
        help="sentences to encode, repeated if the file has fewer; default: 400 (24 with --quick)",
    )
    parser.add_argument(
        "--backends",
        nargs="*",
        choices=("onnx", "openvino"),
        help="back ends of hf_relation to encode with, besides torch; default: all that are installed (none with --quick)",
    )
    parser.add_argument("--output", type=Path, help="JSON file for every raw time, versions and the processor")
    parser.add_argument("--markdown", type=Path, help="Markdown file for the tables")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that all runs; not for quoting")
    args = parser.parse_args(argv)
    args.rounds = args.rounds if args.rounds is not None else 2 if args.quick else 5
    args.num_sentences = args.num_sentences if args.num_sentences is not None else 24 if args.quick else 400
    args.backends = args.backends if args.backends is not None else [] if args.quick else ["onnx", "openvino"]
    for name in ("num_threads", "rounds", "num_sentences"):
        if getattr(args, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(args, name)}")
    return args


def main(argv: list[str] | None = None) -> dict[str, Any]:
    args = parse(argv)
    torch.set_num_threads(args.num_threads)
    os.environ["RAYON_NUM_THREADS"] = str(args.num_threads)  # of the tokenizers
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # torch.profiler announces on stderr that it starts
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    clock = "cpu" if args.num_threads == 1 else "wall"
    settings: dict[str, Any] = {"quick": args.quick, "rounds": args.rounds, "clock": clock}
    measure: dict[str, Callable[[], Part]] = {
        "bcubed": partial(measure_metrics, **settings),
        "loss": partial(measure_losses, **settings),
        "step": partial(measure_step, data=args.data, **settings),
        "encoding": partial(
            measure_encoding, data=args.data, num_sentences=args.num_sentences, backends=args.backends, **settings
        ),
    }
    head = (
        f"{processor_name()}, {args.num_threads} thread(s), {args.rounds} rounds; "
        + ("processor time" if clock == "cpu" else "time on the clock")
        + (f" ({QUICK})" if args.quick else "")
    )
    console.print(head, highlight=False)
    parts: dict[str, Part] = {}
    for name in PARTS:
        if name in args.parts:
            parts[name] = measure[name]()
            console.print(parts[name].rich())
    command = _command(sys.argv[1:] if argv is None else argv)
    machine = environment()
    machine["versions"] |= {name: version for name in COMPARED if (version := _version(name))}
    machine["machine"] |= {"processor_name": processor_name(), "clock": clock, "load": os.getloadavg()}
    results = {
        "command": command,
        "quick": args.quick,
        "rounds": args.rounds,
        "parts": {name: {"notes": part.notes, **part.raw} for name, part in parts.items()},
        **machine,
    }
    sections = ["# Speed", f"`{command}`: {head}.", *(part.markdown() for part in parts.values())]
    write_files(args.output, args.markdown, results, sections)
    return results


def _command(argv: list[str]) -> str:
    """The command that makes the tables, without places of this machine."""
    words = ["python examples/benchmarks/speed.py", *argv]
    return " ".join("FILE" if before in _PLACES else word for before, word in zip(["", *words], words, strict=False))


def _version(module: str) -> str | None:
    try:
        return str(import_optional(module, extra="benchmark").__version__)
    except ImportError:
        return None


if __name__ == "__main__":
    try:
        main()
    except HfRelationError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
