r"""How many relations in a small corpus: which criterion, by the number of rows, on held-out known relations.

Draws 4 to 20 of the relations that the training of --checkpoint held out (`examples/train_more.py --preset minilm --held_out_relations
40 --split_seed 7`), with 8 to 150 instances each, and compares criteria of `estimate_num_relations` by how many rows there are. Labels
of novel relations are not read. Embeddings are kept in --output, where `num_relations.py choose` keeps them too.

Example:
  python examples/benchmarks/num_relations_small.py --checkpoint runs/more24/seed-0 --output runs/num_relations/24
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from num_relations import LARGEST, embedded
from reporting import markdown_table

from hf_relation.clustering import estimate_num_relations
from hf_relation.clustering.num_relations import JOIN_THRESHOLD
from hf_relation.training import load_experiment_data
from hf_relation.training.experiment_arguments import ExperimentArguments


TRUE_NUMBERS = (4, 6, 8, 10, 13, 16, 20)
SIZES = ((8, 15), (15, 25), (25, 40), (40, 60), (60, 100), (100, 150))  # instances of a relation, drawn for each
ROWS = (0, 60, 120, 180, 250, 350, 500, 800, 1300)
CRITERIA = ("smoothed_silhouette", "silhouette_modularity", "modularity", "ward_joins")


def subset(relations: np.ndarray, number: int, low: int, high: int, random: np.random.Generator) -> np.ndarray:
    """Rows of so many relations drawn at random, of `low` to `high` instances each."""
    chosen = random.choice(np.unique(relations), number, replace=False)
    return np.concatenate(
        [
            random.permutation(np.flatnonzero(relations == name))[: random.integers(low, high + 1)]
            for name in chosen.tolist()
        ]
    )


def table(found: Sequence[tuple[int, int, dict[str, int]]]) -> str:
    """One row for each range of row counts: share within 25 %, mean absolute and mean logarithm of found over true number."""
    rows = []
    for low, high in zip(ROWS[:-1], ROWS[1:], strict=True):
        part = [(truth, numbers) for count, truth, numbers in found if low <= count < high]
        if part:
            cells: list[object] = [f"{low} to {high - 1}", len(part)]
            for criterion in CRITERIA:
                ratio = np.array([numbers[criterion] / truth for truth, numbers in part])
                logs = np.log(ratio)
                cells.append(f"{np.mean(abs(ratio - 1) <= 0.25):.0%} ({abs(logs).mean():.2f}, {logs.mean():+.2f})")
            rows.append(cells)
    return markdown_table(["rows", "subsets", *CRITERIA], rows, text_columns=1)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True, help="the folder seed-N of the training run")
    parser.add_argument("--data_dir", help="folder of the corpora; default: HF_RELATION_DATA")
    parser.add_argument("--held_out_relations", type=int, default=40)
    parser.add_argument("--split_seed", type=int, default=7)
    parser.add_argument("--draws", type=int, default=4, help="subsets of each number and size")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("runs/num_relations"))
    arguments = parser.parse_args(argv)
    if arguments.data_dir:
        os.environ["HF_RELATION_DATA"] = arguments.data_dir
    data = load_experiment_data(
        ExperimentArguments(
            held_out_relations=arguments.held_out_relations,
            split_seed=arguments.split_seed,
            validation_per_relation=LARGEST,
        )
    )
    corpus = embedded("held-out_FewRel", data.validation, arguments.checkpoint, arguments.output)
    random = np.random.default_rng(arguments.seed)
    found = []
    for low, high in SIZES:
        for number in TRUE_NUMBERS:
            for _ in range(arguments.draws):
                drawn = subset(corpus.relations, number, low, high, random)
                if len(drawn) >= ROWS[-1]:
                    continue  # `num_relations.py choose` has those
                vectors = corpus.vectors(drawn)
                numbers = {
                    name: estimate_num_relations(vectors, criterion=name, calibration=JOIN_THRESHOLD, n_init=3).best
                    for name in CRITERIA
                }
                found.append((len(vectors), number, numbers))
    print("Within 25 % (mean absolute logarithm of found over true number, mean logarithm):\n")
    print(table(found))


if __name__ == "__main__":
    main()
