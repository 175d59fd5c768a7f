"""The trainer of FineCL's second stage: contrastive pre-training on documents."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import Any, cast

import torch
from torch.utils.data import DataLoader
from transformers import PreTrainedModel
from transformers.trainer_utils import speed_metrics

from hf_relation.embedding.forward import evaluation_state
from hf_relation.errors import UsageError
from hf_relation.models.finecl import FineCLForPreTraining
from hf_relation.training.arguments import RelationTrainingArguments
from hf_relation.training.batch_loss import NamedTerms
from hf_relation.training.datasets import ROW_INDEX
from hf_relation.training.distributed import gather_objects
from hf_relation.training.length_sampler import LengthBatchSampler
from hf_relation.training.loading import data_seed, even_batches, numbered_loader
from hf_relation.training.pretraining_cache import cached_pretraining_loss
from hf_relation.training.pretraining_dataset import PretrainingCollator, PretrainingDataset
from hf_relation.training.trainer import RelationTrainer


class RelationPretrainer(RelationTrainer):
    """Train [`~hf_relation.FineCLForPreTraining`], and evaluate it by its losses on documents set aside.

    A [`RelationTrainer`] (averages of weights, adapters, checkpoints that are resumed to the same bits, runs that stop before
    a step that is not finite) with batches of documents of similar length. `evaluate` gives `eval_loss` and its parts, means over batches
    of the same size with the same masks every time. With `gradient_cache_rows` so many documents are in memory at a time, however large
    the batch is.

    Args:
        model ([`~hf_relation.FineCLForPreTraining`]): the model at its start.
        args ([`RelationTrainingArguments`]): the settings; `classes_per_batch`, `instances_per_class`, the dropout of mentions
            and words, `length_chunks` and the settings of clustering have no effect.
        processing_class ([`~hf_relation.processing.DocumentProcessor`]): the processor.
        train_dataset ([`PretrainingDataset`]): the training documents.
        eval_dataset ([`PretrainingDataset`], *optional*): documents set aside.
        batch_size (`int`, defaults to 16): documents of a batch, in every process.
        mask_share (`float`, defaults to 0.15): share of the words outside mentions that are masked.
        **kwargs: further arguments of [`RelationTrainer`].

    Raises:
        UsageError: there is no training data, the model is another one, or the run is one of FSDP.

    Reference: Hogan, Li and Shang, EMNLP 2022, section 3.2.
    """

    _caches_gradients = True

    def __init__(
        self,
        model: PreTrainedModel,
        args: RelationTrainingArguments,
        processing_class: Any,
        train_dataset: PretrainingDataset | None = None,
        eval_dataset: PretrainingDataset | None = None,
        *,
        batch_size: int = 16,
        mask_share: float = 0.15,
        **kwargs: Any,
    ) -> None:
        if not isinstance(model, FineCLForPreTraining):
            raise UsageError(f"Pre-training needs a FineCLForPreTraining, got a {type(model).__name__}.")
        if train_dataset is None or not len(train_dataset):
            raise UsageError("Pre-training needs a `train_dataset` with at least one document.")
        if args.label_names is None:
            args.label_names = ["labels"]
        collator = PretrainingCollator(processing_class, mask_share=mask_share, seed=data_seed(args))
        super().__init__(model, args, processing_class, train_dataset, eval_dataset, data_collator=collator, **kwargs)
        if self.is_fsdp_enabled:
            raise UsageError("Pre-training is not done with FSDP. Use DDP (examples/accelerate_ddp.yaml).")
        sampler = LengthBatchSampler(
            train_dataset.lengths, batch_size, seed=data_seed(args), num_processes=args.world_size
        )
        sampler.num_batches = even_batches(sampler.num_batches, args.world_size)
        self.batch_sampler = sampler
        self._train_batch_size = sampler.batch_size

    def get_train_dataloader(self) -> DataLoader:
        """Give the loader of the sampler's batches, prepared for the processes of the run."""
        loader = numbered_loader(
            cast(PretrainingDataset, self.train_dataset),
            cast(LengthBatchSampler, self.batch_sampler),
            self.data_collator,
            self.args,
        )
        return self.accelerator.prepare(loader)

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """The model's own loss of a batch, as `Trainer.compute_loss`; its parts are logged beside `loss`.

        With `gradient_cache_rows` the gradient of all documents but the last ones is in the weights when this returns, and that of
        the last ones comes with the backward pass over the result.
        """
        inputs = {name: column for name, column in inputs.items() if name != ROW_INDEX}
        rows = self.args.gradient_cache_rows
        if rows is not None and not return_outputs and torch.is_grad_enabled():
            with self.compute_loss_context_manager():
                loss, terms, finite = cached_pretraining_loss(
                    model,
                    cast(FineCLForPreTraining, self._plain(model)),
                    inputs,
                    rows,
                    backward=lambda part: self.accelerator.backward(part / self.current_gradient_accumulation_steps),
                    no_sync=lambda: self.accelerator.no_sync(model),
                )
            self._named_terms = NamedTerms(terms, finite)
            return loss
        loss, outputs = super().compute_loss(model, inputs, True, num_items_in_batch)
        terms = {
            name: value.detach() for name, value in outputs.items() if name.endswith("_loss") and value is not None
        }
        self._named_terms = NamedTerms(terms, outputs["relations"].detach().isfinite().flatten(1).all(1))
        return (loss, outputs) if return_outputs else loss

    def evaluate(
        self,
        eval_dataset: Any = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
        transform: Any = None,
    ) -> dict[str, float]:
        """The losses on documents set aside, each process its share; to be called by all processes at once.

        Args:
            eval_dataset ([`PretrainingDataset`], *optional*): the documents; by default those given at construction.
            ignore_keys, transform: accepted for the interface; no effect.
            metric_key_prefix (`str`, defaults to `"eval"`): start of every key of the result.

        Returns:
            `dict[str, float]`: `eval_loss`, its parts, and the speed.

        Raises:
            UsageError: there is nothing to evaluate on.
        """
        dataset = self.eval_dataset if eval_dataset is None else eval_dataset
        if not isinstance(dataset, PretrainingDataset) or not len(dataset):
            raise UsageError("Evaluation needs a PretrainingDataset of documents set aside.")
        start, size = time.time(), self._train_batch_size
        order = sorted(range(len(dataset)), key=lambda row: (dataset.lengths[row], row))
        batches = [order[place : place + size] for place in range(0, len(order), size)]
        mine: list[dict[str, float]] = []
        model = self._plain(self.model)
        with (
            self.average.applied(model) if self.is_in_train else nullcontext(),
            evaluation_state(model, self.args.device),
        ):
            for batch in batches[self.args.process_index :: self.args.world_size]:
                columns = self._prepare_inputs(self.data_collator([dataset[row] for row in batch]))
                with torch.no_grad(), self.compute_loss_context_manager():
                    output = model(**columns)
                mine.append({name: value.item() for name, value in output.items() if name.endswith("loss")})
        found = [losses for share in gather_objects(mine, self.args.world_size) for losses in share]
        names = sorted({name for losses in found for name in losses})
        metrics = {f"{metric_key_prefix}_{name}": sum(losses[name] for losses in found) / len(found) for name in names}
        metrics |= speed_metrics(metric_key_prefix, start, num_samples=len(dataset))
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics
