"""Fine-tuned taggers and classifiers from folders, ours or any of transformers: their tasks, rows and scores."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    PreTrainedTokenizerBase,
)

from hf_relation.checkpoints import checkpoint_folder
from hf_relation.data.atomic import atomic_folder
from hf_relation.data.files import naming_file
from hf_relation.data.jsonl import checked_lines
from hf_relation.embedding.batching import token_budget_batches
from hf_relation.errors import CheckpointError, InvalidRowError, UsageError
from hf_relation.models.head_files import PRUNED_FILE, load_pruned, save_pruned
from hf_relation.models.head_surgery import keeps_pruned_heads
from hf_relation.models.loading import load_model
from hf_relation.models.multitask import MultiTaskConfig
from hf_relation.models.multitask.task_heads import Task
from hf_relation.models.plain_config import LOCAL, config_of_folder
from hf_relation.models.plain_loading import load_plain
from hf_relation.runs.task_training import BATCH_TOKENS, quiet_loading
from hf_relation.training import MultiTaskCollator, MultiTaskDataset
from hf_relation.training.multitask_evaluation import main_score, predict_rows, score_task
from hf_relation.training.task_rows import TASK_KIND_OF, EncodedTask, encode_task_rows


_LONGEST = 512
# The end of an architecture's name, the class that loads it, and what it does.
_HEADS = (
    ("ForTokenClassification", AutoModelForTokenClassification, "tokens"),
    ("ForSequenceClassification", AutoModelForSequenceClassification, "classification"),
)


@dataclass(frozen=True)
class TaskCheckpoint:
    """A fine-tuned model, its tokenizer and what its heads are for.

    Args:
        folder (`Path`): where it was loaded from.
        model (`PreTrainedModel`): a [`~hf_relation.MultiTaskModel`], or a tagger or classifier of transformers.
        tokenizer (`PreTrainedTokenizerBase`): that of the folder.
        config ([`~hf_relation.MultiTaskConfig`]): knows the tasks; a model of transformers has one, called by its kind.
    """

    folder: Path
    model: Any
    tokenizer: PreTrainedTokenizerBase
    config: MultiTaskConfig

    def task(self, name: str | None = None) -> Task:
        """The task of a name; without one, the only task.

        Raises:
            UsageError: there is no such task, or there are several to choose from.
        """
        names = self.config.task_names
        if name is None and len(names) > 1:
            raise UsageError(f"The model has several tasks: say which `task` the data is of: {', '.join(names)}.")
        return self.config.task(names[0] if name is None else name)

    def read(self, path: str | os.PathLike[str], task: Task, *, max_rows: int | None = None) -> EncodedTask:
        """Read and encode rows of one task from a file of JSON lines.

        Args:
            path (`str` or `PathLike`): tagged sentences (`tokens`, `tags`) for a task of tokens, else texts (`text`,
                perhaps `text_pair`, `label`); the label is a number for a regression.
            task (`Task`): one of [`task`].
            max_rows (`int`, *optional*): read no further than this many labelled rows.

        Returns:
            [`~hf_relation.training.task_rows.EncodedTask`]: at least one row.

        Raises:
            UsageError: there is no such file.
            InvalidRowError: a bad row, a label that the model does not know, or no labelled row; with file and line.
        """
        kind: Any = next(kind for kind, name in TASK_KIND_OF.items() if name == task.kind)
        rows: list[Mapping[str, Any]] = []
        lines: list[int] = []
        num_labelled = 0
        with naming_file(path):
            for checked in checked_lines(path, kind=kind):
                if checked.error is not None:
                    raise checked.error
                rows.append(checked.row)
                lines.append(checked.line)
                num_labelled += kind == "tagged" or checked.row["label"] is not None
                if num_labelled == max_rows:
                    break
            if not num_labelled:
                raise InvalidRowError("there is no labelled row; at least 1 is needed.")
            try:
                return encode_task_rows(rows, task, self.tokenizer, max_length=self._longest_input())
            except InvalidRowError as error:
                line = None if error.index is None else lines[error.index]
                raise InvalidRowError(error.reason, line=line) from None

    def batches(
        self, encoded: EncodedTask, task: Task, *, max_tokens: int = BATCH_TOKENS
    ) -> Iterator[dict[str, torch.Tensor]]:
        """Labelled batches of rows of similar length, for [`~hf_relation.heads.head_importance`]."""
        rows, collator = self._checked(encoded, task), self._collator()
        for places in token_budget_batches([len(row["input_ids"]) for row in rows], max_tokens):
            yield collator([rows[place] for place in places])

    def score(self, model: nn.Module, encoded: EncodedTask, task: Task, *, max_tokens: int = BATCH_TOKENS) -> float:
        """The main score of a model over rows: accuracy, span F1 where tags are spans, or the Pearson correlation."""
        rows = self._checked(encoded, task)
        predicted = predict_rows(model, rows, self._collator(), max_tokens=max_tokens)
        return main_score(task, score_task(task, [row["labels"] for row in rows], predicted))

    def save(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write model and tokenizer to a folder, whole or not at all.

        [`load_task_checkpoint`] reads it again; so does `from_pretrained` of a model of this package, and
        [`~hf_relation.heads.load_pruned`] for any other.

        Args:
            folder (`str` or `PathLike`): where to.
            overwrite (`bool`, defaults to `False`): replace a folder that has something in it.

        Raises:
            UsageError: the folder is a file, or not empty.
        """
        with atomic_folder(folder, overwrite=overwrite) as target, quiet_loading():
            if keeps_pruned_heads(self.model):
                self.model.save_pretrained(target)
            else:
                save_pruned(self.model, target)
            self.tokenizer.save_pretrained(target)

    def _checked(self, encoded: EncodedTask, task: Task) -> list[dict[str, Any]]:
        return MultiTaskDataset({task.name: encoded.rows}, self.config).of_task(task.name)

    def _collator(self) -> MultiTaskCollator:
        own = keeps_pruned_heads(self.model)
        return (MultiTaskCollator if own else _CollatorWithoutTask)(self.tokenizer, self.config)

    def _longest_input(self) -> int:
        """What both tokenizer and model take. RoBERTa's kind count positions from behind the padding token."""
        limits = [_LONGEST, self.tokenizer.model_max_length]
        for name, module in self.model.named_modules():
            if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
                first = 0 if module.padding_idx is None else module.padding_idx + 1
                limits.append(module.num_embeddings - first)
        return int(min(limits))


