"""Task selection by Thompson sampling, in the manner of AutoSeM's first stage: what GradTS is compared with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hf_relation.errors import TrainingError, UsageError


@dataclass(frozen=True)
class TaskUtilities:
    """How often training on each task did no harm to the primary one.

    Args:
        tasks (`tuple[str, ...]`): the tasks.
        alpha, beta (`tuple[float, ...]`): of their Beta posteriors.
        history (`tuple[tuple[str, float], ...]`): the task of every round, and the primary task's score after it.
    """

    tasks: tuple[str, ...]
    alpha: tuple[float, ...]
    beta: tuple[float, ...]
    history: tuple[tuple[str, float], ...]

    @property
    def utilities(self) -> dict[str, float]:
        """Expected probability that a round of the task does no harm, alpha / (alpha + beta)."""
        return {
            task: alpha / (alpha + beta) for task, alpha, beta in zip(self.tasks, self.alpha, self.beta, strict=True)
        }

    def best(self, number: int = 2, *, without: Sequence[str] = ()) -> list[str]:
        """The tasks of the highest utility, of equals the first; `without` leaves the primary one out."""
        utilities = self.utilities
        return sorted((task for task in self.tasks if task not in without), key=lambda task: -utilities[task])[:number]


def sample_tasks(
    tasks: Sequence[str],
    train_step: Callable[[str], float],
    *,
    start_score: float,
    num_rounds: int,
    decay: float = 0.1,
    prior: tuple[float, float] = (1.0, 1.0),
    seed: int = 42,
) -> TaskUtilities:
    """Train one model on one task at a time, drawn by how well rounds of each went before.

    In every round a probability is drawn from the posterior of each task, and the task with the highest trains. It wins where
    the primary task's score is at least that of the round before. Posteriors of all tasks lean back to the prior by `decay`,
    since what helps changes while the model learns.

    Args:
        tasks (`Sequence[str]`): all tasks, the primary one among them; at least one.
        train_step (`Callable[[str], float]`): trains the model on a slice of the task's data, and gives the *primary* task's
            score on the development set; higher is better.
        start_score (`float`): that score before the first round.
        num_rounds (`int`): rounds; at least 1.
        decay (`float`, defaults to 0.1): in [0, 1]; 0 forgets nothing.
        prior (`tuple[float, float]`, defaults to `(1.0, 1.0)`): alpha and beta before the first round, above 0.
        seed (`int`, defaults to 42): of the draws.

    Returns:
        [`TaskUtilities`].

    Raises:
        UsageError: no task, one twice, or a number out of range.
        TrainingError: a score is not a finite number.

    Example:

    ```python
    >>> from hf_relation.selection import sample_tasks
    >>> score = {"value": 0.5}
    >>> def train_step(task):
    ...     score["value"] += {"cola": 0.01, "sst": 0.01, "wnli": -0.02}[task]
    ...     return score["value"]
    >>> found = sample_tasks(["cola", "sst", "wnli"], train_step, start_score=0.5, num_rounds=40)
    >>> found.best(1, without=["cola"]), len(found.history)
    (['sst'], 40)

    ```

    Reference: Guo, Pasunuru and Bansal, "AutoSeM: Automatic Task Selection and Mixing in Multi-Task Learning", NAACL 2019,
    section 3.2; their settings may differ.
    """
    if isinstance(tasks, str) or not len(tasks) or len(set(tasks)) < len(tasks):
        raise UsageError(f"`tasks` must be a list of different tasks, at least one; got {tasks!r}.")
    for name, value, least in (("num_rounds", num_rounds, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise UsageError(f"`{name}` must be an integer of at least {least}, got {value!r}.")
    if not 0 <= decay <= 1:
        raise UsageError(f"`decay` must be from 0 to 1, got {decay!r}.")
    if len(prior) != 2 or not all(math.isfinite(value) and value > 0 for value in prior):
        raise UsageError(f"`prior` must be two finite numbers above 0, got {prior!r}.")
    rng = np.random.default_rng(seed)
    start = np.tile(np.array(prior, dtype=np.float64), (len(tasks), 1))  # (tasks, 2)
    posterior, before = start.copy(), start_score
    history: list[tuple[str, float]] = []
    for number in range(num_rounds):
        place = int(rng.beta(posterior[:, 0], posterior[:, 1]).argmax())
        score = float(train_step(tasks[place]))
        if not math.isfinite(score):
            raise TrainingError(
                f"Round {number} ({tasks[place]!r}) gave the score {score}, not a finite number.", step=number
            )
        posterior = (1 - decay) * posterior + decay * start
        posterior[place, 0 if score >= before else 1] += 1
        history.append((tasks[place], score))
        before = score
    alpha, beta = posterior.T.tolist()
    return TaskUtilities(tuple(tasks), tuple(alpha), tuple(beta), tuple(history))
