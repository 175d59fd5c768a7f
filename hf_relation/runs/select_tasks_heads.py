"""Heads of tasks in a selection run: every task is fine-tuned once alone and its heads are scored; kept, and found again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np

from hf_relation.data.atomic import atomic_folder
from hf_relation.data.files import parse_json
from hf_relation.errors import CheckpointError, InvalidRowError
from hf_relation.heads import HeadImportance, head_importance, instance_importance
from hf_relation.heads.normalizing import Norm
from hf_relation.heads.result import Method
from hf_relation.models.multitask import MultiTaskModel
from hf_relation.runs.select_tasks_trials import Workshop, digest_of
from hf_relation.runs.task_training import clock
from hf_relation.training import write_json


_SCORES, _ENTRY, _INSTANCES = "importance.json", "entry.json", "instances.npy"


class HeadsOfTasks(Workshop):
    """Measures the heads of tasks with one seed; see [`Workshop`] for the arguments."""

    @property
    def with_instances(self) -> bool:
        """Whether scores of single training rows are wanted as well."""
        return "gradts-instances" in self.script.selections

    @property
    def norm(self) -> Norm | None:
        """The norm of every layer."""
        return None if self.script.normalize == "none" else cast(Norm, self.script.normalize)

    def importance(self, task: str) -> HeadImportance:
        """The importance of heads for a task.

        Raises:
            CheckpointError: what was kept is damaged.
        """
        return HeadImportance.load(self._measured(task) / _SCORES)

    def seconds(self, task: str) -> float:
        """What fine-tuning and scoring took, when it was done; as of [`clock`].

        Raises:
            CheckpointError: what was kept is damaged.
        """
        path = self._measured(task) / _ENTRY
        try:
            return float(parse_json(path.read_bytes(), what=str(path))["seconds"])
        except (OSError, InvalidRowError, TypeError, KeyError, ValueError) as error:
            raise CheckpointError(f"{path} is missing or damaged ({error}). Delete its folder.") from None

    def instances(self, task: str) -> np.ndarray:
        """Scores of heads for every training row of a task, in order: `(rows, layers, heads)`.

        Raises:
            CheckpointError: they are missing or damaged.
        """
        path = self._measured(task) / _INSTANCES
        try:
            found = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{path} is missing or damaged ({error}). Delete its folder.") from None
        if found.ndim != 3 or len(found) != len(self.data.rows[task]["train"]):
            raise CheckpointError(f"{path} has not one row of scores for every training row. Delete its folder.")
        return cast(np.ndarray, found)

    def _measured(self, task: str) -> Path:
        """The folder of a task, measured where it is not there."""
        rows = self.data.rows[task]
        key = {
            "task": task,
            "settings": self.settings,
            "seed": self.seed,
            "rows": [digest_of(rows[part]) for part in ("train", self.script.rank_on)],
            "instances": self.with_instances,
        }
        folder = self.folder / f"heads-{digest_of(key)}"
        if folder.is_dir():
            return folder
        self.console.print(f"  heads of {task}", markup=False)
        start = clock()
        model = self._fine_tuned(task)
        with atomic_folder(folder) as work:
            if self.with_instances:
                np.save(work / _INSTANCES, self.instance_scores(model, task), allow_pickle=False)
            self._score(model, task).save(work / _SCORES)
            write_json(work / _ENTRY, {"task": task, "seconds": clock() - start})
        return folder

    def _fine_tuned(self, task: str) -> MultiTaskModel:
        epochs = self.script.rank_epochs
        settings: dict[str, Any] = {} if epochs is None else {"num_train_epochs": epochs}
        model = self.learner.new_model(self.seed, [task])
        return self.learner.fine_tune(model, {task: self.data.rows[task]["train"]}, self.seed, self.folder, **settings)

    def _score(self, model: MultiTaskModel, task: str) -> HeadImportance:
        return head_importance(
            model,
            self.learner.batches(model, task, self.data.rows[task][self.script.rank_on]),
            method=cast(Method, self.script.method),
            normalize=self.norm,
        )

    def instance_scores(self, model: MultiTaskModel, task: str) -> np.ndarray:
        """Scores of heads for every training row, in the order of the rows."""
        rows = self.data.rows[task]["train"]
        scores = instance_importance(model, self.learner.batches(model, task, rows))
        ordered = np.empty_like(scores)
        ordered[np.concatenate(self.learner.batch_places(rows))] = scores
        return ordered
