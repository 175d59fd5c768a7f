"""Draw how training separates relations: t-SNE maps of the same instances before and after it, as in MORE's papers.

"Before" is the plain encoder that training started from, with the checkpoint's pooling and without the markers (which an
untrained encoder has never seen); "after" is the checkpoint. Both give rows of unit length. Gold relations colour the points
and are compared with the embeddings in the figures printed; they choose nothing, and t-SNE does not see them. Read groups and
their mixing, not distances between far groups: t-SNE does not keep those. The figures are computed on the embeddings, not on
the map.

Writes the picture (.png, .svg or .pdf) and, beside it, a .json with the figures, settings and versions.

Examples:
  python examples/plot_embeddings.py --data_dir data --output map.png
  python examples/plot_embeddings.py --data_dir data --relations mother child spouse --per_relation 50 --output people.png
  python examples/plot_embeddings.py --checkpoint runs/more/seed-0 --file novel.jsonl --output mine.svg
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from sklearn.neighbors import NearestNeighbors
from transformers import AutoConfig, AutoTokenizer

from hf_relation.checkpoints import BASE_REPOSITORY, base_encoder_path
from hf_relation.compat import import_optional
from hf_relation.data import load_corpus, relation_names
from hf_relation.data.schema import Instance
from hf_relation.default_model import DEFAULT_CHECKPOINT
from hf_relation.discovery.encoder import load_encoder
from hf_relation.embedding import embed_instances
from hf_relation.errors import HfRelationError, UsageError
from hf_relation.models.more import MOREModel
from hf_relation.plots import MAX_STYLES, MapPanel, embedding_map
from hf_relation.plots.canvas import check_path
from hf_relation.processing import RelationProcessor
from hf_relation.training import library_versions, limit_per_relation, single_relation, write_json


NEIGHBOURS = 10


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", default="embeddings.png", help="the picture; default: %(default)s")
    parser.add_argument(
        "--checkpoint", default=DEFAULT_CHECKPOINT, help="folder, Hub id, or shipped checkpoint; default: %(default)s"
    )
    parser.add_argument(
        "--base",
        help="what training started from: an encoder's folder or Hub id, or 'random' for the checkpoint's own architecture with "
        f"new weights; default: {BASE_REPOSITORY}",
    )
    parser.add_argument("--data_dir", help="folder of the corpora; default: $HF_RELATION_DATA")
    parser.add_argument("--file", help="JSONL file with labelled instances, instead of FewRel's frozen test set")
    parser.add_argument(
        "--relations",
        nargs="+",
        default=["16"],
        metavar="R",
        help="ids or names of relations, or one number: that many of those with most instances; default: 16",
    )
    parser.add_argument(
        "--per_relation", type=int, default=100, help="instances of each at most; default: %(default)s"
    )
    parser.add_argument(
        "--perplexity",
        type=float,
        default=30.0,
        help="about how many neighbours t-SNE keeps close; below the number of instances; default: %(default)s",
    )
    parser.add_argument("--title", help="above the picture; default: how many instances and relations it shows")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of instances and of t-SNE; default: 0")
    parser.add_argument("--num_threads", type=int, help="CPU threads; default: what torch takes")
    return parser.parse_args(argv)


def load_instances(args: argparse.Namespace) -> tuple[list[Instance], dict[str, str]]:
    """The instances to draw, and the shown name of every relation among them."""
    source = args.file or "FewRel's test set"
    rows = load_corpus(Path(args.file)) if args.file else load_corpus("fewrel", args.data_dir, "test")
    counts = Counter(name for row in rows if (name := single_relation(row)) is not None)
    if len(counts) < 2:
        raise UsageError(f"{source} must have instances of at least 2 relations, got {len(counts)}.")
    wikidata = all(name[:1] == "P" and name[1:].isdigit() for name in counts)
    # A file with Wikidata ids of its own need not come with FewRel's list of names.
    names = relation_names(args.data_dir) if wikidata and (args.file is None or args.data_dir) else {}
    shown = {relation: names.get(relation, relation) for relation in counts}
    if len(args.relations) == 1 and args.relations[0].isdigit():
        largest = sorted(counts, key=lambda name: (-counts[name], name))[: int(args.relations[0])]
        wanted = sorted(largest, key=lambda name: shown[name])
    else:
        ids = {name: relation for relation, name in shown.items()}
        wanted = [relation if relation in counts else ids.get(relation, "") for relation in args.relations]
        if "" in wanted:
            known = ", ".join(sorted(shown.values())[:20])
            raise UsageError(
                f"{source} has no relation {args.relations[wanted.index('')]!r}. It has, among others: {known}."
            )
    if not 2 <= len(set(wanted)) <= MAX_STYLES:
        raise UsageError(f"`--relations` must choose 2 to {MAX_STYLES} relations, got {len(set(wanted))}.")
    rows = limit_per_relation([row for row in rows if single_relation(row) in wanted], args.per_relation, args.seed)
    return rows, {relation: shown[relation] for relation in dict.fromkeys(wanted)}


def untrained(model: MOREModel, processor: RelationProcessor, base: str | None, seed: int) -> tuple[Any, Any, str]:
    """The encoder before training, its processor, and its name."""
    config = model.config
    if base == "random":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return MOREModel(config).eval(), processor, "random weights"
    path = base_encoder_path() if base is None else base
    start = AutoConfig.from_pretrained(str(path))
    kinds = [(each.model_type, each.hidden_size) for each in (start, config.backbone_config)]
    if kinds[0] != kinds[1]:
        raise UsageError(
            f"The checkpoint's encoder is {kinds[1][0]} with {kinds[1][1]} dimensions, {base or BASE_REPOSITORY} is "
            f"{kinds[0][0]} with {kinds[0][1]}: it did not start from that. Give --base, what it started from, or --base random."
        )
    markers = any(block.endswith("_marker") for block in config.pooling)
    plain = RelationProcessor(
        AutoTokenizer.from_pretrained(str(path)),
        marker_policy=processor.marker_policy if markers else "none",
        entity_types=processor.entity_types if markers else [],
        max_length=processor.max_length,
    )
    start_model = MOREModel.from_backbone(
        path,
        plain,
        seed=seed,
        pooling=config.pooling,
        normalize_blocks=config.normalize_blocks,
        layer=config.layer,
        projection_dim=None,  # a projection with new weights would only blur what the encoder knows
    )
    return start_model.eval(), plain, BASE_REPOSITORY.split("/")[-1] if base is None else Path(base).name


def separation(embeddings: np.ndarray, gold: Sequence[str]) -> dict[str, float]:
    """How well rows of unit length keep gold relations apart: two figures that need no clustering."""
    labels = np.unique(list(gold), return_inverse=True)[1]
    number = min(NEIGHBOURS, len(labels) - 1)
    neighbours = NearestNeighbors(n_neighbors=number).fit(embeddings).kneighbors(return_distance=False)
    return {
        "silhouette": float(silhouette_score(embeddings, labels)),
        "same_relation_neighbours": float((labels[neighbours] == labels[:, None]).mean()),
    }


def tsne(embeddings: np.ndarray, perplexity: float, seed: int) -> np.ndarray:
    """A map in two dimensions, the same for the same embeddings and seed."""
    return TSNE(2, perplexity=perplexity, init="pca", learning_rate="auto", random_state=seed).fit_transform(
        embeddings
    )


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    args = parse(argv)
    if args.num_threads:
        torch.set_num_threads(args.num_threads)
    target = check_path(args.output)
    import_optional("matplotlib.figure", extra="viz")  # better now than after all sentences are embedded
    rows, names = load_instances(args)
    if not 0 < args.perplexity < len(rows):
        raise UsageError(
            f"`--perplexity` must be above 0 and below the number of instances ({len(rows)}), got {args.perplexity}."
        )
    model, processor = load_encoder(args.checkpoint)
    if not isinstance(model, MOREModel):
        raise UsageError(f"{args.checkpoint} holds a {type(model).__name__}; a checkpoint of MORE is needed.")
    plain, plain_processor, base_name = untrained(model, processor, args.base, args.seed)
    gold = [str(single_relation(row)) for row in rows]
    order = list(names)
    labels = np.array([order.index(relation) for relation in gold])
    console = Console(stderr=True)
    table = Table(title=f"{len(rows)} instances of {len(order)} relations")
    for column in ("embeddings", "silhouette", f"{NEIGHBOURS} nearest neighbours of the same relation"):
        table.add_column(column, justify="left" if column == "embeddings" else "right")
    panels, figures = [], {}
    for when, name, encoder, its_processor in (
        ("before", base_name, plain, plain_processor),
        ("after", Path(args.checkpoint).name, model, processor),
    ):
        console.log(f"{when}: embedding with {name}")
        embeddings = embed_instances(encoder, its_processor, rows, progress=True)
        figures[when] = {"encoder": name} | separation(embeddings, gold)
        console.log(f"{when}: t-SNE")
        silhouette, same = figures[when]["silhouette"], figures[when]["same_relation_neighbours"]
        panels.append(
            MapPanel(
                f"{when} training: {name} (silhouette {silhouette:.2f})",
                tsne(embeddings, args.perplexity, args.seed),
                labels,
                [names[relation] for relation in order],
            )
        )
        table.add_row(f"{when}: {name}", f"{silhouette:.3f}", f"{same:.3f}")
    data = Path(args.file).name if args.file else "FewRel, novel relations"
    title = args.title or f"{data}: {len(rows):,} instances of {len(order)} relations (t-SNE)"
    embedding_map(panels, target, title=title, seed=args.seed)
    results = {
        "separation": figures,
        "instances": len(rows),
        "relations": names,
        "data": data,
        "settings": {
            "per_relation": args.per_relation,
            "perplexity": args.perplexity,
            "seed": args.seed,
            "neighbours": NEIGHBOURS,
        },
        "versions": library_versions(),
    }
    write_json(target.with_suffix(".json"), results)
    Console().print(table)
    Console().print(f"Picture: {target}. Figures: {target.with_suffix('.json')}", markup=False)
    return results


if __name__ == "__main__":
    try:
        main()
    except (HfRelationError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
