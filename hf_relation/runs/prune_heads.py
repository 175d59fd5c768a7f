"""A pruning run: train every seed, rank and prune heads, score every language, write figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from hf_relation.cards.pruning_card import PRUNED_BY, write_pruning_card
from hf_relation.models.multitask import MultiTaskConfig
from hf_relation.runs.output_folder import RESULTS
from hf_relation.runs.prune_heads_arguments import COMMAND, PruneHeadsArguments, parse
from hf_relation.runs.prune_heads_data import PruningData, load_data
from hf_relation.runs.prune_heads_figures import curve_table, draw, report_table, summarize
from hf_relation.runs.prune_heads_search import JobRun
from hf_relation.runs.task_runs import common_results, draw_pictures, run_all_seeds
from hf_relation.runs.task_training import metric_name
from hf_relation.training import RelationTrainingArguments, write_json


def main(argv: Sequence[str] | None = None, *, command: str = COMMAND) -> dict[str, Any]:
    """Prune heads with all training seeds and write the results.

    Args:
        argv (`Sequence[str]`, *optional*): the options, see `--help`; by default those of the process.
        command (`str`): what the help shows in front of the options.

    Returns:
        `dict[str, Any]`: the content of results.json.

    Raises:
        UsageError: an option has a wrong value, or files are missing.
        InvalidRowError: a bad row in a file, with its line.
        TrainingError: training diverged.
    """
    script, args = parse(argv, command=command)
    console = Console()
    data = load_data(script, args)
    for note in data.notes:
        console.print(note, markup=False)
    if data.left_out:
        console.print(
            f"Left out, without rows to train on: {', '.join(data.left_out)}. --setting cross-lingual tests them.",
            markup=False,
        )
    tasks = {**data.sources, **data.targets}

    def one_seed(seed: int, folder: Path) -> dict[str, Any]:
        runs = [JobRun(script, data, job, seed, folder / folder_name(job.name), console) for job in data.jobs]
        return {"seed": seed, "jobs": [run.run() for run in runs]}

    def finish(runs: list[dict[str, Any]]) -> dict[str, Any]:
        return _write_results(script, args, data, runs, console)

    return run_all_seeds(script, args, tasks, one_seed, finish, console)


def _write_results(
    script: PruneHeadsArguments,
    args: RelationTrainingArguments,
    data: PruningData,
    runs: list[dict[str, Any]],
    console: Console,
) -> dict[str, Any]:
    summary = summarize(runs)
    metric = metric_name(data.learner.task(script.task), data.metric)
    results = {
        "task": script.task,
        "metric": metric,
        "setting": script.setting,
        "sources": list(data.sources),
        "left_out": data.left_out,
        **common_results(script, args, {**data.sources, **data.targets}, runs, summary),
    }
    output = Path(args.output_dir)
    write_json(output / RESULTS, results)
    write_cards(output, results)
    title = f"{script.task}, ranked on {', '.join(data.sources)}"
    if set(data.targets) != set(data.sources):
        title += f", {script.setting}"
    console.print(report_table(summary, metric, seeds=len(runs), title=title))
    curves = curve_table(summary, metric)
    if curves is not None:
        console.print(curves)
    draw_pictures(script, console, lambda: draw(output, runs, summary, metric=metric, title=title))
    console.print(f"Figures: {output / RESULTS}", markup=False)
    return results


def write_cards(output: Path, results: Mapping[str, Any]) -> None:
    """Write the cards of the models that a run kept.

    Args:
        output (`Path`): folder of the run.
        results (`Mapping`): the content of its results.json.
    """
    for run in results["runs"]:
        for job in run["jobs"]:
            for name in ("unpruned", "pruned"):
                folder = output / f"seed-{run['seed']}" / folder_name(job["name"]) / name
                if (folder / "config.json").is_file() and PRUNED_BY in job["searches"]:
                    config = MultiTaskConfig.from_pretrained(folder)
                    write_pruning_card(
                        folder, config, results, seed=run["seed"], job=job["name"], pruned=name == "pruned"
                    )


def folder_name(job: str) -> str:
    """Name of the folder of a job, within that of its seed."""
    return job.replace("/", "-")