class _CollatorWithoutTask(MultiTaskCollator):
    """For models that have one task and do not ask for it."""

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        batch = super().__call__(rows)
        del batch["task"]
        return batch


def load_task_checkpoint(name: str | os.PathLike[str]) -> TaskCheckpoint:
    """Load a fine-tuned tagger or classifier and its tokenizer: JSON and safetensors, and no code of the folder.

    Args:
        name (`str` or `PathLike`): a folder or Hub id: of a [`~hf_relation.MultiTaskModel`] with its tokenizer, or of any
            transformers model with a head for token or sequence classification (a regression included), perhaps one that
            [`~hf_relation.heads.save_pruned`] wrote.

    Returns:
        [`TaskCheckpoint`]: the model in float32 and in eval mode.

    Raises:
        UsageError: a model of another kind.
        CheckpointError: a file is missing or damaged, weights are missing, or model and tokenizer do not fit.
    """
    folder = checkpoint_folder(name)
    with quiet_loading():
        try:
            config: Any = config_of_folder(folder)
        except CheckpointError as error:
            raise CheckpointError(f"The model in {folder} cannot be loaded: {error}") from error
        if config.model_type == "multitask":
            model, tasks = load_model(folder), config
        else:
            auto_class, settings = _task_of(config, folder)
            tasks = MultiTaskConfig(tasks={settings["kind"]: settings})
            model = _load_foreign(folder, auto_class, config)
        tokenizer = _load_tokenizer(folder, LOCAL)
    embeddings = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > embeddings:
        raise CheckpointError(
            f"The tokenizer in {folder} has {len(tokenizer)} tokens and the model embeds {embeddings}: they do not belong "
            "together. Save the model's own tokenizer there."
        )
    return TaskCheckpoint(folder, model.eval(), tokenizer, tasks)


def _load_tokenizer(folder: Path, safe: Mapping[str, Any]) -> PreTrainedTokenizerBase:
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder, **safe)
        # Where there is no vocabulary, transformers makes a tokenizer that knows no word.
        there = any((folder / name).is_file() for name in tokenizer.vocab_files_names.values())
        problem = "" if there else f"there is none of {', '.join(tokenizer.vocab_files_names.values())}."
    except (OSError, ValueError, TypeError, KeyError) as error:
        problem = str(error)
    if problem:
        raise CheckpointError(
            f"The tokenizer in {folder} is missing or damaged: {problem} Save it beside the model: "
            "tokenizer.save_pretrained(folder)."
        )
    return tokenizer


def _task_of(config: Any, folder: Path) -> tuple[Any, dict[str, Any]]:
    """The class that loads a model of transformers, and its task as a [`MultiTaskConfig`] has it."""
    name = str((config.architectures or ["model without `architectures` in its config.json"])[0])
    found = next(((auto_class, kind) for ending, auto_class, kind in _HEADS if name.endswith(ending)), None)
    if found is None:
        raise UsageError(
            f"{folder} holds a {name}. What is needed is a MultiTaskModel, or a model of transformers that is called "
            f"{' or '.join(f'...{ending}' for ending, *_ in _HEADS)}. For MORE and other relation models see "
            "examples/prune_relation_heads.py."
        )
    auto_class, kind = found
    problem, num_labels = getattr(config, "problem_type", None), config.num_labels
    if kind == "classification" and (problem == "regression" or (problem is None and num_labels == 1)):
        kind = "regression"
    if problem == "multi_label_classification" or (kind == "regression" and num_labels > 1):
        raise UsageError(
            f"The {name} in {folder} gives several labels or numbers for a text ({problem}, {num_labels}); one is needed."
        )
    labels = [] if kind == "regression" else [config.id2label.get(number) for number in range(num_labels)]
    return auto_class, {"kind": kind, "labels": labels}


def _load_foreign(folder: Path, auto_class: Any, config: Any) -> Any:
    if (folder / PRUNED_FILE).is_file():
        return load_pruned(folder, auto_class, dtype=torch.float32)
    try:
        return load_plain(folder, auto_class, config, required=lambda key: True, dtype=torch.float32)
    except CheckpointError as error:
        raise CheckpointError(f"The model in {folder} cannot be loaded: {error} Fine-tune the model first.") from error
