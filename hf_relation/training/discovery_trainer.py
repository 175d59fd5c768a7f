"""The trainer of methods that learn from unlabelled rows as well, by targets made anew in every epoch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader
from transformers import PreTrainedModel

from hf_relation.embedding.embed import EmbeddingDtype, embed_encoded
from hf_relation.errors import TrainingError, UsageError
from hf_relation.losses._random_state import RandomState
from hf_relation.training.arguments import RelationTrainingArguments
from hf_relation.training.batch_loss import NamedTerms
from hf_relation.training.datasets import ROW_INDEX, RelationDataset
from hf_relation.training.distributed import gather_objects, interleave, on_first_process
from hf_relation.training.loading import even_batches, numbered_loader
from hf_relation.training.samplers import EpochBatchSampler
from hf_relation.training.targets import EpochTargets, load_targets, save_targets
from hf_relation.training.trainer import RelationTrainer


T = TypeVar("T")

_PROGRESS_ROWS = 2_000  # fewer are embedded in seconds
_IDS_SHOWN = 5
# Scalars of a model's output that are logged beside its losses.
_STATISTICS = frozenset({"output_std", "consistency", "entropy"})


class DiscoveryTrainer(RelationTrainer):
    """A [`RelationTrainer`] whose targets are made anew, from the model, at the start of every epoch.

    The training set has unlabelled rows. What stands in for their labels, pseudo labels or neighbours, comes from
    `targets`. Differences from [`RelationTrainer`]:

    - at the start of an epoch `targets.refresh` is called in all processes, then `targets.apply`; the figures that the
      former returns are logged;
    - the columns of `targets` join a batch in this process, just before the model sees it, so that workers of the data
      loader never hand out targets of an earlier epoch;
    - the model computes its loss itself, from the whole batch; the scalars of its output whose names end in `_loss` (and
      `output_std`, `consistency`, `entropy`) are logged as means beside `loss`;
    - batches are those of `batch_sampler`, whose epochs are the epochs of training, also with `max_steps`;
    - checkpoints hold the targets (`targets.safetensors`): a run that goes on in the middle of an epoch goes on with the
      targets of that epoch, and ends with the same bits as one that was never interrupted.

    Args:
        model (`PreTrainedModel`): the model at its start.
        args ([`RelationTrainingArguments`]): the settings; `classes_per_batch` and `instances_per_class` have no effect.
        processing_class ([`RelationProcessor`]): the processor.
        train_dataset ([`RelationDataset`] or `Sequence[Instance]`): labelled and unlabelled rows.
        eval_dataset (`Sequence[Instance]`, `datasets.Dataset` or a dictionary of such, *optional*): instances of
            held-out known relations; may be empty where the targets have scores of their own, which join those of an
            evaluation.
        targets ([`EpochTargets`]): makes what the unlabelled rows are trained on.
        batch_sampler ([`~hf_relation.training.samplers.EpochBatchSampler`]): the rows of every batch, made for the rows of
            `train_dataset`. Its `num_batches` is rounded down to a multiple of the processes.
        **kwargs: further arguments of [`RelationTrainer`].

    Raises:
        UsageError: there is no training data, or the run is one of FSDP.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        args: RelationTrainingArguments,
        processing_class: Any,
        train_dataset: Any = None,
        eval_dataset: Any = None,
        *,
        targets: EpochTargets,
        batch_sampler: EpochBatchSampler,
        **kwargs: Any,
    ) -> None:
        if train_dataset is None:
            raise UsageError("Training needs a `train_dataset`.")
        if args.label_names is None:
            args.label_names = ["labels"]  # what else the model takes is no gold label
        super().__init__(model, args, processing_class, train_dataset, eval_dataset, **kwargs)
        if self.is_fsdp_enabled:
            raise UsageError(
                "Targets are made with whole weights in every process, which FSDP does not leave there. Train with DDP "
                "(examples/accelerate_ddp.yaml)."
            )
        self.targets = targets
        self.plain_model.length_chunks = args.length_chunks
        self.batch_sampler = batch_sampler
        batch_sampler.num_batches = even_batches(batch_sampler.num_batches, args.world_size)
        self._train_batch_size = batch_sampler.batch_size
        self._targets_epoch: int | None = None

    @property
    def dataset(self) -> RelationDataset:
        """The training rows, encoded."""
        return cast(RelationDataset, self.train_dataset)

    @property
    def plain_model(self) -> PreTrainedModel:
        """The model inside the wrappers of accelerate and peft."""
        return cast(PreTrainedModel, self._plain(self.model))

    def get_train_dataloader(self) -> DataLoader:
        """Give the loader of the sampler's batches, prepared for the processes of the run."""
        loader = numbered_loader(
            self.dataset, cast(EpochBatchSampler, self.batch_sampler), self.data_collator, self.args
        )
        return self.accelerator.prepare(loader)

    def train(self, resume_from_checkpoint: str | bool | None = None, **kwargs: Any) -> Any:
        """Train, as [`RelationTrainer.train`]."""
        self._targets_epoch = None
        return super().train(resume_from_checkpoint, **kwargs)

    def _load_beside_weights(self, checkpoint: str) -> None:
        super()._load_beside_weights(checkpoint)
        self._targets_epoch = load_targets(checkpoint, self.targets)

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        super()._save(output_dir, state_dict)
        if self.is_in_train and self.args.should_save and self._targets_epoch is not None:
            save_targets(output_dir or self.args.output_dir, self.targets, self._targets_epoch)

    def begin_epoch(self, epoch: int) -> None:
        """Make the targets of an epoch, unless they come from a checkpoint; called in all processes at its start.

        Args:
            epoch (`int`): number of the epoch, from 0.
        """
        super().begin_epoch(epoch)
        if self._targets_epoch != epoch:
            # A run that is resumed here does not draw what making the targets may draw.
            with RandomState(self.args.device).replayed():
                figures = self.targets.refresh(self, epoch)
            self._targets_epoch = epoch
            if figures:
                self.log(figures)
        self.targets.apply(self, epoch)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """The model's own loss of a batch with its targets, as `Trainer.compute_loss`."""
        inputs = dict(inputs)
        rows = inputs.pop(ROW_INDEX, None)
        if rows is not None:
            columns = self.targets.columns(rows.cpu())
            inputs |= {name: column.to(self.args.device) for name, column in columns.items()}
        loss, outputs = super().compute_loss(model, inputs, True, num_items_in_batch)
        self._named_terms = NamedTerms(
            {
                name: value.detach()
                for name, value in outputs.items()
                if (name.endswith("_loss") or name in _STATISTICS) and value is not None
            },
            outputs["embeddings"].detach().isfinite().all(dim=1),
        )
        return (loss, outputs) if return_outputs else loss

    def _scores(self, instances: Sequence[Any], prefix: str, transform: Any) -> dict[str, float]:
        own = {f"{prefix}_{name}": value for name, value in self.targets.scores(self).items()}
        if own and not len(instances):
            return own  # the targets alone are what is evaluated
        return super()._scores(instances, prefix, transform) | own

    def embed_rows(
        self,
        rows: Sequence[int] | np.ndarray | None = None,
        *,
        features: Callable[[PreTrainedModel], nn.Module] | None = None,
        averaged: bool = False,
    ) -> np.ndarray:
        """Embed rows of the training data with the model as it is, without dropout; to be called by all processes at once.

        Args:
            rows (`Sequence[int]`, *optional*): positions in the training data; default all.
            features (`Callable`, *optional*): makes, of the model, a module that takes the columns of a batch and returns an
                object with `embeddings` `(batch, d)`; by default the model itself, whose embeddings have length one.
            averaged (`bool`, defaults to `False`): with the averaged weights (`ema_decay`), not with those as trained.

        Returns:
            `np.ndarray` of shape `(len(rows), d)`, float32: in the order of `rows`, complete in every process.

        Raises:
            UsageError: `rows` is empty.
            TrainingError: an embedding is not finite; the message names the epoch and the instances.
        """
        rows = range(len(self.dataset)) if rows is None else [int(row) for row in rows]
        if not rows:
            raise UsageError("There are no rows to embed.")
        rank, world = self.args.process_index, self.args.world_size
        share = rows[rank::world] or rows[:1]  # with fewer rows than processes, all have something to do
        source = self.accelerator.unwrap_model(self.model)
        model = self.plain_model
        with self.average.applied(source) if averaged else contextlib.nullcontext():
            found = embed_encoded(
                model if features is None else features(model),
                cast(Any, self.processing_class),
                [self.dataset.encoded(row) for row in share],
                dtype=cast(EmbeddingDtype, self.args.eval_dtype),
                device=self.args.device,
                progress=len(share) >= _PROGRESS_ROWS and rank == 0 and not self.args.disable_tqdm,
                check_finite=False,
            )
        embedded = interleave([part[: len(rows[i::world])] for i, part in enumerate(gather_objects(found, world))])
        self._check_finite(embedded, rows)
        return embedded

    def on_first_process(self, work: Callable[[], T]) -> T:
        """Do something in one process and give all of them its result, or the error it raised.

        Args:
            work (`Callable`): takes nothing; its result is picklable.
        """
        return on_first_process(work, self.args.process_index, self.args.world_size)

    def _check_finite(self, embedded: np.ndarray, rows: Sequence[int]) -> None:
        bad = np.flatnonzero(~np.isfinite(embedded).all(axis=1))
        if not len(bad):
            return
        names = [self.dataset.instance_ids[rows[row]] for row in bad.tolist()]
        more = f" and {len(names) - _IDS_SHOWN} more" if len(names) > _IDS_SHOWN else ""
        raise TrainingError(
            f"The targets of epoch {int(self.state.epoch or 0)} (from 0) cannot be made: the model's representation holds NaN "
            f"or infinity for {len(names)} of {len(rows)} instances: {', '.join(names[:_IDS_SHOWN])}{more}. Training has "
            "diverged, or the model was damaged at its start: use a smaller `learning_rate`, eval_dtype='float32', or "
            "another start.",
            step=self.state.global_step + 1,
            instance_ids=names,
        )
