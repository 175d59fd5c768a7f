"""A RoCORE run: train every seed on known relations and unlabelled text, score it, write checkpoints, cards and figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rich.console import Console

from hf_relation.cards import write_model_card
from hf_relation.checkpoints import BASE_REPOSITORY
from hf_relation.compat import import_optional
from hf_relation.data import relation_names
from hf_relation.discovery import RelationDiscovery
from hf_relation.errors import UsageError
from hf_relation.models.rocore import RoCOREModel
from hf_relation.runs.output_folder import RESULTS, claimed
from hf_relation.runs.pseudo_label_arguments import pseudo_label_rules
from hf_relation.runs.records import RUN_FILE, describe_data, finished_run, run_results, run_settings
from hf_relation.runs.rocore_arguments import COMMAND, RoCOREArguments, parse
from hf_relation.runs.rocore_building import build, choose_layers, novel_count
from hf_relation.runs.rocore_callbacks import MapMaker, StopWhenSettled
from hf_relation.runs.rocore_data import load_data
from hf_relation.runs.rocore_scoring import ModelView, score_incremental, score_rocore, score_start, summarize
from hf_relation.training import (
    DiscoveryTrainer,
    ExperimentData,
    MixedBatchSampler,
    PseudoLabels,
    RelationDataset,
    RelationTrainingArguments,
    corpus_names,
    finite_only,
    has_complete_checkpoint,
    scores_table,
    single_relation,
    write_json,
)
from hf_relation.training.loading import data_seed
from hf_relation.training.scoring import VARIANTS


if TYPE_CHECKING:
    from hf_relation.data import Instance


_OPTIMISTIC = (
    "Optimistic: the epoch was chosen with the gold labels of the unlabelled text (--select_on_gold). Nobody who looks for "
    "new relations has them; do not compare these figures with those of methods that do without."
)
_SEEN = (
    "Warning: relations that are held out here must not have been among those {init} was trained on (the shipped checkpoint "
    "has seen all 64 known relations of FewRel), or they are not as novel ones are. Train a MORE checkpoint with the same "
    "--held_out_relations and --split_seed to start from."
)


def selection(script: RoCOREArguments, data: ExperimentData) -> dict[str, Any]:
    """The settings of training that say which epoch is kept."""
    metric = {"validation": "bcubed_f1", "agreement": "agreement"}.get(script.select_by)
    if script.select_on_gold:
        metric = "gold_bcubed_f1"
    if metric is not None:
        return {
            "eval_strategy": "epoch",
            "save_strategy": "epoch",
            "load_best_model_at_end": True,
            "metric_for_best_model": metric,
        }
    return {} if data.validation else {"eval_strategy": "no", "load_best_model_at_end": False}


def make_trainer(
    script: RoCOREArguments, args: RelationTrainingArguments, data: ExperimentData, seed: int
) -> DiscoveryTrainer:
    """Make the trainer of one seed: model, rows, batches, pseudo labels.

    Args:
        script ([`RoCOREArguments`]), args ([`~hf_relation.training.RelationTrainingArguments`]): what the run is told.
        data ([`~hf_relation.training.ExperimentData`]): its data.
        seed (`int`): the training seed.

    Returns:
        [`~hf_relation.training.DiscoveryTrainer`].
    """
    model, processor = build(script, data, seed)
    args = choose_layers(model, args)
    rows = [
        *data.train,
        *({**row, "relations": []} for row in data.unlabeled),
    ]  # whatever labels there are stay behind
    label2id = {name: number for number, name in enumerate(data.known_relations)}
    dataset = RelationDataset(cast(Any, rows), processor, label2id)
    read_gold = script.log_gold or script.select_on_gold
    gold = gold_relations(data) if read_gold else None
    targets = PseudoLabels(
        dataset.labels,
        novel_count(script, data),
        pseudo_label_rules(script, seed),
        pretraining_epochs=script.pretraining_epochs,
        fixed_pretraining_epochs=script.fixed_pretraining_epochs,
        fixed_pretraining={
            "learning_rate": script.pretraining_learning_rate,
            "batch_size": script.pretraining_batch_size,
            "seed": seed,
        },
        centroid_rows=script.centroid_rows,
        start_classifiers=script.start_classifiers,
        sharpness=script.sharpness,
        averaged=script.pseudo_averaged,
        score_agreement=script.select_by == "agreement",
        gold=gold,
        score_gold=script.select_on_gold,
    )
    sampler = MixedBatchSampler(
        dataset.labels,
        labelled_per_batch=script.labelled_per_batch,
        unlabelled_per_batch=script.unlabelled_per_batch,
        labelled_classes=script.labelled_classes,
        num_batches=script.batches_per_epoch,
        seed=data_seed(args),
    )
    trainer = DiscoveryTrainer(
        model, args, processor, dataset, data.validation or [], targets=targets, batch_sampler=sampler
    )
    if script.stop_below:
        trainer.add_callback(StopWhenSettled(script.stop_below))
    return trainer


def gold_relations(data: ExperimentData) -> list[str]:
    """The relations of the training rows and, for analysis, of the unlabelled ones.

    Raises:
        UsageError: an unlabelled row has no single gold relation.
    """
    names = [single_relation(row) for row in (*data.train, *data.unlabeled)]
    missing = sum(name is None for name in names)
    if missing:
        raise UsageError(
            f"--log_gold and --select_on_gold read gold relations of the unlabelled text, and {missing} of its "
            f"{len(data.unlabeled)} instances have none. Leave them out."
        )
    return [str(name) for name in names]


def train_one(
    script: RoCOREArguments,
    args: RelationTrainingArguments,
    data: ExperimentData,
    known_test: Sequence[Instance],
    seed: int,
    console: Console,
) -> dict[str, Any]:
    """Train with one seed, save the checkpoint, score it."""
    folder = Path(args.output_dir) / f"seed-{seed}"
    finished = finished_run(folder, script.resume, console)
    if finished is not None:
        return finished
    settings: dict[str, Any] = {"seed": seed, "output_dir": str(folder)} | selection(script, data)
    trainer = make_trainer(script, dataclasses.replace(args, **settings), data, seed)
    progress = not args.disable_tqdm
    run: dict[str, Any] = {"seed": seed}
    if trainer.is_world_process_zero():
        start = ModelView(cast(RoCOREModel, trainer.plain_model), trainer.processing_class, progress=progress)
        run["before"] = score_start(start, data, script)
    maps = None
    if script.tsne:
        wikidata = corpus_names(script)[1] in ("fewrel", "wiki80")
        shown = relation_names(script.data_dir) if wikidata else None
        maps = MapMaker(trainer, data.test, folder, script.pretraining_epochs, seed, shown)
        trainer.add_callback(maps)
    trainer.train(resume_from_checkpoint=script.resume and has_complete_checkpoint(folder))
    if trainer.is_world_process_zero():
        model = cast(RoCOREModel, trainer.model)
        view = ModelView(model, trainer.processing_class, progress=progress)
        run["scores"], whitening = score_rocore(view, data, script, novel_count(script, data))
        if known_test:
            run["incremental"] = score_incremental(view, data, known_test)
        if maps is not None:
            maps.draw()
        run["history"] = finite_only(trainer.state.log_history)
        whitened, reduced = VARIANTS.get(str(script.variant), (False, False))
        RelationDiscovery(
            model,
            trainer.processing_class,
            transform=whitening if whitened else None,
            pca_components=script.pca_components if reduced else None,
            n_init=script.n_init,
        ).save_pretrained(folder)
        write_json(folder / RUN_FILE, run)
    trainer.accelerator.wait_for_everyone()
    return run


def main(argv: Sequence[str] | None = None, *, command: str = COMMAND) -> dict[str, Any]:
    """Train every seed, score it, and write results, cards and the table.

    Args:
        argv (`Sequence[str]`, *optional*): the options; by default those of the process.
        command (`str`): what the help shows in front of the options.

    Returns:
        `dict[str, Any]`: the content of results.json; empty on all processes but the main one.

    Raises:
        UsageError: an option has a wrong value, or files are missing.
        InvalidRowError: a bad row in a JSONL file, with its line.
        TrainingError: training diverged.
    """
    script, args = parse(argv, command=command)
    if script.tsne:
        import_optional("matplotlib.figure", extra="viz")  # better now than after training
    console = Console(quiet=args.process_index != 0)
    data, known_test = load_data(script)
    describe_data(data, console)
    number = novel_count(script, data)
    console.print(f"Relations: {len(data.known_relations)} known, {number} to discover.")
    if script.select_on_gold:
        console.print(_OPTIMISTIC, style="bold")
    if script.novel == "held-out" and script.init is not None:
        console.print(_SEEN.format(init=script.init), markup=False)
    with claimed(
        args.output_dir,
        run_settings(script, args, data, "model_name_or_path", "init"),
        resume=script.resume,
        overwrite=script.overwrite,
        process_index=args.process_index,
        num_processes=args.world_size,
    ):
        runs = []
        for seed in range(args.seed, args.seed + script.num_seeds):
            console.rule(f"training seed {seed}")
            runs.append(train_one(script, args, data, known_test, seed, console))
        return write_results(script, args, data, runs, console) if args.process_index == 0 else {}


def write_results(
    script: RoCOREArguments,
    args: RelationTrainingArguments,
    data: ExperimentData,
    runs: list[dict[str, Any]],
    console: Console,
) -> dict[str, Any]:
    """Write results.json and the cards, and print the tables; gives the content of results.json."""
    summary = summarize(runs, script.variant or "head")
    results = run_results(
        script,
        args,
        data,
        runs,
        summary,
        method="RoCORE",
        encoder=start_name(script),
        selected_on_gold=script.select_on_gold,
        novel=script.novel,
        num_novel_relations=novel_count(script, data),
        before=summarize(runs, "plain", key="before"),
    )
    if script.novel == "held-out":
        results["published"] = None  # other relations than those of the published test
    output = Path(args.output_dir)
    write_json(output / RESULTS, results)
    base = BASE_REPOSITORY if script.model_name_or_path is None and script.init is None else None
    for run in runs:
        folder = output / f"seed-{run['seed']}"
        write_model_card(folder, results, name=f"{output.name}-{folder.name}", base_model=base, seed=run["seed"])
    corpus = " to ".join(dict.fromkeys(corpus_names(script)))
    console.print(scores_table(results["before"], title=f"Before: pair representations of {results['encoder']}"))
    console.print(scores_table(summary, title=f"RoCORE on {corpus}"))
    for run in runs:
        if "incremental" in run:
            figures = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in run["incremental"].items())
            console.print(f"Seed {run['seed']}, known classifier: {figures}")
    if script.select_on_gold:
        console.print(_OPTIMISTIC, style="bold")
    console.print(f"Figures: {output / RESULTS}")
    return results


def start_name(script: RoCOREArguments) -> str:
    """Name what the run starts from, without folders of this machine."""
    if script.init is not None:
        return Path(script.init).name
    return BASE_REPOSITORY if script.model_name_or_path is None else Path(script.model_name_or_path).name
