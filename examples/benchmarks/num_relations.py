r"""How many relations: choose the criterion on held-out known relations, then measure it once on unseen ones.

  choose   --checkpoint holds relations of FewRel out (`examples/train_more.py --preset minilm --held_out_relations 40
           --split_seed 7`). Many subsets of them, 4 to 40 relations of equal and of Zipf-like sizes (30 to 150 instances), and of
           those of them that Re-DocRED has, say which criterion, threshold and range are best.
  measure  the shipped checkpoint and `estimate_num_relations` as it is, on ten subsets of relations it was not trained on, fixed
           below, and on one with relations it was trained on, which counts for nothing.

Embeddings are kept in --output and not made again. Prints Markdown tables.

Examples:
  python examples/benchmarks/num_relations.py choose --checkpoint runs/more24/seed-0 --output runs/num_relations/24
  python examples/benchmarks/num_relations.py choose --checkpoint runs/more48/seed-0 --held_out_relations 16 \
      --output runs/num_relations/48
  python examples/benchmarks/num_relations.py measure --output runs/num_relations
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from reporting import markdown_table
from scipy.cluster.hierarchy import cut_tree
from sklearn.cluster import HDBSCAN
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score

from hf_relation import RelationDiscovery
from hf_relation.checkpoints import checkpoint_folder
from hf_relation.clustering import NeighborSmoothing, estimate_num_relations
from hf_relation.clustering.num_relations import JOIN_THRESHOLD
from hf_relation.clustering.ward_joins import strengths_of_tree, ward_tree
from hf_relation.data import load_corpus
from hf_relation.discovery.state import read_state
from hf_relation.discovery.steps import EmbeddingSteps
from hf_relation.training import load_experiment_data, single_relation
from hf_relation.training.experiment_arguments import ExperimentArguments


TRUE_NUMBERS = (4, 6, 8, 10, 13, 16, 20, 25, 30, 40)
SMALLEST, LARGEST = 30, 150
MAX_ROWS = 2500
TOLERANCES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3)


@dataclass
class Corpus:
    """Instances of one corpus, embedded, and the steps that come with the checkpoint."""

    name: str
    relations: np.ndarray
    embeddings: np.ndarray
    steps: Callable[[], EmbeddingSteps]

    def vectors(self, rows: np.ndarray) -> np.ndarray:
        """What discovery would cluster if these rows were the corpus."""
        return self.steps().fit(self.embeddings[rows]).transform(self.embeddings[rows])

    def subset(self, number: int | None, seed: Sequence[int], *, zipf: bool = False, cut: bool = False) -> np.ndarray:
        """Rows of so many relations drawn at random (all for `None`); `cut` draws sizes of 30 to 150, else all rows are taken."""
        random = np.random.default_rng(list(seed))
        names = sorted(set(self.relations))
        chosen = [names[i] for i in random.permutation(len(names))[:number]]
        sizes = np.full(len(chosen), random.integers(SMALLEST, LARGEST + 1))
        if zipf:
            sizes = np.clip(LARGEST / np.arange(1, len(chosen) + 1) ** 0.7, SMALLEST, LARGEST).astype(int)
            sizes = random.permutation(sizes)
        if not (cut or zipf):
            return np.flatnonzero(np.isin(self.relations, chosen))
        drawn = [
            random.permutation(np.flatnonzero(self.relations == name))[:size]
            for name, size in zip(chosen, sizes, strict=True)
        ]
        return np.sort(np.concatenate(drawn))


@dataclass
class Subset:
    """One corpus whose number of relations is known, as discovery would see it."""

    corpus: str
    truth: int
    balanced: bool
    first: bool
    vectors: np.ndarray

    @cached_property
    def tree(self) -> np.ndarray:
        """Ward's tree."""
        return ward_tree(self.sample)

    @cached_property
    def sample(self) -> np.ndarray:
        """At most 2,500 rows."""
        if len(self.vectors) <= MAX_ROWS:
            return self.vectors
        return self.vectors[np.sort(np.random.default_rng(0).choice(len(self.vectors), MAX_ROWS, replace=False))]


