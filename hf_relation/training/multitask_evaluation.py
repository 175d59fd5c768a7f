"""Predictions of a multi-task model, and the scores of every task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from hf_relation.embedding.batching import token_budget_batches
from hf_relation.embedding.devices import model_device
from hf_relation.embedding.forward import inference_state
from hf_relation.errors import UsageError
from hf_relation.metrics import classification_scores, entity_scores, regression_scores
from hf_relation.models.multitask.task_heads import IGNORED, Task
from hf_relation.processing.bio import bio_to_spans
from hf_relation.training.multitask_dataset import MultiTaskCollator


MAIN_SCORE = {"classification": "accuracy", "regression": "pearson", "tokens": "accuracy"}


def predict_rows(
    model: nn.Module,
    rows: Sequence[Mapping[str, Any]],
    collator: MultiTaskCollator,
    *,
    max_tokens: int = 2048,
    bfloat16: bool = False,
) -> list[Any]:
    """Predict rows of one task, whatever the batches.

    Args:
        model ([`~hf_relation.MultiTaskModel`]): its training flags are as before afterwards.
        rows (`Sequence[Mapping]`): of a [`MultiTaskDataset`].
        collator ([`MultiTaskCollator`]): makes batches of them.
        max_tokens (`int`, defaults to 2048): tokens of a padded batch.
        bfloat16 (`bool`, defaults to `False`): run under autocast to bfloat16.

    Returns:
        `list`: one a row, in order: a label's number, a float for regression, or a list with a number for every token.
    """
    found: list[Any] = [None] * len(rows)
    device = model_device(model)
    with inference_state(model, device), torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
        for places in token_budget_batches([len(row["input_ids"]) for row in rows], max_tokens):
            batch = {name: column.to(device) for name, column in collator([rows[place] for place in places]).items()}
            labels = batch.pop("labels")
            logits = model(**batch).logits  # (batch, outputs) or (batch, tokens, outputs)
            if labels.is_floating_point():
                predicted = logits.squeeze(-1).tolist()
            elif logits.ndim == 2:
                predicted = logits.argmax(-1).tolist()
            else:
                there = batch["attention_mask"] == 1
                predicted = [row[mask].tolist() for row, mask in zip(logits.argmax(-1), there, strict=True)]
            for place, value in zip(places, predicted, strict=True):
                found[place] = value
    return found


def score_task(task: Task, gold: Sequence[Any], predicted: Sequence[Any]) -> dict[str, float]:
    """Score the predictions of one task.

    Args:
        task ([`~hf_relation.models.multitask.task_heads.Task`]): the task.
        gold, predicted (`Sequence`): one a row: numbers, or for tokens lists of numbers; gold labels of -100 do not count.

    Returns:
        `dict[str, float]`: of [`~hf_relation.metrics.classification_scores`] (for tokens over all labelled tokens; with
        labels `O`, `B-x` and `I-x` also `span_f1`, `span_precision` and `span_recall` of whole spans) or
        [`~hf_relation.metrics.regression_scores`].

    Raises:
        UsageError: nothing is labelled.
    """
    if task.kind == "regression":
        return regression_scores(list(map(float, gold)), predicted)
    if task.kind == "classification":
        pairs = [(truth, guess) for truth, guess in zip(gold, predicted, strict=True) if truth != IGNORED]
        _check_some(task, pairs)
        return classification_scores(*zip(*pairs, strict=True))
    texts = [
        [(truth, guess) for truth, guess in zip(*row, strict=True) if truth != IGNORED]
        for row in zip(gold, predicted, strict=True)
    ]
    tokens = [pair for text in texts for pair in text]
    _check_some(task, tokens)
    scores = classification_scores(*zip(*tokens, strict=True))
    if is_bio(task.labels):
        spans = [
            [bio_to_spans([pair[side] for pair in text], list(task.labels)) for text in texts] for side in range(2)
        ]
        found = entity_scores(*spans)
        scores |= {f"span_{name}": found[f"strict_{name}"] for name in ("precision", "recall", "f1")}
    return scores


def main_score(task: Task, scores: Mapping[str, float]) -> float:
    """The one number of a task: accuracy, span F1 where there are spans, or the Pearson correlation."""
    return float(scores.get("span_f1", scores[MAIN_SCORE[task.kind]]))


def is_bio(labels: Sequence[str]) -> bool:
    """Whether labels are those of spans: `O`, and `B-x` with `I-x` for every type x.

    Example:

    ```python
    >>> from hf_relation.training.multitask_evaluation import is_bio
    >>> is_bio(["B-PER", "I-PER", "O"]), is_bio(["NOUN", "VERB"])
    (True, False)

    ```
    """
    types = [label[2:] for label in labels if label.startswith("B-")]
    expected = {"O", *(f"{prefix}-{name}" for name in types for prefix in "BI")}
    return bool(types) and set(labels) == expected


def _check_some(task: Task, pairs: Sequence[Any]) -> None:
    if not pairs:
        raise UsageError(f"Task {task.name!r} has no labelled row to be scored on (all labels are -100).")
