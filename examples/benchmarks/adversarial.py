"""Does virtual adversarial training help? With and without it, over seeds, word dropout and label noise.

MORE's papers add a virtual adversarial loss to make the model robust to noise, and show no figure for it. Here every cell of a
grid (share of words hidden while training x share of training labels replaced by wrong ones) is trained twice with every
seed: without, and with the loss at weight 1 and the papers' perturbation (norm 0.02, one power iteration). The two runs of a
seed share initial weights, batches, precision and wrong labels (which are the same for all seeds), so the difference is taken seed by seed.

B-cubed F1 on held-out known relations and on the test set; embeddings clustered as they are unless --variant says otherwise;
the last step's weights (no step is chosen). The t-test is over the paired differences of the seeds, the sign test counts
them: with three seeds neither can show much (the smallest possible p of the sign test is 0.25), so read the size first.
The last row averages the cells within each seed.

Writes adversarial.md and adversarial.json to --output. Finished cells are kept there, so that a grid can be made in parts.

Examples:
  python examples/benchmarks/adversarial.py --data_dir data --encoder cnn --output runs/adversarial-cnn --num_threads 2
  python examples/benchmarks/adversarial.py --data_dir data --encoder transformer --cells 0:0 0.1:0.4 --output runs/adversarial
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from experiment import Experiment, GridArguments, output_field, parse, run_script, seed_means
from reporting import QUICK, command_line, markdown_table, mean_sd, shown, shown_seconds, write_report
from rich.console import Console
from scipy import stats

from hf_relation.errors import UsageError


PARTS = {"validation": "known", "test": "novel"}
# The same for both runs of a pair. Without evaluations, the seconds are those of training alone. Both runs have the precision of
# the encoder's defaults; with "start": "scaled" the model leaves bfloat16 by itself: give both runs `-- --bf16 False` then.
EQUAL = "--ema_decay 0 --eval_strategy no --save_strategy no --load_best_model_at_end False".split()
OF_ENCODER = {
    "cnn": ["--encoder", "cnn"],
    "transformer": [
        *("--encoder", "transformer", "--loss_kwargs", '{"reduction": "mean_informative"}'),
        *"--classes_per_batch 24 --instances_per_class 6 --learning_rate 5e-5".split(),
    ],
}


@dataclass
class Arguments(GridArguments):
    output: str = output_field("runs/adversarial")
    held_out_relations: int = field(default=16, metadata={"help": "known relations to hold out and compare on"})
    whitening_per_relation: int = field(
        default=0, metadata={"help": "instances a relation to fit a whitening on; 0: no whitening"}
    )
    variant: str = field(
        default="plain",
        metadata={
            "choices": ["plain", "pca", "whitening", "whitening+pca"],
            "help": "what is done to the embeddings before clustering; whitening needs --whitening_per_relation",
        },
    )
    encoder: str = field(
        default="cnn", metadata={"choices": ["cnn", "transformer"], "help": "the papers' CNN, or MiniLM"}
    )
    word_dropout: list[float] = field(default_factory=lambda: [0.0, 0.1], metadata={"help": "shares of words to hide"})
    label_noise: list[float] = field(
        default_factory=lambda: [0.0, 0.2, 0.4], metadata={"help": "shares of training labels to replace"}
    )
    cells: list[str] = field(
        default_factory=list,
        metadata={"help": "cells to make, as word_dropout:label_noise, e.g. 0:0 0.1:0.4; default: all of the grid"},
    )
    adversarial_weight: float = field(default=1.0, metadata={"help": "weight of the loss"})
    adversarial_kwargs: str = field(
        default='{"epsilon": 0.02}', metadata={"help": "its arguments as JSON, see hf_relation.models.more.MOREConfig"}
    )
    max_steps: int = field(default=240, metadata={"help": "steps of every run"})


def grid(arguments: Arguments) -> list[tuple[float, float]]:
    """The cells to make: (word dropout, label noise)."""
    if not arguments.cells:
        return list(itertools.product(arguments.word_dropout, arguments.label_noise))
    chosen = []
    for cell in arguments.cells:
        parts = cell.split(":")
        try:
            word_dropout, label_noise = map(float, parts)
        except ValueError:
            raise UsageError(f"`--cells` takes word_dropout:label_noise, such as 0.1:0.4, got {cell!r}.") from None
        chosen.append((word_dropout, label_noise))
    return chosen


def paired(without: Sequence[float], with_: Sequence[float]) -> dict[str, Any]:
    """Compare two runs of every seed.

    Args:
        without, with_: a figure for each seed, in the same order.

    Returns:
        `"differences"` (with minus without), their `"mean"` and `"sd"`; `"t"` and `"p"` of the two-sided paired t-test (`None`
        for one seed or equal differences); `"positive"` and `"sign_p"`: how many differences are above zero, and the two-sided
        sign test of that, zeros left out (`None` where all are zero).
    """
    differences = [b - a for a, b in zip(without, with_, strict=True)]
    mean, sd = mean_sd(differences)
    t = p = None
    if sd > 0:
        result = stats.ttest_rel(with_, without)
        t, p = float(result.statistic), float(result.pvalue)
    positive, moved = sum(d > 0 for d in differences), sum(d != 0 for d in differences)
    return {
        "differences": differences,
        "mean": mean,
        "sd": sd,
        "t": t,
        "p": p,
        "positive": positive,
        "sign_p": float(stats.binomtest(positive, moved).pvalue) if moved else None,
    }


def run_pair(experiment: Experiment, arguments: Arguments, cell: tuple[float, float]) -> dict[str, Any]:
    """Both runs of a cell, or what was kept of them."""
    word_dropout, label_noise = cell
    equal = [
        *OF_ENCODER[arguments.encoder],
        *EQUAL,
        *("--max_steps", str(arguments.max_steps)),
        *("--word_dropout", str(word_dropout), "--label_noise", str(label_noise)),
    ]
    loss = ("--adversarial_weight", str(arguments.adversarial_weight))
    arms = {
        "without": [*equal, "--adversarial_weight", "0"],
        "with": [*equal, *loss, "--adversarial_kwargs", arguments.adversarial_kwargs],
    }
    name = f"{arguments.encoder}-dropout-{word_dropout:g}-noise-{label_noise:g}"
    works = {
        arm: experiment.cell(f"{name}-{arm}", options, keep_checkpoints=arguments.keep_checkpoints)
        for arm, options in arms.items()
    }
    figures = {}
    for part in PARTS:
        by_arm = {
            arm: list(seed_means(work["runs"], part, arguments.variant, "bcubed_f1").values())
            for arm, work in works.items()
        }
        figures[part] = by_arm | {"paired": paired(by_arm["without"], by_arm["with"])}
    slower = [b / a for a, b in zip(works["without"]["seconds"], works["with"]["seconds"], strict=True)]
    return {
        "word_dropout": word_dropout,
        "label_noise": label_noise,
        "figures": figures,
        "seconds": {arm: work["seconds"] for arm, work in works.items()},
        "slow_down": mean_sd(slower)[0],
    }


def over_cells(cells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The comparison with the cells averaged within each seed."""
    found = {}
    for part in PARTS:
        by_arm = {
            arm: [mean_sd(column)[0] for column in zip(*(cell["figures"][part][arm] for cell in cells), strict=True)]
            for arm in ("without", "with")
        }
        found[part] = by_arm | {"paired": paired(by_arm["without"], by_arm["with"])}
    return found


