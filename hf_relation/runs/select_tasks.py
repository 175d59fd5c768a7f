"""A run that selects auxiliary tasks: every seed, every primary task, every way of selecting; figures."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hf_relation.heads import HeadCorrelation
from hf_relation.runs.output_folder import RESULTS
from hf_relation.runs.prune_heads_figures import shown
from hf_relation.runs.records import mean_and_sd
from hf_relation.runs.select_tasks_arguments import COMMAND, SelectTasksArguments, parse
from hf_relation.runs.select_tasks_data import SelectionData, load_data
from hf_relation.runs.select_tasks_heads import HeadsOfTasks
from hf_relation.runs.select_tasks_methods import Selections
from hf_relation.runs.select_tasks_trials import Trainings, digest_of
from hf_relation.runs.task_runs import common_results, draw_pictures, over_seeds, run_all_seeds, run_settings
from hf_relation.runs.task_training import metric_name
from hf_relation.training import RelationTrainingArguments, write_json


NEEDS_HEADS = {"gradts", "gradts-instances"}
# Options that change which trainings are made, not what one of them gives; rows and seed are looked at by themselves.
FREE_OF_TRAININGS = {
    *("tasks", "primary", "selections", "usage", "num_random", "rule", "selection_share", "selection_seed", "seed"),
    *("autosem_rounds", "autosem_steps", "autosem_tasks", "autosem_trials", "plots", "split_seed"),
    *("max_train_rows", "max_eval_rows", "validation_share", "test_share"),
}


def main(argv: Sequence[str] | None = None, *, command: str = COMMAND) -> dict[str, Any]:
    """Select auxiliary tasks with all training seeds and write the results.

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

    def finish(runs: list[dict[str, Any]]) -> dict[str, Any]:
        return _write_results(script, args, data, runs, console)

    return run_all_seeds(
        script, args, data.tasks, lambda seed, _: _one_seed(script, args, data, seed, console), finish, console
    )


def _one_seed(
    script: SelectTasksArguments, args: RelationTrainingArguments, data: SelectionData, seed: int, console: Console
) -> dict[str, Any]:
    cache = Path(args.output_dir) / "trainings" if script.cache_dir is None else Path(script.cache_dir)
    settings = digest_of(
        {key: value for key, value in run_settings(script, args, {}).items() if key not in FREE_OF_TRAININGS}
    )
    trainings = Trainings(script, data, seed, cache, settings, console)
    heads = HeadsOfTasks(script, data, seed, cache, settings, console)
    run: dict[str, Any] = {"seed": seed, "primaries": {}}
    for primary in data.primaries:
        selections = Selections(script, trainings, primary, heads)
        found: dict[str, Any] = {}
        for name in script.selections:
            console.print(f"{primary}: {name}", markup=False)
            found |= selections.run(name)
        run["primaries"][primary] = found
        if NEEDS_HEADS & set(script.selections):
            correlation = _in_order(selections.selector.correlation(), list(data.tasks))
            run["taus"] = {"names": list(data.tasks), "matrix": correlation.tolist()}
    return run


def _in_order(correlation: HeadCorrelation, names: Sequence[str]) -> np.ndarray:
    places = [correlation.names.index(name) for name in names]
    return correlation.matrix[np.ix_(places, places)]


def summarize(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Average the figures of all training seeds; the random sets of a seed count as one row, their mean.

    Args:
        runs (`Sequence[Mapping]`): one a seed, with `primaries`: task -> way -> what it came to.

    Returns:
        `dict`: primary -> way -> `validation`, `test`, `ranking_seconds`, `search_seconds`, `num_trainings`, each `{"mean",
        "sd"}`, and `tasks`, a list of the tasks chosen with every seed.

    Example:

    ```python
    >>> from hf_relation.runs.select_tasks import summarize
    >>> row = {"tasks": ["b"], "validation": 0.5, "test": 0.5, "ranking_seconds": 0, "search_seconds": 2, "num_trainings": 1}
    >>> runs = [{"primaries": {"a": {"random-1": row, "random-2": row | {"test": 0.7}}}}]
    >>> round(summarize(runs)["a"]["random"]["test"]["mean"], 4)
    0.6

    ```
    """
    summary: dict[str, Any] = {}
    figures = ("validation", "test", "ranking_seconds", "search_seconds", "num_trainings")
    for primary in runs[0]["primaries"]:
        summary[primary] = {}
        for way in dict.fromkeys(
            name.partition("-")[0] if name.startswith("random") else name for name in runs[0]["primaries"][primary]
        ):
            rows = [
                [
                    found
                    for name, found in run["primaries"][primary].items()
                    if name == way or name.startswith(f"{way}-") and way == "random"
                ]
                for run in runs
            ]
            summary[primary][way] = {
                figure: mean_and_sd([statistics.fmean(row[figure] for row in of_seed) for of_seed in rows])
                for figure in figures
            } | {"tasks": [row["tasks"] for of_seed in rows for row in of_seed]}
    return summary


def report_table(summary: Mapping[str, Any], metrics: Mapping[str, str], *, seeds: int) -> Table:
    """Lay out every way of selecting: scores, costs, tasks.

    Args:
        summary (`Mapping`): of [`summarize`].
        metrics (`Mapping[str, str]`): primary -> what its score is.
        seeds (`int`): training seeds.
    """
    table = Table(
        title="Auxiliary tasks",
        box=box.SIMPLE,
        caption=f"Scores of the primary task in per cent: {over_seeds(seeds)}. Heads: seconds of scoring the heads of all tasks, once for all "
        "primary tasks. Search: seconds of all trainings that the choice took.",
    )
    for name in ("selection", "validation", "test", "heads, s", "search, s"):
        table.add_column(name, justify="left" if name == "selection" else "right", no_wrap=True)
    for primary, ways in summary.items():
        table.add_row(Text(f"{primary} ({metrics[primary]})"), style="bold")
        for way, found in ways.items():
            table.add_row(
                f"  {way}",
                shown(found["validation"]),
                shown(found["test"]),
                f"{found['ranking_seconds']['mean']:.0f}",
                f"{found['search_seconds']['mean']:.0f}",
            )
    return table


def tasks_shown(chosen: Sequence[Sequence[str]], seeds: int) -> str:
    """How often each task was chosen, `cola 3, sst2 1`; nothing where none was."""
    if len(chosen) > seeds:
        return "drawn"
    counts: dict[str, int] = {}
    for tasks in chosen:
        for task in tasks:
            counts[task] = counts.get(task, 0) + 1
    return ", ".join(f"{task} {count}" for task, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _write_results(
    script: SelectTasksArguments,
    args: RelationTrainingArguments,
    data: SelectionData,
    runs: list[dict[str, Any]],
    console: Console,
) -> dict[str, Any]:
    summary = summarize(runs)
    metrics = {name: metric_name(data.learner.task(name), each.metric) for name, each in data.tasks.items()}
    results = {"metrics": metrics, **common_results(script, args, data.tasks, runs, summary)}
    output = Path(args.output_dir)
    correlation = None
    if all("taus" in run for run in runs):
        matrix = np.mean([run["taus"]["matrix"] for run in runs], axis=0)
        correlation = HeadCorrelation(tuple(runs[0]["taus"]["names"]), matrix, "kendall")
        results["taus"] = {"names": list(correlation.names), "matrix": matrix.tolist()}
    write_json(output / RESULTS, results)
    console.print(report_table(summary, metrics, seeds=len(runs)))
    for primary, ways in summary.items():
        for way, found in ways.items():
            if shown_tasks := tasks_shown(found["tasks"], len(runs)):
                console.print(f"{primary}, {way}, tasks chosen (and by how many seeds): {shown_tasks}", markup=False)
    if correlation is not None:
        title = "Heads of tasks: mean Kendall tau"
        draw_pictures(script, console, lambda: [correlation.plot(output / "taus.png", title=title)])
    console.print(f"Figures: {output / RESULTS}", markup=False)
    return results
