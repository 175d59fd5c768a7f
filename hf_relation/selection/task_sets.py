"""Sets of tasks that are trained together, and how they scored."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hf_relation.errors import UsageError
from hf_relation.selection.trials import Trial, chosen_trial, run_trials, trial_rows


TrainTasks = Callable[[tuple[str, ...]], float]
RULES = ("paper", "repository")


@dataclass(frozen=True)
class TaskSelection:
    """What [`~hf_relation.selection.TaskSelector.select`] found.

    Args:
        primary (`str`): the task whose score counts.
        order (`tuple[str, ...]`): candidate tasks, the most like the primary one first.
        correlations (`tuple[float, ...]`): theirs with the primary task, Kendall's tau-b.
        rule (`str`): `"paper"`: trial k has the first k candidates; `"repository"`: the first k + 1.
        trials (`tuple[Trial, ...]`): those that were made.
    """

    primary: str
    order: tuple[str, ...]
    correlations: tuple[float, ...]
    rule: str
    trials: tuple[Trial, ...]

    @property
    def num_chosen(self) -> int:
        """How many of the candidates are chosen."""
        return chosen_trial(self.trials, "first_drop") + (self.rule == "repository")

    @property
    def chosen(self) -> tuple[str, ...]:
        """The auxiliary tasks chosen; none where the primary task is best alone."""
        return self.order[: self.num_chosen]

    @property
    def score(self) -> float:
        """The primary task's score with them."""
        return self.trials[chosen_trial(self.trials, "first_drop")].score

    @property
    def seconds(self) -> float:
        """What all trials took; without the measuring of head importance."""
        return sum(trial.seconds for trial in self.trials)

    def rows(self) -> list[dict[str, Any]]:
        """A table of the trials: `name` (tasks joined by +), `score`, `seconds`, `chosen`."""
        names = [" + ".join(tasks) for tasks in greedy_sets(self.primary, self.order, self.rule)]
        return trial_rows(names, self.trials, chosen_trial(self.trials, "first_drop"))


def greedy_sets(primary: str, order: Sequence[str], rule: str) -> list[tuple[str, ...]]:
    """The sets of tasks to be tried: the primary one alone (but for `"repository"`), then one more at a time."""
    first = 1 if rule == "repository" else 0
    return [(primary, *order[:number]) for number in range(first, len(order) + 1)]


@dataclass(frozen=True)
class TaskComparison:
    """Several sets of tasks and their scores.

    Args:
        sets (`Mapping[str, tuple[str, ...]]`): name -> tasks, the primary one first.
        trials (`tuple[Trial, ...]`): one a set.
    """

    sets: Mapping[str, tuple[str, ...]]
    trials: tuple[Trial, ...]

    @property
    def best(self) -> str:
        """The set with the highest score, of equals the first."""
        scores = [trial.score for trial in self.trials]
        return list(self.sets)[scores.index(max(scores))]

    def rows(self) -> list[dict[str, Any]]:
        """A table: `name`, `tasks`, `score`, `seconds`, `chosen` (the best)."""
        rows = trial_rows(list(self.sets), self.trials, list(self.sets).index(self.best))
        return [{**row, "tasks": " + ".join(self.sets[row["name"]])} for row in rows]


def task_sets(
    primary: str, auxiliary: Sequence[str], *, num_random: int = 3, size: int | None = None, seed: int = 42
) -> dict[str, tuple[str, ...]]:
    """The sets of tasks that a selection is compared with: the primary task alone, all tasks, random ones.

    Args:
        primary (`str`): the task whose score counts.
        auxiliary (`Sequence[str]`): candidates; at least one.
        num_random (`int`, defaults to 3): random sets; different ones, so there may be fewer.
        size (`int`, *optional*): auxiliary tasks of a random set; by default drawn anew for each, from 1 to all.
        seed (`int`, defaults to 42): of the random sets.

    Returns:
        `dict[str, tuple[str, ...]]`: `"single"`, `"all"`, `"random-1"` and so on -> tasks, the primary one first.

    Raises:
        UsageError: no candidate, one twice, or a number out of range.

    Example:

    ```python
    >>> from hf_relation.selection import task_sets
    >>> sets = task_sets("cola", ["sst", "rte", "qnli"], num_random=1, size=2)
    >>> sets["single"], sets["all"], len(sets["random-1"])
    (('cola',), ('cola', 'sst', 'rte', 'qnli'), 3)

    ```
    """
    check_tasks(primary, auxiliary)
    for name, value, least, most in (
        ("num_random", num_random, 0, 1000),
        ("size", 1 if size is None else size, 1, len(auxiliary)),
        ("seed", seed, 0, 2**63),
    ):
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise UsageError(f"`{name}` must be an integer from {least} to {most}, got {value!r}.")
    rng = np.random.default_rng(seed)
    drawn: list[tuple[int, ...]] = []
    for _ in range(50 * num_random):  # draws that were there already are made again, a few times
        number = int(rng.integers(1, len(auxiliary) + 1)) if size is None else size
        places = tuple(sorted(rng.choice(len(auxiliary), number, replace=False).tolist()))
        if places not in drawn and len(drawn) < num_random:
            drawn.append(places)
    random = {
        f"random-{number}": (primary, *(auxiliary[place] for place in places))
        for number, places in enumerate(drawn, 1)
    }
    return {"single": (primary,), "all": (primary, *auxiliary), **random}


def compare_task_sets(
    sets: Mapping[str, Sequence[str]],
    train_and_score: TrainTasks,
    *,
    save_to: str | os.PathLike[str] | None = None,
) -> TaskComparison:
    """Train each of several sets of tasks and compare the scores of the primary one.

    Args:
        sets (`Mapping[str, Sequence[str]]`): name -> tasks, the primary one first; for instance of [`task_sets`].
        train_and_score (`Callable`): takes the tasks, trains on them together, and gives the score of the first.
        save_to (`str` or `PathLike`, *optional*): JSON file, written after every set; sets that it has are not run again.

    Returns:
        [`TaskComparison`].

    Raises:
        UsageError: no set, or a file of other sets.
        TrainingError: a score is not a finite number.
    """
    if not sets:
        raise UsageError("`sets` must name at least one set of tasks.")
    listed = {name: tuple(tasks) for name, tasks in sets.items()}
    names = list(listed)
    plan = {"sets": [[name, list(tasks)] for name, tasks in listed.items()]}
    trials = run_trials(
        "comparison of tasks",
        plan,
        len(names),
        lambda number, before: train_and_score(listed[names[number]]),
        stop="best",
        save_to=save_to,
    )
    return TaskComparison(listed, tuple(trials))


def check_tasks(primary: str, auxiliary: Sequence[str]) -> None:
    """Refuse candidates that are none, repeated, or the primary task itself.

    Raises:
        UsageError: see above.
    """
    if isinstance(auxiliary, str) or not len(auxiliary) or not all(isinstance(task, str) for task in auxiliary):
        raise UsageError(f"`auxiliary` must be a list of at least one task, got {auxiliary!r}.")
    if len(set(auxiliary)) < len(auxiliary) or primary in auxiliary:
        raise UsageError(f"`auxiliary` must have every task once, without {primary!r} itself; got {list(auxiliary)}.")