def embedded(name: str, rows: Sequence[Any], checkpoint: Path | None, output: Path) -> Corpus:
    """Embed instances, or take what an earlier run has kept."""
    output.mkdir(parents=True, exist_ok=True)
    path, ids = output / f"{name}.npy", output / f"{name}.ids.json"
    state = read_state(checkpoint_folder(checkpoint))
    assert state is not None
    if path.is_file() and json.loads(ids.read_text(encoding="utf-8")) == [row["id"] for row in rows]:
        embeddings = np.load(path)
    else:
        embeddings = RelationDiscovery.from_pretrained(checkpoint, dtype="bfloat16", progress=True).embed(rows)
        np.save(path, embeddings)
        ids.write_text(json.dumps([row["id"] for row in rows]), encoding="utf-8")
    components = state.settings.get("pca_components")
    relations = np.array([single_relation(row) for row in rows])
    return Corpus(name, relations, embeddings, lambda: EmbeddingSteps(state.whitening, components))


def known_subsets(checkpoint: Path, output: Path, held_out: int, split_seed: int, draws: int) -> list[Subset]:
    """Subsets of the relations that the checkpoint's training had held out."""
    arguments = ExperimentArguments(
        held_out_relations=held_out, split_seed=split_seed, validation_per_relation=LARGEST
    )
    data = load_experiment_data(arguments)
    results = checkpoint.parent / "results.json"
    if results.is_file():
        trained = json.loads(results.read_text(encoding="utf-8"))["relations"]["held_out"]
        assert trained == data.held_out_relations, "the checkpoint was trained with another split"
    names = set(data.held_out_relations)
    pairs = [row for row in load_corpus("redocred_pairs", split="dev") if single_relation(row) in names]
    found = []
    for name, rows in (("held-out FewRel", data.validation), ("held-out Re-DocRED", pairs)):
        if len({single_relation(row) for row in rows}) < min(TRUE_NUMBERS):
            continue
        corpus = embedded(name.replace(" ", "_"), rows, checkpoint, output)
        for number in TRUE_NUMBERS:
            if number > len(set(corpus.relations)):
                continue
            for balanced in (True, False):
                for draw in range(draws):
                    seed = (number, int(balanced), draw)
                    chosen = corpus.subset(number, seed, zipf=not balanced, cut=True)
                    found.append(Subset(name, number, balanced, draw == 0, corpus.vectors(chosen)))
    return found


def unseen_subsets(output: Path) -> Iterator[tuple[str, str, int, np.ndarray]]:
    """Name, what is in it, true number, vectors: ten unseen subsets, and one that is seen."""
    fewrel = embedded("fewrel_test", load_corpus("fewrel", split="test"), None, output)
    yield "FewRel novel, test", "unseen", 16, fewrel.vectors(fewrel.subset(None, (0,)))
    for number in (12, 10, 8, 5):
        yield f"FewRel novel, {number} at random", "unseen", number, fewrel.vectors(fewrel.subset(number, (0, number)))
    more = embedded("fewrel_unlabeled", load_corpus("fewrel", split="novel_unlabeled"), None, output)
    yield "FewRel novel, Zipf-like sizes", "unseen", 16, more.vectors(more.subset(None, (0,), zipf=True))
    semeval = embedded("semeval_pairs_test", load_corpus("semeval2010_pairs", split="test"), None, output)
    yield "SemEval, test", "unseen", 9, semeval.vectors(semeval.subset(None, (0,)))
    yield "SemEval, 5 at random", "unseen", 5, semeval.vectors(semeval.subset(5, (0, 5)))
    redocred = embedded("redocred_pairs_dev", load_corpus("redocred_pairs", split="dev"), None, output)
    known = {single_relation(row) for row in load_corpus("fewrel", split="train")}
    rows = np.flatnonzero(~np.isin(redocred.relations, sorted(known)))
    novel = Corpus("novel", redocred.relations[rows], redocred.embeddings[rows], redocred.steps)
    number = len(set(novel.relations))
    yield "Re-DocRED, relations not trained on", "unseen", number, novel.vectors(novel.subset(None, (0,)))
    yield "Re-DocRED, 8 of these at random", "unseen", 8, novel.vectors(novel.subset(8, (0, 8)))
    yield "Re-DocRED, all relations", "seen", 26, redocred.vectors(redocred.subset(None, (0,)))


