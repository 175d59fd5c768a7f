"""The trainer: an ordinary `transformers.Trainer` with class-balanced batches and evaluation by clustering."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import datasets
import numpy as np
import torch
from peft import PeftModel
from torch.utils.data import DataLoader
from transformers import PreTrainedModel, Trainer, TrainerControl
from transformers.trainer import TRAINING_ARGS_NAME
from transformers.trainer_utils import TrainOutput, speed_metrics

from hf_relation.cards import write_adapter_card
from hf_relation.errors import UsageError
from hf_relation.models.more import MOREModel
from hf_relation.training.adversarial import AdversarialWarmup
from hf_relation.training.arguments import RelationTrainingArguments
from hf_relation.training.averaging import WeightAverage
from hf_relation.training.batch_loss import BatchLoss, NamedTerms, chunked_loss
from hf_relation.training.collators import RelationCollator
from hf_relation.training.datasets import ROW_INDEX, ROW_WEIGHT, EncodedRows, RelationDataset
from hf_relation.training.distributed import from_first_process
from hf_relation.training.failures import FiniteGuard
from hf_relation.training.gradient_cache import cached_loss
from hf_relation.training.held_out import embed_shared, held_out_scores
from hf_relation.training.length_chunks import split_batch
from hf_relation.training.loading import class_balanced_loader, data_seed
from hf_relation.training.loss_log import LossLog
from hf_relation.training.manifest import whole_checkpoint
from hf_relation.training.pushed_card import write_training_card
from hf_relation.training.resumed_weights import check_resumed_weights
from hf_relation.training.resuming import check_resumable, last_complete_checkpoint, remove_old_checkpoints
from hf_relation.training.run_callback import RunCallback
from hf_relation.training.samplers import EpochBatchSampler
from hf_relation.training.sharding import check_sharded_run, freeze_pooler, whole_model
from hf_relation.training.trainable import make_trainable, split_groups


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
    - batches of thousands of rows take the memory of a few with `gradient_cache_rows`;
    - rows count as their weights say where the data set has some ([`RelationDataset`], `weights`): labels that may be wrong;
    - a loss or a gradient that is not finite stops the run, in all processes, before it changes a weight;
    - checkpoints end with a list of their files (`complete.json`); `train(resume_from_checkpoint=True)` takes the last
      *complete* one and ends with the same bits as a run that was never interrupted. `save_total_limit` removes older
      ones only when the next is complete (and at the end, with 1 and `load_best_model_at_end`, all but the best).

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

    # Whether a subclass has a way of its own to compute a loss with `gradient_cache_rows`.
    _caches_gradients = False

    def __init__(
        self,
        model: PreTrainedModel,
        args: RelationTrainingArguments,
        processing_class: Any,
        train_dataset: Any = None,
        eval_dataset: Any = None,
        **kwargs: Any,
    ) -> None:
        if train_dataset is not None and not isinstance(train_dataset, EncodedRows):
            train_dataset = RelationDataset(_as_instances(train_dataset), processing_class)
        if kwargs.get("data_collator") is None:
            kwargs["data_collator"] = RelationCollator(
                processing_class,
                mention_dropout=args.mention_dropout,
                word_dropout=args.word_dropout,
                seed=data_seed(args),
            )
        if args.n_gpu > 1:
            raise UsageError(
                f"One process sees {args.n_gpu} GPUs and would cut every batch by relation. Start one process for each GPU "
                "(accelerate launch --config_file examples/accelerate_ddp.yaml ...), or set CUDA_VISIBLE_DEVICES=0."
            )
        self.batch_sampler: EpochBatchSampler | None = None
        self._model_class = type(model)
        super().__init__(
            model=make_trainable(model, args, processing_class),
            args=args,
            processing_class=processing_class,
            train_dataset=train_dataset,
            eval_dataset=eval_dataset,
            **kwargs,
        )
        if self.is_fsdp_enabled:
            weight = getattr(model.config, "adversarial_weight", 0.0)
            check_sharded_run(args, self.accelerator.state.fsdp_plugin.fsdp_version, weight)
            freeze_pooler(self.model)
        self.model_accepts_loss_kwargs = False
        self.current_gradient_accumulation_steps = 1  # until a run sets it for each of its steps
        self.restart_average()
        self.guard = FiniteGuard(
            [] if train_dataset is None else train_dataset.instance_ids, args.process_index, args.world_size
        )
        self._loss_log = LossLog(args.device, args.world_size)
        self._terms: BatchLoss | None = None
        self._named_terms: NamedTerms | None = None
        self.add_callback(RunCallback(self))
        if isinstance(self._plain(self.model), MOREModel):
            self.add_callback(AdversarialWarmup(args.adversarial_start_step, args.adversarial_warmup_steps))
        elif getattr(train_dataset, "weights", None) is not None:
            raise UsageError(
                f"Weights of rows work with MOREModel, whose losses take them; this is a {type(model).__name__}. Leave them out."
            )
        elif args.gradient_cache_rows is not None and not self._caches_gradients:
            raise UsageError(
                f"`gradient_cache_rows` works with MOREModel, whose loss is a function of its embeddings; this is a "
                f"{type(model).__name__}. Leave it out."
            )

    def create_optimizer(self, model: torch.nn.Module | None = None) -> torch.optim.Optimizer:
        """Make the optimizer, as `Trainer.create_optimizer`, with `head_learning_rate` for what lies outside the encoder."""
        made = self.optimizer is not None
        optimizer = super().create_optimizer(model)
        if not made and self.args.head_learning_rate is not None:
            encoder = cast(PreTrainedModel, self._plain(self.model if model is None else model)).base_model
            inside = {id(weight) for weight in encoder.parameters()}
            split_groups(optimizer, inside, self.args.head_learning_rate)
        return optimizer

    def get_train_dataloader(self) -> DataLoader:
        """Give the loader of class-balanced batches, prepared for the processes of the run.

        Raises:
            UsageError: there is no training data, or too few relations.
        """
        loader, self.batch_sampler = class_balanced_loader(self.train_dataset, self.data_collator, self.args)
        return self.accelerator.prepare(loader)

    def begin_epoch(self, epoch: int) -> None:
        """Get ready for an epoch; called in all processes at its start, and when a run goes on in the middle of it.

        Args:
            epoch (`int`): number of the epoch, from 0.
        """
        # Trainer's own call does not reach the sampler through the wrappers of a resumed, distributed loader.
        if self.batch_sampler is not None:
            self.batch_sampler.set_epoch(epoch)

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """The loss of a batch, as `Trainer.compute_loss`; the encoder sees the batch in parts of similar length.

        With `gradient_cache_rows` the gradient of all parts but the last is in the weights when this returns, and that of
        the last one comes with the backward pass over the result.
        """
        inputs = {name: column for name, column in inputs.items() if name != ROW_INDEX}
        plain = self._plain(model)
        if return_outputs or inputs.get("labels") is None or not isinstance(plain, MOREModel):
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        labels, weights = inputs.pop("labels"), inputs.pop(ROW_WEIGHT, None)
        parts, order = split_batch(inputs, self.args)
        with self.compute_loss_context_manager():
            if self.args.gradient_cache_rows is not None and torch.is_grad_enabled():
                self._terms = cached_loss(
                    model,
                    plain,
                    parts,
                    order,
                    labels,
                    weights,
                    backward=lambda loss: self.accelerator.backward(loss / self.current_gradient_accumulation_steps),
                    no_sync=lambda: self.accelerator.no_sync(model),
                )
            else:
                self._terms = chunked_loss(model, plain, parts, order, labels, weights)
        return self._terms.loss

    def _plain(self, model: torch.nn.Module) -> torch.nn.Module:
        """The model inside its wrappers."""
        plain = self.accelerator.unwrap_model(model)
        return plain.get_base_model() if isinstance(plain, PeftModel) else plain

    def training_step(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Forward and backward pass of one batch, as `Trainer.training_step`; its rows and losses are noted."""
        self._terms = self._named_terms = None
        loss = super().training_step(model, inputs, num_items_in_batch)
        share = 1 / self.current_gradient_accumulation_steps
        if self._terms is not None:
            self.guard.note(inputs.get(ROW_INDEX), self._terms.value, self._terms.finite_rows)
            self._loss_log.add(self._terms, share=share)
        elif self._named_terms is not None:
            self.guard.note(inputs.get(ROW_INDEX), loss, self._named_terms.finite_rows)
            self._loss_log.add_named(self._named_terms.values, share=share)
        else:
            self.guard.note(inputs.get(ROW_INDEX), loss)
        self._terms = self._named_terms = None  # the graph goes
        return loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log, as `Trainer.log`; the terms of the loss beside `loss` where it has several at work."""
        if "loss" in logs:
            logs |= self._loss_log.means()
        super().log(logs, start_time)

    def train(self, resume_from_checkpoint: str | bool | None = None, **kwargs: Any) -> TrainOutput:
        """Train, then leave the averaged (and merged) weights in `self.model`.

        Args:
            resume_from_checkpoint (`str` or `bool`, *optional*): folder of a checkpoint, or `True` for the last
                complete one in `args.output_dir`. `Trainer` reads its own state from there (`optimizer.pt`,
                `scheduler.pt`, `rng_state.pth`) with `torch.load(weights_only=True)`: name only folders you trust.
            **kwargs: further arguments of `transformers.Trainer.train`.

        Returns:
            `TrainOutput`: steps, training loss and timings.

        Raises:
            CheckpointError: there is no complete checkpoint to resume from, or a file of the one named is missing or cut
                off (the message names the file, and the last complete checkpoint).
            TrainingError: the loss or its gradient is not finite; the message names the step and the instances.
        """
        if resume_from_checkpoint is True:
            resume_from_checkpoint = str(last_complete_checkpoint(self.args.output_dir))
        if resume_from_checkpoint:
            resume_from_checkpoint = str(check_resumable(resume_from_checkpoint, self.args.world_size))
            self._load_beside_weights(resume_from_checkpoint)
        output = super().train(resume_from_checkpoint=resume_from_checkpoint or None, **kwargs)
        self._finish_weights()
        return output

    def _load_beside_weights(self, checkpoint: str) -> None:
        """Read what checkpoints of this trainer hold and those of `Trainer` do not."""
        self.average.load(checkpoint)

    def restart_average(self) -> None:
        """Begin the averages of the weights anew from the weights as they are, for what changes them before the first step."""
        self.average = WeightAverage(self.model, self.args.ema_decay, self.args.base_weight_average)

    def _finish_weights(self) -> None:
        # Without this the model's forward keeps the mixed-precision wrapper that accelerate put around it.
        self.model = self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False)
        if self.is_fsdp_enabled:
            self.model = whole_model(self.model, self._model_class)
        self.average.write_into(self.model)
        if self.args.trainable == "lora":
            if self.args.save_adapter and self.args.should_save:
                adapter = Path(self.args.output_dir) / "adapter"
                self.model.save_pretrained(adapter)
                write_adapter_card(adapter, config=self.model.get_base_model().config)
            self.model = self.model.merge_and_unload()
        self.model_wrapped = self.model
        self.average = WeightAverage(self.model)

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        run_dir = Path(self._get_output_dir(trial=trial))
        folder = run_dir / f"checkpoint-{self.state.global_step}"
        limit = self.args.save_total_limit
        with whole_checkpoint(folder, writer=self.args.should_save, wait=self.accelerator.wait_for_everyone):
            # Trainer would remove older checkpoints while other processes still write this one.
            self.args.save_total_limit = None
            try:
                super()._save_checkpoint(model, trial)
            finally:
                self.args.save_total_limit = limit
        if self.args.should_save:
            remove_old_checkpoints(run_dir, limit, keep=(folder, self.state.best_model_checkpoint))

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        super()._save(output_dir, state_dict)
        if self.args.should_save:  # a pickle that nothing reads; its settings stand in results.json
            Path(output_dir or self.args.output_dir, TRAINING_ARGS_NAME).unlink(missing_ok=True)
        model = self.accelerator.unwrap_model(self.model)
        if isinstance(model, PeftModel) and self.args.should_save:  # peft wrote an empty template
            write_adapter_card(output_dir or self.args.output_dir, config=model.get_base_model().config)
        if self.is_in_train and self.args.should_save:
            self.average.save(output_dir or self.args.output_dir)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        if not self.is_fsdp_enabled:
            check_resumed_weights(resume_from_checkpoint, model or self.model)
        super()._load_from_checkpoint(resume_from_checkpoint, model)

    def _load_best_model(self) -> None:
        if not self.is_fsdp_enabled:
            check_resumed_weights(self.state.best_model_checkpoint, self.model)
        super()._load_best_model()
        self.average.load(self.state.best_model_checkpoint)

    def create_model_card(self, **facts: Any) -> None:
        """Write the card that is pushed with the model, as `Trainer.create_model_card`, unless somebody wrote one.

        It says what the model's settings say, what the training and evaluation rows are, and the figures of the last evaluation (with
        `load_best_model_at_end`, of the best one).

        Args:
            **facts: those of `Trainer.create_model_card`: `model_name`, `language`, `license`, `tags`, `finetuned_from`, `dataset`,
                `dataset_tags`; the others are not used.
        """
        if self.is_world_process_zero():
            write_training_card(self, self._plain(self.model), **facts)

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
        metrics = self._scores(instances, metric_key_prefix, transform)
        metrics |= speed_metrics(metric_key_prefix, start, num_samples=len(instances))
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _scores(self, instances: Sequence[Any], prefix: str, transform: Any) -> dict[str, float]:
        """The figures of an evaluation, with the prefix; the same in all processes."""
        embeddings = self._embed(instances)
        metrics: dict[str, float] = {}
        if self.is_world_process_zero():
            metrics = held_out_scores(embeddings, instances, self.args, prefix=prefix, transform=transform)
        return from_first_process(metrics, self.args.world_size)

    def _embed(self, instances: Sequence[Any]) -> np.ndarray:
        """Embed the instances, each process its share; the rows come back complete and in order everywhere."""
        model = self.accelerator.unwrap_model(self.model)
        sharded = self.is_fsdp_enabled and self.is_in_train
        with self.average.applied(model) if self.is_in_train else contextlib.nullcontext():
            return embed_shared(model, self.processing_class, instances, self.args, sharded=sharded)


def _as_instances(dataset: Any) -> Sequence[Any]:
    return dataset.to_list() if isinstance(dataset, datasets.Dataset) else dataset
