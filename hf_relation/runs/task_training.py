"""Fine-tuning an encoder on tasks, and scoring it: what the searches over heads and tasks do again and again."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from transformers import AutoTokenizer, PreTrainedTokenizerBase
from transformers.utils import logging

from hf_relation.checkpoints import BASE_REPOSITORY, base_encoder_path
from hf_relation.embedding.batching import token_budget_batches
from hf_relation.errors import UsageError
from hf_relation.models.multitask import MultiTaskConfig, MultiTaskModel
from hf_relation.models.multitask.task_heads import Task
from hf_relation.processing.tokenizing import check_tokenizer
from hf_relation.runs.task_arguments import TaskArguments
from hf_relation.runs.task_data import TaskData
from hf_relation.training import MultiTaskCollator, MultiTaskDataset, MultiTaskTrainer, RelationTrainingArguments
from hf_relation.training.multitask_evaluation import main_score, predict_rows, score_task
from hf_relation.training.task_rows import EncodedTask, encode_task_rows


Rows = Sequence[Mapping[str, Any]]
BATCH_TOKENS = 2048


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Inside, transformers says nothing of weights that it loads."""
    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()


def clock() -> float:
    """Seconds to compare costs by: processor time of this process, or time on the clock where a GPU does the work."""
    return time.perf_counter() if torch.cuda.is_available() else time.process_time()


def start_name(script: TaskArguments) -> str:
    """Name what a run starts from, without folders of this machine."""
    return BASE_REPOSITORY if script.model_name_or_path is None else Path(script.model_name_or_path).name


class TaskLearner:
    """Encodes rows, fine-tunes, scores; one set of tasks, one encoder, one set of settings.

    Args:
        script ([`TaskArguments`]), args ([`~hf_relation.training.RelationTrainingArguments`]): what the run is told.
        tasks (`Mapping[str, Mapping]`): task -> what [`~hf_relation.MultiTaskConfig`] must know of it.

    Raises:
        UsageError: a setting is not allowed.
    """

    def __init__(
        self, script: TaskArguments, args: RelationTrainingArguments, tasks: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self.script = script
        self.args = args
        self.tasks = {name: dict(settings) for name, settings in tasks.items()}
        self.start = str(base_encoder_path() if script.model_name_or_path is None else script.model_name_or_path)
        self.tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(self.start, trust_remote_code=False)
        check_tokenizer(self.tokenizer)
        self._config = MultiTaskConfig(tasks=self.tasks)  # knows the tasks; its encoder is not used

    def task(self, name: str) -> Task:
        """The task of that name."""
        return self._config.task(name)

    def encode(self, rows: Rows, name: str) -> EncodedTask:
        """Encode rows of one task, see [`~hf_relation.training.task_rows.encode_task_rows`]."""
        return encode_task_rows(rows, self.task(name), self.tokenizer, max_length=self.script.max_length)

    def new_model(self, seed: int, tasks: Sequence[str] | None = None) -> MultiTaskModel:
        """The encoder with new heads for some tasks (default: all), whose weights depend on `seed` alone."""
        chosen = {name: self.tasks[name] for name in (self.tasks if tasks is None else tasks)}
        with quiet_loading():  # which weights are new is known
            return MultiTaskModel.from_backbone(
                self.start,
                tasks=chosen,
                text_embedding=self.script.text_embedding,
                head_dropout=self.script.head_dropout,
                seed=seed,
            )

    def fine_tune(
        self,
        model: MultiTaskModel,
        rows: Mapping[str, Rows],
        seed: int,
        folder: Path,
        *,
        mixing: str | Sequence[float] = "proportional",
        **settings: Any,
    ) -> MultiTaskModel:
        """Train a model on encoded rows, in place.

        Args:
            model ([`~hf_relation.MultiTaskModel`]): at its start.
            rows (`Mapping[str, Sequence[Mapping]]`): task -> its rows.
            seed (`int`): of the order of rows and of dropout.
            folder (`Path`): for what the trainer writes, if anything.
            mixing (`str` or `Sequence[float]`): see [`~hf_relation.training.TaskBatchSampler`].
            **settings: of [`~hf_relation.training.RelationTrainingArguments`], in the place of the run's.

        Returns:
            [`~hf_relation.MultiTaskModel`]: the same.

        Raises:
            TrainingError: the loss is not finite.
        """
        changed: dict[str, Any] = {"seed": seed, "output_dir": str(folder), **settings}
        trainer = MultiTaskTrainer(
            model,
            dataclasses.replace(self.args, **changed),
            self.tokenizer,
            MultiTaskDataset(rows, model.config),
            batch_size=self.script.batch_size,
            mixing=mixing,
        )
        trainer.train()
        return model.eval()

    def batch_places(self, rows: Rows) -> list[list[int]]:
        """Which rows are in which of the [`batches`]: rows of similar length stand together."""
        return token_budget_batches([len(row["input_ids"]) for row in rows], BATCH_TOKENS)

    def batches(self, model: MultiTaskModel, name: str, rows: Rows) -> list[dict[str, Any]]:
        """Labelled batches of one task's rows, for [`~hf_relation.heads.head_importance`]."""
        checked = MultiTaskDataset({name: rows}, model.config).of_task(name)
        collate = MultiTaskCollator(self.tokenizer, model.config)
        return [collate([checked[place] for place in places]) for places in self.batch_places(rows)]

    def scores(self, model: nn.Module, name: str, rows: Rows) -> dict[str, float]:
        """All figures of a task over encoded rows."""
        config = cast(MultiTaskConfig, model.config)
        checked = MultiTaskDataset({name: rows}, config).of_task(name)
        predicted = predict_rows(
            model, checked, MultiTaskCollator(self.tokenizer, config), bfloat16=self.args.eval_dtype == "bfloat16"
        )
        return score_task(config.task(name), [row["labels"] for row in checked], predicted)

    def score(self, model: nn.Module, name: str, rows: Rows, metric: str | None = None) -> float:
        """One figure of a task over encoded rows: its main one, or the one that is named."""
        found = self.scores(model, name, rows)
        return main_score(self.task(name), found) if metric is None else found[metric]


def metric_name(task: Task, metric: str | None) -> str:
    """What the figure is called in tables."""
    if metric is not None:
        return metric
    from hf_relation.training.multitask_evaluation import MAIN_SCORE, is_bio

    return "span F1" if task.kind == "tokens" and is_bio(task.labels) else MAIN_SCORE[task.kind]


def describe(data: TaskData, encoded: Mapping[str, EncodedTask]) -> list[str]:
    """What is worth saying about a task's rows."""
    parts = ", ".join(f"{part} {count:,} ({data.origins[part]})" for part, count in data.counts.items() if count)
    lines = [f"{data.name}: {data.corpus}: {parts}"]
    if data.num_dropped:
        lines.append(f"  {data.num_dropped:,} training rows left out: their text is in validation or test.")
    for part, found in encoded.items():
        if found.num_cut:
            what = "words" if data.kind == "tagged" else "texts"
            lines.append(f"  {found.num_cut:,} {what} of {part} are longer than --max_length and lose their end.")
        if found.num_extra:
            lines.append(f"  long sentences of {part} became {found.num_extra:,} further inputs.")
    return lines


def check_labelled(name: str, part: str, encoded: EncodedTask) -> None:
    """Refuse a part without labelled rows.

    Raises:
        UsageError: it has none.
    """
    if not encoded.rows:
        raise UsageError(f"{name} has no labelled row to {'train' if part == 'train' else 'score'} on (part: {part}).")
