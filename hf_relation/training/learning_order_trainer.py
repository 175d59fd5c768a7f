"""The trainer of FineCL's first stage: a classifier on labels that may be wrong, and when it learned each of them."""

from __future__ import annotations

from typing import Any, cast

import torch
from transformers import PreTrainedModel

from hf_relation.embedding.forward import evaluation_state
from hf_relation.errors import UsageError
from hf_relation.training.arguments import RelationTrainingArguments
from hf_relation.training.datasets import ROW_INDEX
from hf_relation.training.distributed import gather_objects
from hf_relation.training.extraction_dataset import ExtractionDataset
from hf_relation.training.extraction_trainer import ExtractionTrainer
from hf_relation.training.learning_order import RECORDS, LearningOrder, Record


class LearningOrderTrainer(ExtractionTrainer):
    """An [`ExtractionTrainer`] that records at which epoch every training label was first predicted.

    Args:
        model (`PreTrainedModel`): such as [`~hf_relation.PairClassificationModel`]: its output has `class_logits`.
        args ([`RelationTrainingArguments`]): the settings.
        processing_class ([`~hf_relation.processing.DocumentProcessor`]): the processor.
        train_dataset ([`ExtractionDataset`]): the training windows.
        record (`str`, defaults to `"batch"`): `"batch"`: from the forward passes of training themselves, at no cost, each before the
            step that learns from it (the paper's figures), rows that an epoch leaves over not in that epoch; `"epoch"`: from a pass over the training set, in evaluation mode, at the end of
            every epoch.
        **kwargs: further arguments of [`ExtractionTrainer`].

    Attributes:
        learning_order ([`LearningOrder`]): what was recorded; after `train` the same in all processes.

    Raises:
        UsageError: an unknown `record`, or a model without class scores.

    Reference: Hogan, Li and Shang, EMNLP 2022, section 3.1.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        args: RelationTrainingArguments,
        processing_class: Any,
        train_dataset: ExtractionDataset | None = None,
        *,
        record: Record = "batch",
        **kwargs: Any,
    ) -> None:
        if record not in RECORDS:
            raise UsageError(f"`record` must be one of {', '.join(map(repr, RECORDS))}, got {record!r}.")
        super().__init__(model, args, processing_class, train_dataset, **kwargs)
        self.record = record
        self.learning_order = LearningOrder(cast(ExtractionDataset, train_dataset))
        self._recorded_epochs = 0

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """The model's own loss of a batch; what it predicts is recorded."""
        rows = inputs.get(ROW_INDEX)
        loss, outputs = super().compute_loss(model, inputs, True, num_items_in_batch)
        if self.record == "batch" and rows is not None and model.training:
            self.learning_order.record(rows.tolist(), _class_logits(outputs), int(self.state.epoch or 0) + 1)
        return (loss, outputs) if return_outputs else loss

    def begin_epoch(self, epoch: int) -> None:
        """As `RelationTrainer.begin_epoch`; first, what the epoch before has taught is recorded."""
        super().begin_epoch(epoch)
        self._record_until(epoch)

    def train(self, resume_from_checkpoint: str | bool | None = None, **kwargs: Any) -> Any:
        """Train, as `RelationTrainer.train`, and join what all processes have recorded."""
        output = super().train(resume_from_checkpoint, **kwargs)
        self._record_until(round(self.state.epoch or 0))
        found = gather_objects(self.learning_order.epochs, self.args.world_size)
        self.learning_order.join(found)
        return output

    def _record_until(self, epoch: int) -> None:
        """With `record="epoch"`: look at the whole training set, each process its share, at the end of an epoch."""
        if self.record != "epoch" or epoch <= self._recorded_epochs:
            return
        self._recorded_epochs = epoch
        rank, world = self.args.process_index, self.args.world_size
        dataset = cast(ExtractionDataset, self.train_dataset)
        rows = list(range(rank, len(dataset), world))
        model = self._plain(self.model)
        size = self.args.per_device_eval_batch_size
        with evaluation_state(model, self.args.device), torch.no_grad():
            for start in range(0, len(rows), size):
                part = rows[start : start + size]
                batch = self._prepare_inputs(self.data_collator([dataset[row] for row in part]))
                with self.compute_loss_context_manager():
                    outputs = model(
                        **{name: column for name, column in batch.items() if name not in (ROW_INDEX, "labels")}
                    )
                self.learning_order.record(part, _class_logits(outputs), epoch)

    def _load_beside_weights(self, checkpoint: str) -> None:
        super()._load_beside_weights(checkpoint)
        self.learning_order.load(checkpoint, rank=self.args.process_index)

    def _save_rng_state(self, output_dir: str) -> None:
        # Called in every process while a checkpoint is written, before it is declared complete.
        super()._save_rng_state(output_dir)
        self.learning_order.save(output_dir, rank=self.args.process_index)


def _class_logits(outputs: Any) -> torch.Tensor:
    scores = outputs.get("class_logits")
    if scores is None:
        raise UsageError(
            "A learning order needs a model whose output has `class_logits`, such as PairClassificationModel."
        )
    return cast(torch.Tensor, scores)
