"""What has to happen at certain moments of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback, TrainerControl, TrainerState


if TYPE_CHECKING:
    from hf_relation.training.arguments import RelationTrainingArguments
    from hf_relation.training.trainer import RelationTrainer


class RunCallback(TrainerCallback):
    """Tell the sampler its epoch, stop before a step that is not finite, and average the weights after every step.

    Args:
        trainer ([`RelationTrainer`]): the trainer.
    """

    def __init__(self, trainer: RelationTrainer) -> None:
        self.trainer = trainer

    def on_epoch_begin(
        self, args: RelationTrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.trainer.begin_epoch(int(state.epoch or 0))

    def on_pre_optimizer_step(
        self, args: RelationTrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.trainer.guard.check(
            self.trainer.model,
            step=state.global_step + 1,
            output_dir=args.output_dir,
            scaled=self.trainer.accelerator.scaler is not None,
        )

    def on_step_end(
        self, args: RelationTrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.trainer.average.update(self.trainer.model)
