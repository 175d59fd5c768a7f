"""The rows of a pruning run: what is trained on, ranked on, searched on and tested on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hf_relation.errors import UsageError
from hf_relation.runs.prune_heads_arguments import PruneHeadsArguments
from hf_relation.runs.task_arguments import TaskArguments
from hf_relation.runs.task_data import TaskData, Wanted, drop_scored_elsewhere, load_task, read_wanted
from hf_relation.runs.task_training import Rows, TaskLearner, check_labelled, describe
from hf_relation.training import RelationTrainingArguments
from hf_relation.training.task_rows import task_settings


@dataclass(frozen=True)
class Job:
    """One fine-tuning with all that is asked of it.

    Args:
        name (`str`): of its folder and its lines in tables.
        train (`Rows`): encoded rows to train on.
        ranked (`Mapping[str, Rows]`): source -> rows to rank heads on.
        searched (`Mapping[str, Rows]`): language -> rows whose mean score says how many heads to prune.
        tested (`Mapping[str, Rows]`): target -> rows of the test set.
    """

    name: str
    train: Rows
    ranked: Mapping[str, Rows]
    searched: Mapping[str, Rows]
    tested: Mapping[str, Rows]


@dataclass(frozen=True)
class PruningData:
    """All data of a pruning run.

    Args:
        learner ([`TaskLearner`]): knows the task and its encoder.
        jobs (`list[Job]`): at least one.
        metric (`str`, *optional*): the figure in question, `None` for the main one.
        sources, targets (`Mapping[str, TaskData]`): the rows as they were read.
        left_out (`list[str]`): targets without training rows, in the multi-lingual setting.
        notes (`list[str]`): what is worth saying.
    """

    learner: TaskLearner
    jobs: list[Job]
    metric: str | None
    sources: Mapping[str, TaskData]
    targets: Mapping[str, TaskData]
    left_out: list[str]
    notes: list[str]


def load_options(script: TaskArguments) -> dict[str, Any]:
    """The options of [`load_task`] among those of a run."""
    names = ("split_seed", "validation_share", "test_share", "max_train_rows", "max_eval_rows")
    return {name: getattr(script, name) for name in names}


def load_data(script: PruneHeadsArguments, args: RelationTrainingArguments) -> PruningData:
    """Read and encode everything.

    Args:
        script ([`PruneHeadsArguments`]), args ([`~hf_relation.training.RelationTrainingArguments`]): what the run is told.

    Returns:
        [`PruningData`].

    Raises:
        UsageError: files are missing, two corpora have one name, kinds of tasks are mixed, or no row has a label.
        InvalidRowError: a bad row, with file and line.
    """
    multilingual = script.setting == "multi-lingual"
    sources, targets, left_out = {}, {}, []
    options = load_options(script)
    named: dict[str, Wanted] = {}
    for text in script.sources:
        wanted = _named(text, script.task, named)
        sources[wanted.name] = load_task(wanted, script.data_dir, **options)
    for text in script.target_names:
        # The bare name of a source means that source, whatever its corpus.
        wanted = named[text] if text in named else _named(text, script.task, named)
        if wanted.name in sources:
            targets[wanted.name] = sources[wanted.name]
            continue
        found = load_task(wanted, script.data_dir, train=False, **options)
        if multilingual:
            trained = load_task(wanted, script.data_dir, **options)
            if trained.origins["train"].partition(",")[0] != "train":  # what follows tells how many rows were drawn
                left_out.append(wanted.name)
                continue
            found = trained
        targets[wanted.name] = found
    if not targets:
        raise UsageError(
            f"None of the targets {', '.join(left_out)} has rows to train on. Use --setting cross-lingual."
        )
    tasks = drop_scored_elsewhere({**sources, **targets})
    sources, targets = {name: tasks[name] for name in sources}, {name: tasks[name] for name in targets}
    for name in tasks if multilingual else sources:
        if not tasks[name].train:
            raise UsageError(
                f"All training rows of {name} are in the validation or test part of a corpus of this run."
            )
    every = list(tasks.values())
    if len({data.kind for data in every}) > 1 or len({data.metric for data in every}) > 1:
        raise UsageError(f"Sources and targets must be of one kind of task, got {[data.corpus for data in every]}.")
    rows = [row for data in every for row in data.rows]
    learner = TaskLearner(script, args, {script.task: task_settings(rows, every[0].kind)})
    notes: list[str] = []
    encoded = {id(data): _encoded(data, learner, script.task, notes) for data in every}
    parts = lambda data, part: encoded[id(data)][part]  # noqa: E731
    jobs = _jobs(script, sources, targets, parts)
    return PruningData(learner, jobs, every[0].metric, sources, targets, left_out, notes)


def _named(text: str, task: str, named: dict[str, Wanted]) -> Wanted:
    """Read which corpus a name means, and remember it."""
    wanted = read_wanted(text, task)
    if named.setdefault(wanted.name, wanted) != wanted:
        raise UsageError(
            f"Two corpora are called {wanted.name!r}. Give them different names, as NAME={wanted.full_name}."
        )
    return wanted


def _encoded(data: TaskData, learner: TaskLearner, task: str, notes: list[str]) -> dict[str, Rows]:
    encoded = {part: learner.encode(getattr(data, part), task) for part, size in data.counts.items() if size}
    for part, found in encoded.items():
        check_labelled(data.name, part, found)
    notes += describe(data, encoded)
    return {part: found.rows for part, found in encoded.items()}


def _jobs(
    script: PruneHeadsArguments,
    sources: Mapping[str, TaskData],
    targets: Mapping[str, TaskData],
    rows: Callable[[TaskData, str], Rows],
) -> list[Job]:
    ranked = {name: rows(data, script.rank_on) for name, data in sources.items()}
    train = [row for data in sources.values() for row in rows(data, "train")]
    if script.setting == "cross-lingual":
        searched = {name: rows(data, "validation") for name, data in sources.items()}
        tested = {name: rows(data, "test") for name, data in targets.items()}
        return [Job("cross-lingual", train, ranked, searched, tested)]
    return [
        Job(
            name,
            train if name in sources else [*train, *rows(data, "train")],
            ranked,
            {name: rows(data, "validation")},
            {name: rows(data, "test")},
        )
        for name, data in targets.items()
    ]
