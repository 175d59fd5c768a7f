"""Which instances of auxiliary tasks to keep: those that need the heads that the primary task needs (GradTS, fine-grained)."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hf_relation.errors import UsageError
from hf_relation.heads import HeadImportance
from hf_relation.heads.normalizing import Norm, check_norm
from hf_relation.selection.trials import Trial, run_trials, trial_rows


_PAIRS_AT_ONCE = 2**24


def instance_correlations(instances: np.ndarray, task: HeadImportance, *, normalize: Norm | None = "l1") -> np.ndarray:
    """Kendall's tau-b between the head scores of every instance and those of a task, all instances at once.

    The scores of each instance are divided by the norm of their layer first (scaling them to [0, 1] afterwards changes no
    rank). Which task that is: GradTS's code takes the *primary* one, its text speaks of the auxiliary task itself; the
    former is what says whether an auxiliary instance serves the primary task.

    Args:
        instances (`np.ndarray` of shape `(n, layers, heads)`): raw scores of
            [`~hf_relation.heads.instance_importance`].
        task ([`~hf_relation.heads.HeadImportance`]): of the task; its pruned heads do not count.
        normalize (`str`, *optional*, defaults to `"l1"`): norm of the layers of an instance: `"l1"`, `"l2"` or `None`.

    Returns:
        `np.ndarray` of shape `(n,)`: from -1 to 1; 0 for instances (or a task) whose scores are all equal.

    Raises:
        UsageError: another shape, scores that are not finite or below 0, or another norm.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.heads import HeadImportance
    >>> from hf_relation.selection import instance_correlations
    >>> task = HeadImportance(np.array([[1, 3, 0], [2, 2, 4]]), "gate", 7)
    >>> instances = np.array([[[1, 3, 0], [2, 2, 4]], [[1, 2, 3], [3, 2, 1]], [[2, 4, 1], [1, 1, 6]]])
    >>> instance_correlations(instances, task).round(4).tolist()
    [1.0, -0.4167, 0.4629]

    ```

    Reference: Ma et al., "GradTS", EMNLP 2021, section 3.3; tau-b: Kendall, 1945.
    """
    check_norm(normalize)
    raw = np.asarray(instances, dtype=np.float64)
    if raw.ndim != 3 or raw.shape[1:] != task.raw.shape:
        raise UsageError(
            f"`instances` must have shape (n, {task.raw.shape[0]}, {task.raw.shape[1]}), as the task's heads; got {raw.shape}."
        )
    if not np.isfinite(raw).all() or (raw < 0).any():
        raise UsageError("Head scores of `instances` must be finite and at least 0.")
    if normalize is not None:
        largest = raw.max(axis=2, keepdims=True)  # no square is too large or too small then
        raw = np.divide(raw, largest, out=np.zeros_like(raw), where=largest > 0)
        norm = raw.sum(2, keepdims=True) if normalize == "l1" else np.sqrt((raw**2).sum(2, keepdims=True))
        raw = np.divide(raw, norm, out=np.zeros_like(raw), where=norm > 0)
    # Rounded: equal scores of different layers differ by the last bit of their divisions.
    rows, reference = raw[:, task.kept].round(12), task.scores[task.kept].round(12)
    first, second = np.triu_indices(len(reference), 1)
    signs = np.sign(reference[first] - reference[second])  # (pairs,)
    result = np.zeros(len(rows))
    step = max(1, _PAIRS_AT_ONCE // max(1, len(first)))
    for start in range(0, len(rows), step):
        own = np.sign(rows[start : start + step, first] - rows[start : start + step, second])  # (rows, pairs)
        untied = np.sqrt(np.count_nonzero(own, axis=1) * float(np.count_nonzero(signs)))
        agreement = own @ signs
        result[start : start + step] = np.divide(agreement, untied, out=np.zeros(len(own)), where=untied > 0)
    return result


def select_instances(correlations: np.ndarray, threshold: float) -> np.ndarray:
    """The positions of the instances whose correlation is at least a threshold.

    Args:
        correlations (`np.ndarray` of shape `(n,)`): of [`instance_correlations`].
        threshold (`float`): finite.

    Returns:
        `np.ndarray` of shape `(kept,)`, int64: in order.

    Raises:
        UsageError: the threshold is not finite.
    """
    if not math.isfinite(threshold):
        raise UsageError(f"`threshold` must be a finite number, got {threshold!r}.")
    return np.flatnonzero(np.asarray(correlations) >= threshold)


@dataclass(frozen=True)
class ThresholdChoice:
    """What [`choose_threshold`] found.

    Args:
        thresholds (`tuple[float, ...]`): those that were tried.
        kept (`tuple[int, ...]`): instances of the sample that each of them keeps.
        trials (`tuple[Trial, ...]`): one a threshold.
    """

    thresholds: tuple[float, ...]
    kept: tuple[int, ...]
    trials: tuple[Trial, ...]

    @property
    def threshold(self) -> float:
        """The threshold with the highest score, of equals the one that keeps the fewest instances."""
        best = min(range(len(self.trials)), key=lambda number: (-self.trials[number].score, self.kept[number]))
        return self.thresholds[best]

    def rows(self) -> list[dict[str, Any]]:
        """A table: `name` (the threshold), `kept`, `score`, `seconds`, `chosen`."""
        chosen = self.thresholds.index(self.threshold)
        rows = trial_rows([f"{threshold:g}" for threshold in self.thresholds], self.trials, chosen)
        return [{**row, "kept": kept} for row, kept in zip(rows, self.kept, strict=True)]


def choose_threshold(
    correlations: Mapping[str, np.ndarray],
    train_and_score: Callable[[dict[str, np.ndarray]], float],
    thresholds: Sequence[float],
    *,
    share: float = 0.1,
    seed: int = 42,
    save_to: str | os.PathLike[str] | None = None,
) -> ThresholdChoice:
    """Choose the threshold on correlations with a sample of the training data.

    Args:
        correlations (`Mapping[str, np.ndarray]`): auxiliary task -> those of its training instances.
        train_and_score (`Callable`): takes the positions to train on of every auxiliary task, trains on them and the primary
            task (of which the caller takes as large a share), and gives the primary task's score on the development set.
        thresholds (`Sequence[float]`): to be tried; at least one.
        share (`float`, defaults to 0.1): of every task's instances, in (0, 1].
        seed (`int`, defaults to 42): of the sample.
        save_to (`str` or `PathLike`, *optional*): JSON file, written after every trial; trials that it has are not run again.

    Returns:
        [`ThresholdChoice`].

    Raises:
        UsageError: no task, a threshold that is not finite, a share out of range, or a file of other trials.
        TrainingError: a score is not a finite number.

    Reference: Ma et al., "GradTS", EMNLP 2021, footnote 3: thresholds are chosen on 10 % of the training data, seed 42.
    """
    if not correlations or not len(thresholds):
        raise UsageError("At least one task in `correlations` and one of `thresholds` are needed.")
    if not 0 < share <= 1:
        raise UsageError(f"`share` must be above 0 and at most 1, got {share!r}.")
    samples = sample_rows({task: len(values) for task, values in correlations.items()}, share, seed)

    def kept(threshold: float) -> dict[str, np.ndarray]:
        return {
            task: rows[select_instances(np.asarray(correlations[task])[rows], threshold)]
            for task, rows in samples.items()
        }

    tried = tuple(float(threshold) for threshold in thresholds)
    chosen = [kept(threshold) for threshold in tried]
    sizes = {task: len(rows) for task, rows in samples.items()}
    counts = [sum(map(len, rows.values())) for rows in chosen]
    plan = {"thresholds": list(tried), "sizes": sizes, "kept": counts, "share": share, "seed": seed}
    trials = run_trials(
        "choice of a threshold",
        plan,
        len(tried),
        lambda number, before: train_and_score(chosen[number]),
        stop="best",
        save_to=save_to,
    )
    return ThresholdChoice(tried, tuple(counts), tuple(trials))


def sample_rows(sizes: Mapping[str, int], share: float, seed: int) -> dict[str, np.ndarray]:
    """Draw a share of the rows of every task, at least one where there is one.

    Args:
        sizes (`Mapping[str, int]`): task -> its rows.
        share (`float`): in (0, 1].
        seed (`int`): of the draw.

    Returns:
        `dict[str, np.ndarray]`: task -> positions, in order.

    Example:

    ```python
    >>> from hf_relation.selection.instances import sample_rows
    >>> {task: len(rows) for task, rows in sample_rows({"sst": 95, "rte": 3}, 0.1, 42).items()}
    {'sst': 10, 'rte': 1}

    ```
    """
    rng = np.random.default_rng(seed)
    return {
        task: np.sort(rng.choice(size, math.ceil(share * size - 1e-9), replace=False)) for task, size in sizes.items()
    }
