"""The trainer of a model with several tasks."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, cast

from torch.utils.data import DataLoader
from transformers import PreTrainedModel

from hf_relation.errors import UsageError
from hf_relation.training.arguments import RelationTrainingArguments
from hf_relation.training.distributed import gather_objects
from hf_relation.training.loading import data_seed, numbered_loader
from hf_relation.training.multitask_dataset import MultiTaskCollator, MultiTaskDataset
from hf_relation.training.multitask_evaluation import main_score, predict_rows, score_task
from hf_relation.training.task_sampler import TaskBatchSampler
from hf_relation.training.trainer import RelationTrainer


class MultiTaskTrainer(RelationTrainer):
    """Train a [`~hf_relation.MultiTaskModel`] on batches of one task each, and evaluate every task.

    A [`RelationTrainer`] (averages of weights, adapters, checkpoints that are resumed to the same bits, runs that stop before
    a step that is not finite) with the batches of [`TaskBatchSampler`]. `evaluate` gives `eval_TASK_accuracy` and so on, see
    [`score_task`], and `eval_score`, the mean over tasks of their main scores (accuracy, span F1 of `B-x` and `I-x` labels, or
    the Pearson correlation).

    Args:
        model ([`~hf_relation.MultiTaskModel`]): the model.
        args ([`RelationTrainingArguments`]): the settings; `classes_per_batch`, `instances_per_class`, the dropout of mentions
            and words, `length_chunks` and the settings of clustering have no effect. Set `metric_for_best_model="score"`, or
            `"TASK_accuracy"` and the like, for `load_best_model_at_end`.
        processing_class (`PreTrainedTokenizerBase`): the tokenizer; pads batches, and is saved with every checkpoint.
        train_dataset ([`MultiTaskDataset`]): the training rows.
        eval_dataset ([`MultiTaskDataset`], *optional*): validation rows.
        batch_size (`int`, defaults to 16): rows of a batch, in every process.
        mixing (`str` or `Sequence[float]`, defaults to `"proportional"`): see [`TaskBatchSampler`]; one number for every task
            that has rows, in the order of their names.
        **kwargs: further arguments of [`RelationTrainer`].

    Raises:
        UsageError: there is no training data, or the run is one of FSDP.

    Reference: Liu et al., "Multi-Task Deep Neural Networks for Natural Language Understanding", ACL 2019, algorithm 1.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        args: RelationTrainingArguments,
        processing_class: Any,
        train_dataset: MultiTaskDataset | None = None,
        eval_dataset: MultiTaskDataset | None = None,
        *,
        batch_size: int = 16,
        mixing: str | Sequence[float] = "proportional",
        **kwargs: Any,
    ) -> None:
        if train_dataset is None:
            raise UsageError("Training needs a `train_dataset`, a MultiTaskDataset.")
        if args.label_names is None:
            args.label_names = ["labels"]
        self.task_collator = MultiTaskCollator(processing_class, model.config)
        kwargs["data_collator"] = self.task_collator
        super().__init__(model, args, processing_class, train_dataset, eval_dataset, **kwargs)
        if self.is_fsdp_enabled:
            raise UsageError("Multi-task models are not trained with FSDP. Use DDP (examples/accelerate_ddp.yaml).")
        sampler = TaskBatchSampler(
            train_dataset.sizes,
            batch_size,
            mixing,
            seed=data_seed(args),
            num_processes=args.world_size,
            lengths=train_dataset.lengths,
        )
        self.batch_sampler = sampler
        self._train_batch_size = sampler.batch_size

    def get_train_dataloader(self) -> DataLoader:
        """Give the loader of the sampler's batches, prepared for the processes of the run."""
        rows, sampler = cast(MultiTaskDataset, self.train_dataset), cast(TaskBatchSampler, self.batch_sampler)
        return self.accelerator.prepare(numbered_loader(rows, sampler, self.task_collator, self.args))

    def _scores(self, instances: Sequence[Any], prefix: str, transform: Any) -> dict[str, float]:
        dataset = cast(MultiTaskDataset, instances)
        predictions = self.predict_tasks(dataset)
        metrics: dict[str, float] = {}
        main = []
        for task in dataset.tasks:
            gold = [row["labels"] for row in dataset.of_task(task.name)]
            scores = score_task(task, gold, predictions[task.name])
            metrics |= {f"{prefix}_{task.name}_{name}": value for name, value in scores.items()}
            main.append(main_score(task, scores))
        return metrics | {f"{prefix}_score": sum(main) / len(main)}

    def predict_tasks(self, dataset: MultiTaskDataset) -> dict[str, list[Any]]:
        """Predict all rows, each process its share; to be called by all processes at once.

        Args:
            dataset ([`MultiTaskDataset`]): the same in every process.

        Returns:
            `dict[str, list]`: task -> predictions as of [`predict_rows`], in order, in every process.
        """
        rank, world = self.args.process_index, self.args.world_size
        source = self.accelerator.unwrap_model(self.model)
        found: dict[str, list[Any]] = {}
        with self.average.applied(source) if self.is_in_train else contextlib.nullcontext():
            for task in dataset.tasks:
                rows = dataset.of_task(task.name)
                half = self.args.eval_dtype == "bfloat16"
                own = predict_rows(self._plain(self.model), rows[rank::world], self.task_collator, bfloat16=half)
                found[task.name] = [None] * len(rows)
                for process, part in enumerate(gather_objects(own, world)):
                    found[task.name][process::world] = part
        return found
