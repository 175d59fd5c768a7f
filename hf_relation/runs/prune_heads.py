"""A pruning run: train every seed, rank and prune heads, score every language, write figures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from hf_relation.compat import import_optional
from hf_relation.runs.output_folder import RESULTS, claimed
from hf_relation.runs.prune_heads_arguments import COMMAND, PruneHeadsArguments, parse
from hf_relation.runs.prune_heads_data import PruningData, load_data
from hf_relation.runs.prune_heads_figures import curve_table, draw, report_table, summarize
from hf_relation.runs.prune_heads_search import JobRun
from hf_relation.runs.records import FREE_WHEN_RESUMED, RUN_FILE, finished_run
from hf_relation.runs.task_data import TaskData
from hf_relation.runs.task_training import metric_name, start_name
from hf_relation.training import RelationTrainingArguments, changed_settings, library_versions, write_json


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
    settings = run_settings(script, args, {**data.sources, **data.targets})
    with claimed(args.output_dir, settings, resume=script.resume, overwrite=script.overwrite):
        runs = []
        for seed in range(args.seed, args.seed + script.num_seeds):
            console.rule(f"training seed {seed}")
            runs.append(_one_seed(script, args, data, seed, console))
        return _write_results(script, args, data, runs, console)


def run_settings(script: Any, args: RelationTrainingArguments, data: Mapping[str, TaskData]) -> dict[str, Any]:
    """What determines a run over tasks, JSON-able; a resumed run must have the same."""
    kept = {key: value for key, value in changed_settings(script, args).items() if key not in FREE_WHEN_RESUMED}
    return {
        **kept,
        "model_name_or_path": script.model_name_or_path,
        **{f"rows of {name}": fingerprint(each) for name, each in data.items()},
    }


def fingerprint(data: TaskData) -> str:
    """A short checksum of a task's rows in their order."""
    digest = hashlib.sha256()
    for row in data.rows:
        digest.update(json.dumps(row, sort_keys=True).encode("utf-8"))
    return f"{data.corpus}, {len(data.rows)} rows, {digest.hexdigest()[:16]}"


def _one_seed(
    script: PruneHeadsArguments, args: RelationTrainingArguments, data: PruningData, seed: int, console: Console
) -> dict[str, Any]:
    folder = Path(args.output_dir) / f"seed-{seed}"
    finished = finished_run(folder, script.resume, console)
    if finished is not None:
        return finished
    jobs = [JobRun(script, data, job, seed, folder / job.name.replace("/", "-"), console).run() for job in data.jobs]
    run = {"seed": seed, "jobs": jobs}
    write_json(folder / RUN_FILE, run)
    return run


def _write_results(
    script: PruneHeadsArguments,
    args: RelationTrainingArguments,
    data: PruningData,
    runs: list[dict[str, Any]],
    console: Console,
) -> dict[str, Any]:
    summary = summarize(runs)
    metric = metric_name(data.learner.task(script.task), data.metric)
    every = {**data.sources, **data.targets}
    results: dict[str, Any] = {
        "task": script.task,
        "encoder": start_name(script),
        "metric": metric,
        "setting": script.setting,
        "sources": list(data.sources),
        "left_out": data.left_out,
        "corpora": {
            name: {
                "corpus": each.corpus,
                "counts": each.counts,
                "origins": dict(each.origins),
                "dropped": each.num_dropped,
            }
            for name, each in every.items()
        },
        "summary": summary,
        "runs": runs,
        "settings": changed_settings(script, args),
        "versions": library_versions(),
    }
    output = Path(args.output_dir)
    write_json(output / RESULTS, results)
    title = f"{script.task}, ranked on {', '.join(data.sources)}"
    if set(data.targets) != set(data.sources):
        title += f", {script.setting}"
    console.print(report_table(summary, metric, seeds=len(runs), title=title))
    curves = curve_table(summary, metric)
    if curves is not None:
        console.print(curves)
    if script.plots:
        try:
            import_optional("matplotlib.figure", extra="viz")
        except ImportError as error:
            console.print(f"No pictures: {error}", markup=False)
        else:
            written = draw(output, runs, summary, metric=metric, title=title)
            console.print("Pictures:", ", ".join(str(path) for path in written), markup=False)
    console.print(f"Figures: {output / RESULTS}", markup=False)
    return results
