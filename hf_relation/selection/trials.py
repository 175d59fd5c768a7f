"""Trials one after another, each of which may take hours: kept in a file as they end, stopped at the first drop."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hf_relation.data.atomic import atomic_file
from hf_relation.data.files import parse_json
from hf_relation.errors import CheckpointError, InvalidRowError, TrainingError, UsageError


Stop = Literal["first_drop", "best"]
STOPS = ("first_drop", "best")
_FORMAT = 1


@dataclass(frozen=True)
class Trial:
    """One thing tried.

    Args:
        score (`float`): finite, higher is better.
        seconds (`float`): what it took, on the clock.
    """

    score: float
    seconds: float

    def __post_init__(self) -> None:
        for name in ("score", "seconds"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
                raise UsageError(f"The {name} of a trial must be a finite number, got {value!r}.")


def run_trials(
    kind: str,
    plan: Mapping[str, Any],
    number: int | None,
    evaluate: Callable[[int, Sequence[Trial]], float],
    *,
    stop: Stop,
    save_to: str | os.PathLike[str] | None = None,
) -> list[Trial]:
    """Run trials 0, 1, 2 and so on; those that a file has are not run again.

    Args:
        kind (`str`): of the search, kept in the file.
        plan (`Mapping[str, Any]`): what decides the trials, as JSON has it; a file of another plan is refused.
        number (`int`): of the trials, at most.
        evaluate (`Callable`): takes the number of a trial and the trials before; gives its score.
        stop (`str`): `"first_drop"`: no trial after one that scores less than the one before; `"best"`: all trials.
        save_to (`str` or `PathLike`, *optional*): JSON file, written after every trial.

    Returns:
        `list[Trial]`: the one that dropped among them.

    Raises:
        UsageError: the file belongs to another plan.
        CheckpointError: the file is damaged.
        TrainingError: a score is not a finite number; the trials before it are kept.
    """
    done: list[Trial] = []
    if save_to is not None and Path(save_to).exists():
        found, done = load_trials(save_to, kind)
        different = sorted(
            name for name in {*found, *plan} if found.get(name) != json.loads(json.dumps(plan.get(name)))
        )
        if different:
            raise UsageError(
                f"{save_to} holds trials of another search: it differs in {', '.join(different)}. Give another file, or delete "
                "this one."
            )
    while (number is None or len(done) < number) and not (stop == "first_drop" and has_dropped(done)):
        start = time.perf_counter()
        score = evaluate(len(done), tuple(done))
        try:
            done.append(Trial(float(score), time.perf_counter() - start))
        except (UsageError, TypeError, ValueError):
            raise TrainingError(
                f"Trial {len(done)} of the {kind} gave the score {score!r}, not a finite number. The trials before it "
                f"{'are in ' + str(save_to) if save_to is not None else 'are lost; give `save_to` to keep them'}.",
                step=len(done),
            ) from None
        if save_to is not None:
            save_trials(save_to, kind, plan, done)
    return done


def has_dropped(trials: Sequence[Trial]) -> bool:
    """Whether a trial scored less than the one before."""
    return any(after.score < before.score for before, after in zip(trials, trials[1:], strict=False))


def chosen_trial(trials: Sequence[Trial], stop: Stop) -> int:
    """The number of the trial to keep.

    Args:
        trials (`Sequence[Trial]`): at least one.
        stop (`str`): `"first_drop"`: the last before the first drop, `"best"`: the best of all, of equals the last.

    Returns:
        `int`.

    Example:

    ```python
    >>> from hf_relation.selection.trials import Trial, chosen_trial
    >>> trials = [Trial(score, 1.0) for score in (0.80, 0.81, 0.82, 0.79, 0.83)]
    >>> chosen_trial(trials, "first_drop"), chosen_trial(trials, "best")
    (2, 4)

    ```
    """
    if stop == "best":
        return max(range(len(trials)), key=lambda number: (trials[number].score, number))
    return next(
        (number for number in range(len(trials) - 1) if trials[number + 1].score < trials[number].score),
        len(trials) - 1,
    )


def check_stop(stop: str) -> None:
    """Refuse another rule for stopping.

    Raises:
        UsageError: it is none of those there are.
    """
    if stop not in STOPS:
        raise UsageError(f"`stop` must be one of {list(STOPS)}, got {stop!r}.")


def save_trials(path: str | os.PathLike[str], kind: str, plan: Mapping[str, Any], trials: Sequence[Trial]) -> None:
    """Write a plan and its trials to a JSON file, whole or not at all.

    Raises:
        UsageError: a folder has that name, or its folder does not exist.
    """
    listed = [{"score": trial.score, "seconds": round(trial.seconds, 3)} for trial in trials]
    content = {"format_version": _FORMAT, "kind": kind, "plan": dict(plan), "trials": listed}
    text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
    with atomic_file(path) as stream:
        stream.write(text.encode("utf-8") + b"\n")


def load_trials(path: str | os.PathLike[str], kind: str) -> tuple[dict[str, Any], list[Trial]]:
    """Read what [`save_trials`] wrote.

    Returns:
        `tuple`: the plan, of which nothing is checked but that it is an object, and the trials.

    Raises:
        CheckpointError: the file is missing, damaged, of another kind or from a newer version.
    """
    try:
        content = parse_json(Path(path).read_bytes(), what=str(path))
        if not isinstance(content, dict) or type(content.get("format_version")) is not int:
            raise UsageError("it must be an object with `format_version`.")
        if content["format_version"] > _FORMAT:
            raise UsageError(
                f"it has format {content['format_version']}, this version of hf_relation reads {_FORMAT}."
            )
        if content.get("kind") != kind:
            raise UsageError(f"it is of kind {content.get('kind')!r}, not {kind!r}.")
        plan, listed = content.get("plan"), content.get("trials")
        if not isinstance(plan, dict) or not isinstance(listed, list):
            raise UsageError("`plan` must be an object and `trials` a list.")
        return plan, [Trial(trial["score"], trial["seconds"]) for trial in listed]
    except (OSError, InvalidRowError, UsageError, TypeError, KeyError) as error:
        raise CheckpointError(f"{path} is missing or damaged: {error}") from error


def trial_rows(names: Sequence[str], trials: Sequence[Trial], chosen: int | None = None) -> list[dict[str, Any]]:
    """A table of trials: name, score, seconds, and whether it was chosen.

    Args:
        names (`Sequence[str]`): of the trials; may be more.
        trials (`Sequence[Trial]`): those made.
        chosen (`int`, *optional*): number of the one that was chosen.

    Returns:
        `list[dict]`.
    """
    return [
        {"name": name, "score": trial.score, "seconds": trial.seconds, "chosen": number == chosen}
        for number, (name, trial) in enumerate(zip(names, trials, strict=False))
    ]
