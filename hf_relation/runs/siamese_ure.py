"""A Siamese-URE run: train every seed on text without labels, score it, write checkpoints, cards and figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from rich.console import Console

from hf_relation.cards import write_model_card
from hf_relation.checkpoints import BASE_REPOSITORY
from hf_relation.discovery import RelationDiscovery
from hf_relation.errors import UsageError
from hf_relation.models.siamese_ure import SiameseUREModel
from hf_relation.runs.output_folder import RESULTS, claimed
from hf_relation.runs.records import RUN_FILE, describe_data, finished_run, run_results, run_settings
from hf_relation.runs.siamese_ure_arguments import COMMAND, ScriptArguments, parse, per_step
from hf_relation.runs.siamese_ure_building import build, cluster_count, load_data, start_name
from hf_relation.runs.siamese_ure_scoring import score
from hf_relation.training import (
    CollapseMonitor,
    DiscoveryTrainer,
    ExperimentData,
    NeighborBank,
    NeighborCollator,
    RelationCollator,
    RelationDataset,
    RelationTrainingArguments,
    ShuffledBatchSampler,
    corpus_names,
    finite_only,
    has_complete_checkpoint,
    scores_table,
    single_relation,
    summarize_runs,
    write_json,
)
from hf_relation.training.loading import data_seed


def make_trainer(
    script: ScriptArguments, args: RelationTrainingArguments, data: ExperimentData, seed: int
) -> tuple[DiscoveryTrainer, CollapseMonitor]:
    """Make the trainer of one seed: model, rows without labels, batches, neighbours; and what watches it.

    Args:
        script ([`ScriptArguments`]), args ([`~hf_relation.training.RelationTrainingArguments`]): what the run is told.
        data ([`~hf_relation.training.ExperimentData`]): its data.
        seed (`int`): the training seed.

    Returns:
        `tuple`: the trainer and the monitor of collapse.
    """
    model, processor = build(script, data, seed)
    rows: list[Any] = [{**row, "relations": []} for row in data.unlabeled]  # whatever labels there are stay behind
    dataset = RelationDataset(rows, processor)
    collator = RelationCollator(
        processor, mention_dropout=args.mention_dropout, word_dropout=args.word_dropout, seed=data_seed(args)
    )
    bank = NeighborBank(
        NeighborCollator(dataset, collator),
        num_neighbors=script.neighbors,
        neighbors_per_step=per_step(script),
        warmup_epochs=script.warmup_epochs,
        components=script.neighbor_components,
        start_clusters=script.init_clusters == "kmeans",
        seed=seed,
        gold=_gold(data) if script.analyse_neighbors else None,
    )
    sampler = ShuffledBatchSampler(
        len(dataset), batch_size=script.batch_size, seed=data_seed(args), num_processes=args.world_size
    )
    monitor = CollapseMonitor(model.config.uncollapsed_std)
    trainer = DiscoveryTrainer(
        model,
        args,
        processor,
        dataset,
        targets=bank,
        batch_sampler=sampler,
        data_collator=collator,
        callbacks=[monitor],
    )
    if not script.train_projector:
        model.projector.requires_grad_(False)
    return trainer, monitor


def train_one(
    script: ScriptArguments, args: RelationTrainingArguments, data: ExperimentData, seed: int, console: Console
) -> dict[str, Any]:
    """Score the start, train with one seed, save the checkpoint, score it."""
    folder = Path(args.output_dir) / f"seed-{seed}"
    finished = finished_run(folder, script.resume, console)
    if finished is not None:
        return finished
    settings: dict[str, Any] = {
        "seed": seed,
        "output_dir": str(folder),
        "eval_strategy": "no",
        "load_best_model_at_end": False,
    }
    trainer, monitor = make_trainer(script, dataclasses.replace(args, **settings), data, seed)
    progress = not args.disable_tqdm
    run: dict[str, Any] = {"seed": seed}
    if trainer.is_world_process_zero():
        start = cast(SiameseUREModel, trainer.plain_model)
        before, spread_before = score(start, trainer.processing_class, data, script, head=False, progress=progress)
    trainer.train(resume_from_checkpoint=script.resume and has_complete_checkpoint(folder))
    if trainer.is_world_process_zero():
        model = cast(SiameseUREModel, trainer.model)
        head = model.config.use_clustering and model.config.cluster_loss == "scan"
        after, spread_after = score(model, trainer.processing_class, data, script, head=head, progress=progress)
        run |= {"scores": after, "before": before}
        run["collapse"] = {
            "spread_before": spread_before,
            "spread_after": spread_after,
            "lowest_output_spread": monitor.lowest,
            "warned": monitor.collapsed,
        }
        run["history"] = finite_only(trainer.state.log_history)
        RelationDiscovery(
            model,
            trainer.processing_class,
            pca_components=script.pca_components if script.variant == "pca" else None,
            n_init=script.n_init,
            algorithm=cast(Any, script.algorithm),
        ).save_pretrained(folder)
        write_json(folder / RUN_FILE, run)
    trainer.accelerator.wait_for_everyone()
    return run


def main(argv: Sequence[str] | None = None, *, command: str = COMMAND) -> dict[str, Any]:
    """Train all seeds and write the results.

    Args:
        argv (`Sequence[str]`, *optional*): the options, see `hf-relation train siamese-ure --help`; by default those of the
            process.
        command (`str`): what the help shows in front of the options.

    Returns:
        `dict[str, Any]`: the content of results.json; empty on all processes but the main one.

    Raises:
        UsageError: an option has a wrong value, or files are missing.
        InvalidRowError: a bad row in a JSONL file, with its line.
        TrainingError: training diverged.
    """
    script, args = parse(argv, command=command)
    console = Console(quiet=args.process_index != 0)
    data = load_data(script)
    describe_data(data, console)
    console.print(f"Clusters: {cluster_count(script, data)}.")
    with claimed(
        args.output_dir,
        run_settings(script, args, data, "model_name_or_path"),
        resume=script.resume,
        overwrite=script.overwrite,
        process_index=args.process_index,
        num_processes=args.world_size,
    ):
        runs = []
        for seed in range(args.seed, args.seed + script.num_seeds):
            console.rule(f"training seed {seed}")
            runs.append(train_one(script, args, data, seed, console))
        return write_results(script, args, data, runs, console) if args.process_index == 0 else {}


def write_results(
    script: ScriptArguments,
    args: RelationTrainingArguments,
    data: ExperimentData,
    runs: list[dict[str, Any]],
    console: Console,
) -> dict[str, Any]:
    """Write results.json and the cards, and print the tables; gives the content of results.json."""
    chosen = script.variant or "plain"
    summary = summarize_runs(runs, variant=chosen)
    before = summarize_runs([run | {"scores": run["before"]} for run in runs], variant=chosen)
    results = run_results(
        script,
        args,
        data,
        runs,
        summary,
        method="Siamese-URE",
        encoder=start_name(script),
        novel=script.novel,
        num_clusters=cluster_count(script, data),
        before=before,
    )
    if script.novel == "held-out" or script.num_clusters != "true":
        results["published"] = None  # other relations, or another number of clusters, than in the published figures
    output = Path(args.output_dir)
    write_json(output / RESULTS, results)
    base = BASE_REPOSITORY if script.model_name_or_path is None else None
    for run in runs:
        folder = output / f"seed-{run['seed']}"
        write_model_card(folder, results, name=f"{output.name}-{folder.name}", base_model=base, seed=run["seed"])
    corpus = corpus_names(script)[1]
    console.print(scores_table(before, title=f"Before: {start_name(script)}"))
    console.print(scores_table(summary, title=f"Siamese-URE on {corpus}, without labels"))
    for run in runs:
        console.print(
            f"Seed {run['seed']}: spread of the embeddings {run['collapse']['spread_before']:.2f} before, "
            f"{run['collapse']['spread_after']:.2f} after (0 after a collapse)."
        )
    console.print(f"Figures: {output / RESULTS}")
    return results


def _gold(data: ExperimentData) -> list[str]:
    names = [single_relation(row) for row in data.unlabeled]
    if missing := sum(name is None for name in names):
        raise UsageError(
            f"--analyse_neighbors needs one gold relation for every unlabelled instance, and {missing} of {len(names)} have "
            "none. Leave it out."
        )
    return [str(name) for name in names]
