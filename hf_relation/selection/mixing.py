"""Mixing ratios by a Gaussian process, in the manner of AutoSeM's second stage."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from hf_relation.errors import UsageError
from hf_relation.selection.trials import Trial, chosen_trial, run_trials, trial_rows


_CANDIDATES = 512


@dataclass(frozen=True)
class MixingSearch:
    """What [`choose_mixing_ratios`] found.

    Args:
        tasks (`tuple[str, ...]`): the tasks, the primary one first.
        tried (`tuple[tuple[int, ...], ...]`): ratios of the trials, one number a task.
        trials (`tuple[Trial, ...]`): as many.
    """

    tasks: tuple[str, ...]
    tried: tuple[tuple[int, ...], ...]
    trials: tuple[Trial, ...]

    @property
    def ratios(self) -> dict[str, int]:
        """The best ratios, task -> what its batches stand to the others' as; of equals the last."""
        return dict(zip(self.tasks, self.tried[chosen_trial(self.trials, "best")], strict=True))

    @property
    def score(self) -> float:
        """Their score."""
        return max(trial.score for trial in self.trials)

    def rows(self) -> list[dict[str, Any]]:
        """A table: `name` (ratios joined by :), `score`, `seconds`, `chosen`."""
        names = [":".join(map(str, ratios)) for ratios in self.tried]
        return trial_rows(names, self.trials, chosen_trial(self.trials, "best"))


def choose_mixing_ratios(
    tasks: Sequence[str],
    train_and_score: Callable[[dict[str, int]], float],
    *,
    num_trials: int = 12,
    num_random: int = 4,
    largest: int = 10,
    seed: int = 42,
    save_to: str | os.PathLike[str] | None = None,
) -> MixingSearch:
    """Search for how many batches of each task to train on, with Bayesian optimisation.

    Equal ratios come first, then random ones, then those of the highest expected improvement under a Gaussian process
    (Matern kernel, noise fitted) over the trials before, among 512 random ratios.

    Args:
        tasks (`Sequence[str]`): at least two, the primary one first; its ratio is never 0.
        train_and_score (`Callable`): takes task -> ratio, for instance for the `mixing` of
            [`~hf_relation.training.TaskBatchSampler`], trains, and gives the primary task's score; higher is better.
        num_trials (`int`, defaults to 12): in all.
        num_random (`int`, defaults to 4): of them, before the Gaussian process begins; at least 2.
        largest (`int`, defaults to 10): ratios are integers from 0 to this.
        seed (`int`, defaults to 42): of all draws.
        save_to (`str` or `PathLike`, *optional*): JSON file, written after every trial; a search that was cut off goes on from
            it with the same proposals.

    Returns:
        [`MixingSearch`].

    Raises:
        UsageError: fewer than two tasks, one twice, a number out of range, or a file of another search.
        TrainingError: a score is not a finite number.

    Example:

    ```python
    >>> from hf_relation.selection import choose_mixing_ratios
    >>> found = choose_mixing_ratios(["cola", "sst"], lambda ratios: 1.0 / (1 + abs(ratios["cola"] - 2 * ratios["sst"])))
    >>> found.score, found.ratios["cola"] == 2 * found.ratios["sst"]
    (1.0, True)

    ```

    Reference: Guo, Pasunuru and Bansal, "AutoSeM", NAACL 2019, section 3.3; expected improvement: Jones et al., 1998.
    """
    if isinstance(tasks, str) or len(tasks) < 2 or len(set(tasks)) < len(tasks):
        raise UsageError(f"`tasks` must be a list of different tasks, at least two; got {tasks!r}.")
    for name, value, least in (
        ("num_trials", num_trials, 1),
        ("num_random", num_random, 2),
        ("largest", largest, 1),
        ("seed", seed, 0),
    ):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise UsageError(f"`{name}` must be an integer of at least {least}, got {value!r}.")
    tried: list[tuple[int, ...]] = []

    def propose(trials: Sequence[Trial]) -> None:
        """Fill `tried` up to one more than there are trials: a pure function of the scores."""
        while len(tried) <= len(trials):
            number = len(tried)
            rng = np.random.default_rng([seed, number])
            if number == 0:
                tried.append((1,) * len(tasks))
                continue
            drawn = rng.integers(0, largest + 1, (_CANDIDATES, len(tasks)))
            drawn[:, 0] = np.maximum(drawn[:, 0], 1)
            fresh = np.array([row for row in drawn if tuple(row.tolist()) not in tried] or drawn)
            scores = [trial.score for trial in trials[:number]]
            place = 0 if number < num_random else _most_promising(np.array(tried), scores, fresh, largest, seed)
            tried.append(tuple(fresh[place].tolist()))

    def evaluate(number: int, before: Sequence[Trial]) -> float:
        propose(before)
        return train_and_score(dict(zip(tasks, tried[number], strict=True)))

    plan = {"tasks": list(tasks), "num_random": num_random, "largest": largest, "seed": seed}
    trials = run_trials("search for mixing ratios", plan, num_trials, evaluate, stop="best", save_to=save_to)
    propose(trials[:-1])
    return MixingSearch(tuple(tasks), tuple(tried[: len(trials)]), tuple(trials))


def _most_promising(
    tried: np.ndarray, scores: Sequence[float], candidates: np.ndarray, largest: int, seed: int
) -> int:
    """The candidate of the highest expected improvement."""
    kernel = ConstantKernel() * Matern(length_scale=0.5, nu=2.5) + WhiteKernel(1e-3, (1e-6, 1e1))
    process = GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=1, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a parameter at its bound
        process.fit(tried / largest, np.array(scores))
        mean, deviation = process.predict(candidates / largest, return_std=True)
    return int(expected_improvement(mean, deviation, max(scores)).argmax())


def expected_improvement(mean: np.ndarray, deviation: np.ndarray, best: float) -> np.ndarray:
    """How much a normal variable is expected to exceed the best score, counting only what exceeds it.

    Args:
        mean, deviation (`np.ndarray` of shape `(n,)`): of the variables.
        best (`float`): the best score.

    Returns:
        `np.ndarray` of shape `(n,)`.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.selection.mixing import expected_improvement
    >>> expected_improvement(np.array([0.0, 2.0]), np.array([1.0, 0.0]), 0.0).round(4).tolist()
    [0.3989, 2.0]

    ```
    """
    safe = np.where(deviation > 0, deviation, 1.0)
    z = (mean - best) / safe
    improvement = (mean - best) * norm.cdf(z) + safe * norm.pdf(z)
    return np.where(deviation > 0, improvement, np.maximum(mean - best, 0.0))
