"""`TaskSelector`: which auxiliary tasks help a primary one, by the attention heads that they need (GradTS)."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_relation.data.atomic import atomic_file, atomic_folder
from hf_relation.data.files import parse_json
from hf_relation.errors import CheckpointError, InvalidRowError, UsageError
from hf_relation.heads import HeadCorrelation, HeadImportance, compare_heads
from hf_relation.selection.task_sets import RULES, TaskSelection, TrainTasks, check_tasks, greedy_sets
from hf_relation.selection.trials import run_trials


class TaskSelector:
    """Rank auxiliary tasks by how much their head importance agrees with that of a primary task, and try them in that order.

    Head importance is measured once a task (one fine-tuning and one pass over its data, which is the caller's `importance`)
    and kept in `cache_dir`, so that further candidates, or another primary task, cost only their own.

    Args:
        primary (`str`): the task whose score counts.
        auxiliary (`Sequence[str]`): candidates; at least one.
        importance (`Callable[[str], HeadImportance]`): measures a task; all with one kind of model.
        settings (`Mapping[str, Any]`, defaults to none): what the measuring depends on (model, epochs, seed, method), as JSON
            has it; a measurement in the cache is used again only with the same settings.
        cache_dir (`str` or `PathLike`, *optional*): folder of measurements; made where missing.

    Raises:
        UsageError: no candidate, one twice, or settings that JSON does not know.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.heads import HeadImportance
    >>> from hf_relation.selection import TaskSelector
    >>> raw = {"cola": [[0.9, 0.1, 0.4]], "sst": [[0.8, 0.3, 0.2]], "wnli": [[0.1, 0.9, 0.5]], "rte": [[0.9, 0.2, 0.3]]}
    >>> selector = TaskSelector("cola", ["wnli", "sst", "rte"], lambda task: HeadImportance(np.array(raw[task]), "gate", 5))
    >>> [(task, round(tau, 4)) for task, tau in selector.ranking()]
    [('rte', 1.0), ('sst', 0.3333), ('wnli', -1.0)]
    >>> scores = {1: 0.70, 2: 0.72, 3: 0.71}
    >>> selection = selector.select(lambda tasks: scores[len(tasks)])
    >>> selection.chosen, selection.score, len(selection.trials)
    (('rte',), 0.72, 3)

    ```

    Reference: Ma et al., "GradTS: A Gradient-Based Automatic Auxiliary Task Selection Method Based on Transformer Networks",
    EMNLP 2021, section 3.
    """

    def __init__(
        self,
        primary: str,
        auxiliary: Sequence[str],
        importance: Callable[[str], HeadImportance],
        *,
        settings: Mapping[str, Any] | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        check_tasks(primary, auxiliary)
        self.primary = primary
        self.auxiliary = tuple(auxiliary)
        self.cache_dir = None if cache_dir is None else Path(cache_dir)
        try:
            self.settings = json.loads(json.dumps(dict(settings or {}), sort_keys=True, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise UsageError(f"`settings` must be what JSON knows: {error}.") from None
        self._importance = importance
        self._matrices: dict[str, HeadImportance] = {}
        self.importance_seconds: dict[str, float] = {}
        """What measuring each task took, on the clock, when it was measured; filled by [`matrices`]."""

    def matrices(self) -> dict[str, HeadImportance]:
        """Head importance of all tasks, the primary one first; measured where the cache has none.

        Raises:
            CheckpointError: a measurement in the cache is damaged.
        """
        for task in (self.primary, *self.auxiliary):
            if task not in self._matrices:
                self._matrices[task], self.importance_seconds[task] = self._measured(task)
        return dict(self._matrices)

    def correlation(self) -> HeadCorrelation:
        """Kendall's tau-b between all tasks, with a heatmap."""
        return compare_heads(self.matrices(), method="kendall")

    def ranking(self) -> list[tuple[str, float]]:
        """The candidates and their correlation with the primary task, the highest first; equals as given."""
        row = self.correlation().matrix[0, 1:].tolist()
        return sorted(zip(self.auxiliary, row, strict=True), key=lambda pair: -pair[1])

    def select(
        self,
        train_and_score: TrainTasks,
        *,
        rule: str = "paper",
        save_to: str | os.PathLike[str] | None = None,
    ) -> TaskSelection:
        """Add candidates one after another, as long as the score of the primary task does not fall.

        Args:
            train_and_score (`Callable`): takes the tasks, the primary one first, trains on them together, and gives the score
                of the primary one on the development set; higher is better.
            rule (`str`, defaults to `"paper"`): `"paper"`: the primary task alone comes first, so that it may turn out that no
                auxiliary task helps; `"repository"`: as the authors' code does, the first candidate is always taken, and never
                compared with the primary task alone.
            save_to (`str` or `PathLike`, *optional*): JSON file, written after every trial; a selection that was cut off goes
                on from it.

        Returns:
            [`TaskSelection`].

        Raises:
            UsageError: another rule, or a file of another selection.
            TrainingError: a score is not a finite number; the trials before are kept.
        """
        if rule not in RULES:
            raise UsageError(f"`rule` must be one of {list(RULES)}, got {rule!r}.")
        order, correlations = (tuple(column) for column in zip(*self.ranking(), strict=True))
        sets = greedy_sets(self.primary, order, rule)
        plan = {"primary": self.primary, "order": list(order), "rule": rule}
        trials = run_trials(
            "selection of tasks",
            plan,
            len(sets),
            lambda number, before: train_and_score(sets[number]),
            stop="first_drop",
            save_to=save_to,
        )
        return TaskSelection(self.primary, order, correlations, rule, tuple(trials))

    def _measured(self, task: str) -> tuple[HeadImportance, float]:
        folder = self._folder(task)
        if folder is not None and folder.is_dir():
            return HeadImportance.load(folder / "importance.json"), self._seconds(folder, task)
        start = time.perf_counter()
        importance = self._importance(task)
        seconds = round(time.perf_counter() - start, 3)
        if not isinstance(importance, HeadImportance):
            raise UsageError(f"`importance({task!r})` must give a HeadImportance, got {type(importance).__name__}.")
        if folder is not None:
            entry = {"task": task, "settings": self.settings, "seconds": seconds}
            with atomic_folder(folder) as work:
                importance.save(work / "importance.json")
                with atomic_file(work / "entry.json") as stream:
                    stream.write(json.dumps(entry, indent=1).encode("utf-8") + b"\n")
        return importance, seconds

    def _folder(self, task: str) -> Path | None:
        if self.cache_dir is None:
            return None
        key = json.dumps([task, self.settings], sort_keys=True)
        readable = re.sub(r"[^A-Za-z0-9]+", "-", task)[:40].strip("-")
        return self.cache_dir / f"{readable}-{hashlib.sha256(key.encode('utf-8')).hexdigest()[:16]}"

    def _seconds(self, folder: Path, task: str) -> float:
        path = folder / "entry.json"
        try:
            entry = parse_json(path.read_bytes(), what=str(path))
            if entry["task"] != task or entry["settings"] != self.settings:
                raise UsageError("it is of another task or other settings.")
            return float(entry["seconds"])
        except (OSError, InvalidRowError, UsageError, TypeError, ValueError, KeyError) as error:
            raise CheckpointError(
                f"{path} is missing or damaged: {error} Delete the folder to measure again."
            ) from error
