"""The tasks of a multi-task model: their kinds and labels, checked, since they come from files; their heads and losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from hf_relation.errors import UsageError
from hf_relation.models.pair_config import check_choice, check_number


TASK_KINDS = ("classification", "regression", "tokens")
IGNORED = -100
_FIELDS = {"kind", "labels", "dropout"}
_MOST_TASKS, _MOST_LABELS, _LONGEST_NAME = 1000, 100_000, 200


class Task(NamedTuple):
    """One task of a multi-task model.

    Args:
        name (`str`): the task.
        kind (`str`): `"classification"` (one label a text), `"regression"` (one number a text) or `"tokens"` (one label a
            token).
        labels (`tuple[str, ...]`): names of the labels in the order of their numbers; none for regression.
        dropout (`float`): in front of the task's head.
    """

    name: str
    kind: str
    labels: tuple[str, ...]
    dropout: float

    @property
    def num_outputs(self) -> int:
        """Width of the task's head."""
        return len(self.labels) or 1


def read_tasks(given: Any, dropout: float) -> dict[str, Task]:
    """Check tasks as they stand in a config, which is untrusted.

    Args:
        given: name -> `{"kind": ..., "labels": [...], "dropout": ...}`; no labels for regression, and `dropout` may be left
            out.
        dropout (`float`): for tasks without their own.

    Returns:
        `dict[str, Task]`: sorted by name; that order numbers the tasks.

    Raises:
        UsageError: no task, an unknown kind or field, labels that are no list of different strings, fewer than two labels
            of a task that has some, or a dropout outside of [0, 1).

    Example:

    ```python
    >>> from hf_relation.models.multitask.task_heads import read_tasks
    >>> tasks = read_tasks({"sts": {"kind": "regression"}, "cola": {"kind": "classification", "labels": ["no", "yes"]}}, 0.1)
    >>> list(tasks), tasks["cola"].num_outputs, tasks["sts"].num_outputs
    (['cola', 'sts'], 2, 1)

    ```
    """
    if not isinstance(given, Mapping) or not 0 < len(given) <= _MOST_TASKS:
        raise UsageError(
            '`tasks` must name at least one task, like {"cola": {"kind": "classification", "labels": ["no", "yes"]}}, got '
            f"{str(given)[:80]}."
        )
    for name in given:
        if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME:
            raise UsageError(f"Names of `tasks` must be strings that are not empty, got {str(name)[:80]!r}.")
    return {name: _read_task(name, given[name], dropout) for name in sorted(given)}


def _read_task(name: str, given: Any, dropout: float) -> Task:
    if not isinstance(given, Mapping) or not set(given) <= _FIELDS:
        raise UsageError(f"Task {name!r} must be an object with {sorted(_FIELDS)}, got {str(given)[:80]}.")
    kind, labels, own = given.get("kind"), given.get("labels") or [], given.get("dropout", dropout)
    check_choice(f"kind` of task `{name}", kind, TASK_KINDS)  # type: ignore[arg-type]
    if isinstance(own, bool) or not isinstance(own, (int, float)):
        raise UsageError(f"`dropout` of task {name!r} must be a number, got {own!r}.")
    check_number(f"dropout` of task `{name}", own)
    if own >= 1:
        raise UsageError(f"`dropout` of task {name!r} must be below 1, got {own}.")
    strings = isinstance(labels, list) and all(isinstance(label, str) and label for label in labels)
    if not strings or len(set(labels)) < len(labels) or len(labels) > _MOST_LABELS:
        raise UsageError(f"`labels` of task {name!r} must be a list of different strings, got {str(labels)[:80]}.")
    if kind == "regression" and labels:
        raise UsageError(f"Task {name!r} is a regression, which has no `labels`; got {str(labels)[:80]}.")
    if kind != "regression" and len(labels) < 2:
        raise UsageError(f"Task {name!r} ({kind}) needs at least two `labels`, got {labels}.")
    return Task(name, str(kind), tuple(labels), float(own))


class TaskHeads(nn.Module):
    """A linear layer for every task, each behind its own dropout.

    One module with a `forward`, so that peft can keep it whole beside adapters.

    Args:
        tasks (`Sequence[Task]`): in the order of their numbers (names may hold what a module's may not, such as a dot).
        width (`int`): of the states.
    """

    def __init__(self, tasks: Sequence[Task], width: int) -> None:
        super().__init__()
        self.dropouts = nn.ModuleList(nn.Dropout(task.dropout) for task in tasks)
        self.linears = nn.ModuleList(nn.Linear(width, task.num_outputs) for task in tasks)

    def forward(self, states: torch.Tensor, number: int) -> torch.Tensor:
        """The outputs of one task.

        Args:
            states (`torch.Tensor` of shape `(..., width)`): of texts or tokens.
            number (`int`): of the task.

        Returns:
            `torch.Tensor` of shape `(..., outputs)`, float32.
        """
        return self.linears[number](self.dropouts[number](states)).float()


def task_loss(task: Task, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The loss of one task over a batch: the mean of cross entropy or of squared errors.

    Args:
        task ([`Task`]): the task.
        logits (`torch.Tensor` of shape `(batch, outputs)` or `(batch, tokens, outputs)`): of its head.
        labels (`torch.Tensor` of shape `(batch,)` or `(batch, tokens)`): numbers of labels, -100 where there is none; for a
            regression any finite numbers.

    Returns:
        `torch.Tensor` of shape `()`: 0, with a gradient, where nothing is labelled.

    Raises:
        UsageError: labels of another shape or type, or out of range.
    """
    expected = tuple(logits.shape[:-1])
    if tuple(labels.shape) != expected:
        what = "(batch, tokens)" if task.kind == "tokens" else "(batch,)"
        raise UsageError(
            f"`labels` of task {task.name!r} ({task.kind}) must have shape {what}, here {expected}, got {tuple(labels.shape)}."
        )
    if task.kind == "regression":
        return functional.mse_loss(logits.squeeze(-1), labels.to(logits.dtype))
    if labels.is_floating_point() or labels.dtype == torch.bool:
        raise UsageError(f"`labels` of task {task.name!r} ({task.kind}) must be integers, got {labels.dtype}.")
    wrong = ((labels < 0) & (labels != IGNORED)) | (labels >= len(task.labels))
    if bool(wrong.any()):
        raise UsageError(
            f"`labels` of task {task.name!r} must be from 0 to {len(task.labels) - 1}, or -100 for none; got "
            f"{int(labels[wrong][0])}."
        )
    summed = functional.cross_entropy(
        logits.flatten(0, -2), labels.flatten().long(), ignore_index=IGNORED, reduction="sum"
    )
    return summed / (labels != IGNORED).sum().clamp(min=1)
