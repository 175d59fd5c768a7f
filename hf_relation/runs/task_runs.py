"""What runs over tasks share: every seed in its folder, what determines a run, results, pictures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from hf_relation.compat import import_optional
from hf_relation.runs.output_folder import claimed
from hf_relation.runs.records import FREE_WHEN_RESUMED, RUN_FILE, finished_run
from hf_relation.runs.task_arguments import TaskArguments
from hf_relation.runs.task_data import TaskData
from hf_relation.runs.task_training import start_name
from hf_relation.training import RelationTrainingArguments, changed_settings, library_versions, write_json


Run = dict[str, Any]


def run_all_seeds(
    script: TaskArguments,
    args: RelationTrainingArguments,
    tasks: Mapping[str, TaskData],
    one_seed: Callable[[int, Path], Run],
    finish: Callable[[list[Run]], Run],
    console: Console,
) -> Run:
    """Run all training seeds in the output folder, which no other run has meanwhile; finished ones are read.

    Args:
        script ([`TaskArguments`]), args ([`~hf_relation.training.RelationTrainingArguments`]): what the run is told.
        tasks (`Mapping[str, TaskData]`): its data.
        one_seed (`Callable`): takes a seed and its folder, gives its figures, JSON-able.
        finish (`Callable`): takes the figures of all seeds, writes and gives the results.
        console (`Console`): told what goes on.

    Returns:
        `dict`: what `finish` gave.

    Raises:
        UsageError: the folder holds another run.
    """
    settings = run_settings(script, args, tasks)
    with claimed(args.output_dir, settings, resume=script.resume, overwrite=script.overwrite):
        runs = []
        for seed in range(args.seed, args.seed + script.num_seeds):
            console.rule(f"training seed {seed}")
            folder = Path(args.output_dir) / f"seed-{seed}"
            run = finished_run(folder, script.resume, console)
            if run is None:
                run = one_seed(seed, folder)
                folder.mkdir(parents=True, exist_ok=True)
                write_json(folder / RUN_FILE, run)
            runs.append(run)
        return finish(runs)


def run_settings(
    script: TaskArguments, args: RelationTrainingArguments, tasks: Mapping[str, TaskData]
) -> dict[str, Any]:
    """What determines a run over tasks, JSON-able; a resumed run must have the same."""
    kept = {key: value for key, value in changed_settings(script, args).items() if key not in FREE_WHEN_RESUMED}
    return {
        **kept,
        "model_name_or_path": script.model_name_or_path,
        **{f"rows of {name}": _fingerprint(data) for name, data in tasks.items()},
    }


def _fingerprint(data: TaskData) -> str:
    digest = hashlib.sha256()
    for row in data.rows:
        digest.update(json.dumps(row, sort_keys=True).encode("utf-8"))
    return f"{data.corpus}, {len(data.rows)} rows, {digest.hexdigest()[:16]}"


def common_results(
    script: TaskArguments,
    args: RelationTrainingArguments,
    tasks: Mapping[str, TaskData],
    runs: Sequence[Run],
    summary: Mapping[str, Any],
) -> Run:
    """The entries that all of these runs have in their results.json."""
    return {
        "encoder": start_name(script),
        "corpora": {
            name: {
                "corpus": data.corpus,
                "counts": data.counts,
                "origins": dict(data.origins),
                "dropped": data.num_dropped,
            }
            for name, data in tasks.items()
        },
        "summary": dict(summary),
        "runs": list(runs),
        "settings": changed_settings(script, args),
        "versions": library_versions(),
    }


def draw_pictures(script: TaskArguments, console: Console, draw: Callable[[], Sequence[Path]]) -> None:
    """Draw, where that is wanted and matplotlib is there, and say what was written."""
    if not script.plots:
        return
    try:
        import_optional("matplotlib.figure", extra="viz")
    except ImportError as error:
        console.print(f"No pictures: {error}", markup=False)
        return
    console.print("Pictures:", ", ".join(str(path) for path in draw()), markup=False)


def over_seeds(seeds: int) -> str:
    """What figures are means over, in words."""
    return f"mean ± standard deviation over {seeds} training seeds" if seeds > 1 else "one training seed"
