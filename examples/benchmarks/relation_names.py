"""Is the right name among the first of an inventory? Discovered relations matched with Wikidata's properties.

The weights of the matcher are chosen on known relations alone: FewRel's training relations as perfect clusters, in random groups
of sixteen, all names of the inventory being candidates. With the chosen weights the sixteen novel relations of FewRel's test set are
measured once: as perfect clusters, and as clusters that RelationDiscovery finds (their number given), where the right name is
that of the commonest gold relation of the cluster. The sentence encoder is the base of the shipped checkpoint unless --sentence_encoder names another.

Writes relation_names.md and relation_names.json to --output.

Examples:
  python examples/benchmarks/relation_names.py --data_dir data --output runs/relation_names --num_threads 2
  python examples/benchmarks/relation_names.py --data_dir data --output runs/try --quick
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from name_matching import (
    GROUP,
    TOPS,
    Remembering,
    ablations,
    choose,
    figures,
    groups_of,
    known_figures,
    perfect_clusters,
    ranks_of,
    with_fewer_hubs,
)
from reporting import QUICK, command_line, markdown_table, mean_sd, shown, write_report
from rich.console import Console

from hf_relation.data import load_corpus
from hf_relation.data.files import read_json
from hf_relation.data.locations import corpus_dir, corpus_file
from hf_relation.discovery import (
    InventoryMatcher,
    RelationDiscovery,
    RelationInventory,
    name_relations,
)
from hf_relation.discovery.matching import combined
from hf_relation.embedding import TextEncoder
from hf_relation.errors import HfRelationError
from hf_relation.training import limit_per_relation


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", help="folder with the corpora; default: HF_RELATION_DATA")
    parser.add_argument("--output", type=Path, required=True, help="folder for relation_names.md and .json")
    parser.add_argument("--inventory", type=Path, help="names and descriptions; default: FewRel's pid2name.json")
    parser.add_argument("--sentence_encoder", help="sentence encoder, a folder or Hub id; default: all-MiniLM-L6-v2")
    parser.add_argument("--checkpoint", help="checkpoint that makes the discovered clusters; default: the shipped one")
    parser.add_argument(
        "--held_out_run",
        type=Path,
        help="folder of a run of examples/train_more.py --held_out_relations: also measure on its clusters of the known relations that "
        "it held out; nothing is chosen there",
    )
    parser.add_argument("--embeddings", type=Path, help="its vectors of the test set (.npy), if made before")
    parser.add_argument("--num_cluster_seeds", type=int, default=3, help="seeds of the clustering; default: 3")
    parser.add_argument(
        "--num_groupings", type=int, default=3, help="random groupings of the known relations; default: 3"
    )
    parser.add_argument("--per_relation", type=int, default=100, help="sentences of a known relation; default: 100")
    parser.add_argument("--split_seed", type=int, default=7, help="chooses them, and the groups; default: 7")
    parser.add_argument("--num_threads", type=int, help="threads of the encoder")
    parser.add_argument("--quick", action="store_true", help="few sentences, to see that all runs; not for quoting")
    args = parser.parse_args(argv)
    for name in ("num_cluster_seeds", "num_groupings", "per_relation"):
        if getattr(args, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(args, name)}")
    if args.quick:
        args.num_cluster_seeds, args.num_groupings, args.per_relation = 1, 1, 5
    return args


def discovered(
    matcher: InventoryMatcher,
    instances: Sequence[Any],
    places: Mapping[str, int],
    checkpoint: str | Path | None,
    seeds: int,
    embeddings: np.ndarray | None = None,
) -> list[dict[str, Any]]:
    """Figures of the clusters of each seed."""
    number = len({row["relations"][0] for row in instances})
    model = RelationDiscovery.from_pretrained(checkpoint, num_relations=number)
    if embeddings is None:
        embeddings = model.embed(instances)
    runs = []
    for seed in range(seeds):
        result = model.set_params(seed=seed).fit_predict(instances, embeddings)
        right = []
        for relation in result.relations:
            gold = Counter(
                row["relations"][0]
                for row, label in zip(instances, result.labels, strict=True)
                if label == relation.id
            )
            right.append(places[min(gold, key=lambda name: (-gold[name], name))])
        texts = {"instances": instances, "labels": result.labels}
        scores = matcher.scores(result.relations, **texts)
        run = {"seed": seed, "distinct_right_names": len(set(right))} | figures(ranks_of(scores, np.array(right)))
        alone = matcher.scores(result.relations)
        run["examples_alone"] = figures(ranks_of(alone, np.array(right)))
        for key, one_to_one in (("greedy", False), ("one_to_one", True)):
            proposals = name_relations(result.relations, matcher, one_to_one=one_to_one, **texts)
            names = [matcher.inventory[place].name for place in right]
            # A name that two relations share got a keyword in brackets; what stands before it is the name.
            hits = [p.name == n or p.name.startswith(f"{n} (") for p, n in zip(proposals, names, strict=True)]
            run[f"named_right_{key}"] = float(np.mean(hits))
        runs.append(run)
    return runs


def held_out_runs(
    matcher: InventoryMatcher, known: Sequence[Any], places: Mapping[str, int], args: argparse.Namespace
) -> list[dict[str, Any]]:
    """Figures of clusters of known relations that the training of a checkpoint has not seen."""
    if args.held_out_run is None:
        return []
    content = read_json(args.held_out_run / "results.json")
    names = sorted(content["relations"]["held_out"])
    runs = []
    for group in groups_of(names, min(GROUP, len(names)), 1, args.split_seed):
        rows = [row for row in known if row["relations"][0] in group]
        runs += discovered(matcher, rows, places, args.held_out_run / "seed-0", args.num_cluster_seeds)
    return runs


def table(rows: Mapping[str, Mapping[str, float]], first: str) -> str:
    columns = [first, *(f"top {top}" for top in TOPS), "mean reciprocal rank"]
    keys = [*(f"top_{top}" for top in TOPS), "mean_reciprocal_rank"]
    return markdown_table(columns, ([name, *(shown(row[key]) for key in keys)] for name, row in rows.items()))


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    given = list(sys.argv[1:] if argv is None else argv)
    args = parse(given)
    console = Console(stderr=True)
    if args.num_threads:
        import torch

        torch.set_num_threads(args.num_threads)
    path = args.inventory or corpus_file(corpus_dir(args.data_dir, "fewrel"), "pid2name.json", source="FewRel (data/)")
    inventory = RelationInventory.from_file(path)
    places = {str(entry.id): place for place, entry in enumerate(inventory)}
    known = limit_per_relation(load_corpus("fewrel", args.data_dir, "train"), args.per_relation, seed=args.split_seed)
    test = load_corpus("fewrel", args.data_dir, "test")
    if args.quick:
        test = limit_per_relation(test, 10)
        args.embeddings = None
    matcher = InventoryMatcher(inventory, Remembering(TextEncoder.from_pretrained(args.sentence_encoder)))
    start = time.perf_counter()
    names = sorted({row["relations"][0] for row in known})
    groups = [
        perfect_clusters(known, group, places)
        for group in groups_of(names, GROUP, args.num_groupings, args.split_seed)
    ]
    console.log(f"choosing on {len(names)} known relations, {len(groups)} groups of {GROUP}")
    best, grid = choose(matcher, groups)
    on_known = known_figures(matcher, groups, ablations(best))
    matcher.weights = best
    chosen = [combined(matcher.parts(group.relations, group.members), best) for group in groups]
    for share in (0.25, 0.5, 1.0):
        pairs = zip(chosen, groups, strict=True)
        on_known[f"names that several relations are like count less, {share:g}"] = figures(
            [rank for scores, group in pairs for rank in ranks_of(with_fewer_hubs(scores, share), group.right)]
        )
    few = {}
    for size in (2, 4, GROUP):
        smaller = [perfect_clusters(known, group, places) for group in groups_of(names, size, 1, args.split_seed)]
        few |= known_figures(
            matcher,
            smaller,
            {f"{size} relations, contrast {c:g}": dataclasses.replace(best, contrast=c) for c in (0.0, 0.5, 1.0, 3.0)},
        )
    matcher.weights = best
    console.log(f"measuring on the test set ({time.perf_counter() - start:.0f} s)")
    novel = perfect_clusters(test, sorted({row["relations"][0] for row in test}), places)
    perfect_ranks = ranks_of(combined(matcher.parts(novel.relations, novel.members), best), novel.right)
    embeddings = np.load(args.embeddings) if args.embeddings else None
    runs = discovered(matcher, test, places, args.checkpoint, args.num_cluster_seeds, embeddings)
    held_out = held_out_runs(matcher, known, places, args)
    keys = [*(f"top_{top}" for top in TOPS), "mean_reciprocal_rank", "named_right_greedy", "named_right_one_to_one"]
    over_seeds = {key: mean_sd(run[key] for run in runs) for key in keys}
    alone = {key: mean_sd(run["examples_alone"][key] for run in runs) for key in keys[:4]}
    on_held_out = {key: mean_sd(run[key] for run in held_out) for key in keys[:4]} if held_out else {}
    command = command_line("examples/benchmarks/relation_names.py", given)
    number = len(novel.relations)
    result_rows = [
        ["perfect clusters", *(shown(figures(perfect_ranks)[key]) for key in keys[:4])],
        [f"discovered, {len(runs)} seeds", *(shown(*over_seeds[key]) for key in keys[:4])],
        *(
            [["known relations held out of training, discovered", *(shown(*on_held_out[key]) for key in keys[:4])]]
            if held_out
            else []
        ),
        ["discovered, five examples a relation alone", *(shown(*alone[key]) for key in keys[:4])],
    ]
    sections = [
        "# Names from an inventory",
        f"**{QUICK}.**" if args.quick else "",
        f"    {command}",
        f"{len(inventory)} names with descriptions. Share of relations whose right name is the first candidate, among the first three, "
        f"among the first five; {number} novel relations of FewRel, {len(test):,} sentences; mean ± sd over cluster seeds.",
        markdown_table(["clusters", *(f"top {top}" for top in TOPS), "mean reciprocal rank"], result_rows),
        f"Discovered clusters that got the right name: {shown(*over_seeds['named_right_greedy'])} each for itself, "
        f"{shown(*over_seeds['named_right_one_to_one'])} with no name given twice.",
        "## How the weights were chosen",
        f"Mean reciprocal rank on {len(names)} known relations ({len(known):,} sentences, perfect clusters, {len(groups)} random groups of "
        f"{GROUP}), the best of {len(grid)}: {', '.join(f'{k} {v:g}' for k, v in dataclasses.asdict(best).items())}. Novel relations "
        "chose nothing.",
        table(on_known, "on known relations"),
        "What is taken away of the mean, by how many relations there are (known relations):",
        table(few, "relations side by side"),
    ]
    content = {
        "benchmark": "relation_names",
        "quick": args.quick,
        "command": command,
        "inventory": len(inventory),
        "weights": dataclasses.asdict(best),
        "known": on_known,
        "contrast": few,
        "grid": grid,
        "test": {
            "perfect": figures(perfect_ranks),
            "perfect_ranks": {
                inventory[place].name: rank for place, rank in zip(novel.right.tolist(), perfect_ranks, strict=True)
            },
            "discovered": runs,
            "held_out_known": held_out,
        },
    }
    markdown, data = write_report(args.output, "relation_names", sections, content)
    Console().print(markdown.read_text(encoding="utf-8"), markup=False, soft_wrap=True)
    console.print(f"Report: {markdown}, {data}")
    return content


if __name__ == "__main__":
    try:
        main()
    except HfRelationError as error:
        sys.exit(f"error: {error}")
