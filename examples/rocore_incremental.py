"""Known and novel relations by one RoCORE model, against a linear classifier that is given labels of both (figure 4).

For every fraction of labels: RoCORE with --incremental learns from that share of the labels of the *known* relations and from
unlabelled text of the novel ones; the linear classifier (logistic regression on the representations that RoCORE starts from,
not trained further) learns from that share of the labels of *all* relations. Both are tested on instances of known relations
that were kept out and on the test of the novel ones. RoCORE's novel classes have no names: its accuracy on novel relations is
that of the best one-to-one naming, and a novel instance predicted as a known relation is wrong.

The linear classifier reads gold labels of the unlabelled text; RoCORE does not, and nothing is chosen by them.

Writes, under --output, a run of RoCORE for every fraction, incremental.png, and incremental.json with all figures, settings
and versions. Finished runs are kept. Options that are not listed below go to examples/train_rocore.py.

Examples:
  python examples/rocore_incremental.py --output runs/incremental --dataset fewrel --data_dir data --preset rocore-minilm \\
      --novel_loss pairwise
  python examples/rocore_incremental.py --output runs/quick --fractions 0.1 1 --known_test 20 --dataset fewrel --data_dir data \\
      --num_seeds 1 --num_train_epochs 2
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hf_relation.compat import import_optional
from hf_relation.data.schema import Instance
from hf_relation.errors import HfRelationError, UsageError
from hf_relation.plots import Line, line_chart
from hf_relation.runs.rocore import gold_relations
from hf_relation.runs.rocore import main as train_rocore
from hf_relation.runs.rocore_arguments import parse as parse_rocore
from hf_relation.runs.rocore_building import build
from hf_relation.runs.rocore_data import keep_fraction, load_data
from hf_relation.runs.rocore_scoring import ModelView
from hf_relation.training import library_versions, single_relation, summarize_scores, write_json


FRACTIONS = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
FIGURES = {"known_accuracy": "known", "novel_accuracy": "novel", "accuracy": "both"}


def parse(argv: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
    """The options of this script, and those of the RoCORE runs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--output", default="runs/incremental", help="folder; default: %(default)s")
    parser.add_argument(
        "--fractions",
        type=float,
        nargs="+",
        default=list(FRACTIONS),
        help="shares of the labels; default: %(default)s",
    )
    parser.add_argument(
        "--known_test", type=int, default=100, help="instances of a known relation to test on; default: %(default)s"
    )
    args, others = parser.parse_known_args(argv)
    if not args.fractions or not all(0 < fraction <= 1 for fraction in args.fractions):
        raise UsageError(f"`--fractions` must be above 0 and at most 1, got {args.fractions}.")
    taken = {
        "--output_dir",
        "--incremental",
        "--label_fraction",
        "--known_test_per_relation",
        "--resume",
        "--overwrite",
    }
    wrong = [name for name in others if name.split("=")[0] in taken]
    if wrong:
        raise UsageError(f"This script sets {wrong[0].split('=')[0]} by itself. Leave it out.")
    return args, others


def run_options(args: argparse.Namespace, others: Sequence[str], fraction: float) -> list[str]:
    """The options of the RoCORE run with a share of the labels."""
    return [
        *others,
        *(
            "--incremental",
            "true",
            "--label_fraction",
            str(fraction),
            "--known_test_per_relation",
            str(args.known_test),
        ),
        *("--output_dir", str(Path(args.output) / f"fraction-{fraction:g}"), "--resume", "true"),
    ]


