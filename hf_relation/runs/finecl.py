"""A FineCL run: the learning order of the labels, then pre-training, for every seed."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from rich.console import Console
from transformers import AutoTokenizer

from hf_relation.cards import write_pretraining_card
from hf_relation.checkpoints import BASE_REPOSITORY, base_encoder_path
from hf_relation.compat import import_optional
from hf_relation.models.finecl import FineCLConfig, FineCLForPreTraining
from hf_relation.processing import DocumentProcessor
from hf_relation.runs.finecl_arguments import COMMAND, FineCLArguments, model_settings, parse
from hf_relation.runs.finecl_data import PretrainingData, load_pretraining_data
from hf_relation.runs.finecl_order import describe_order, learning_order, reliabilities
from hf_relation.runs.output_folder import FIRST_STAGE, RESULTS
from hf_relation.runs.records import RUN_FILE, claimed_run, finished_run
from hf_relation.training import (
    PretrainingDataset,
    RelationPretrainer,
    RelationTrainingArguments,
    changed_settings,
    finite_only,
    has_complete_checkpoint,
    library_versions,
    write_json,
)


NA_RELATION = "no relation"


def train_one(
    script: FineCLArguments, args: RelationTrainingArguments, data: PretrainingData, seed: int, console: Console
) -> dict[str, Any]:
    """Go through both stages with one seed, and save the pre-trained model."""
    folder = Path(args.output_dir) / f"seed-{seed}"
    finished = finished_run(folder, script.resume, console)
    if finished is not None:
        return finished
    settings: dict[str, Any] = {"seed": seed, "output_dir": str(folder)}
    args = dataclasses.replace(args, **settings)
    orders: list[list[int]] | None = None
    weights: list[list[float]] | None = None
    run: dict[str, Any] = {"seed": seed}
    if script.needs_order:
        orders = learning_order(script, args, data, folder, console)
        run["learned"] = describe_order(orders, data, script.order_until or script.order_epochs)
        shares = ", ".join(f"{name} {100 * shares[-1]:.0f} %" for name, shares in run["learned"].items())
        console.print(f"Labels learned: {shares}.", markup=False)
    elif script.objective == "wcl":
        weights = reliabilities(script, args, data, folder, console)
    trainer = make_trainer(script, args, data, orders, weights, seed)
    dataset = cast(PretrainingDataset, trainer.train_dataset)
    console.print(
        f"Stage 2: {len(dataset)} windows, {dataset.num_pairs} labels of pairs, {dataset.num_left_out} pairs more than "
        f"--max_pairs a text left out.",
        markup=False,
    )
    trainer.train(resume_from_checkpoint=script.resume and has_complete_checkpoint(folder))
    metrics = trainer.evaluate()
    if trainer.is_world_process_zero():
        run["validation"] = {name: value for name, value in metrics.items() if name.endswith("loss")}
        run["labels"] = dataset.num_pairs
        run["pairs_left_out"] = dataset.num_left_out
        run["history"] = finite_only(trainer.state.log_history)
        cast(Any, trainer.accelerator.unwrap_model(trainer.model)).save_pretrained(folder)
        cast(DocumentProcessor, trainer.processing_class).save_pretrained(folder)
        if script.plots and "learned" in run:
            _draw_learned(run["learned"], folder, console)
        write_json(folder / RUN_FILE, run)
        shutil.rmtree(folder / FIRST_STAGE, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    return run


def make_trainer(
    script: FineCLArguments,
    args: RelationTrainingArguments,
    data: PretrainingData,
    orders: Sequence[Sequence[int]] | None,
    weights: Sequence[Sequence[float]] | None,
    seed: int,
) -> RelationPretrainer:
    """Make the trainer of stage 2.

    Args:
        script ([`FineCLArguments`]), args ([`~hf_relation.training.RelationTrainingArguments`]): what the run is told.
        data ([`PretrainingData`]): its texts.
        orders (`Sequence[Sequence[int]]`, *optional*): of every training text when its labels were learned.
        weights (`Sequence[Sequence[float]]`, *optional*): or what they count.
        seed (`int`): of all weights that start at random.

    Returns:
        [`~hf_relation.training.RelationPretrainer`].
    """
    name = str(base_encoder_path() if script.model_name_or_path is None else script.model_name_or_path)
    processor = DocumentProcessor(
        AutoTokenizer.from_pretrained(name, trust_remote_code=False),
        marker_policy=script.marker_policy,
        max_length=script.max_length,
        mention_entities=True,
    )
    names = [*data.relations, NA_RELATION] if script.na_pairs else data.relations
    na_relation = NA_RELATION if script.na_pairs else None
    settings = model_settings(script) | {
        "id2label": dict(enumerate(names)),
        "na_relation": na_relation,
        "first_epoch": 1,
        "last_epoch": 1 if orders is None else script.order_until or script.order_epochs,
    }
    model = FineCLForPreTraining.from_backbone(name, processor, seed=seed, **settings)
    label2id = {each: number for number, each in enumerate(names)}
    parts = {
        "train_dataset": PretrainingDataset(
            data.train,
            processor,
            label2id,
            learning_order=orders,
            weights=weights,
            na_relation=na_relation,
            na_pairs=script.na_pairs,
            max_pairs=script.max_pairs,
            seed=script.split_seed,
        ),
        "eval_dataset": PretrainingDataset(data.validation, processor, label2id, max_pairs=script.max_pairs),
    }
    return RelationPretrainer(
        model, args, processor, **parts, batch_size=script.batch_size, mask_share=script.mask_share
    )


def main(argv: Sequence[str] | None = None, *, command: str = COMMAND) -> dict[str, Any]:
    """Pre-train with all seeds and write the results.

    Args:
        argv (`Sequence[str]`, *optional*): the options, see `hf-relation train finecl --help`; by default those of the
            process.
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
    data = load_pretraining_data(script)
    console.print("Data:", ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in data.counts.items()))
    parts = {name: cast(Any, getattr(data, name)) for name in ("train", "validation")}
    with claimed_run(script, args, parts, model_name_or_path=script.model_name_or_path):
        runs = []
        for seed in range(args.seed, args.seed + script.num_seeds):
            console.rule(f"training seed {seed}")
            runs.append(train_one(script, args, data, seed, console))
        return _write_results(script, args, data, runs, console) if args.process_index == 0 else {}


