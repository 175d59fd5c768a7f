"""Which matters, pooling or loss? A full factorial experiment over training seeds.

Two poolings (the states of the start markers, as in MORE; or means of the mentions and of the words between) x two losses
(ranked list loss, positives averaged over the informative ones; or supervised contrastive, temperature 0.1), and with
--projection a third factor (a linear layer of 64 dimensions on top, or none). All else is equal: batches of 24 relations x 6
instances, learning rate, steps, seeds, blocks of unit length, the last step's weights (no step is chosen), embeddings
clustered as they are unless --variant says otherwise. With --dataset fewrel, 16 known relations are held out.

Every figure is made on the held-out known relations and on the test set. For a choice of settings read the first: the second
is for the report only.

Effects are contrasts of the cells: a main effect is the mean change when that factor goes from its first to its second
level; an interaction of two is half the difference between the changes of one at the two levels of the other. Each is computed
for every seed; the table has mean and standard deviation over the seeds.

Writes pooling_loss.md and pooling_loss.json to --output. Finished cells are kept there.

Examples:
  python examples/benchmarks/pooling_loss.py --data_dir data --output runs/pooling_loss --num_threads 2
  python examples/benchmarks/pooling_loss.py --data_dir data --output runs/pooling_loss --projection --max_steps 240
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from experiment import Experiment, GridArguments, output_field, parse, run_script, seed_means
from reporting import QUICK, command_line, markdown_table, mean_sd, shown, shown_seconds, write_report
from rich.console import Console

from hf_relation.errors import UsageError


@dataclass(frozen=True)
class Factor:
    """One thing that is varied.

    Args:
        name: in the table.
        levels: name -> options of examples/train_more.py; two of them.
    """

    name: str
    levels: Mapping[str, Sequence[str]]


POOLING = Factor(
    "pooling",
    {
        "marker starts": ("--pooling", "head_marker", "tail_marker"),
        "mention + between means": ("--pooling", "head_mean", "tail_mean", "between_mean"),
    },
)
LOSS = Factor(
    "loss",
    {
        "ranked list": ("--loss", "ranked_list", "--loss_kwargs", '{"reduction": "mean_informative"}'),
        "sup_con": ("--loss", "sup_con", "--loss_kwargs", '{"temperature": 0.1}'),
    },
)
PROJECTION = Factor("projection", {"none": (), "linear, 64": ("--projection_dim", "64")})
# The same for all cells.
EQUAL = (
    "--marker_policy entity --normalize_blocks True --classes_per_batch 24 --instances_per_class 6 --ema_decay 0 "
    "--eval_strategy no --save_strategy no --load_best_model_at_end False"
).split()
FIGURES = {"bcubed_f1": "B³ F1", "v_measure": "V", "ari": "ARI"}
PARTS = {"validation": "held-out known relations", "test": "novel relations (test)"}


@dataclass
class Arguments(GridArguments):
    output: str = output_field("runs/pooling_loss")
    held_out_relations: int = field(default=16, metadata={"help": "known relations to hold out and compare on"})
    whitening_per_relation: int = field(
        default=0, metadata={"help": "instances a relation to fit a whitening on; 0: no whitening"}
    )
    variant: str = field(
        default="plain",
        metadata={
            "choices": ["plain", "pca", "whitening", "whitening+pca"],
            "help": "what is done to the embeddings of all cells before clustering; whitening needs --whitening_per_relation",
        },
    )
    max_steps: int = field(default=120, metadata={"help": "steps of every cell"})
    learning_rate: float = field(default=5e-5, metadata={"help": "of every cell"})
    projection: bool = field(default=False, metadata={"help": "vary a linear projection to 64 dimensions, too"})


def effects(values: Mapping[tuple[int, ...], float]) -> dict[tuple[int, ...], float]:
    """Main effects and interactions of a full factorial experiment with two levels a factor.

    Args:
        values: value of every cell, by the level (0 or 1) of each factor.

    Returns:
        By the sorted positions of the factors involved: `(0,)` the main effect of the first factor, `(0, 1)` the interaction
        of the first two, and so on: the sum over cells of value x product of -1 (level 0) or +1 (level 1) of those
        factors, divided by half the number of cells.
    """
    number = len(next(iter(values)))
    found = {}
    for size in range(1, number + 1):
        for factors in itertools.combinations(range(number), size):
            total = 0.0
            for levels, value in values.items():
                sign = 1
                for factor in factors:
                    sign *= 2 * levels[factor] - 1
                total += sign * value
            found[factors] = total / (len(values) / 2)
    return found


def part_figures(runs: Sequence[Mapping[str, Any]], part: str, steps: str) -> dict[str, Any]:
    """Figures of a cell on one part: mean and deviation over training seeds, and B-cubed F1 of each seed."""
    found: dict[str, Any] = {"by_seed": list(seed_means(runs, part, steps, "bcubed_f1").values())}
    for key in FIGURES:
        found[key], found[f"{key}_sd"] = mean_sd(seed_means(runs, part, steps, key).values())
    return found


def contrasts(done: Mapping[tuple[int, ...], Mapping[str, Any]], factors: Sequence[Factor]) -> list[dict[str, Any]]:
    """Effects on B-cubed F1 for every part: of each seed, their mean and deviation."""
    found = []
    for which in effects({levels: 0.0 for levels in done}):
        effect: dict[str, Any] = {"of": [factors[i].name for i in which]}
        for part in PARTS:
            columns = zip(*(cell["figures"][part]["by_seed"] for cell in done.values()), strict=True)
            by_seed = [effects(dict(zip(done, column, strict=True)))[which] for column in columns]
            mean, sd = mean_sd(by_seed)
            effect[part] = {"mean": mean, "sd": sd, "by_seed": by_seed}
        found.append(effect)
    return found


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    arguments, training, given = parse(Arguments, argv, __doc__)
    if "whitening" in arguments.variant and not arguments.whitening_per_relation:
        raise UsageError(f"--variant {arguments.variant} needs --whitening_per_relation, for example 100.")
    console = Console(stderr=True)
    equal = [*EQUAL, "--max_steps", str(arguments.max_steps), "--learning_rate", str(arguments.learning_rate)]
    experiment = Experiment(arguments, training, console)
    if not experiment.data.validation:
        raise UsageError(
            "Cells are compared on held-out known relations: give --held_out_relations or --validation_file."
        )
    factors = [POOLING, LOSS, *([PROJECTION] if arguments.projection else [])]
    done: dict[tuple[int, ...], dict[str, Any]] = {}
    for levels in itertools.product((0, 1), repeat=len(factors)):
        chosen = [list(factor.levels)[level] for factor, level in zip(factors, levels, strict=True)]
        options = [*equal]
        for factor, level in zip(factors, chosen, strict=True):
            options += factor.levels[level]
        name = "cell-" + "".join(map(str, levels))
        work = experiment.cell(name, options, keep_checkpoints=arguments.keep_checkpoints)
        done[levels] = {
            "levels": dict(zip([factor.name for factor in factors], chosen, strict=True)),
            "figures": {part: part_figures(work["runs"], part, arguments.variant) for part in PARTS},
            "seconds": mean_sd(work["seconds"])[0],
        }
    command = command_line("examples/benchmarks/pooling_loss.py", given)
    content = {
        "benchmark": "pooling_loss",
        "quick": arguments.quick,
        "command": command,
        "data": experiment.about(),
        "settings": experiment.settings(),
        "training_options": [*equal, *experiment.training],
        "variant": arguments.variant,
        "factors": {factor.name: {name: list(value) for name, value in factor.levels.items()} for factor in factors},
        "cells": list(done.values()),
        "effects": contrasts(done, factors),
    }
    markdown, data = write_report(experiment.folder, "pooling_loss", document(experiment, content, factors), content)
    Console().print(markdown.read_text(encoding="utf-8"), markup=False, soft_wrap=True)
    console.print(f"Report: {markdown}, {data}")
    return content


def document(experiment: Experiment, content: Mapping[str, Any], factors: Sequence[Factor]) -> list[str]:
    arguments, data = experiment.arguments, experiment.data
    cells = [
        [*cell["levels"].values()]
        + [shown(cell["figures"][part][key], cell["figures"][part][f"{key}_sd"]) for part in PARTS for key in FIGURES]
        + [shown_seconds(cell["seconds"])]
        for cell in content["cells"]
    ]
    columns = [factor.name for factor in factors] + [
        f"{kind}: {key}" for kind in ("known", "novel") for key in FIGURES.values()
    ]
    contrasts = [
        [" x ".join(effect["of"])] + [shown(effect[part]["mean"], effect[part]["sd"], sign=True) for part in PARTS]
        for effect in content["effects"]
    ]
    changes = "; ".join(f"{factor.name}: from {' to '.join(factor.levels)}" for factor in factors)
    return [
        "# Pooling and loss",
        f"**{QUICK}.**" if arguments.quick else "",
        f"    {content['command']}",
        f"{len(data.train):,} training instances of {len(data.known_relations)} known relations; known: "
        f"{len(data.validation):,} instances of {len(data.held_out_relations)} held-out known relations; novel: "
        f"{len(data.test):,} of {len(data.novel_relations)} novel ones. {arguments.num_seeds} training seeds, "
        f"{arguments.num_cluster_seeds} cluster seeds, whose scores are averaged first. Mean ± sd over training seeds.",
        markdown_table([*columns, "training, s"], cells, text_columns=len(factors)),
        "## Effects on B-cubed F1",
        f"A plus is in favour of the second level ({changes}). A main effect is the mean change from the first level to the "
        "second; an interaction is half the difference between the changes at the two levels of the other. Mean ± sd over "
        "training seeds; with few seeds, an effect smaller than its sd is not shown to exist.",
        markdown_table(["effect", *PARTS.values()], contrasts),
    ]


if __name__ == "__main__":
    run_script(main)