def summary(title: str, found: np.ndarray, subsets: Sequence[Subset]) -> list[object]:
    """A row of the table of criteria."""
    truth = np.array([subset.truth for subset in subsets])
    error = found / truth - 1
    within = np.abs(error) <= 0.25
    balanced = np.array([subset.balanced for subset in subsets])
    parts = [truth <= 10, (truth > 10) & (truth < 20), truth >= 20, balanced, ~balanced]
    shares = [f"{within[part].mean():.0%}" if part.any() else "" for part in parts]
    return [title, len(found), f"{np.abs(error).mean():.2f}", f"{within.mean():.0%}", f"{error.mean():+.2f}", *shares]


def count(strengths: np.ndarray, threshold: float) -> int:
    return 1 + int((strengths > threshold).sum())


def chosen_threshold(strengths: Sequence[np.ndarray], truth: np.ndarray) -> tuple[float, float]:
    """The threshold of least mean absolute logarithm of found over true number, and that mean."""
    tried = np.quantile(np.concatenate(strengths), np.linspace(0.02, 0.99, 200))
    losses = [np.abs(np.log([count(s, t) for s in strengths] / truth)).mean() for t in tried]
    return float(tried[int(np.argmin(losses))]), float(min(losses))


def by_ward(subset: Subset, score: Callable[[np.ndarray, np.ndarray], float]) -> int:
    """The cut of Ward's tree with the best score."""
    rows = subset.sample
    numbers = [number for number in range(2, 81) if number <= 1.5 * len(rows) ** 0.5]
    cuts = cut_tree(subset.tree, n_clusters=numbers)
    return numbers[int(np.argmax([score(rows, labels) for labels in cuts.T]))]


def clusters_of_hdbscan(subset: Subset) -> int:
    labels = HDBSCAN(min_cluster_size=15, min_samples=5, copy=True).fit(subset.sample).labels_
    return max(1, len(set(labels.tolist()) - {-1}))


def silhouette(rows: np.ndarray, labels: np.ndarray) -> float:
    return float(silhouette_score(rows, labels, sample_size=min(1000, len(rows)), random_state=0))


def smoothed_silhouette(subset: Subset) -> int:
    rows = NeighborSmoothing(n_neighbors=10, n_rounds=2, alpha=0.7).transform(subset.sample)
    return by_ward(Subset(subset.corpus, subset.truth, subset.balanced, subset.first, rows), silhouette)


LABEL_FREE: Mapping[str, Callable[[Subset], int]] = {
    "modularity": lambda s: estimate_num_relations(s.vectors, criterion="modularity").best,
    "HDBSCAN, 15 rows": clusters_of_hdbscan,
    "Calinski-Harabasz": lambda s: by_ward(s, calinski_harabasz_score),
    "Davies-Bouldin": lambda s: by_ward(s, lambda rows, labels: -davies_bouldin_score(rows, labels)),
    "silhouette of Ward cuts": lambda s: by_ward(s, silhouette),
    "smoothed silhouette of Ward cuts": smoothed_silhouette,
}
COLUMNS = [
    *("criterion", "subsets", "mean error", "within 25 %", "bias"),
    *("4-10", "13-16", "20-40", "equal sizes", "Zipf-like"),
]


