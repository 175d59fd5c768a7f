"""A fine-tuning run: every seed, encoder and share of the training texts is trained and scored once."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from rich import box
from rich.console import Console
from rich.table import Table

from hf_relation.cards import write_classification_card
from hf_relation.checkpoints import BASE_REPOSITORY
from hf_relation.extraction import RelationExtractor
from hf_relation.models.pair_classification import PairClassificationModel
from hf_relation.runs.extraction_data import ExtractionData, describe, load_data
from hf_relation.runs.kernel_re_figures import shown
from hf_relation.runs.output_folder import RESULTS
from hf_relation.runs.pair_classification_arguments import COMMAND, PairClassificationArguments, parse
from hf_relation.runs.pair_classification_building import check_encoders, make_trainer
from hf_relation.runs.pair_classification_scoring import fit_rules, score_documents_of, score_sentences
from hf_relation.runs.records import RUN_FILE, claimed_run, finished_run, mean_and_sd
from hf_relation.runs.training_share import training_share
from hf_relation.training import (
    RelationTrainingArguments,
    changed_settings,
    finite_only,
    has_complete_checkpoint,
    library_versions,
    write_json,
)


FIGURES = {
    "f1": "micro F1",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "ign_f1": "Ign F1",
    "official_macro_f1": "official macro F1",
}


def train_one(
    script: PairClassificationArguments,
    args: RelationTrainingArguments,
    data: ExtractionData,
    seed: int,
    start: str,
    share: float,
    console: Console,
) -> dict[str, Any]:
    """Train one classifier, score the test, save it."""
    folder = Path(args.output_dir) / f"seed-{seed}" / _name_of(start, share)
    finished = finished_run(folder, script.resume, console)
    if finished is not None:
        return finished
    train = training_share(data.train, share, seed)
    settings: dict[str, Any] = {
        "seed": seed,
        "output_dir": str(folder),
        "num_train_epochs": script.epochs_of(share, args.num_train_epochs),
    }
    trainer = make_trainer(script, dataclasses.replace(args, **settings), data, train, script.starts[start], seed)
    trainer.train(resume_from_checkpoint=script.resume and has_complete_checkpoint(folder))
    parts = {"validation": data.validation, "test": data.test}
    scores = {name: trainer.score(documents) for name, documents in parts.items()}  # in all processes
    run: dict[str, Any] = {"seed": seed, "encoder": start, "share": share, "train": len(train)}
    if trainer.is_world_process_zero():
        model = cast(PairClassificationModel, trainer.plain_model)
        config = model.config
        rules = fit_rules(config, data, scores["validation"])
        one_label = config.kind == "single_label" and data.pairs == "first"
        run["scores"] = {
            name: score_sentences(documents, scores[name], config, script.dataset)
            if one_label
            else score_documents_of(documents, scores[name], config, rules, data.train)
            for name, documents in parts.items()
        }
        run["kind"] = config.kind
        run["relations_trained"] = len({r["label"] for document in train for r in document["relations"]})
        run["history"] = finite_only(trainer.state.log_history)
        if script.keep_models:
            RelationExtractor(model, trainer.processing_class, rules=rules).save_pretrained(folder)
        else:
            for checkpoint in folder.glob("checkpoint-*"):
                shutil.rmtree(checkpoint)
        write_json(folder / RUN_FILE, run)
    trainer.accelerator.wait_for_everyone()
    return run


def main(argv: Sequence[str] | None = None, *, command: str = COMMAND) -> dict[str, Any]:
    """Train all classifiers and write the results.

    Args:
        argv (`Sequence[str]`, *optional*): the options, see `hf-relation train pair-classification --help`; by default those of
            the process.
        command (`str`): what the help shows in front of the options.

    Returns:
        `dict[str, Any]`: the content of results.json; empty on all processes but the main one.

    Raises:
        UsageError: an option has a wrong value, or files are missing.
        InvalidRowError: a bad row in a file, with its line.
        TrainingError: training diverged.
    """
    script, args = parse(argv, command=command)
    console = Console(quiet=args.process_index != 0)
    check_encoders(script)
    data = load_data(script)
    describe(data, console)
    parts = {name: cast(Any, getattr(data, name)) for name in ("train", "validation", "test")}
    with claimed_run(script, args, parts, encoders=script.starts):
        runs = []
        for seed in range(args.seed, args.seed + script.num_seeds):
            for share in script.train_shares:
                for start in script.starts:
                    console.rule(f"seed {seed}, {share:.0%} of the training texts, from {start}")
                    run = train_one(script, args, data, seed, start, share, console)
                    runs.append(run)
                    if "scores" in run:
                        console.print(f"Test: micro F1 {100 * run['scores']['test']['f1']:.1f}", markup=False)
        return write_results(script, args, data, runs, console) if args.process_index == 0 else {}


def _name_of(encoder: str, share: float) -> str:
    return f"{encoder}-{share:g}"


def summarize(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean and standard deviation over seeds: encoder -> share -> part -> figure.

    Args:
        runs (`Sequence[dict]`): each with `encoder`, `share` and `scores`.

    Returns:
        `dict`: `{"mean", "sd"}` of every figure that all seeds have.
    """
    summary: dict[str, Any] = {}
    for run in runs:
        cell = summary.setdefault(run["encoder"], {}).setdefault(f"{run['share']:g}", {})
        for part, figures in run["scores"].items():
            for name, value in figures.items():
                cell.setdefault(part, {}).setdefault(name, []).append(float(value))
    for shares in summary.values():
        for parts in shares.values():
            for figures in parts.values():
                for name, values in figures.items():
                    figures[name] = mean_and_sd(values)
    return summary


