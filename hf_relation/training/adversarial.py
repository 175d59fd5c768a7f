"""Letting the virtual adversarial loss in late and slowly."""

from __future__ import annotations

import math
from typing import Any

from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from hf_relation.models.more import MOREModel


class AdversarialWarmup(TrainerCallback):
    """Set how much the virtual adversarial loss counts, step by step.

    The scale is 0 before `start_step`, then rises in a straight line and is 1 from `start_step + warmup_steps` on. It
    depends on the number of the step alone, so that a resumed run goes on exactly; after training it is 1 again.

    Args:
        start_step (`float`, defaults to 0): steps without the adversarial loss (the `warm_up` of MORE's code); below 1, the
            share of all steps.
        warmup_steps (`float`, defaults to 0): steps of the rise; below 1, the share of all steps.

    Example:

    ```python
    >>> from hf_relation.training import AdversarialWarmup
    >>> warmup = AdversarialWarmup(start_step=2, warmup_steps=0.4)
    >>> [warmup.scale(step, max_steps=10) for step in (0, 1, 2, 3, 4, 5, 6, 9)]
    [0.0, 0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0]

    ```
    """

    def __init__(self, start_step: float = 0, warmup_steps: float = 0) -> None:
        self.start_step = start_step
        self.warmup_steps = warmup_steps

    def scale(self, global_step: int, max_steps: int) -> float:
        """Give the scale for one step.

        Args:
            global_step (`int`): steps that are done.
            max_steps (`int`): steps of the whole run.

        Returns:
            `float`: in [0, 1].
        """
        done = global_step - _in_steps(self.start_step, max_steps)
        if done < 0:
            return 0.0
        return min(1.0, done / warmup) if (warmup := _in_steps(self.warmup_steps, max_steps)) else 1.0

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: nn.Module, **kwargs: Any
    ) -> None:
        more_model(model).adversarial_scale = self.scale(state.global_step, state.max_steps)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: nn.Module, **kwargs: Any
    ) -> None:
        more_model(model).adversarial_scale = 1.0


def more_model(model: nn.Module) -> MOREModel:
    """Find the MORE model inside whatever is wrapped around it (adapters, several processes, sharding).

    Args:
        model (`nn.Module`): the model or a wrapper.

    Returns:
        [`MOREModel`].

    Raises:
        TypeError: there is none.
    """
    for module in model.modules():
        if isinstance(module, MOREModel):
            return module
    raise TypeError(f"{type(model).__name__} holds no MOREModel.")


def _in_steps(value: float, max_steps: int) -> int:
    return math.ceil(value * max_steps) if value < 1 else int(value)