class LinearClassifier:
    """A linear classifier over representations that do not change, with labels of known and novel relations.

    Args:
        options (`Sequence[str]`): of a RoCORE run with all labels; it says where to start from, and on which data.
    """

    def __init__(self, options: Sequence[str]) -> None:
        script, args = parse_rocore(options)
        self.data, known_test = load_data(script)
        model, processor = build(script, self.data, args.seed)
        self.view = ModelView(model.to(args.device), processor, progress=not args.disable_tqdm)
        self.seed = script.split_seed
        names = gold_relations(self.data)
        novel = [
            row | {"relations": [name]}
            for row, name in zip(self.data.unlabeled, names[len(self.data.train) :], strict=True)
        ]
        self.train = [*self.data.train, *novel]
        self.train_rows = self._embed(self.train)
        self.tests = {
            "known": known_test,
            "novel": [row for row in self.data.test if single_relation(row) is not None],
        }
        self.test_rows = {name: self._embed(rows) for name, rows in self.tests.items()}

    def _embed(self, rows: Sequence[Instance]) -> np.ndarray:
        return self.view.embeddings(self.view.pooled(rows), "pooled").astype(np.float64)

    def score(self, fraction: float) -> dict[str, float]:
        """Accuracy on known and novel relations after training on a share of the labels of each relation."""
        places = {id(row): place for place, row in enumerate(self.train)}
        kept = [places[id(row)] for row in keep_fraction(self.train, fraction, self.seed)]
        labels = [str(single_relation(self.train[place])) for place in kept]
        classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        classifier.fit(self.train_rows[kept], labels)
        right = {}
        for name, rows in self.test_rows.items():
            gold = np.array([str(single_relation(row)) for row in self.tests[name]])
            right[name] = classifier.predict(rows) == gold
        return {
            "known_accuracy": float(right["known"].mean()),
            "novel_accuracy": float(right["novel"].mean()),
            "accuracy": float(np.concatenate([*right.values()]).mean()),
            "labels": float(len(kept)),
        }


def rocore_figures(results: Mapping[str, Any]) -> dict[str, float]:
    """Means over the training seeds, and their standard deviations."""
    return summarize_scores([run["incremental"] for run in results["runs"]]) | {
        "labels": float(results["counts"]["train"])
    }


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    args, others = parse(argv)
    import_optional("matplotlib.figure", extra="viz")  # better now than after all runs
    console = Console()
    output = Path(args.output)
    output.mkdir(parents=True, exist_ok=True)
    fractions = sorted(set(args.fractions))
    linear = LinearClassifier(run_options(args, others, 1.0))
    rows: list[dict[str, Any]] = []
    for fraction in fractions:
        console.rule(f"{fraction:.0%} of the labels")
        results = train_rocore(run_options(args, others, fraction))
        if not results:
            return {}  # not the main process
        rows.append({"fraction": fraction, "rocore": rocore_figures(results), "linear": linear.score(fraction)})
    found = {
        "rows": rows,
        "known_relations": len(linear.data.known_relations),
        "novel_relations": len(linear.data.novel_relations),
        "tested": {name: len(part) for name, part in linear.tests.items()},
        "encoder": results["encoder"],
        "settings": results["settings"],
        "versions": library_versions(),
    }
    write_json(output / "incremental.json", found)
    draw(rows, output / "incremental.png")
    console.print(table(rows))
    console.print(f"Picture: {output / 'incremental.png'}. Figures: {output / 'incremental.json'}", markup=False)
    return found


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Accuracy against the share of labels, known and novel relations apart."""
    lines = []
    for method, name, labels in (
        ("rocore", "RoCORE", "without labels"),
        ("linear", "linear", "with labels"),
    ):
        for key in ("known_accuracy", "novel_accuracy"):
            shown = f"{name}, {FIGURES[key]}" + (f" ({labels})" if key == "novel_accuracy" else "")
            points = [(row["fraction"], row[method][key]) for row in rows]
            errors = [row[method][f"{key}_sd"] for row in rows] if method == "rocore" else None
            lines.append(Line(shown, points, errors))
    line_chart(
        lines,
        path,
        title="One classifier for known and novel relations",
        x_axis="share of the labels (RoCORE: of known relations alone)",
        y_axis="accuracy",
        note="Bars: standard deviation over training seeds.",
    )


def table(rows: Sequence[Mapping[str, Any]]) -> Table:
    shown = Table(title="Accuracy (novel relations of RoCORE: best one-to-one naming)")
    for name in ("labels", *(f"{method}, {kind}" for method in ("RoCORE", "linear") for kind in FIGURES.values())):
        shown.add_column(name, justify="right")
    for row in rows:
        figures = [f"{row[method][key]:.3f}" for method in ("rocore", "linear") for key in FIGURES]
        shown.add_row(f"{row['fraction']:.0%}", *figures)
    return shown


if __name__ == "__main__":
    try:
        main()
    except (HfRelationError, ImportError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
