"""The trainer: an ordinary `transformers.Trainer` with class-balanced batches and evaluation by clustering."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import datasets
import numpy as np
import torch
from peft import PeftModel
from torch.utils.data import DataLoader
from transformers import PreTrainedModel, Trainer, TrainerCallback, TrainerControl, TrainerState
from transformers.trainer_utils import TrainOutput, speed_metrics

from hf_relation.embedding import embed_instances
from hf_relation.embedding.embed import EmbeddingDtype
from hf_relation.errors import UsageError
from hf_relation.models.more import MOREModel
from hf_relation.training.arguments import RelationTrainingArguments
from hf_relation.training.averaging import WeightAverage
from hf_relation.training.collators import RelationCollator
from hf_relation.training.datasets import RelationDataset
from hf_relation.training.evaluation import evaluate_by_clustering
from hf_relation.training.length_chunks import split_by_length
from hf_relation.training.resuming import last_complete_checkpoint
from hf_relation.training.samplers import ClassBalancedBatchSampler
from hf_relation.training.trainable import make_trainable


logger = logging.getLogger(__name__)


class _RunCallback(TrainerCallback):
    """Tell the sampler its epoch before the epoch starts, and average the weights after every step."""

    def __init__(self, trainer: RelationTrainer) -> None:
        self.trainer = trainer

    def on_epoch_begin(
        self, args: RelationTrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        # Trainer's own call does not reach the sampler through the wrappers of a resumed, distributed loader.
        if self.trainer.batch_sampler is not None:
            self.trainer.batch_sampler.set_epoch(int(state.epoch or 0))

    def on_step_end(
        self, args: RelationTrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.trainer.average.update(self.trainer.model)


class RelationTrainer(Trainer):
    """Train a pair encoder with a metric loss, and evaluate it the way it is used: by clustering.

    Any model serves whose `forward` takes a batch of [`RelationProcessor`] with `labels` and returns `loss` and
    `embeddings` (`(batch, dim)`). Differences from `transformers.Trainer`:

    - training batches hold `classes_per_batch` relations with `instances_per_class` instances each; every process
      takes whole batches of its own;
    - `evaluate` embeds the instances of `eval_dataset` (relations that training does not see), clusters them and
      gives `eval_bcubed_f1`, `eval_v_measure`, `eval_ari` and more, each the mean over `eval_num_seeds` seeds of
      k-means, and the standard deviation `eval_bcubed_f1_sd`; there is no `eval_loss`;
    - the weights that are evaluated, and that the model has after `train`, are averaged as `ema_decay` and
      `base_weight_average` say; checkpoints hold the weights as trained, with the moving average beside them, so
      that a resumed run goes on exactly;
    - adapters (`trainable="lora"`) are merged at the end: the saved model is a plain one;
    - `train(resume_from_checkpoint=True)` takes the last *complete* checkpoint.

    Args:
        model (`PreTrainedModel`): the model at its start; which of its weights move is set here, by `args.trainable`.
        args ([`RelationTrainingArguments`]): the settings.
        processing_class ([`RelationProcessor`]): the processor; saved with every checkpoint.
        train_dataset ([`RelationDataset`], `Sequence[Instance]` or `datasets.Dataset`, *optional*): labelled
            instances; a list of instances, or a data set with the columns of the schema, is encoded once.
        eval_dataset (`Sequence[Instance]`, `datasets.Dataset` or a dictionary of such, *optional*): instances of
            held-out known relations.
        **kwargs: further arguments of `transformers.Trainer`.

    Raises:
        UsageError: fewer labelled relations in the training data than `args.classes_per_batch`.
    """

    # The loss is a mean over the batch, never over a number of items; without this a model with `**kwargs` in its
    # forward would have its loss multiplied by the number of accumulation steps.
    loss_is_scaled_for_ga = False

    model: PreTrainedModel
    args: RelationTrainingArguments
    control: TrainerControl

    def __init__(
        self,
        model: PreTrainedModel,
        args: RelationTrainingArguments,
        processing_class: Any,
        train_dataset: Any = None,
        eval_dataset: Any = None,
        **kwargs: Any,
    ) -> None:
        if train_dataset is not None and not isinstance(train_dataset, RelationDataset):
            train_dataset = RelationDataset(_as_instances(train_dataset), processing_class)
        if kwargs.get("data_collator") is None:
            kwargs["data_collator"] = RelationCollator(
                processing_class,
                mention_dropout=args.mention_dropout,
                word_dropout=args.word_dropout,
                seed=_data_seed(args),
            )
        self.batch_sampler: ClassBalancedBatchSampler | None = None
        super().__init__(
            model=make_trainable(model, args, processing_class),
            args=args,
            processing_class=processing_class,
            train_dataset=train_dataset,
            eval_dataset=eval_dataset,
            **kwargs,
        )
        self.model_accepts_loss_kwargs = False
        self.average = WeightAverage(self.model, args.ema_decay, args.base_weight_average)
        self.add_callback(_RunCallback(self))

    def get_train_dataloader(self) -> DataLoader:
        """Give the loader of class-balanced batches, prepared for the processes of the run.

        Raises:
            UsageError: there is no training data, or too few relations.
        """
        if self.train_dataset is None:
            raise UsageError("Training needs a `train_dataset`.")
        args = self.args
        num_batches = None
        if args.max_steps > 0:
            num_batches = args.max_steps * args.gradient_accumulation_steps * args.world_size
        names = {number: name for name, number in self.train_dataset.label2id.items()}
        self.batch_sampler = ClassBalancedBatchSampler(
            self.train_dataset.labels,
            classes_per_batch=args.classes_per_batch,
            instances_per_class=args.instances_per_class,
            num_batches=num_batches,
            seed=_data_seed(args),
            names=names,
        )
        if num_batches is None:
            # Every process takes as many batches as every other.
            per_process = max(1, self.batch_sampler.num_batches // args.world_size)
            self.batch_sampler.num_batches = per_process * args.world_size
        loader = DataLoader(
            self.train_dataset,
            batch_sampler=self.batch_sampler,
            collate_fn=self.data_collator,
            num_workers=args.dataloader_num_workers,
            pin_memory=args.dataloader_pin_memory and args.device.type == "cuda",
            persistent_workers=args.dataloader_persistent_workers,
            prefetch_factor=args.dataloader_prefetch_factor,
        )
        return self.accelerator.prepare(loader)

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """The loss of a batch, as `Trainer.compute_loss`; the encoder sees the batch in parts of similar length.

        Only for our own models, in one process: distributed wrappers expect one forward pass for every backward pass.
        """
        plain = self.accelerator.unwrap_model(model)
        plain = plain.get_base_model() if isinstance(plain, PeftModel) else plain
        labels = inputs.get("labels")
        if (
            self.args.length_chunks == 1
            or self.args.world_size > 1
            or return_outputs
            or labels is None
            or not isinstance(plain, MOREModel)
        ):
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        columns = {key: value for key, value in inputs.items() if key != "labels"}
        parts, order = split_by_length(columns, self.args.length_chunks)
        with self.compute_loss_context_manager():
            embeddings = torch.cat([model(**part).embeddings for part in parts])
            loss = plain.compute_loss(embeddings, labels[order])
        return loss

    def train(self, resume_from_checkpoint: str | bool | None = None, **kwargs: Any) -> TrainOutput:
        """Train, then leave the averaged (and merged) weights in `self.model`.

        Args:
            resume_from_checkpoint (`str` or `bool`, *optional*): folder of a checkpoint, or `True` for the last
                complete one in `args.output_dir`.
            **kwargs: further arguments of `transformers.Trainer.train`.

        Returns:
            `TrainOutput`: steps, training loss and timings.

        Raises:
            CheckpointError: there is no complete checkpoint to resume from.
        """
        if resume_from_checkpoint is True:
            resume_from_checkpoint = str(last_complete_checkpoint(self.args.output_dir))
        if resume_from_checkpoint:
            self.average.load(resume_from_checkpoint)
        output = super().train(resume_from_checkpoint=resume_from_checkpoint or None, **kwargs)
        self._finish_weights()
        return output

    def _finish_weights(self) -> None:
        # Without this the model's forward keeps the mixed-precision wrapper that accelerate put around it.
        self.model = self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False)
        self.average.write_into(self.model)
        if self.args.trainable == "lora":
            if self.args.save_adapter and self.args.should_save:
                self.model.save_pretrained(Path(self.args.output_dir) / "adapter")
            self.model = self.model.merge_and_unload()
        self.model_wrapped = self.model
        self.average = WeightAverage(self.model)

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        super()._save(output_dir, state_dict)
        if self.is_in_train and self.args.should_save:
            self.average.save(output_dir or self.args.output_dir)

    def _load_best_model(self) -> None:
        super()._load_best_model()
        self.average.load(self.state.best_model_checkpoint)

    def evaluate(
        self,
        eval_dataset: Any = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
        transform: Any = None,
    ) -> dict[str, float]:
        """Score the model by clustering instances of relations that training does not see.

        Args:
            eval_dataset (`Sequence[Instance]`, `datasets.Dataset` or a dictionary of such, *optional*): instances
                with gold relations; by default those given at construction.
            ignore_keys (`list[str]`, *optional*): accepted for the interface of `Trainer`; has no effect.
            metric_key_prefix (`str`, defaults to `"eval"`): start of every key of the result.
            transform (fitted transformer, *optional*): applied to the embeddings, see [`evaluate_by_clustering`].

        Returns:
            `dict[str, float]`: scores with the prefix, and the speed of the evaluation.

        Raises:
            UsageError: there is nothing to evaluate on.
        """
        dataset = self.eval_dataset if eval_dataset is None else eval_dataset
        if dataset is None:
            raise UsageError("Evaluation needs an `eval_dataset`: instances of relations held out from training.")
        if isinstance(dataset, Mapping):
            scores: dict[str, float] = {}
            for name, part in dataset.items():
                scores |= self.evaluate(part, ignore_keys, f"{metric_key_prefix}_{name}", transform)
            return scores
        start = time.time()
        instances = _as_instances(dataset)
        embeddings = self._embed(instances)
        metrics: dict[str, float] = {}
        if self.is_world_process_zero():
            found = evaluate_by_clustering(
                None,
                None,
                instances,
                seeds=range(self.args.eval_num_seeds),
                n_init=self.args.eval_n_init,
                transform=transform,
                embeddings=embeddings,
            )
            metrics = {
                f"{metric_key_prefix}_{key}": value
                for key, value in found.items()
                if not key.endswith("_sd") or key == "bcubed_f1_sd"
            }
        metrics = _broadcast(metrics, self.args.world_size)
        metrics |= speed_metrics(metric_key_prefix, start, num_samples=len(instances))
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _embed(self, instances: Sequence[Any]) -> np.ndarray:
        """Embed the instances, each process its share; the rows come back complete and in order everywhere."""
        rank, world = self.args.process_index, self.args.world_size
        model = self.accelerator.unwrap_model(self.model)
        averaged = self.average.applied(model) if self.is_in_train else contextlib.nullcontext()
        with averaged:
            rows = embed_instances(
                model,
                self.processing_class,
                instances[rank::world],
                dtype=cast(EmbeddingDtype, self.args.eval_dtype),
                device=self.args.device,
            )
        if world == 1:
            return rows
        shares = [None] * world
        torch.distributed.all_gather_object(shares, rows)
        whole = np.empty((len(instances), rows.shape[1]), dtype=rows.dtype)
        for number, share in enumerate(shares):
            whole[number::world] = share
        return whole


def _data_seed(args: RelationTrainingArguments) -> int:
    return args.seed if args.data_seed is None else args.data_seed


def _as_instances(dataset: Any) -> Sequence[Any]:
    return dataset.to_list() if isinstance(dataset, datasets.Dataset) else dataset


def _broadcast(metrics: dict[str, float], world_size: int) -> dict[str, float]:
    if world_size == 1:
        return metrics
    box = [metrics]
    torch.distributed.broadcast_object_list(box, src=0)
    return box[0]