def _write_results(
    script: FineCLArguments,
    args: RelationTrainingArguments,
    data: PretrainingData,
    runs: list[dict[str, Any]],
    console: Console,
) -> dict[str, Any]:
    results: dict[str, Any] = {
        "method": "FineCL",
        "objective": script.objective,
        "corpora": [*script.corpora, *(Path(path).name for path in script.train_file)],
        "encoder": BASE_REPOSITORY if script.model_name_or_path is None else Path(script.model_name_or_path).name,
        "counts": data.counts,
        "relations": data.relations,
        "runs": runs,
        "settings": {name: value for name, value in changed_settings(script, args).items() if name != "facts"},
        "versions": library_versions(),
    }
    output = Path(args.output_dir)
    write_json(output / RESULTS, results)
    for run in runs:
        folder = output / f"seed-{run['seed']}"
        write_pretraining_card(folder, FineCLConfig.from_pretrained(folder), results, seed=run["seed"])
        losses = ", ".join(f"{name.removeprefix('eval_')} {value:.3f}" for name, value in run["validation"].items())
        console.print(f"Seed {run['seed']}, texts set aside: {losses}", markup=False)
    console.print(f"Figures: {output / RESULTS}. Models: {output}/seed-*", markup=False)
    return results


def _draw_learned(learned: dict[str, list[float]], folder: Path, console: Console) -> None:
    try:
        import_optional("matplotlib.figure", extra="viz")
    except ImportError as error:
        console.print(f"No picture: {error}", markup=False)
        return
    from hf_relation.plots import learned_by_epoch_plot

    learned_by_epoch_plot(learned, folder / "learned_by_epoch.png")
