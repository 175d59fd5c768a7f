"""Score a checkpoint against frozen features: on FewRel's novel relations, and out of domain.

Every corpus is embedded once by each system and clustered with the gold number of relations, once for every seed. Novel
labels choose nothing here: the settings are those stored with the checkpoint. SemEval-2010 Task 8 (nine relations, without
Other) and the sentence pairs of Re-DocRED (relations with at least 50 pairs, one relation a pair) are other domains and
other schemes, kept out of training and of every choice.

Example:
  python examples/evaluate_checkpoint.py --data_dir data --output runs/evaluation.json
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from transformers import AutoTokenizer

from hf_relation.checkpoints import base_encoder_path
from hf_relation.data import discovery_pairs, load_corpus
from hf_relation.data.schema import Instance
from hf_relation.discovery import RelationDiscovery
from hf_relation.errors import HfRelationError
from hf_relation.metrics import clustering_report
from hf_relation.models.more import MOREModel
from hf_relation.processing import RelationProcessor
from hf_relation.training import summarize_scores


FIGURES = ("bcubed_precision", "bcubed_recall", "bcubed_f1", "v_measure", "homogeneity", "completeness", "ari")
CORPORA = {
    "fewrel": ("fewrel", "test"),
    "semeval2010": ("semeval2010_pairs", "test"),
    "redocred": ("redocred_pairs", "dev"),
}


def load(name: str, data_dir: str | None) -> list[Instance]:
    """The evaluation part of a corpus: instances with exactly one relation."""
    corpus, split = CORPORA[name]
    return discovery_pairs(load_corpus(corpus, data_dir, split))


def frozen_discovery() -> RelationDiscovery:
    """Mention and between-mention means of the base encoder as it is: no training, no markers, no whitening."""
    base = base_encoder_path()
    processor = RelationProcessor(AutoTokenizer.from_pretrained(base), marker_policy="none", max_length=128)
    model = MOREModel.from_backbone(
        base,
        pooling=["head_mean", "tail_mean", "between_mean"],
        normalize_blocks=True,
        projection_dim=None,
    )
    return RelationDiscovery(model.eval(), processor)


def systems(checkpoints: Sequence[str]) -> dict[str, list[RelationDiscovery]]:
    """Every system with its discovery settings; several checkpoints (training seeds) are one system."""
    frozen = frozen_discovery()
    reduced = RelationDiscovery(frozen.model, frozen.processor, pca_components=64)
    tuned = [RelationDiscovery.from_pretrained(name) for name in checkpoints]
    return {"frozen": [frozen], "frozen + PCA-64": [reduced], "checkpoint": tuned}


def score(
    discovery: RelationDiscovery, rows: Sequence[Instance], embeddings: np.ndarray, seeds: int
) -> list[dict[str, float]]:
    """Cluster ready embeddings with the gold number of relations, once for every seed."""
    gold = [row["relations"][0] for row in rows]
    scores = []
    for seed in range(seeds):
        discovery.set_params(seed=seed, num_relations=len(set(gold)))
        labels = discovery.fit(rows, embeddings).labels_
        report = clustering_report(gold, labels)
        scores.append({key: report[key] for key in FIGURES})
    return scores


def main(argv: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", nargs="+", default=["more-minilm-fewrel"], help="checkpoints: one per training seed"
    )
    parser.add_argument("--data_dir", help="folder of the corpora; default: $HF_RELATION_DATA")
    parser.add_argument("--corpora", nargs="+", choices=CORPORA, default=list(CORPORA), help="what to score on")
    parser.add_argument("--num_cluster_seeds", type=int, default=5, help="seeds of k-means")
    parser.add_argument("--num_threads", type=int, help="CPU threads; default: what torch takes")
    parser.add_argument("--output", type=Path, help="JSON file for all figures")
    args = parser.parse_args(argv)
    if args.num_threads:
        torch.set_num_threads(args.num_threads)
    console = Console()
    results: dict[str, Any] = {"models": args.model, "num_cluster_seeds": args.num_cluster_seeds, "corpora": {}}
    table = Table(title="gold number of relations; mean ± sd over training seeds x cluster seeds")
    for column in ("corpus", "rows", "relations", "system", "B-cubed P", "B-cubed R", "B-cubed F1", "V", "ARI"):
        table.add_column(column, justify="left" if column in ("corpus", "system") else "right")
    for corpus in args.corpora:
        rows = load(corpus, args.data_dir)
        relations = len({row["relations"][0] for row in rows})
        results["corpora"][corpus] = {"rows": len(rows), "relations": relations, "systems": {}}
        frozen_vectors: np.ndarray | None = None
        for system, discoveries in systems(args.model).items():
            scores = []
            for discovery in discoveries:
                console.log(f"{corpus}: {system}")
                if system == "checkpoint":
                    vectors = discovery.embed(rows)
                elif frozen_vectors is None:
                    vectors = frozen_vectors = discovery.embed(rows)
                else:
                    vectors = frozen_vectors
                scores += score(discovery, rows, vectors, args.num_cluster_seeds)
            summary = summarize_scores(scores)
            results["corpora"][corpus]["systems"][system] = {"summary": summary, "scores": scores}
            shown = [
                f"{summary[key]:.3f} ± {summary[key + '_sd']:.3f}"
                for key in ("bcubed_precision", "bcubed_recall", "bcubed_f1", "v_measure", "ari")
            ]
            table.add_row(corpus, str(len(rows)), str(relations), system, *shown)
    console.print(table)
    if args.output is not None:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return results


if __name__ == "__main__":
    try:
        main()
    except HfRelationError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
