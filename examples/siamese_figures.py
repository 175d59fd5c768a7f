"""Draw the figures of the Siamese-URE paper for a checkpoint: what its neighbours, its map and its clusters look like.

Writes into --output:
  neighbor-accuracy.png   share of the K nearest neighbours with the relation of their sentence, against K, before and after
                          training (the paper's figure 3, left)
  embedding-map.png       t-SNE of the instances before and after training
  clusters.png            which relations the largest and the smallest cluster are made of (figure 5)
  sweep.png               with --runs: B-cubed F1 of finished runs against what they differ in (figure 3, right; table 3)
  figures.json            all numbers, settings and versions

"Before" is the plain encoder that training started from, with the checkpoint's pooling and markers. Gold relations colour,
count and score; they choose nothing. t-SNE keeps neither distances between far groups nor their sizes.

Examples:
  python examples/siamese_figures.py --checkpoint runs/siamese/seed-0 --data_dir data --output figures
  python examples/siamese_figures.py --checkpoint runs/mine/seed-0 --file labelled.jsonl --output figures
  python examples/siamese_figures.py --runs runs/k5 runs/k20 runs/k50 --sweep neighbors --output figures
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from hf_relation.checkpoints import BASE_REPOSITORY, base_encoder_path
from hf_relation.clustering import PrincipalComponents, cluster, nearest_neighbors, neighbor_accuracy
from hf_relation.compat import import_optional
from hf_relation.data import load_corpus, relation_names
from hf_relation.data.schema import Instance
from hf_relation.discovery.encoder import load_encoder
from hf_relation.embedding import embed_instances
from hf_relation.errors import HfRelationError, UsageError
from hf_relation.models.siamese_ure import SiameseUREModel
from hf_relation.plots import Bar, Line, MapPanel, bar_chart, embedding_map, line_chart
from hf_relation.runs.siamese_ure_arguments import ScriptArguments
from hf_relation.training import (
    ExperimentArguments,
    library_versions,
    load_unsupervised_data,
    single_relation,
    write_json,
)
from hf_relation.training.corpus_roles import CORPUS_NAMES


KS = (1, 2, 5, 10, 20, 30, 40, 50)
COMPONENTS = 64
SHOWN = 8


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", help="folder of a seed of a Siamese-URE run")
    parser.add_argument(
        "--output", default="figures", help="folder for the figures, made where missing; default: %(default)s"
    )
    parser.add_argument(
        "--base", help=f"the encoder that training started from: folder or Hub id; default: {BASE_REPOSITORY}"
    )
    parser.add_argument(
        "--dataset", choices=CORPUS_NAMES, default="fewrel", help="whose test to draw; default: %(default)s"
    )
    parser.add_argument("--data_dir", help="folder of the corpora; default: $HF_RELATION_DATA")
    parser.add_argument("--file", help="JSONL file with labelled instances, instead of --dataset")
    parser.add_argument(
        "--ks", type=int, nargs="+", default=list(KS), help="numbers of neighbours; default: %(default)s"
    )
    parser.add_argument("--num_clusters", type=int, help="default: as many as there are relations")
    parser.add_argument(
        "--max_instances", type=int, default=2000, help="at most, chosen at random; default: %(default)s"
    )
    parser.add_argument("--perplexity", type=float, default=30.0, help="of t-SNE; default: %(default)s")
    parser.add_argument("--runs", nargs="+", default=[], help="output folders of finished runs, for sweep.png")
    parser.add_argument(
        "--sweep", choices=["neighbors", "dropout", "num_clusters"], default="neighbors", help="default: %(default)s"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the choice of instances, k-means and t-SNE; default: 0"
    )
    parser.add_argument("--num_threads", type=int, help="CPU threads; default: what torch takes")
    args = parser.parse_args(argv)
    if args.checkpoint is None and not args.runs:
        parser.error("give --checkpoint, --runs, or both")
    return args


def load_instances(args: argparse.Namespace) -> tuple[list[Instance], dict[str, str]]:
    """The labelled instances to draw, and the shown name of every relation among them."""
    if args.file is not None:
        rows = load_corpus(Path(args.file))
    else:
        rows = load_unsupervised_data(ExperimentArguments(dataset=args.dataset, data_dir=args.data_dir)).test
    rows = [row for row in rows if single_relation(row) is not None]
    if len(rows) > args.max_instances:
        chosen = np.random.default_rng(args.seed).permutation(len(rows))[: args.max_instances]
        rows = [rows[row] for row in np.sort(chosen)]
    relations = sorted({str(single_relation(row)) for row in rows})
    if len(relations) < 2:
        raise UsageError(f"There must be labelled instances of at least 2 relations, got {len(relations)}.")
    names = relation_names(args.data_dir) if args.file is None and args.dataset in ("fewrel", "redocred") else {}
    return rows, {relation: names.get(relation, relation) for relation in relations}


def embeddings(args: argparse.Namespace, rows: Sequence[Instance]) -> dict[str, np.ndarray]:
    """The instances before and after training, as rows of length one."""
    model, processor = load_encoder(args.checkpoint)
    if not isinstance(model, SiameseUREModel):
        raise UsageError(f"{args.checkpoint} holds a {type(model).__name__}; a checkpoint of Siamese-URE is needed.")
    config = model.config
    start = SiameseUREModel.from_backbone(
        base_encoder_path() if args.base is None else args.base,
        processor,
        seed=args.seed,
        pooling=config.pooling,
        normalize_blocks=config.normalize_blocks,
        layer=config.layer,
    )
    return {
        "before": embed_instances(start.eval(), processor, rows, progress=True),
        "after": embed_instances(model, processor, rows, progress=True),
    }


def draw_neighbors(
    found: dict[str, np.ndarray], gold: Sequence[str], ks: Sequence[int], output: Path
) -> dict[str, Any]:
    """Neighbour accuracy against K; gives the figures."""
    usable = [k for k in sorted(set(ks)) if 1 <= k < len(gold)]
    if not usable:
        raise UsageError(f"`--ks` must hold a number from 1 to {len(gold) - 1}, got {list(ks)}.")
    accuracy = {}
    for when, rows in found.items():
        indices, _ = nearest_neighbors(rows, usable[-1])
        accuracy[when] = neighbor_accuracy(indices, gold, usable)
    lines = [Line(f"{when} training", list(of_k.items())) for when, of_k in accuracy.items()]
    line_chart(
        lines,
        output / "neighbor-accuracy.png",
        title="Neighbours with the relation of their sentence",
        x_axis="K, neighbours by cosine",
        y_axis="share with the same relation",
        note=f"{len(gold):,} instances of {len(set(gold))} relations",
    )
    return {when: {str(k): value for k, value in of_k.items()} for when, of_k in accuracy.items()}


def draw_map(
    found: dict[str, np.ndarray], gold: Sequence[str], names: dict[str, str], args: argparse.Namespace, output: Path
) -> None:
    """t-SNE before and after."""
    from sklearn.manifold import TSNE

    order = list(names)
    labels = np.array([order.index(relation) for relation in gold])
    perplexity = min(args.perplexity, (len(gold) - 1) / 3)
    panels = []
    for when, rows in found.items():
        points = TSNE(2, perplexity=perplexity, init="pca", random_state=args.seed).fit_transform(rows)
        panels.append(MapPanel(f"{when} training", points, labels, [names[relation] for relation in order]))
    embedding_map(panels, output / "embedding-map.png", title=f"{len(gold):,} instances (t-SNE)", seed=args.seed)


def draw_clusters(
    rows: np.ndarray, gold: Sequence[str], names: dict[str, str], args: argparse.Namespace, output: Path
) -> dict[str, Any]:
    """What the largest and the smallest cluster are made of; gives the counts."""
    number = args.num_clusters or len(names)
    components = PrincipalComponents(COMPONENTS).fit(rows).transform(rows)
    found = cluster(components, "kmeans", number, seed=args.seed, n_init=60)
    sizes = Counter(found.tolist())
    ranked = sorted(sizes, key=lambda label: (-sizes[label], label))
    bars, figures = [], {}
    for title, label in (("largest", ranked[0]), ("smallest", ranked[-1])):
        counts = Counter(names[relation] for relation, own in zip(gold, found, strict=True) if own == label)
        figures[title] = {"instances": sizes[label], "relations": dict(counts.most_common())}
        group = f"{title} cluster, {sizes[label]} instances"
        shown = counts.most_common(SHOWN)
        bars += [Bar(name, count / sizes[label], group=group) for name, count in shown]
        rest = sizes[label] - sum(count for _, count in shown)
        if rest:
            bars.append(Bar(f"{len(counts) - len(shown)} other relations", rest / sizes[label], group=group))
    bar_chart(
        bars,
        output / "clusters.png",
        title=f"What the largest and the smallest of {number} clusters are made of",
        axis="share of the cluster's instances",
    )
    return figures


def draw_sweep(runs: Sequence[str], sweep: str, output: Path) -> list[dict[str, float]]:
    """B-cubed F1 of runs against a setting in which they differ; gives the points."""
    default = {each.name: each.default for each in dataclasses.fields(ScriptArguments)}[sweep]
    points = []
    for folder in runs:
        path = Path(folder) / "results.json"
        if not path.is_file():
            raise UsageError(f"{path} is missing: {folder} holds no finished run.")
        results = json.loads(path.read_text(encoding="utf-8"))
        value = results["num_clusters"] if sweep == "num_clusters" else results["settings"].get(sweep, default)
        if value is None:
            raise UsageError(f"The run in {folder} does not say its `{sweep}`. Give it with --{sweep} when training.")
        figures = results["summary"]["scores"]["test"][results["summary"]["chosen"]]
        points.append({"value": float(value), "bcubed_f1": figures["bcubed_f1"], "sd": figures["bcubed_f1_sd"]})
    points.sort(key=lambda point: point["value"])
    line = Line(
        "Siamese-URE",
        [(point["value"], point["bcubed_f1"]) for point in points],
        [point["sd"] for point in points],
    )
    line_chart(
        [line],
        output / "sweep.png",
        title=f"B-cubed F1 against {sweep.replace('_', ' ')}",
        x_axis=sweep.replace("_", " "),
        y_axis="B-cubed F1",
        note="error bars: standard deviation over training seeds x cluster seeds",
    )
    return points


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    args = parse(argv)
    import_optional("matplotlib.figure", extra="viz")  # better now than after all sentences are embedded
    if args.num_threads:
        torch.set_num_threads(args.num_threads)
    output = Path(args.output)
    output.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {}
    if args.checkpoint is not None:
        rows, names = load_instances(args)
        gold = [str(single_relation(row)) for row in rows]
        found = embeddings(args, rows)
        results["neighbor_accuracy"] = draw_neighbors(found, gold, args.ks, output)
        results["clusters"] = draw_clusters(found["after"], gold, names, args, output)
        draw_map(found, gold, names, args, output)
        results |= {"instances": len(rows), "relations": names}
    if args.runs:
        results[f"sweep_{args.sweep}"] = draw_sweep(args.runs, args.sweep, output)
    results |= {"settings": {"seed": args.seed, "perplexity": args.perplexity}, "versions": library_versions()}
    write_json(output / "figures.json", results)
    Console().print(f"Figures: {output}", markup=False)
    return results


if __name__ == "__main__":
    try:
        main()
    except (HfRelationError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
