"""Open relation discovery: methods side by side, beside the published figures.

Every method gives a vector to each sentence of the test set (FewRel's 16 novel relations, 1,600 frozen sentences, unless
--test_file names another); the vectors are clustered with the gold number of relations, and compared with the gold relations.
What is done between embedding and clustering (nothing, PCA, whitening, both) is chosen for each method on held-out *known*
relations, or is the method's definition, or is fixed with --variant. No label of a novel relation chooses anything.

Writes openre.md and openre.json to --output (and openre.png with --plot). Finished rows are kept there and not made again
unless the settings change; a training run that was cut off goes on from its last checkpoint.

Examples:
  python examples/benchmarks/openre.py --data_dir data --output runs/openre --num_threads 2
  python examples/benchmarks/openre.py --data_dir data --output runs/openre --methods sentence between whitening shipped
  python examples/benchmarks/openre.py --dataset jsonl --train_file examples/data/sample.jsonl \\
      --test_file examples/data/biomedicine.jsonl --quick --output runs/try
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from experiment import BenchmarkArguments, Experiment, output_field, parse, run_script
from methods import METHODS, Method, find
from published import PUBLISHED, SOURCE, PublishedRow
from reporting import QUICK, command_line, markdown_table, shown, shown_seconds, write_report
from rich.console import Console
from scoring import score_method

from hf_relation.compat import import_optional
from hf_relation.errors import UsageError
from hf_relation.plots import Bar, bar_chart
from hf_relation.training import summarize_runs


FIGURES = {
    "bcubed_precision": "B³ P",
    "bcubed_recall": "B³ R",
    "bcubed_f1": "B³ F1",
    "homogeneity": "H",
    "completeness": "C",
    "v_measure": "V",
    "ari": "ARI",
}
COLUMNS = ["method", "encoder", "learned from", "seen", "steps", *FIGURES.values()]
COST = ["training, s", "encoding, s", "clustering, s", "parameters"]


@dataclass
class Arguments(BenchmarkArguments):
    output: str = output_field("runs/openre")
    methods: list[str] = field(
        default_factory=list,
        metadata={
            "choices": [method.name for method in METHODS],
            "help": "rows to make: "
            + "; ".join(f"{method.name} = {method.title}" for method in METHODS)
            + "; default: all",
        },
    )
    plot: bool = field(default=False, metadata={"help": "draw openre.png, too (needs matplotlib)"})


def row_of(method: Method, work: Mapping[str, Any], variant: str | None) -> dict[str, Any]:
    """The row of a method: what its steps are, and mean and deviation of its figures."""
    runs = work["runs"]
    scored = list(runs[0]["scores"]["test"])
    allowed = [steps for steps in scored if steps in method.steps] or scored
    if len(allowed) > 1 and variant in allowed:
        allowed, chosen_by = [variant], "--variant"
    elif len(allowed) > 1:
        chosen_by = "held-out known relations"
    else:
        chosen_by = "stored with it" if method.kind == "checkpoint" else "definition"
    if len(allowed) > 1 and "validation" not in runs[0]["scores"]:
        raise UsageError(
            f"Method {method.name!r} has a choice between {', '.join(allowed)}, and no known relations are held out to make "
            "it. Give --variant, --held_out_relations or --validation_file."
        )
    kept = [
        {"scores": {part: {steps: scores[steps] for steps in allowed} for part, scores in run["scores"].items()}}
        for run in runs
    ]
    summary = summarize_runs(kept, variant=allowed[0] if len(allowed) == 1 else None)
    chosen = summary["chosen"]
    return {
        "method": method.name,
        "title": method.title,
        "encoder": work["encoder"],
        "supervision": method.supervision,
        "seen": work["seen"],
        "steps": chosen,
        "steps_chosen_by": chosen_by,
        "test": summary["scores"]["test"][chosen],
        "held_out_known": summary["scores"].get("validation", {}).get(chosen),
        "all_steps": summary["scores"],
        "training_seeds": len(runs),
        "cluster_seeds": len(runs[0]["scores"]["test"][chosen]),
        "seconds": {
            "train": work["seconds"].get("train"),
            "encode": work["seconds"]["encode"],
            "cluster": work["seconds"]["cluster"][chosen],
        },
        "parameters": work["parameters"],
    }


def main_table(rows: Sequence[Mapping[str, Any]], published: Sequence[PublishedRow]) -> str:
    """Our rows, then the published ones."""
    cells = [
        [row["title"], row["encoder"], row["supervision"], row["seen"], row["steps"]]
        + [shown(row["test"][key], row["test"][f"{key}_sd"]) for key in FIGURES]
        + [shown_seconds(row["seconds"][key]) for key in ("train", "encode", "cluster")]
        + [f"{row['parameters'] / 1e6:.1f} M"]
        for row in rows
    ]
    cells += [
        [f"{row.system} (published)", row.encoder, row.supervision, "not stated", "its own"]
        + [shown(getattr(row, key), (row.sd or {}).get(key)) for key in FIGURES]
        + [""] * len(COST)
        for row in published
    ]
    return markdown_table([*COLUMNS, *COST], cells, text_columns=5)


def known_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """What the steps were chosen by: B-cubed F1 on the held-out known relations."""
    cells = [
        [row["title"], row["steps_chosen_by"]]
        + [
            shown(figures["bcubed_f1"], figures["bcubed_f1_sd"]) if figures else ""
            for steps in ("plain", "pca", "whitening", "whitening+pca")
            for figures in [row["all_steps"].get("validation", {}).get(steps)]
        ]
        for row in rows
    ]
    return markdown_table(
        ["method", "chosen by", "plain", "PCA", "whitening", "whitening + PCA"], cells, text_columns=2
    )


def document(
    experiment: Experiment, rows: Sequence[Mapping[str, Any]], published: Sequence[PublishedRow], command: str
) -> list[str]:
    arguments, data = experiment.arguments, experiment.data
    number = (
        "the number that the algorithm finds"
        if arguments.algorithm in ("mean_shift", "hdbscan")
        else "the gold number of clusters"
    )
    return [
        "# Open relation discovery",
        f"**{QUICK}.**" if arguments.quick else "",
        f"    {command}",
        f"{len(data.test):,} test instances of {len(data.novel_relations)} novel relations; {len(data.train):,} training "
        f"instances of {len(data.known_relations)} known relations, {len(data.held_out_relations)} others held out. "
        f"{arguments.algorithm} with {number}, {arguments.n_init} restarts; float32. Fractions; mean ± sd over training "
        "seeds x cluster seeds (frozen rows and single checkpoints: cluster seeds alone).",
        main_table(rows, published),
        '"seen": whether training had relations or sentences of the test set; rows where it says yes count toward no target. '
        "What the encoders were pre-trained on is not known in that detail. Seconds: training of one seed (with its "
        "evaluations; of an interrupted run, since the last start), encoding of the test set, clustering with one seed."
        + (
            f" Published rows: {SOURCE}; other encoders and, as stated, other supervision: not the same task."
            if published
            else ""
        ),
        "## How the steps were chosen" if data.validation else "",
        "B-cubed F1 on the held-out known relations; novel relations chose nothing." if data.validation else "",
        known_table(rows) if data.validation else "",
    ]


def plot(experiment: Experiment, rows: Sequence[Mapping[str, Any]], published: Sequence[PublishedRow]) -> None:
    bars = [Bar(row["title"], row["test"]["bcubed_f1"], row["test"]["bcubed_f1_sd"], "measured here") for row in rows]
    bars += [Bar(row.system, row.bcubed_f1, (row.sd or {}).get("bcubed_f1"), "published") for row in published]
    title = f"B-cubed F1, {len(experiment.data.novel_relations)} novel relations"
    if experiment.arguments.quick:
        title += f" ({QUICK})"
    note = "Lines: standard deviation over training seeds x cluster seeds, or as published."
    bar_chart(bars, experiment.folder / "openre.png", title=title, axis="B-cubed F1", note=note)


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    arguments, training, given = parse(Arguments, argv, __doc__)
    if arguments.plot:
        import_optional("matplotlib.figure", extra="viz")  # better now than after an hour
    console = Console(stderr=True)
    experiment = Experiment(arguments, training, console)
    rows = []
    for method in find(arguments.methods):
        settings = experiment.settings() | {
            "kind": method.kind,
            "arguments": method.arguments,
            "steps": method.steps,
            "training": experiment.training if method.kind == "trained" else [],
        }
        settings = json.loads(json.dumps(settings))
        work = experiment.finished.get(method.name, settings, lambda method=method: score_method(method, experiment))
        rows.append(row_of(method, work, arguments.variant))
    published = PUBLISHED if experiment.published else ()
    command = command_line("examples/benchmarks/openre.py", given)
    content = {
        "benchmark": "openre",
        "quick": arguments.quick,
        "command": command,
        "data": experiment.about(),
        "settings": experiment.settings(),
        "training_options": experiment.training,
        "rows": rows,
        "published": [dataclasses.asdict(row) | {"source": SOURCE} for row in published],
    }
    sections = document(experiment, rows, published, command)
    markdown, data = write_report(experiment.folder, "openre", sections, content)
    if arguments.plot:
        plot(experiment, rows, published)
    Console().print(markdown.read_text(encoding="utf-8"), markup=False, soft_wrap=True)
    console.print(f"Report: {markdown}, {data}")
    return content


if __name__ == "__main__":
    run_script(main)