def table_cells(figures: Mapping[str, Any]) -> list[str]:
    row = []
    for part in PARTS:
        test = figures[part]["paired"]
        row += [shown(*mean_sd(figures[part][arm])) for arm in ("without", "with")]
        row.append(shown(test["mean"], test["sd"], sign=True))
        row.append("" if test["t"] is None else f"{test['t']:+.2f} (p {test['p']:.2f})")
        row.append(f"{test['positive']} of {len(test['differences'])}")
    return row


def document(experiment: Experiment, content: Mapping[str, Any]) -> list[str]:
    arguments, data = experiment.arguments, experiment.data
    columns = ["words hidden", "wrong labels"] + [
        f"{kind}: {column}" for kind in PARTS.values() for column in ("without", "with", "difference", "t", "better")
    ]
    rows = [
        [f"{cell['word_dropout']:.0%}", f"{cell['label_noise']:.0%}", *table_cells(cell["figures"])]
        + [shown_seconds(mean_sd(cell["seconds"][arm])[0]) for arm in ("without", "with")]
        + [f"{cell['slow_down']:.2f}"]
        for cell in content["cells"]
    ]
    rows.append(["all cells", "", *table_cells(content["all_cells"]), "", "", ""])
    return [
        "# Virtual adversarial training",
        f"**{QUICK}.**" if arguments.quick else "",
        f"    {content['command']}",
        f"B-cubed F1 without and with the virtual adversarial loss, encoder: {content['encoder']}, {content['max_steps']} steps. "
        f"{len(data.train):,} training instances of {len(data.known_relations)} known relations; known: "
        f"{len(data.validation):,} instances of {len(data.held_out_relations)} held-out known relations; novel: "
        f"{len(data.test):,} of {len(data.novel_relations)} novel ones. {arguments.num_seeds} training seeds, "
        f"{arguments.num_cluster_seeds} cluster seeds, whose scores are averaged first. Mean ± sd over training seeds.",
        markdown_table([*columns, "s without", "s with", "slower"], rows, text_columns=2),
        "Difference: with minus without, seed by seed. t: two-sided paired t-test over the seeds. Better: how many seeds gained. "
        "Seconds: training of one seed; slower: their ratio.",
    ]


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    arguments, training, given = parse(Arguments, argv, __doc__)
    if "whitening" in arguments.variant and not arguments.whitening_per_relation:
        raise UsageError(f"--variant {arguments.variant} needs --whitening_per_relation, for example 100.")
    wanted = grid(arguments)
    console = Console(stderr=True)
    experiment = Experiment(arguments, training, console)
    if not experiment.data.validation:
        raise UsageError(
            "Runs are compared on held-out known relations: give --held_out_relations or --validation_file."
        )
    cells = [run_pair(experiment, arguments, cell) for cell in wanted]
    command = command_line("examples/benchmarks/adversarial.py", given)
    content = {
        "benchmark": "adversarial",
        "quick": arguments.quick,
        "command": command,
        "data": experiment.about(),
        "settings": experiment.settings(),
        "encoder": arguments.encoder,
        "max_steps": arguments.max_steps,
        "adversarial_weight": arguments.adversarial_weight,
        "adversarial_kwargs": json.loads(arguments.adversarial_kwargs),
        "training_options": [*OF_ENCODER[arguments.encoder], *EQUAL, *experiment.training],
        "variant": arguments.variant,
        "cells": cells,
        "all_cells": over_cells(cells),
    }
    markdown, data = write_report(experiment.folder, "adversarial", document(experiment, content), content)
    Console().print(markdown.read_text(encoding="utf-8"), markup=False, soft_wrap=True)
    console.print(f"Report: {markdown}, {data}")
    return content


if __name__ == "__main__":
    run_script(main)
