"""A KernelRE run: train every seed, score its triples, write checkpoints, cards, figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from rich.console import Console

from hf_relation.cards import write_extraction_card
from hf_relation.checkpoints import BASE_REPOSITORY
from hf_relation.compat import import_optional
from hf_relation.extraction import RelationExtractor
from hf_relation.models.kernel_re import KernelREModel
from hf_relation.runs.extraction_data import ExtractionData, describe, load_data
from hf_relation.runs.kernel_re_arguments import COMMAND, KernelREArguments, parse
from hf_relation.runs.kernel_re_building import make_trainer, start_name
from hf_relation.runs.kernel_re_figures import draw_figures, draw_reliability, report_table, shown, summarize
from hf_relation.runs.kernel_re_scoring import fit_rules, score_calibration, score_joint, score_part, score_semeval
from hf_relation.runs.output_folder import RESULTS
from hf_relation.runs.records import RUN_FILE, claimed_run, finished_run
from hf_relation.training import (
    RelationTrainingArguments,
    changed_settings,
    finite_only,
    has_complete_checkpoint,
    library_versions,
    write_json,
)


def train_one(
    script: KernelREArguments, args: RelationTrainingArguments, data: ExtractionData, seed: int, console: Console
) -> dict[str, Any]:
    """Train with one seed, fit the rules on validation, score the test, save the checkpoint."""
    folder = Path(args.output_dir) / f"seed-{seed}"
    finished = finished_run(folder, script.resume, console)
    if finished is not None:
        return finished
    settings: dict[str, Any] = {"seed": seed, "output_dir": str(folder)}
    trainer = make_trainer(script, dataclasses.replace(args, **settings), data, seed)
    dataset = cast(Any, trainer.train_dataset)
    for number, what in (
        (dataset.num_cut, "training texts are longer than the encoder takes, and are cut into windows"),
        (dataset.num_nested, "mentions overlap longer ones, and the tagger does not learn them"),
    ):
        if number:
            console.print(f"{number} {what}.")
    trainer.train(resume_from_checkpoint=script.resume and has_complete_checkpoint(folder))
    parts = {"validation": data.validation, "test": data.test}
    scores = {name: trainer.score(documents) for name, documents in parts.items()}  # in all processes
    run: dict[str, Any] = {"seed": seed}
    if trainer.is_world_process_zero():
        model, processor = cast(KernelREModel, trainer.model), trainer.processing_class
        rules = fit_rules(script, data, scores["validation"])
        run["scores"] = {name: score_part(documents, scores[name], data, rules) for name, documents in parts.items()}
        run["calibration"] = score_calibration(data.test, scores["test"], data, rules)
        run["thresholds"] = rules.thresholds.to_dict()
        if script.dataset == "semeval":
            run["semeval"] = {
                name: score_semeval(documents, scores[name], data, rules) for name, documents in parts.items()
            }
        if model.tagger is not None:
            run["joint"] = {name: score_joint(model, processor, documents, rules) for name, documents in parts.items()}
        run["parameters"] = sum(weight.numel() for weight in model.parameters())
        run["history"] = finite_only(trainer.state.log_history)
        RelationExtractor(model, processor, rules=rules).save_pretrained(folder)
        write_json(folder / RUN_FILE, run)
    trainer.accelerator.wait_for_everyone()
    return run


def main(argv: Sequence[str] | None = None, *, command: str = COMMAND) -> dict[str, Any]:
    """Train all seeds and write the results.

    Args:
        argv (`Sequence[str]`, *optional*): the options, see `hf-relation train kernel-re --help`; by default those of the
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
    data = load_data(script)
    describe(data, console)
    parts = {name: cast(Any, getattr(data, name)) for name in ("train", "validation", "test")}
    with claimed_run(script, args, parts, model_name_or_path=script.model_name_or_path):
        runs = []
        for seed in range(args.seed, args.seed + script.num_seeds):
            console.rule(f"training seed {seed}")
            runs.append(train_one(script, args, data, seed, console))
        return write_results(script, args, data, runs, console) if args.process_index == 0 else {}


def write_results(
    script: KernelREArguments,
    args: RelationTrainingArguments,
    data: ExtractionData,
    runs: list[dict[str, Any]],
    console: Console,
) -> dict[str, Any]:
    """Write results.json, pictures and cards, and print the tables; gives the content of results.json."""
    summary = summarize(runs)
    one_pair = data.pairs == "first"
    results: dict[str, Any] = {
        "method": "KernelRE",
        "dataset": script.dataset,
        "encoder": start_name(script),
        "validation_from": data.validation_from,
        "one_pair": one_pair,
        "counts": data.counts,
        "relations": data.relations,
        "unseen_relations": data.unseen_relations,
        "summary": summary,
        "runs": runs,
        "settings": changed_settings(script, args),
        "versions": library_versions(),
    }
    output = Path(args.output_dir)
    write_json(output / RESULTS, results)
    base = BASE_REPOSITORY if script.model_name_or_path is None else None
    for run in runs:
        folder = output / f"seed-{run['seed']}"
        write_extraction_card(folder, results, seed=run["seed"], name=f"{output.name}-{folder.name}", base_model=base)
    for part in ("validation", "test"):
        console.print(report_table(summary, part, one_pair=one_pair, title=f"KernelRE on {script.dataset}: {part}"))
    if "semeval" in summary:
        for part, found in summary["semeval"].items():
            figures = ", ".join(f"{name} rules {shown(value)}" for name, value in found.items())
            console.print(f"Official macro F1 (9 directed relations, without Other), {part}: {figures}")
    if "joint" in summary:
        for part, found in summary["joint"].items():
            entities, triples = found["entities"], found["triples"]["fitted"]
            console.print(
                f"Raw text, {part}: entities strict F1 {shown(entities['strict_f1'])}, partial {shown(entities['partial_f1'])}; "
                f"triples strict F1 {shown(triples['triple_f1'])}"
            )
    if script.plots:
        written = _pictures(script, summary, runs, output, console)
        if written:
            console.print("Pictures:", ", ".join(str(path) for path in written), markup=False)
    console.print(f"Figures: {output / RESULTS}", markup=False)
    return results


def _pictures(
    script: KernelREArguments, summary: dict[str, Any], runs: list[dict[str, Any]], output: Path, console: Console
) -> list[Path]:
    try:
        import_optional("matplotlib.figure", extra="viz")
    except ImportError as error:
        console.print(f"No pictures: {error}", markup=False)
        return []
    return draw_figures(summary, output, script.dataset, len(runs)) + draw_reliability(runs[0], output, script.dataset)
