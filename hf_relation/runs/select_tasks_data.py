"""The tasks of a selection run: encoded rows, and which of them are trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hf_relation.errors import UsageError
from hf_relation.runs.prune_heads_data import load_options
from hf_relation.runs.select_tasks_arguments import SelectTasksArguments
from hf_relation.runs.task_data import TaskData, drop_scored_elsewhere, load_task, read_wanted
from hf_relation.runs.task_training import Rows, TaskLearner, check_labelled, describe
from hf_relation.training import RelationTrainingArguments
from hf_relation.training.task_rows import task_settings


@dataclass(frozen=True)
class SelectionData:
    """All tasks of a run.

    Args:
        learner ([`TaskLearner`]): knows all tasks and the encoder.
        tasks (`Mapping[str, TaskData]`): the rows as they were read.
        rows (`Mapping[str, Mapping[str, Rows]]`): task -> part -> encoded rows.
        primaries (`list[str]`): names of the tasks whose score counts.
        notes (`list[str]`): what is worth saying.
    """

    learner: TaskLearner
    tasks: Mapping[str, TaskData]
    rows: Mapping[str, Mapping[str, Rows]]
    primaries: list[str]
    notes: list[str]


def load_data(script: SelectTasksArguments, args: RelationTrainingArguments) -> SelectionData:
    """Read and encode all tasks.

    Args:
        script ([`SelectTasksArguments`]), args ([`~hf_relation.training.RelationTrainingArguments`]): what the run is told.

    Returns:
        [`SelectionData`].

    Raises:
        UsageError: files are missing, two tasks of one name, a primary task that is not among them, or no row has a label.
        InvalidRowError: a bad row, with file and line.
    """
    wanted = {}
    for text in script.task_names:
        found = read_wanted(text)
        if found.name in wanted:
            raise UsageError(f"Two tasks are called {found.name!r}. Give them names, as NAME={found.full_name}.")
        wanted[found.name] = found
    for name in script.primaries:
        if name not in wanted:
            raise UsageError(f"The primary task {name!r} is not among the tasks {', '.join(wanted)}.")
    tasks = drop_scored_elsewhere(
        {name: load_task(each, script.data_dir, **load_options(script)) for name, each in wanted.items()}
    )
    settings = {name: task_settings(data.rows, data.kind) for name, data in tasks.items()}
    learner = TaskLearner(script, args, settings)
    rows: dict[str, dict[str, Rows]] = {}
    notes: list[str] = []
    for name, data in tasks.items():
        encoded = {part: learner.encode(getattr(data, part), name) for part in ("train", "validation", "test")}
        for part, found_rows in encoded.items():
            check_labelled(name, part, found_rows)
        notes += describe(data, encoded)
        rows[name] = {part: found_rows.rows for part, found_rows in encoded.items()}
    return SelectionData(learner, tasks, rows, script.primaries, notes)
