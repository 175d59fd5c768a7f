"""Open relation discovery: methods side by side, beside the published figures.

Most methods give a vector to each sentence of the test set (FewRel's 16 novel relations, 1,600 frozen sentences, unless
--dataset or --test_file names another); the vectors are clustered with the gold number of relations, and compared with the gold
relations. Others give relations at once: RW-HAC, entity types and topics are told their number, RSN finds it. What is done
between embedding and clustering (nothing, PCA, whitening, both) is chosen for each method on held-out *known* relations, or is
the method's definition, or is fixed with --variant. No label of a novel relation chooses anything. RoCORE and Siamese-URE learn
from unlabelled text of the novel relations as well; a row that the data cannot give says why.

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
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from experiment import BenchmarkArguments, Experiment, output_field, parse, run_script
from methods import METHODS, find
from published import PUBLISHED, SOURCE, PublishedRow
from reporting import QUICK, command_line, write_report
from rich.console import Console
from rows import found_numbers, known_table, main_table, make_row, row_of

from hf_relation.compat import import_optional
from hf_relation.plots import Bar, bar_chart


__all__ = ["Arguments", "main", "main_table", "row_of"]


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
    word_vectors: str | None = field(
        default=None,
        metadata={
            "help": "word vectors of RW-HAC: a file in the format of GloVe, lower case; default: the encoder's table of word "
            "pieces"
        },
    )
    rocore_options: str = field(
        default="",
        metadata={"help": "further options of RoCORE's runs, in quotes; see examples/train_rocore.py --help"},
    )
    siamese_ure_options: str = field(
        default="",
        metadata={
            "help": "further options of Siamese-URE's runs, in quotes; see examples/train_siamese_ure.py --help"
        },
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
        found_numbers(rows),
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
    bars = [
        Bar(row["title"], row["test"]["bcubed_f1"], row["test"]["bcubed_f1_sd"], "measured here")
        for row in rows
        if "skipped" not in row
    ]
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
    others = {
        "rocore": shlex.split(arguments.rocore_options),
        "siamese_ure": shlex.split(arguments.siamese_ure_options),
    }
    experiment = Experiment(arguments, training, console, others, word_vectors=arguments.word_vectors)
    rows = [make_row(method, experiment, arguments.variant) for method in find(arguments.methods)]
    published = PUBLISHED if experiment.published else ()
    command = command_line("examples/benchmarks/openre.py", given)
    content = {
        "benchmark": "openre",
        "quick": arguments.quick,
        "command": command,
        "data": experiment.about(),
        "settings": experiment.settings(),
        "training_options": experiment.options,
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