def choose(arguments: argparse.Namespace) -> None:
    subsets = known_subsets(
        arguments.checkpoint, arguments.output, arguments.held_out_relations, arguments.split_seed, arguments.draws
    )
    truth = np.array([subset.truth for subset in subsets])
    print(
        f"{len(subsets)} subsets. Settings of the joins (loss: mean absolute logarithm of found over true number):\n"
    )
    rows = []
    for part in (12, 16, 20, 24):
        for exponent in (0.0, 0.25, 0.5):
            strengths = [strengths_of_tree(subset.tree, part, exponent) for subset in subsets]
            threshold, loss = chosen_threshold(strengths, truth)
            rows.append([part, exponent, f"{threshold:.3g}", f"{loss:.3f}"])
    print(markdown_table(["smallest part", "exponent", "best threshold", "loss"], rows, text_columns=0), flush=True)
    strengths = [strengths_of_tree(subset.tree) for subset in subsets]
    print(f"\nWith the settings of the package the best threshold is {chosen_threshold(strengths, truth)[0]:.3g}.\n")
    found = np.array([count(s, JOIN_THRESHOLD) for s in strengths])
    for title, low, high in (("below 50", 0, 50), ("50 to 90", 50, 90), ("above 90", 90, np.inf)):
        part = np.array([low <= len(subset.vectors) / subset.truth < high for subset in subsets])
        bias = np.log(found[part] / truth[part]).mean()
        print(f"{title} instances a relation: {part.sum()} subsets, mean logarithm of found over true {bias:+.2f}")
    rows = []
    for corpus in sorted({subset.corpus for subset in subsets}):
        part = [i for i, subset in enumerate(subsets) if subset.corpus == corpus]
        here = [subsets[i] for i in part]
        rows.append(summary(f"ward_joins > {JOIN_THRESHOLD}, {corpus}", found[part], here))
        first = [subset for subset in here if subset.first and not arguments.joins_only]  # the others are slow
        for title, criterion in LABEL_FREE.items() if first else ():
            rows.append(summary(f"{title}, {corpus}", np.array([criterion(subset) for subset in first]), first))
    print(markdown_table(COLUMNS, rows), "\n", flush=True)
    rows = []
    for tolerance in TOLERANCES:
        low, high = (
            np.array([count(s, JOIN_THRESHOLD * f) for s in strengths]) for f in (1 + tolerance, 1 - tolerance)
        )
        inside, width = (low <= truth) & (truth <= high), np.median(high / low)
        rows.append([tolerance, f"{inside.mean():.0%}", f"{width:.2f}"])
    print(markdown_table(["tolerance", "truth inside", "median high / low"], rows, text_columns=0))


def measure(arguments: argparse.Namespace) -> None:
    rows, hits = [], []
    for name, kind, truth, vectors in unseen_subsets(arguments.output):
        cells: list[object] = [name, kind, f"{len(vectors):,}", truth]
        for settings in ({"calibration": JOIN_THRESHOLD}, {"criterion": "modularity"}):
            found = estimate_num_relations(vectors, **settings)  # type: ignore[arg-type]
            cells += [found.best, f"{found.low} to {found.high}", f"{found.best / truth - 1:+.0%}"]
            if "calibration" in settings and kind == "unseen":
                hits.append(abs(found.best - truth) <= 0.25 * truth)
        rows.append(cells)
    columns = ["subset", "", "rows", "truth", "auto", "range", "error", "modularity", "range", "error"]
    print(markdown_table(columns, rows, text_columns=2))
    print(f"\nWithin 25 %: {sum(hits)} of {len(hits)} unseen subsets.")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["choose", "measure"])
    parser.add_argument("--checkpoint", type=Path, help="for `choose`: the folder seed-N of the training run")
    parser.add_argument("--data_dir", help="folder of the corpora; default: HF_RELATION_DATA")
    parser.add_argument("--held_out_relations", type=int, default=40)
    parser.add_argument("--split_seed", type=int, default=7)
    parser.add_argument("--draws", type=int, default=4, help="subsets of each number and kind of sizes")
    parser.add_argument("--joins_only", action="store_true", help="leave the other criteria out")
    parser.add_argument("--output", type=Path, default=Path("runs/num_relations"))
    arguments = parser.parse_args(argv)
    if arguments.data_dir:
        os.environ["HF_RELATION_DATA"] = arguments.data_dir
    if arguments.step == "choose" and arguments.checkpoint is None:
        parser.error("`choose` needs --checkpoint")
    {"choose": choose, "measure": measure}[arguments.step](arguments)


if __name__ == "__main__":
    main()
