"""Train MORE on known relations and score it on relations it has never seen.

For every training seed: train with class-balanced batches, keep the weights that cluster the held-out *known* relations
best, then read the test set once. Prints a table and writes, under --output_dir, a checkpoint with its model card for every
seed, and results.json with all figures, settings, versions and data counts. Runs under `python` and `accelerate launch`.

Examples:
  python examples/train_more.py --dataset fewrel --data_dir data --output_dir runs/more --max_steps 240
  python examples/train_more.py --dataset jsonl --train_file known.jsonl --test_file novel.jsonl --output_dir runs/mine
"""

from __future__ import annotations

import dataclasses
import json
import sys
from argparse import ArgumentDefaultsHelpFormatter, RawDescriptionHelpFormatter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from transformers import AutoTokenizer, HfArgumentParser

from hf_relation.cards import write_model_card
from hf_relation.checkpoints import BASE_REPOSITORY, base_encoder_path
from hf_relation.discovery import RelationDiscovery
from hf_relation.discovery.state import read_state, write_state
from hf_relation.errors import CheckpointError, HfRelationError, UsageError
from hf_relation.models.more import MOREModel
from hf_relation.processing import RelationProcessor
from hf_relation.training import (
    ExperimentArguments,
    ExperimentData,
    RelationTrainer,
    RelationTrainingArguments,
    changed_settings,
    check_processes,
    finite_only,
    has_complete_checkpoint,
    library_versions,
    load_experiment_data,
    score_model,
    scores_table,
    summarize_runs,
    write_json,
)


# Where this script's defaults differ from those of RelationTrainingArguments; any of them can be given on the command line.
DEFAULTS: dict[str, Any] = {
    "output_dir": "runs/more",
    "max_steps": 120,
    "ema_decay": 0.97,
    "learning_rate": 5e-5,
    "warmup_steps": 0.1,
    "weight_decay": 0.01,
    "bf16": True,
    "eval_strategy": "steps",
    "eval_steps": 20,
    "save_strategy": "steps",
    "save_steps": 20,
    "save_total_limit": 1,
    "load_best_model_at_end": True,
    "logging_steps": 10,
    "dataloader_pin_memory": False,
}


@dataclass
class ScriptArguments(ExperimentArguments):
    """What to start from; what to train on and how to score it is in [`ExperimentArguments`]."""

    model_name_or_path: str | None = field(
        default=None, metadata={"help": "encoder to start from: folder or Hub id; default: the MiniLM-L6 base encoder"}
    )
    marker_policy: str = field(
        default="entity", metadata={"choices": ["none", "entity", "typed"], "help": "marker tokens"}
    )
    entity_types: list[str] = field(
        default_factory=list, metadata={"help": "types with markers, for --marker_policy typed"}
    )
    max_length: int = field(
        default=128, metadata={"help": "longest input in tokens; longer texts are cut around mentions"}
    )
    pooling: list[str] = field(
        default_factory=lambda: ["head_mean", "tail_mean", "between_mean"],
        metadata={"help": "summaries of token states, joined in this order; see hf_relation.models.encoder"},
    )
    normalize_blocks: bool = field(default=True, metadata={"help": "scale every summary to length one before joining"})
    layer: int = field(default=-1, metadata={"help": "hidden states to pool; -1: the last layer"})
    projection_dim: int | None = field(
        default=None, metadata={"help": "width of a linear layer on top; default: none"}
    )
    loss: str = field(default="ranked_list", metadata={"choices": ["ranked_list", "sup_con"], "help": "training loss"})
    loss_kwargs: str = field(default="{}", metadata={"help": "its arguments as JSON, e.g. '{\"temperature\": 0.1}'"})


class HelpFormatter(ArgumentDefaultsHelpFormatter, RawDescriptionHelpFormatter):
    """Show defaults, and the description as it stands above."""


def parse(argv: Sequence[str] | None) -> tuple[ScriptArguments, RelationTrainingArguments]:
    """Read the command line."""
    parser = HfArgumentParser(
        (ScriptArguments, RelationTrainingArguments),  # type: ignore[arg-type]
        usage="%(prog)s [options]",
        description=__doc__,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    # Without use_cpu inside the script, CPU processes of `accelerate launch` do not find one another.
    parser.set_defaults(**DEFAULTS, use_cpu=not torch.cuda.is_available())
    script, args = parser.parse_args_into_dataclasses(args=None if argv is None else list(argv))
    try:
        wrong = "" if isinstance(json.loads(script.loss_kwargs), dict) else "not an object"
    except json.JSONDecodeError as error:
        wrong = str(error)
    if wrong:
        raise UsageError(f"`--loss_kwargs` must be a JSON object such as '{{\"temperature\": 0.1}}': {wrong}.")
    if script.num_seeds < 1 or script.num_cluster_seeds < 1:
        raise UsageError("`num_seeds` and `num_cluster_seeds` must be at least 1.")
    if args.resume_from_checkpoint:
        raise UsageError("Use --resume: it finds the last complete checkpoint of every seed by itself.")
    if script.num_threads is not None:
        torch.set_num_threads(script.num_threads)
    check_processes(args)
    return script, args


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


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train all seeds and write the results; gives the content of results.json (empty on other processes)."""
    script, args = parse(argv)
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


if __name__ == "__main__":
    try:
        main()
    except HfRelationError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
