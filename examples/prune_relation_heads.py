"""How many attention heads of a relation encoder can go for free? Rank them, prune them, cluster, time.

Heads are ranked by their importance for the model's own loss on batches of labelled *known* relations. Then the heads with
the lowest scores are really removed, more and more of them, without any training after, and the pruned encoder embeds and
clusters two sets with the settings stored with the checkpoint and the gold number of relations:

  known   instances of known relations that were held aside: they rank nothing. The checkpoint may have seen them in training
          (the shipped one has), so that figures on them are higher than on relations it has never seen.
  novel   FewRel's 1,600 sentences of 16 novel relations.

The number of heads that is free is chosen on *known* alone: the largest one tried up to which B-cubed F1 never falls more than
--tolerance below that of the unpruned encoder. What the novel relations say at that number is then reported; their labels
choose nothing. Controls: the highest scores first, and random heads. Encoding is timed for lowest-first, in turn.

The whitening stored with the checkpoint belongs to the unpruned encoder. It still fits in shape and is kept, since that is
what pruning alone gives; --refit also shows the figures with a whitening fitted again on the ranking instances. PCA is fitted
on what is clustered in any case.

Writes into --output: results.json (all figures, settings, versions), importance-seed-N.json (HeadImportance.load),
importance.png, f1_by_heads.png, speed_by_heads.png, and with --save_pruned the folder pruned/, which
RelationDiscovery.from_pretrained loads. Figures need the extra `viz`.

Examples:
  python examples/prune_relation_heads.py --data_dir data --output runs/pruning
  python examples/prune_relation_heads.py --data_dir data --output runs/pruning --save_pruned free --refit
  python examples/prune_relation_heads.py --known_file known.jsonl --novel_file novel.jsonl --output runs/mine
  python examples/prune_relation_heads.py --data_dir data --output runs/try --quick
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import torch
from relation_head_pruning import (
    Head,
    find_free,
    fit_whitening,
    load_discovery,
    load_parts,
    pruned,
    rank_heads,
    score,
    speed_figures,
    summarize,
    time_embedding,
)
from relation_head_report import ORDERS, draw, draw_importance, findings, table
from rich.console import Console

from hf_relation.compat import import_optional
from hf_relation.data.schema import Instance
from hf_relation.default_model import DEFAULT_CHECKPOINT
from hf_relation.discovery import RelationDiscovery
from hf_relation.errors import HfRelationError, UsageError
from hf_relation.heads import compare_heads, head_layout
from hf_relation.heads.result import Method
from hf_relation.selection.pruning_result import pruning_order
from hf_relation.training import library_versions, limit_per_relation, write_json


# What --quick puts in the place of the defaults: enough to see that everything runs.
QUICK: dict[str, Any] = {"num_heads": [0, 12, 36], "control_heads": [36], "num_seeds": 1, "num_cluster_seeds": 2}
QUICK |= {"num_batches": 2, "classes_per_batch": 8, "held_aside": 4, "per_relation": 10, "novel_per_relation": 10}
QUICK |= {"rounds": 1, "speed_instances": 40}


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)

    def add(name: str, shown: str, default: Any = None, **more: Any) -> None:
        number = {"type": int} if isinstance(default, (int, list)) else {}
        parser.add_argument(name, default=default, help=f"{shown}; default: %(default)s", **number | more)

    parser.add_argument("--output", type=Path, required=True, help="folder for everything, made where missing")
    add("--model", "checkpoint of MORE: folder, Hub id, or shipped", DEFAULT_CHECKPOINT)
    parser.add_argument("--data_dir", help="folder of the corpora; default: $HF_RELATION_DATA")
    parser.add_argument("--known_file", help="JSONL file with labelled known relations, instead of FewRel's")
    parser.add_argument("--novel_file", help="JSONL file with labelled novel relations; goes with --known_file")
    add("--num_heads", "numbers of heads to prune, 0 always among them", list(range(0, 61, 6)), nargs="+")
    add("--control_heads", "the same for the two controls", [12, 24, 36, 48], nargs="*")
    add("--method", "how importance is measured", "gate", choices=get_args(Method))
    add("--num_batches", "batches that heads are ranked on", 20)
    add("--classes_per_batch", "relations of such a batch", 24)
    add("--instances_per_class", "instances of each of them", 6)
    add("--num_seeds", "rankings, each on batches of its own, and random orders", 3)
    add("--ranking_seed", "the first of their seeds", 0)
    add("--held_aside", "known relations that choose the number of heads and rank none", 16)
    add("--per_relation", "instances of each of these at most", 100)
    parser.add_argument("--novel_per_relation", type=int, help="instances of each novel one at most; default: all")
    add("--num_cluster_seeds", "seeds of the clustering", 5)
    add("--tolerance", "fall of B-cubed F1 on known relations that counts as free", 0.01, type=float)
    parser.add_argument("--refit", action="store_true", help="score with a whitening that is fitted again as well")
    add("--refit_per_relation", "instances of each relation that it is fitted on, at most", 50)
    add("--rounds", "rounds of the timing", 3)
    add("--speed_instances", "sentences that are timed, at most", 400)
    parser.add_argument(
        "--save_pruned",
        metavar="N",
        help="also save a pruned checkpoint (first ranking seed, lowest first; with --refit, with the whitening fitted again): "
        "a number of heads, or 'free' for the number that was found",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="delete the results in --output first, pruned/ among them"
    )
    parser.add_argument("--num_threads", type=int, help="CPU threads; default: what torch takes")
    parser.add_argument("--quick", action="store_true", help="few data and settings, to see that all runs")
    args = parser.parse_args(argv)
    if args.quick:
        parser.set_defaults(**QUICK)
        args = parser.parse_args(argv)
    check(args)
    return args


def check(args: argparse.Namespace) -> None:
    """Refuse what cannot work before anything is loaded."""
    positive = ("num_batches", "num_seeds", "per_relation", "num_cluster_seeds", "refit_per_relation", "rounds")
    least = dict.fromkeys((*positive, "speed_instances"), 1)
    least |= {"classes_per_batch": 2, "instances_per_class": 2, "held_aside": 2, "ranking_seed": 0, "tolerance": 0}
    least |= {name: 1 for name in ("num_threads", "novel_per_relation") if getattr(args, name) is not None}
    for name, value in least.items():
        if not getattr(args, name) >= value:
            raise UsageError(f"`--{name}` must be at least {value}, got {getattr(args, name)}.")
    if (args.known_file is None) != (args.novel_file is None):
        raise UsageError("Give both --known_file and --novel_file, or none of them.")
    if args.save_pruned not in (None, "free") and not (args.save_pruned.isdecimal() and int(args.save_pruned)):
        raise UsageError(f"`--save_pruned` must be a number from 1 up, or 'free', got {args.save_pruned!r}.")
    if (args.output / "results.json").exists() and not args.overwrite:
        raise UsageError(f"{args.output} holds results already. Choose another folder, or give --overwrite.")


def numbers_to_try(args: argparse.Namespace, total: int) -> dict[str, list[int]]:
    """Order of pruning -> numbers of heads above 0, ascending.

    Raises:
        UsageError: a number is out of range.
    """
    saved = [int(args.save_pruned)] if args.save_pruned not in (None, "free") else []
    for number in (*args.num_heads, *args.control_heads, *saved):
        if not 0 <= number <= total:
            raise UsageError(f"Numbers of heads must be between 0 and {total}, as many as there are; got {number}.")
    controls = sorted(set(args.control_heads) - {0})
    return {"lowest": sorted(set(args.num_heads) - {0}), "highest": controls, "random": controls}


def clear(output: Path) -> None:
    """Make the output folder, without what an earlier run may have left there."""
    output.mkdir(parents=True, exist_ok=True)
    for path in (output / "results.json", *output.glob("importance-seed-*.json")):
        path.unlink(missing_ok=True)
    if (output / "pruned" / "discovery.json").is_file():
        shutil.rmtree(output / "pruned")


def measure(args: argparse.Namespace, log: Console) -> dict[str, Any]:
    """Everything but the pictures and the table of the figures."""
    parts = load_parts(
        args.data_dir,
        known_file=args.known_file,
        novel_file=args.novel_file,
        held_aside=args.held_aside,
        per_relation=args.per_relation,
        novel_per_relation=args.novel_per_relation,
    )
    refit = limit_per_relation(parts.ranking, args.refit_per_relation) if args.refit else []
    discovery, model, processor = load_discovery(args.model)
    total = sum(len(kept) for kept in head_layout(model).kept)
    numbers = numbers_to_try(args, total)
    clear(args.output)
    seeds = range(args.ranking_seed, args.ranking_seed + args.num_seeds)
    batches = {name: getattr(args, name) for name in ("classes_per_batch", "instances_per_class", "num_batches")}
    importances = {}
    for seed in seeds:
        log.log(f"ranking heads, seed {seed}")
        importances[seed] = rank_heads(model, processor, parts.ranking, method=args.method, seed=seed, **batches)
    for seed, importance in importances.items():
        importance.save(args.output / f"importance-seed-{seed}.json")
    draw_importance(list(importances.values()), args.output / "importance.png")
    agreement = None
    if len(importances) > 1:
        matrix = compare_heads({str(seed): each for seed, each in importances.items()}).matrix
        agreement = float((matrix.sum() - len(matrix)) / (len(matrix) * (len(matrix) - 1)))

    log.log("unpruned")
    unpruned = score(discovery, parts, args.num_cluster_seeds, refit)
    points = [{"order": order, "num_heads": 0, "ranking_seed": None, "scores": unpruned} for order in numbers]
    for order, each in numbers.items():
        for number in each:
            for seed in seeds:
                log.log(f"{ORDERS[order]}, {number} of {total} heads, seed {seed}")
                smaller = pruned(discovery, pruning_order(importances[seed], order, seed)[:number])
                scores = score(smaller, parts, args.num_cluster_seeds, refit)
                points.append({"order": order, "num_heads": number, "ranking_seed": seed, "scores": scores})

    lowest = pruning_order(importances[seeds[0]], "lowest", seeds[0])
    log.log("timing")
    smaller_ones = {number: pruned(discovery, lowest[:number]) for number in (0, *numbers["lowest"])}
    timed = parts.novel[: args.speed_instances]
    seconds, clock = time_embedding(smaller_ones, timed, args.rounds)
    summary = summarize(points)
    free = {name: find_free(name, points, summary, args.tolerance) for name in summary}
    if args.save_pruned is not None:
        chosen = free[list(free)[-1]]["num_heads"] if args.save_pruned == "free" else int(args.save_pruned)
        save(args, discovery, lowest[:chosen], refit, log)
    hidden = ("output", "data_dir", "known_file", "novel_file", "overwrite")
    return {
        "settings": {name: value for name, value in vars(args).items() if name not in hidden}
        | {"model": Path(args.model).name, "data": "FewRel" if args.known_file is None else "own files"},
        "versions": library_versions(),
        "total_heads": total,
        "data": parts.counts(),
        "ranking_agreement": agreement,
        "free": free,
        "summary": summary,
        "speed": {"clock": clock, "num_sentences": len(timed), "threads": torch.get_num_threads()}
        | {"by_heads": speed_figures(seconds, smaller_ones, len(timed))},
        "points": points,
    }


def save(
    args: argparse.Namespace,
    discovery: RelationDiscovery,
    heads: Sequence[Head],
    refit: Sequence[Instance],
    log: Console,
) -> None:
    """Write the checkpoint without these heads; nothing where there are none."""
    if not heads:
        log.log("no head is free on the known relations: no checkpoint is saved")
        return
    smaller = pruned(discovery, heads)
    if refit:
        smaller.set_params(transform=fit_whitening(smaller, refit))
    smaller.save_pretrained(args.output / "pruned")
    log.log(f"saved without {len(heads)} heads: pruned/")


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    args = parse(argv)
    import_optional("matplotlib.figure", extra="viz")  # better now than after all sentences are embedded
    if args.num_threads:
        torch.set_num_threads(args.num_threads)
    results = measure(args, Console(stderr=True))
    write_json(args.output / "results.json", results)
    draw(results, args.output)
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    console.print(table(results))
    for line in findings(results):
        console.print(line, markup=False, highlight=False)
    console.print(f"Everything: {args.output}", markup=False)
    return results


if __name__ == "__main__":
    try:
        main()
    except (HfRelationError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
