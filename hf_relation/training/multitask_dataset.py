"""Encoded rows of several tasks, and the batches made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.models.multitask import MultiTaskConfig
from hf_relation.models.multitask.task_heads import IGNORED, Task
from hf_relation.training.datasets import EncodedRows


if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class MultiTaskDataset(EncodedRows):
    """Rows of several tasks, one after another, checked once.

    Args:
        rows (`Mapping[str, Sequence[Mapping]]`): task -> rows as a tokenizer makes them: `input_ids`, perhaps
            `token_type_ids`, and `labels`: a label's number, or a number for regression; for tokens one a token, -100 where
            there is none.
        config ([`~hf_relation.MultiTaskConfig`]): of the model, whose tasks they are; not all of them need rows.

    Attributes:
        tasks (`list[Task]`): those that have rows, in the order of their numbers.
        sizes (`list[int]`): rows of each of them.
        lengths (`list[int]`): pieces of every row.

    Raises:
        UsageError: no task, a task that the model does not have, or one without rows.
        InvalidRowError: a row lacks a column, or its labels do not fit the task; `.index` is its position in the task.

    Example:

    ```python
    >>> from hf_relation.models.multitask import MultiTaskConfig
    >>> from hf_relation.training import MultiTaskDataset
    >>> config = MultiTaskConfig(tasks={"sts": {"kind": "regression"}, "pos": {"kind": "tokens", "labels": ["N", "V"]}})
    >>> dataset = MultiTaskDataset({
    ...     "sts": [{"input_ids": [1, 2], "labels": 3.5}],
    ...     "pos": [{"input_ids": [1, 2, 3], "labels": [-100, 0, 1]}],
    ... }, config)
    >>> dataset.instance_ids, dataset[0]["task"], dataset[1]["task"]
    (['pos-0', 'sts-0'], 0, 1)

    ```
    """

    def __init__(self, rows: Mapping[str, Sequence[Mapping[str, Any]]], config: MultiTaskConfig) -> None:
        if not isinstance(rows, Mapping) or not rows:
            raise UsageError("`rows` must be {task: rows} with at least one task.")
        self.tasks: list[Task] = [config.task(name) for name in sorted(rows)]
        self.sizes = [len(rows[task.name]) for task in self.tasks]
        self._numbers = {task.name: config.task_names.index(task.name) for task in self.tasks}
        self._rows: list[dict[str, Any]] = []
        self.instance_ids = []
        for task in self.tasks:
            if not len(rows[task.name]):
                raise UsageError(f"Task {task.name!r} has no rows. Leave it out.")
            for index, row in enumerate(rows[task.name]):
                self._rows.append({**_checked(row, task, index), "task": self._numbers[task.name]})
                self.instance_ids.append(f"{task.name}-{index}")
        self.lengths = [len(row["input_ids"]) for row in self._rows]

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._rows[index]

    def of_task(self, name: str) -> list[dict[str, Any]]:
        """The rows of one task."""
        return [row for row in self._rows if row["task"] == self._numbers.get(name)]


class MultiTaskCollator:
    """Pad rows of one task to a batch.

    Args:
        tokenizer (`PreTrainedTokenizerBase`): says how to pad.
        config ([`~hf_relation.MultiTaskConfig`]): knows which tasks label tokens.

    Returns (when called):
        `dict[str, torch.Tensor]`: `input_ids`, `attention_mask`, `token_type_ids` where the rows have them, all
        `(batch, tokens)`; `task` `(batch,)`; `labels` `(batch,)`, float32 for regression, or `(batch, tokens)`.

    Raises:
        UsageError: rows of several tasks.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, config: MultiTaskConfig) -> None:
        self.pad_token_id = int(tokenizer.pad_token_id or 0)
        self.left = tokenizer.padding_side == "left"
        self.config = config

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        numbers = {row["task"] for row in rows}
        if len(numbers) != 1:
            raise UsageError(
                f"A batch is of one task, got rows of the tasks {sorted(numbers)}. Use `TaskBatchSampler`."
            )
        task = self.config.task(numbers.pop())
        ids = [row["input_ids"] for row in rows]
        batch = {
            "input_ids": self._padded(ids, self.pad_token_id),
            "attention_mask": self._padded([[1] * len(row) for row in ids], 0),
            "task": torch.tensor([row["task"] for row in rows]),
        }
        if "token_type_ids" in rows[0]:
            batch["token_type_ids"] = self._padded([row["token_type_ids"] for row in rows], 0)
        labels = [row["labels"] for row in rows]
        if task.kind == "tokens":
            batch["labels"] = self._padded(labels, IGNORED)
        else:
            kind = torch.float32 if task.kind == "regression" else torch.long
            batch["labels"] = torch.tensor(labels, dtype=kind)
        return batch

    def _padded(self, columns: Sequence[Sequence[int]], filler: int) -> Tensor:
        return torch.nn.utils.rnn.pad_sequence(
            [torch.as_tensor(column, dtype=torch.long) for column in columns],
            batch_first=True,
            padding_value=filler,
            padding_side="left" if self.left else "right",
        )


def _checked(row: Mapping[str, Any], task: Task, index: int) -> dict[str, Any]:
    def refuse(what: str) -> InvalidRowError:
        return InvalidRowError(f"task {task.name!r}: {what}", index=index)

    if not isinstance(row, Mapping) or "labels" not in row or "input_ids" not in row:
        raise refuse("a row needs `input_ids` and `labels`.")
    length, labels = len(row["input_ids"]), row["labels"]
    if not length:
        raise refuse("`input_ids` are empty.")
    kept = {name: row[name] for name in ("input_ids", "token_type_ids", "labels") if name in row}
    if "token_type_ids" in kept and len(kept["token_type_ids"]) != length:
        raise refuse(f"{len(kept['token_type_ids'])} `token_type_ids` for {length} `input_ids`.")
    if task.kind == "regression":
        if isinstance(labels, bool) or not isinstance(labels, (int, float)) or labels - labels != 0:
            raise refuse(f"`labels` must be a finite number, got {labels!r}.")
        return kept
    if task.kind == "tokens" and (not isinstance(labels, Sequence) or len(labels) != length):
        raise refuse(f"`labels` must be one integer for each of {length} tokens.")
    for label in labels if task.kind == "tokens" else [labels]:
        if type(label) is not int or not (0 <= label < len(task.labels) or label == IGNORED):
            raise refuse(f"labels must be integers from 0 to {len(task.labels) - 1}, or -100 for none; got {label!r}.")
    return kept
