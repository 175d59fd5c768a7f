"""Trainings of a selection run with one seed: each is made once, kept with its scores and seconds, and found again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from hf_relation.data.files import parse_json
from hf_relation.errors import CheckpointError, InvalidRowError
from hf_relation.models.multitask import MultiTaskModel
from hf_relation.runs.select_tasks_arguments import SelectTasksArguments
from hf_relation.runs.select_tasks_data import SelectionData
from hf_relation.runs.select_tasks_walk import TaskWalk
from hf_relation.runs.task_training import Rows, TaskLearner, clock
from hf_relation.training import write_json


@dataclass(frozen=True)
class Outcome:
    """One training.

    Args:
        validation, test (`float`): of the primary task.
        seconds (`float`): of training and scoring on validation; processor time of this process on a CPU, so that what else
            the machine does does not count, else time on the clock.
    """

    validation: float
    test: float
    seconds: float


@dataclass(frozen=True)
class Workshop:
    """What the trainings of one seed have in common.

    Args:
        script ([`SelectTasksArguments`]): what the run is told.
        data ([`SelectionData`]): its tasks.
        seed (`int`): the training seed.
        folder (`Path`): where what was made is kept; several runs may share it.
        settings (`str`): checksum of all that decides what is made, but for seed and rows.
        console (`Console`): told what goes on.
    """

    script: SelectTasksArguments
    data: SelectionData
    seed: int
    folder: Path
    settings: str
    console: Console

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def learner(self) -> TaskLearner:
        """Encodes, fine-tunes, scores."""
        return self.data.learner


class Trainings(Workshop):
    """Trains sets of tasks with one seed; see [`Workshop`] for the arguments."""

    def train(
        self,
        tasks: Sequence[str],
        *,
        rows: Mapping[str, np.ndarray] | None = None,
        mixing: Sequence[float] | None = None,
    ) -> Outcome:
        """Train tasks together and score the first.

        Args:
            tasks (`Sequence[str]`): the primary one first; the order of the others says nothing.
            rows (`Mapping[str, np.ndarray]`, *optional*): task -> positions of the training rows; default: all.
            mixing (`Sequence[float]`, *optional*): one number a task, in the order of `tasks`; default: proportional.

        Returns:
            [`Outcome`]: kept, and found again.
        """
        primary, chosen = tasks[0], sorted(tasks)
        used: dict[str, Rows] = {
            name: [self.data.rows[name]["train"][place] for place in rows[name].tolist()]
            if rows is not None and name in rows
            else self.data.rows[name]["train"]
            for name in chosen
        }
        used = {name: each for name, each in used.items() if each}
        weights = None if mixing is None else [mixing[tasks.index(name)] for name in used]
        key = {
            "primary": primary,
            "settings": self.settings,
            "seed": self.seed,
            "rows": {name: digest_of(each) for name, each in used.items()},
            "scored": [digest_of(self.data.rows[primary][part]) for part in ("validation", "test")],
            "mixing": weights,
        }
        path = self.folder / f"training-{digest_of(key)}.json"
        if path.is_file():
            return _read(path)
        names = " + ".join([primary, *(name for name in used if name != primary)])
        self.console.print(f"  training {names}: {sum(map(len, used.values())):,} rows", markup=False)
        start = clock()
        model = self.learner.new_model(self.seed, list(used))
        self.learner.fine_tune(
            model, used, self.seed, self.folder, mixing="proportional" if weights is None else weights
        )
        validation = self.score(model, primary, "validation")
        seconds = clock() - start
        return self._keep(path, key, Outcome(validation, self.score(model, primary, "test"), seconds))

    def score(self, model: MultiTaskModel, task: str, part: str) -> float:
        """The figure of a task over one of its parts."""
        return self.learner.score(model, task, self.data.rows[task][part], self.data.tasks[task].metric)

    def walk(self, primary: str, *, steps: int) -> TaskWalk:
        """A model of all tasks that is trained on slices of them, and scored on the primary task."""
        self.console.print("  Thompson sampling over tasks", markup=False)
        return TaskWalk(
            self.data,
            primary,
            lambda model: self.score(model, primary, "validation"),
            steps=steps,
            seed=self.seed,
            folder=self.folder,
        )

    def _keep(self, path: Path, key: Mapping[str, Any], outcome: Outcome) -> Outcome:
        write_json(path, {"key": dict(key), "outcome": vars(outcome)})
        return outcome


def digest_of(content: Any) -> str:
    """A short checksum of what JSON knows."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("utf-8")).hexdigest()[:16]


def _read(path: Path) -> Outcome:
    try:
        content = parse_json(path.read_bytes(), what=str(path))
        return Outcome(**{name: float(content["outcome"][name]) for name in ("validation", "test", "seconds")})
    except (OSError, InvalidRowError, TypeError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path} is damaged ({error!r}). Delete it; that training is then made again.") from None
