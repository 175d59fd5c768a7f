"""A MORE run: train every seed, score it, write checkpoints, cards and figures."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from transformers import AutoTokenizer

from hf_relation.cards import write_model_card
from hf_relation.checkpoints import BASE_REPOSITORY, base_encoder_path
from hf_relation.discovery import RelationDiscovery
from hf_relation.discovery.state import read_state, write_state
from hf_relation.errors import CheckpointError
from hf_relation.models.more import MOREModel
from hf_relation.processing import RelationProcessor
from hf_relation.runs.more_arguments import COMMAND, ScriptArguments, parse
from hf_relation.training import (
    ExperimentData,
    RelationTrainer,
    RelationTrainingArguments,
    changed_settings,
    finite_only,
    has_complete_checkpoint,
    library_versions,
    load_experiment_data,
    score_model,
    scores_table,
    summarize_runs,
    write_json,
)


def with_classes(args: RelationTrainingArguments, number: int) -> RelationTrainingArguments:
    """The same arguments for batches of another number of relations."""
    return dataclasses.replace(
        args, classes_per_batch=number, per_device_train_batch_size=number * args.instances_per_class
    )


def build(script: ScriptArguments, seed: int) -> tuple[MOREModel, RelationProcessor]:
    """Make the model at its start, and its processor."""
    name = base_encoder_path() if script.model_name_or_path is None else script.model_name_or_path
    processor = RelationProcessor(
        AutoTokenizer.from_pretrained(str(name)),
        marker_policy=script.marker_policy,
        entity_types=script.entity_types,
        max_length=script.max_length,
    )
    model = MOREModel.from_backbone(
        name,
        processor,
        seed=seed,
        pooling=script.pooling,
        normalize_blocks=script.normalize_blocks,
        layer=script.layer,
        projection_dim=script.projection_dim,
        loss=script.loss,
        loss_kwargs=json.loads(script.loss_kwargs),
    )
    return model, processor


def train_one(
    script: ScriptArguments, args: RelationTrainingArguments, data: ExperimentData, seed: int, console: Console
) -> dict[str, Any]:
    """Train with one seed, save the checkpoint, score it."""
    folder = Path(args.output_dir) / f"seed-{seed}"
    if script.resume and (folder / "run.json").is_file():
        console.print(f"Finished before; its figures are taken from {folder / 'run.json'}.")
        return json.loads((folder / "run.json").read_text(encoding="utf-8"))
    no_choice = {} if data.validation else {"eval_strategy": "no", "load_best_model_at_end": False}
    seed_args = dataclasses.replace(args, seed=seed, output_dir=str(folder), **no_choice)
    model, processor = build(script, seed)
    trainer = RelationTrainer(model, seed_args, processor, data.train, data.validation or None)
    trainer.train(resume_from_checkpoint=script.resume and has_complete_checkpoint(folder))
    run: dict[str, Any] = {}
    if trainer.is_world_process_zero():
        scores, whitening = score_model(
            trainer.model,
            processor,
            data,
            cluster_seeds=range(script.num_cluster_seeds),
            n_init=script.n_init,
            pca_components=script.pca_components,
            whitening_per_relation=script.whitening_per_relation,
            shrinkage=script.whitening_shrinkage,
        )
        RelationDiscovery(trainer.model, processor, transform=whitening, n_init=script.n_init).save_pretrained(folder)
        run = {"seed": seed, "scores": scores, "history": finite_only(trainer.state.log_history)}
        write_json(folder / "run.json", run)
    trainer.accelerator.wait_for_everyone()
    return run


def finish(script: ScriptArguments, folder: Path, results: dict[str, Any], seed: int) -> None:
    """Put the chosen steps after the embedding, and the model card, into the checkpoint of one seed."""
    chosen = results["summary"]["chosen"]
    state = read_state(folder)
    if state is None:
        raise CheckpointError(f"{folder} has lost its discovery.json; train this seed again (without --resume).")
    state.settings["transform"] = "whitening" if "whitening" in chosen else None
    state.settings["pca_components"] = script.pca_components if "pca" in chosen else None
    write_state(folder, state)
    base = BASE_REPOSITORY if script.model_name_or_path is None else None
    write_model_card(folder, results, name=f"{folder.parent.name}-{folder.name}", seed=seed, base_model=base)


def main(argv: Sequence[str] | None = None, *, command: str = COMMAND) -> dict[str, Any]:
    """Train all seeds and write the results.

    Args:
        argv (`Sequence[str]`, *optional*): the options, see `hf-relation train more --help`; by default those of the process.
        command (`str`): what the help shows in front of the options.

    Returns:
        `dict[str, Any]`: the content of results.json; empty on all processes but the main one.

    Raises:
        UsageError: an option has a wrong value, or files are missing.
        InvalidRowError: a bad row in a JSONL file, with its line.
    """
    script, args = parse(argv, command=command)
    console = Console(quiet=args.process_index != 0)
    data = load_experiment_data(script)
    console.print("Data:", ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in data.counts.items()))
    if args.classes_per_batch > len(data.known_relations) >= 2:
        console.print(
            f"Batches hold the {len(data.known_relations)} known relations there are, not {args.classes_per_batch}."
        )
        args = with_classes(args, len(data.known_relations))
    runs = []
    for seed in range(args.seed, args.seed + script.num_seeds):
        console.rule(f"training seed {seed}")
        runs.append(train_one(script, args, data, seed, console))
    if args.process_index != 0:
        return {}
    summary = summarize_runs(runs, variant=script.variant)
    results = {
        "dataset": script.dataset,
        "published": "fewrel" if script.dataset != "jsonl" and script.test_file is None else None,
        "encoder": BASE_REPOSITORY if script.model_name_or_path is None else Path(script.model_name_or_path).name,
        "counts": data.counts,
        "relations": {
            "known": data.known_relations,
            "held_out": data.held_out_relations,
            "novel": data.novel_relations,
        },
        "summary": summary,
        "runs": runs,
        "evaluation": {
            "cluster_seeds": list(range(script.num_cluster_seeds)),
            "n_init": script.n_init,
            "dtype": "float32",
        },
        "settings": changed_settings(script, args),
        "versions": library_versions(),
    }
    output = Path(args.output_dir)
    write_json(output / "results.json", results)
    for run in runs:
        finish(script, output / f"seed-{run['seed']}", results, run["seed"])
    console.print(scores_table(summary, title=f"MORE on {script.dataset}"))
    console.print(f"Figures: {output / 'results.json'}. Best run: {output}/seed-{runs[summary['best_run']]['seed']}")
    return results
