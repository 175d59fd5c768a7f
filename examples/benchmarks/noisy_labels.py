"""Does denoising help discovery from noisy labels? MORE with equal weights and with weights by the learning order, under label noise.

For every share of wrong labels (which are drawn once, the same for all runs) a classifier is trained on the noisy training instances
and it is recorded at which epoch it first predicts each label (FineCL's first stage). Then every loss is trained with
every seed: with equal weights, and with each of --weightings, alpha:never (weight of what was learned first, and of what was
never learned; what was learned last weighs 1). Runs of a seed share initial weights, batches and wrong labels.

The weighting of the last table is the one with the highest B-cubed F1 on held-out *known* relations, averaged over noise above 0, losses
and seeds; novel relations choose nothing. Embeddings are clustered as they are unless --variant says otherwise.

Writes noisy_labels.md and noisy_labels.json to --output. Finished cells are kept there, so that the grid can be made in parts.

Examples:
  python examples/benchmarks/noisy_labels.py --data_dir data --output runs/noisy-labels --num_threads 2
  python examples/benchmarks/noisy_labels.py --data_dir data --output runs/noisy-40 --label_noise 0.4 --losses ranked_list
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adversarial import EQUAL, OF_ENCODER, paired
from experiment import Experiment, GridArguments, output_field, parse, run_script, seed_means
from reporting import QUICK, command_line, digest, markdown_table, mean_sd, shown, write_report
from rich.console import Console

from hf_relation.errors import UsageError
from hf_relation.runs.label_noise import add_label_noise
from hf_relation.runs.learning_order import learned_labels
from hf_relation.runs.more_arguments import parse as parse_more
from hf_relation.runs.output_folder import ORDER_FILE, ORDER_FOLDER


FIGURES = {"bcubed_f1": "B-cubed F1", "v_measure": "V", "ari": "ARI"}
LOSSES = ("ranked_list", "sup_con")
EQUAL_WEIGHTS = "equal"


@dataclass
class Arguments(GridArguments):
    output: str = output_field("runs/noisy-labels")
    encoder: str = field(
        default="transformer", metadata={"choices": ["cnn", "transformer"], "help": "MiniLM, or the papers' CNN"}
    )
    held_out_relations: int = field(default=16, metadata={"help": "known relations to hold out and choose on"})
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
    label_noise: list[float] = field(
        default_factory=lambda: [0.0, 0.2, 0.4], metadata={"help": "shares of training labels to replace"}
    )
    losses: list[str] = field(default_factory=lambda: list(LOSSES), metadata={"help": "ranked_list, sup_con"})
    weightings: list[str] = field(
        default_factory=lambda: ["2.718:1", "2.718:0.1"], metadata={"help": "weights to try, as alpha:never"}
    )
    order_epochs: int = field(default=5, metadata={"help": "epochs of the classifier"})
    order_learning_rate: float = field(default=1e-4, metadata={"help": "of the classifier"})
    order_record: str = field(
        default="epoch", metadata={"choices": ["batch", "epoch"], "help": "when labels are looked at"}
    )
    max_steps: int = field(default=120, metadata={"help": "steps of every run of MORE"})


def read_weightings(given: Sequence[str]) -> dict[str, tuple[float, float]]:
    """`"2.718:0.1"` -> alpha and the weight of what was never learned.

    Raises:
        UsageError: an entry of another form.
    """
    found = {}
    for text in given:
        parts = text.split(":")
        try:
            alpha, never = map(float, parts)
        except ValueError:
            raise UsageError(f"`--weightings` takes alpha:never, such as 2.718:0.1, got {text!r}.") from None
        found[text] = (alpha, never)
    return found


def learn_order(experiment: Experiment, arguments: Arguments, noise: float) -> tuple[Path, dict[str, Any]]:
    """Train the classifier on the noisy labels, or take what an earlier call has found: the file, and shares for the report."""
    options = [
        *("--learning_order", "auto", "--learning_order_record", arguments.order_record),
        *("--learning_order_epochs", str(arguments.order_epochs)),
        *("--learning_order_learning_rate", str(arguments.order_learning_rate)),
        *("--seed", str(arguments.seed)),
    ]
    noisy = add_label_noise(experiment.data, noise)
    # Not what MORE is told beside it, so that its encoders share an order.
    script, args = parse_more([*options, "--output_dir", "unused", "--disable_tqdm", "true"])
    own = {name: value for name, value in vars(script).items() if name.startswith("learning_order_")}
    own |= {"max_length": script.max_length, "bf16": args.bf16}
    folder = experiment.folder / "orders" / f"noise-{noise:g}-{digest(experiment.settings() | own)}"
    folder.mkdir(parents=True, exist_ok=True)
    args.output_dir = str(folder)
    experiment.console.rule(f"learning order, {noise:.0%} wrong labels")
    learned = learned_labels(
        script,
        args,
        noisy.train,
        model_name_or_path=arguments.model_name_or_path,
        max_length=script.max_length,
        resume=True,
        console=experiment.console,
    )
    wrong = [a["relations"] != b["relations"] for a, b in zip(experiment.data.train, noisy.train, strict=True)]
    about = learned.about(wrong)
    experiment.console.print(json.dumps(about), markup=False)
    return folder / ORDER_FOLDER / ORDER_FILE, about


def run_arms(
    experiment: Experiment, arguments: Arguments, noise: float, loss: str, order: Path
) -> dict[str, dict[str, Any]]:
    """The runs of one loss under one share of wrong labels: arm -> part -> figure -> one value a training seed."""
    kwargs = (
        ["--loss_kwargs", '{"reduction": "mean_informative"}'] if loss == "ranked_list" else ["--loss_kwargs", "{}"]
    )
    same = [
        *OF_ENCODER[arguments.encoder],
        *EQUAL,
        *("--max_steps", str(arguments.max_steps), "--label_noise", str(noise), "--loss", loss, *kwargs),
    ]
    arms = {EQUAL_WEIGHTS: same}
    for text, (alpha, never) in read_weightings(arguments.weightings).items():
        weights = ("--learning_order_alpha", str(alpha), "--learning_order_never_weight", str(never))
        arms[text] = [*same, "--learning_order", str(order), *weights]
    found: dict[str, dict[str, Any]] = {}
    for arm, options in arms.items():
        name = f"{arguments.encoder}-{loss}-noise-{noise:g}-{arm.replace(':', '-')}"
        runs = experiment.cell(name, options, keep_checkpoints=arguments.keep_checkpoints)["runs"]
        found[arm] = {
            part: {figure: list(seed_means(runs, part, arguments.variant, figure).values()) for figure in FIGURES}
            for part in ("validation", "test")
        }
    return found


def choose(cells: Sequence[Mapping[str, Any]], weightings: Sequence[str]) -> str:
    """The weighting with the highest B-cubed F1 on held-out known relations, averaged over seeds and cells with wrong labels.

    Args:
        cells: with `"noise"` and `"arms"`; where no cell has wrong labels, all count.
        weightings: to choose from.
    """
    counted = [cell for cell in cells if cell["noise"] > 0] or cells

    def score(weighting: str) -> float:
        each = [mean_sd(cell["arms"][weighting]["validation"]["bcubed_f1"])[0] for cell in counted]
        return mean_sd(each)[0]

    return max(weightings, key=score)


def document(experiment: Experiment, content: Mapping[str, Any]) -> list[str]:
    arguments, data, chosen = experiment.arguments, experiment.data, content["chosen"]
    epochs = content["order_epochs"]
    learned = [
        [f"{noise:.0%}", kind, *(f"{share:.0%}" for share in shares["learned_by_epoch"])]
        for noise, about in ((each["noise"], each["about"]) for each in content["orders"])
        for kind, shares in (("all", about), ("right", about.get("right")), ("wrong", about.get("wrong")))
        if shares is not None
    ]
    every = [
        [cell["loss"], f"{cell['noise']:.0%}", arm]
        + [shown(*mean_sd(figures["validation"]["bcubed_f1"]))]
        + [shown(*mean_sd(figures["test"][figure])) for figure in FIGURES]
        for cell in content["cells"]
        for arm, figures in cell["arms"].items()
    ]
    compared = []
    for cell in content["cells"]:
        row = [cell["loss"], f"{cell['noise']:.0%}"]
        for part in ("validation", "test"):
            one, two = (cell["arms"][arm][part]["bcubed_f1"] for arm in (EQUAL_WEIGHTS, chosen))
            test = paired(one, two)
            row += [shown(*mean_sd(one)), shown(*mean_sd(two)), shown(test["mean"], test["sd"], sign=True)]
            row.append(f"{test['positive']} of {len(test['differences'])}")
        compared.append(row)
    names = [
        f"{kind}: {name}" for kind in ("known", "novel") for name in ("equal", "weighted", "difference", "better")
    ]
    return [
        "# Noisy labels and the learning order",
        f"**{QUICK}.**" if arguments.quick else "",
        f"    {content['command']}",
        f"Encoder: {content['encoder']}, {content['max_steps']} steps. {len(data.train):,} training instances of "
        f"{len(data.known_relations)} known relations; known: {len(data.validation):,} instances of {len(data.held_out_relations)} "
        f"held-out known relations; novel: {len(data.test):,} of {len(data.novel_relations)} novel ones. {arguments.num_seeds} "
        f"training seeds, {arguments.num_cluster_seeds} cluster seeds, whose scores are averaged first. Mean ± sd over training "
        "seeds.",
        f"Share of the training labels that the classifier had predicted by the end of each epoch ({content['order_record']}, "
        f"learning rate {content['order_learning_rate']:g}):",
        markdown_table(
            ["wrong labels", "labels", *(f"epoch {number}" for number in range(1, epochs + 1))],
            learned,
            text_columns=2,
        ),
        "All arms, weights as alpha:never; held-out known relations (B-cubed F1) and novel ones:",
        markdown_table(["loss", "wrong labels", "weights", "known", *FIGURES.values()], every, text_columns=3),
        f"B-cubed F1 with equal weights and with {chosen}, the weighting that is best on held-out known relations:",
        markdown_table(["loss", "wrong labels", *names], compared, text_columns=2),
        "Difference: weighted minus equal, seed by seed. Better: how many seeds gained.",
    ]


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    arguments, training, given = parse(Arguments, argv, __doc__)
    weightings = list(read_weightings(arguments.weightings))
    if unknown := sorted(set(arguments.losses) - set(LOSSES)):
        raise UsageError(f"`--losses` takes {', '.join(LOSSES)}, got {unknown[0]!r}.")
    if not weightings or not arguments.losses or not arguments.label_noise:
        raise UsageError("Give at least one of `--weightings`, `--losses` and `--label_noise` each.")
    if "whitening" in arguments.variant and not arguments.whitening_per_relation:
        raise UsageError(f"--variant {arguments.variant} needs --whitening_per_relation, for example 100.")
    console = Console(stderr=True)
    experiment = Experiment(arguments, training, console)
    if not experiment.data.validation:
        raise UsageError(
            "Weights are chosen on held-out known relations: give --held_out_relations or --validation_file."
        )
    orders, cells = [], []
    for noise in arguments.label_noise:
        path, about = learn_order(experiment, arguments, noise)
        orders.append({"noise": noise, "about": about})
        cells += [
            {"loss": loss, "noise": noise, "arms": run_arms(experiment, arguments, noise, loss, path)}
            for loss in arguments.losses
        ]
    content = {
        "benchmark": "noisy_labels",
        "quick": arguments.quick,
        "command": command_line("examples/benchmarks/noisy_labels.py", given),
        "data": experiment.about(),
        "settings": experiment.settings(),
        "encoder": arguments.encoder,
        "max_steps": arguments.max_steps,
        "order_epochs": arguments.order_epochs,
        "order_learning_rate": arguments.order_learning_rate,
        "order_record": arguments.order_record,
        "training_options": [*OF_ENCODER[arguments.encoder], *EQUAL, *experiment.training],
        "variant": arguments.variant,
        "chosen": choose(cells, weightings),
        "orders": orders,
        "cells": cells,
    }
    markdown, data = write_report(experiment.folder, "noisy_labels", document(experiment, content), content)
    Console().print(markdown.read_text(encoding="utf-8"), markup=False, soft_wrap=True)
    console.print(f"Report: {markdown}, {data}")
    return content


if __name__ == "__main__":
    run_script(main)
