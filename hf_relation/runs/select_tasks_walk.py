"""Training one model on a slice of one task after another, as AutoSeM's first stage does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from hf_relation.models.multitask import MultiTaskModel
from hf_relation.runs.select_tasks_data import SelectionData
from hf_relation.runs.task_training import clock


class TaskWalk:
    """One model of all tasks that is trained on a slice at a time.

    Every slice is a few batches of one task, drawn at random, at a constant learning rate with a fresh optimizer.

    Args:
        data ([`SelectionData`]): all tasks.
        primary (`str`): the task that is scored after every slice.
        score (`Callable`): takes the model, gives the primary task's validation score.
        steps (`int`): training steps of a slice.
        seed (`int`): of the heads, and of the draws.
        folder (`Path`): for what the trainer writes, if anything.

    Attributes:
        start_score (`float`): before any training.
        seconds (`float`): of all slices so far, with their scoring, as of [`clock`].
    """

    def __init__(
        self,
        data: SelectionData,
        primary: str,
        score: Callable[[MultiTaskModel], float],
        *,
        steps: int,
        seed: int,
        folder: Path,
    ) -> None:
        start = clock()
        self.data, self.primary, self._score = data, primary, score
        self._steps, self._seed, self._folder = steps, seed, folder
        self._model = data.learner.new_model(seed)
        self._number = 0
        self.start_score = score(self._model)
        self.seconds = clock() - start

    def step(self, task: str) -> float:
        """Train on a slice of a task; gives the primary task's score on validation."""
        start = clock()
        rows = self.data.rows[task]["train"]
        number = min(len(rows), self._steps * self.data.learner.script.batch_size)
        places = np.random.default_rng([self._seed, self._number]).choice(len(rows), number, replace=False)
        self.data.learner.fine_tune(
            self._model,
            {task: [rows[place] for place in places.tolist()]},
            self._seed + self._number,
            self._folder,
            max_steps=self._steps,
            lr_scheduler_type="constant",
            warmup_steps=0,
            disable_tqdm=True,
        )
        self._number += 1
        score = self._score(self._model)
        self.seconds += clock() - start
        return score
