"""A MORE run: train every seed, score it, write checkpoints, cards and figures."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from hf_relation.cards import write_model_card
from hf_relation.checkpoints import BASE_REPOSITORY
from hf_relation.discovery import RelationDiscovery
from hf_relation.discovery.state import read_state, write_state
from hf_relation.errors import CheckpointError
from hf_relation.runs.building import Words, build, encoder_name, read_words
from hf_relation.runs.label_noise import add_label_noise
from hf_relation.runs.learning_order import learned_labels
from hf_relation.runs.more_arguments import COMMAND, ScriptArguments, parse
from hf_relation.runs.output_folder import RESULTS, claimed
from hf_relation.runs.records import RUN_FILE, describe_data, finished_run, run_results, run_settings
from hf_relation.training import (
    ExperimentData,
    RelationDataset,
    RelationTrainer,
    RelationTrainingArguments,
    corpus_names,
    finite_only,
    has_complete_checkpoint,
    load_experiment_data,
    score_model,
    scores_table,
    summarize_runs,
    write_json,
)


_BANDWIDTH = {"bandwidth", "bandwidth_quantile"}


def with_classes(args: RelationTrainingArguments, number: int) -> RelationTrainingArguments:
    """The same arguments for batches of another number of relations."""
    return dataclasses.replace(
        args, classes_per_batch=number, per_device_train_batch_size=number * args.instances_per_class
    )


def train_one(
    script: ScriptArguments,
    args: RelationTrainingArguments,
    data: ExperimentData,
    seed: int,
    console: Console,
    words: Words | None = None,
    weights: Sequence[float] | None = None,
) -> dict[str, Any]:
    """Train with one seed, save the checkpoint, score it."""
    folder = Path(args.output_dir) / f"seed-{seed}"
    finished = finished_run(folder, script.resume, console)
    if finished is not None:
        return finished
    changes: dict[str, Any] = {"seed": seed, "output_dir": str(folder)}
    if not data.validation:
        changes |= {"eval_strategy": "no", "load_best_model_at_end": False}
    seed_args = dataclasses.replace(args, **changes)
    model, processor = build(script, seed, words)
    rows: Any = data.train if weights is None else RelationDataset(data.train, processor, weights=weights)
    trainer = RelationTrainer(model, seed_args, processor, rows, data.validation or None)
    trainer.train(resume_from_checkpoint=script.resume and has_complete_checkpoint(folder))
    run: dict[str, Any] = {}
    algorithm: Any = script.algorithm
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
            algorithm=algorithm,
            cluster_kwargs=cluster_settings(script, data),
        )
        RelationDiscovery(
            trainer.model, processor, transform=whitening, n_init=script.n_init, algorithm=algorithm
        ).save_pretrained(folder)
        run = {"seed": seed, "scores": scores, "history": finite_only(trainer.state.log_history)}
        write_json(folder / RUN_FILE, run)
    trainer.accelerator.wait_for_everyone()
    return run


def cluster_settings(script: ScriptArguments, data: ExperimentData) -> dict[str, Any]:
    """The settings of the clustering; the bandwidth of mean shift is chosen on held-out relations unless it is given."""
    settings = json.loads(script.cluster_kwargs)
    if script.algorithm == "mean_shift" and len(data.held_out_relations) > 1 and not settings.keys() & _BANDWIDTH:
        settings["bandwidth_quantile"] = "auto"
    return settings


def finish(script: ScriptArguments, folder: Path, results: dict[str, Any], seed: int) -> None:
    """Put the chosen steps after the embedding, and the model card, into the checkpoint of one seed."""
    chosen = results["summary"]["chosen"]
    state = read_state(folder)
    if state is None:
        raise CheckpointError(f"{folder} has lost its discovery.json; train this seed again (without --resume).")
    state.settings["transform"] = "whitening" if "whitening" in chosen else None
    state.settings["pca_components"] = script.pca_components if "pca" in chosen else None
    cluster_kwargs = dict(results["evaluation"].get("cluster_kwargs", {}))
    if cluster_kwargs.get("bandwidth_quantile") == "auto":
        scores = next(run["scores"] for run in results["runs"] if run["seed"] == seed)
        cluster_kwargs["bandwidth_quantile"] = scores["validation"][chosen][0]["bandwidth_quantile"]
    state.settings["algorithm_kwargs"] = cluster_kwargs or None
    write_state(folder, state)
    base = BASE_REPOSITORY if script.model_name_or_path is None and script.encoder == "transformer" else None
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
    right = load_experiment_data(script)
    data = add_label_noise(right, script.label_noise, script.label_noise_seed)
    words = read_words(script, data.train)
    describe_data(data, console)
    if words is not None:
        console.print(f"Word vectors: {words.about}.", markup=False)
    if args.classes_per_batch > len(data.known_relations) >= 2:
        console.print(
            f"Batches hold the {len(data.known_relations)} known relations there are, not {args.classes_per_batch}."
        )
        args = with_classes(args, len(data.known_relations))
    with claimed(
        args.output_dir,
        run_settings(script, args, data, "model_name_or_path", "word_vectors", "learning_order"),
        resume=script.resume,
        overwrite=script.overwrite,
        process_index=args.process_index,
        num_processes=args.world_size,
    ):
        learned = None
        if script.learning_order is not None:
            console.rule("learning order")
            learned = learned_labels(
                script,
                args,
                data.train,
                model_name_or_path=script.model_name_or_path,
                max_length=script.max_length,
                resume=script.resume,
                console=console,
            )
        runs = []
        for seed in range(args.seed, args.seed + script.num_seeds):
            console.rule(f"training seed {seed}")
            runs.append(train_one(script, args, data, seed, console, words, learned.weights if learned else None))
        if args.process_index != 0:
            return {}
        about: dict[str, Any] = {}
        if learned is not None:
            wrong = [old["relations"] != new["relations"] for old, new in zip(right.train, data.train, strict=True)]
            about["learning_order"] = learned.about(wrong)
            console.print(f"Learning order: {json.dumps(about['learning_order'])}", markup=False)
        return write_results(script, args, data, runs, words, console, about)


def write_results(
    script: ScriptArguments,
    args: RelationTrainingArguments,
    data: ExperimentData,
    runs: list[dict[str, Any]],
    words: Words | None,
    console: Console,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write results.json and the cards, and print the table; gives the content of results.json."""
    summary = summarize_runs(runs, variant=script.variant)
    about_words = {} if words is None else {"word_vectors": words.about}
    cluster_kwargs = cluster_settings(script, data)
    results = run_results(
        script,
        args,
        data,
        runs,
        summary,
        method="MORE",
        encoder=encoder_name(script) if words is None else "CNN",
        evaluation={"cluster_kwargs": cluster_kwargs} if cluster_kwargs else None,
        **about_words,
        **(more or {}),
    )
    if script.learning_order is not None:
        results["settings"]["learning_order"] = Path(script.learning_order).name  # no folder of this machine
    output = Path(args.output_dir)
    write_json(output / RESULTS, results)
    for run in runs:
        finish(script, output / f"seed-{run['seed']}", results, run["seed"])
    console.print(scores_table(summary, title=f"MORE on {' to '.join(dict.fromkeys(corpus_names(script)))}"))
    console.print(f"Figures: {output / RESULTS}. Best run: {output}/seed-{runs[summary['best_run']]['seed']}")
    return results