def gains(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What every other encoder gains in micro F1 on the test over the first one, with the same seed and the same share.

    Args:
        runs (`Sequence[dict]`): each with `seed`, `encoder`, `share` and `scores`.

    Returns:
        `dict`: encoder -> share -> `{"mean", "sd"}` of the differences, and in how many of how many seeds it is `"better"` (`"seeds"`).
    """
    found: dict[str, Any] = {}
    first = {
        (run["seed"], run["share"]): run["scores"]["test"]["f1"]
        for run in runs
        if run["encoder"] == runs[0]["encoder"]
    }
    for run in runs:
        if run["encoder"] != runs[0]["encoder"]:
            difference = run["scores"]["test"]["f1"] - first[run["seed"], run["share"]]
            found.setdefault(run["encoder"], {}).setdefault(f"{run['share']:g}", []).append(difference)
    return {
        encoder: {
            share: {**mean_and_sd(values), "better": sum(value > 0 for value in values), "seeds": len(values)}
            for share, values in shares.items()
        }
        for encoder, shares in found.items()
    }


def results_table(
    summary: dict[str, Any], part: str, *, title: str, seeds: int, gained: dict[str, Any] | None = None
) -> Table:
    """Lay out F1 by encoder and share.

    Args:
        summary (`dict`): of [`summarize`].
        part (`str`): `"validation"` or `"test"`.
        title (`str`): above the table.
        seeds (`int`): number of training seeds.
        gained (`dict`, *optional*): of [`gains`]: a column more.

    Returns:
        `rich.table.Table`: means and standard deviations, in per cent.
    """
    shares = list(next(iter(summary.values())))
    first = next(iter(next(iter(summary.values())).values()))[part]
    table = Table(
        title=title,
        box=box.SIMPLE,
        caption=f"Per cent: mean ± standard deviation over {seeds} seed(s), of which texts and of training.",
    )
    table.add_column("encoder")
    table.add_column("training texts")
    for name, label in FIGURES.items():
        if name in first:
            table.add_column(label, justify="right", no_wrap=True)
    if gained:
        table.add_column("gain in micro F1", justify="right", no_wrap=True)
    for encoder, cells in summary.items():
        for share in shares:
            figures = cells[share][part]
            row = [encoder, f"{float(share):.3g}", *(shown(figures[name]) for name in FIGURES if name in first)]
            gain = (gained or {}).get(encoder, {}).get(share)
            if gain is not None:
                row.append(f"{100 * gain['mean']:+.1f} ± {100 * gain['sd']:.1f}, {gain['better']} of {gain['seeds']}")
            table.add_row(*row)
    return table


def write_results(
    script: PairClassificationArguments,
    args: RelationTrainingArguments,
    data: ExtractionData,
    runs: list[dict[str, Any]],
    console: Console,
) -> dict[str, Any]:
    """Write results.json, and print the table; gives the content of results.json."""
    summary, gained = summarize(runs), gains(runs)
    results: dict[str, Any] = {
        "method": "PairClassification",
        "dataset": script.dataset,
        "encoders": {
            name: BASE_REPOSITORY if place is None else Path(place).name for name, place in script.starts.items()
        },
        "validation_from": data.validation_from,
        "counts": data.counts,
        "relations": data.relations,
        "unseen_relations": data.unseen_relations,
        "summary": summary,
        "gains": gained,
        "runs": runs,
        "settings": {name: value for name, value in changed_settings(script, args).items() if name != "encoders"},
        "versions": library_versions(),
    }
    output = Path(args.output_dir)
    write_json(output / RESULTS, results)
    if script.keep_models:
        for run in runs:
            place = {"seed": run["seed"], "encoder": run["encoder"], "share": run["share"]}
            folder = output / f"seed-{run['seed']}" / _name_of(run["encoder"], run["share"])
            base = BASE_REPOSITORY if script.starts[run["encoder"]] is None else None
            write_classification_card(folder, results, name=f"{output.name}-{folder.name}", base_model=base, **place)
    title = f"Pair classification on {script.dataset}: test"
    console.print(results_table(summary, "test", title=title, seeds=script.num_seeds, gained=gained))
    console.print(f"Figures: {output / RESULTS}", markup=False)
    return results
