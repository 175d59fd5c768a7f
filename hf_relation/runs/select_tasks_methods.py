"""The ways to choose auxiliary tasks that a selection run compares, each with what it costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hf_relation.runs.select_tasks_arguments import SelectTasksArguments
from hf_relation.runs.select_tasks_heads import HeadsOfTasks
from hf_relation.runs.select_tasks_trials import Outcome, Trainings
from hf_relation.selection import (
    TaskSelector,
    choose_mixing_ratios,
    choose_threshold,
    instance_correlations,
    sample_tasks,
    select_instances,
    task_sets,
)
from hf_relation.selection.instances import sample_rows


@dataclass
class Chosen:
    """What one way of selecting came to.

    Args:
        tasks (`list[str]`): auxiliary tasks chosen.
        validation, test (`float`): of the primary task.
        ranking_seconds (`float`): of fine-tuning and scoring heads of all tasks, where they are needed.
        search_seconds (`float`): of all trainings that the choice took.
        seconds (`float`): of the training that gave the chosen model; part of `search_seconds` where it was a trial.
        num_trainings (`int`): trainings of the search.
        details (`dict`): trials, thresholds, ratios.
    """

    tasks: list[str]
    validation: float
    test: float
    ranking_seconds: float = 0.0
    search_seconds: float = 0.0
    seconds: float = 0.0
    num_trainings: int = 0
    details: dict[str, Any] = field(default_factory=dict)


class Ledger:
    """Trains, and writes down what was trained.

    Args:
        trainings ([`Trainings`]): of one seed.
    """

    def __init__(self, trainings: Trainings) -> None:
        self.trainings = trainings
        self.made: list[Outcome] = []

    def train(self, tasks: Sequence[str], **more: Any) -> Outcome:
        """Train, see [`Trainings.train`]."""
        outcome = self.trainings.train(tasks, **more)
        self.made.append(outcome)
        return outcome

    def chosen(self, primary: str, tasks: Sequence[str], outcome: Outcome, **more: Any) -> Chosen:
        """The result, with the cost of everything that was trained."""
        return Chosen(
            [task for task in tasks if task != primary],
            outcome.validation,
            outcome.test,
            search_seconds=sum(each.seconds for each in self.made),
            seconds=outcome.seconds,
            num_trainings=len(self.made),
            **more,
        )


class Selections:
    """Every way of selecting for one primary task and one seed.

    Args:
        script ([`SelectTasksArguments`]): what the run is told.
        trainings ([`Trainings`]): of the seed.
        primary (`str`): the task whose score counts.
        heads ([`HeadsOfTasks`]): of the seed.
    """

    def __init__(self, script: SelectTasksArguments, trainings: Trainings, primary: str, heads: HeadsOfTasks) -> None:
        self.script, self.trainings, self.primary, self.heads = script, trainings, primary, heads
        self.auxiliary = [task for task in trainings.data.tasks if task != primary]
        self.selector = TaskSelector(primary, self.auxiliary, heads.importance)
        self._ways: Mapping[str, Callable[[Ledger], list[tuple[str, Chosen]]]] = {
            "single": self._single,
            "all": self._all,
            "random": self._random,
            "gradts": self._gradts,
            "gradts-instances": self._instances,
            "autosem": self._autosem,
        }

    def run(self, name: str) -> dict[str, dict[str, Any]]:
        """Select in one way; gives the results by name (of random sets: several), JSON-able."""
        return {row: vars(chosen) for row, chosen in self._ways[name](Ledger(self.trainings))}

    @property
    def ranking_seconds(self) -> float:
        """What scoring the heads of all tasks took."""
        return sum(map(self.heads.seconds, (self.primary, *self.auxiliary)))

    def _single(self, ledger: Ledger) -> list[tuple[str, Chosen]]:
        return [("single", ledger.chosen(self.primary, [self.primary], ledger.train([self.primary])))]

    def _all(self, ledger: Ledger) -> list[tuple[str, Chosen]]:
        tasks = [self.primary, *self.auxiliary]
        return [("all", ledger.chosen(self.primary, tasks, ledger.train(tasks)))]

    def _random(self, ledger: Ledger) -> list[tuple[str, Chosen]]:
        sets = task_sets(
            self.primary,
            self.auxiliary,
            num_random=self.script.num_random,
            seed=self.script.selection_seed + self.trainings.seed,
        )
        found = []
        for name in (name for name in sets if name.startswith("random")):
            alone = Ledger(self.trainings)
            found.append((name, alone.chosen(self.primary, sets[name], alone.train(sets[name]))))
        return found

    def _gradts(self, ledger: Ledger) -> list[tuple[str, Chosen]]:
        ranking_seconds = self.ranking_seconds
        selection = self.selector.select(lambda tasks: ledger.train(tasks).validation, rule=self.script.rule)
        tasks = [self.primary, *selection.chosen]
        details = {
            "order": list(selection.order),
            "taus": list(selection.correlations),
            "trials": [trial.score for trial in selection.trials],
        }
        outcome = self.trainings.train(tasks)
        chosen = ledger.chosen(self.primary, tasks, outcome, ranking_seconds=ranking_seconds, details=details)
        return [("gradts", chosen)]

    def _instances(self, ledger: Ledger) -> list[tuple[str, Chosen]]:
        ranking_seconds = self.ranking_seconds
        primary = self.heads.importance(self.primary)
        correlations = {
            task: instance_correlations(self.heads.instances(task), primary, normalize=self.heads.norm)
            for task in self.auxiliary
        }
        pooled = np.concatenate(list(correlations.values()))
        thresholds = sorted({float(np.quantile(pooled, 1 - share)) for share in self.script.usage})
        share, seed = self.script.selection_share, self.script.selection_seed
        sizes = {self.primary: len(self.trainings.data.rows[self.primary]["train"])}
        own = sample_rows(sizes, share, seed)

        def score(rows: dict[str, np.ndarray]) -> float:
            return ledger.train([self.primary, *self.auxiliary], rows={**own, **rows}).validation

        choice = choose_threshold(correlations, score, thresholds, share=share, seed=seed)
        kept = {task: select_instances(values, choice.threshold) for task, values in correlations.items()}
        tasks = [self.primary, *(task for task in self.auxiliary if len(kept[task]))]
        outcome = ledger.train(tasks, rows=kept)
        details = {
            "thresholds": thresholds,
            "trials": [trial.score for trial in choice.trials],
            "threshold": choice.threshold,
            "kept": {task: len(rows) for task, rows in kept.items()},
        }
        chosen = ledger.chosen(self.primary, tasks, outcome, ranking_seconds=ranking_seconds, details=details)
        return [("gradts-instances", chosen)]

    def _autosem(self, ledger: Ledger) -> list[tuple[str, Chosen]]:
        tasks = [self.primary, *self.auxiliary]
        seed = self.script.selection_seed + self.trainings.seed
        walk = self.trainings.walk(self.primary, steps=self.script.autosem_steps)
        utilities = sample_tasks(
            tasks, walk.step, start_score=walk.start_score, num_rounds=self.script.autosem_rounds, seed=seed
        )
        best = utilities.best(self.script.autosem_tasks, without=[self.primary])
        chosen_tasks = [self.primary, *best]
        outcomes: dict[tuple[int, ...], Outcome] = {}

        def score(ratios: dict[str, int]) -> float:
            mixing = [float(ratios[task]) for task in chosen_tasks]
            outcome = ledger.train(chosen_tasks, mixing=mixing)
            outcomes[tuple(ratios.values())] = outcome
            return outcome.validation

        found = choose_mixing_ratios(
            chosen_tasks,
            score,
            num_trials=self.script.autosem_trials,
            num_random=max(2, self.script.autosem_trials // 2),
            seed=seed,
        )
        details = {
            "utilities": utilities.utilities,
            "ratios": found.ratios,
            "trials": [trial.score for trial in found.trials],
            "walk_seconds": walk.seconds,
        }
        chosen = ledger.chosen(self.primary, chosen_tasks, outcomes[tuple(found.ratios.values())], details=details)
        chosen.search_seconds += walk.seconds
        return [("autosem", chosen)]
