"""Does pruning by head importance keep more of the score than pruning at random, or in the reverse order? Seven tasks.

For every task and training seed: fine-tune, rank the heads on the development set, then mask 6, 12, 18, 24, 30 and 36 of the
heads (of MiniLM's 72) in three orders, without training, and score the test set. The figure of an order is the mean, over
these numbers, of the share of the unpruned test score that is left; beside it the score with 12 heads gone (the most that the
paper prunes) and what the search on the development set finds. Random orders differ from seed to seed. Runs through
examples/prune_heads.py, one folder a task; what has ended is not run again.

Examples:
  OMP_NUM_THREADS=1 python examples/benchmarks/head_rankings.py --output runs/head_rankings --num_threads 1
  python examples/benchmarks/head_rankings.py --output runs/head_rankings --runs snips cola
  python examples/benchmarks/head_rankings.py --quick --output runs/try
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reporting import QUICK, command_line, markdown_table, write_report

from hf_relation.errors import HfRelationError
from hf_relation.runs.prune_heads import main as prune_heads
from hf_relation.runs.prune_heads_figures import shown


# What each run is, and what it is told. Chinese parts of speech are files of version 1, tags mapped to version 2; English
# word pieces hold some Chinese characters, so that MiniLM can learn something there as well.
RUNS: dict[str, tuple[str, str]] = {
    "ud-en": ("UD English, POS", "--task pos --source en --max_train_rows 2000 --max_eval_rows 400"),
    "ud-zh": ("UD Chinese, POS", "--task pos --source ud/zh_gsd_v1 --max_train_rows 1500 --max_eval_rows 400"),
    "wnut17": (
        "WNUT-17, NER",
        "--task ner --source wnut17/ner --num_train_epochs 4 --max_train_rows 2000 --max_eval_rows 400",
    ),
    "weibo": ("Weibo, NER", "--task ner --source weibo_ner/ner --num_train_epochs 4"),
    "snips": ("SNIPS, slots", "--task slots --source en --max_train_rows 3000 --max_eval_rows 600"),
    "cola": ("CoLA", "--task text --source cola --max_train_rows 7500 --max_eval_rows 600"),
    "sst2": ("SST-2", "--task text --source sst2 --max_train_rows 4000 --max_eval_rows 600"),
}
COMMON = (
    "--rankings lowest random highest --curve 6 12 18 24 30 36 --learning_rate 2e-4 --max_length 128 --save_models false "
    "--seed 0 --disable_tqdm true"
)
SMALL = "--max_train_rows 64 --max_eval_rows 40 --num_train_epochs 1 --curve 12"
AT = 12


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder for the runs, head_rankings.md and .json")
    parser.add_argument("--data_dir", help="folder of the corpora; default: $HF_RELATION_DATA")
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=list(RUNS), help="default: all seven")
    parser.add_argument("--num_seeds", type=int, default=3, help="training seeds; default: 3")
    parser.add_argument("--num_threads", type=int, default=1, help="CPU threads; default: 1")
    parser.add_argument("--method", default="gate", help="how heads are scored; default: gate")
    parser.add_argument("--model_name_or_path", help="encoder to start from; default: MiniLM-L6")
    parser.add_argument("--quick", action="store_true", help="few rows and one seed, to see that all runs")
    return parser.parse_args(argv)


def options(args: argparse.Namespace, name: str) -> list[str]:
    """The command line of one run; later options win."""
    given = [*COMMON.split(), *RUNS[name][1].split(), "--num_threads", str(args.num_threads), "--method", args.method]
    given += ["--num_seeds", "1" if args.quick else str(args.num_seeds), *(SMALL.split() if args.quick else [])]
    given += ["--data_dir", args.data_dir] if args.data_dir else []
    given += ["--model_name_or_path", args.model_name_or_path] if args.model_name_or_path else []
    return [*given, "--output_dir", str(args.output / name), "--resume", "true"]


def figures(results: Mapping[str, Any]) -> dict[str, Any]:
    """What the table shows of one run: for every order the share kept, the score at 12 heads, and the search."""
    job = next(iter(results["summary"].values()))
    target, found = next(iter(job["targets"].items()))
    at = max((number for number in next(iter(job["curves"].values())) if int(number) <= AT), key=int)
    orders = {
        order: {
            "kept": found[order]["kept"],
            "at": job["curves"][order][at][target],
            "search": found[order]["pruned"],
            "heads": job["num_heads"][order],
        }
        for order in job["num_heads"]
    }
    kept = {order: found["kept"]["mean"] for order, found in orders.items()}
    return {
        "metric": results["metric"],
        "unpruned": found["unpruned"],
        "orders": orders,
        "won": kept["lowest"] > kept["random"] and kept["lowest"] > kept["highest"],
    }


def table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """The figures as a Markdown table."""
    names = [
        "task",
        "metric",
        "unpruned",
        "order",
        "share kept, %",
        f"{AT} heads masked",
        "found by search",
        "its heads",
    ]
    rows = []
    for name, run in found.items():
        for order, each in run["orders"].items():
            head = [RUNS[name][0], run["metric"], shown(run["unpruned"])] if order == "lowest" else ["", "", ""]
            rows.append(
                [
                    *head,
                    f"{order} first",
                    shown(each["kept"]),
                    shown(each["at"]),
                    shown(each["search"]),
                    f"{each['heads']['mean']:.1f}",
                ]
            )
    return markdown_table(names, rows)


def main(argv: list[str] | None = None) -> dict[str, Any]:
    args = parse(argv)
    found = {name: figures(prune_heads(options(args, name))) for name in args.runs}
    won = [name for name, run in found.items() if run["won"]]
    command = command_line("examples/benchmarks/head_rankings.py", sys.argv[1:] if argv is None else argv)
    note = (
        f"Lowest first keeps more than random and than highest first (mean share over the curve) in {len(won)} of {len(found)}: "
        f"{', '.join(won) or 'none'}{f' ({QUICK})' if args.quick else ''}. Test sets, per cent, mean ± sd over training seeds."
    )
    print(f"{table(found)}\n\n{note}")
    write_report(
        args.output,
        "head_rankings",
        ["# Rankings of heads", f"`{command}`", table(found), note],
        {"command": command, "quick": args.quick, "won": won, "runs": found},
    )
    return found


if __name__ == "__main__":
    try:
        main()
    except HfRelationError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
