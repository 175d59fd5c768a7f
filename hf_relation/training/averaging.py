"""Averages of weights: over the steps of a run, and with the weights it started from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from hf_relation.errors import CheckpointError
from hf_relation.models.weight_files import check_tensors, stored_tensors


AVERAGE_FILE = "averaged_weights.safetensors"
_STEPS_KEY = "num_updates"


class WeightAverage:
    """Keep a moving average of the trainable weights and mix it with the weights of the start.

    The weights to evaluate and to keep are `(1 - a) * tuned + a * start`, where `tuned` is the moving average
    (or, with `ema_decay=0`, the weights as they are). The moving average counts more of the new weights in the first
    steps, with decay `min(ema_decay, (1 + t) / (10 + t))`, so that it forgets the start. Weights that do not train
    are left alone. An adapter's update is the product `B A` with `B` zero at the start, so only `B` is mixed:
    that scales the update by `1 - a`, just as mixing the merged weights does.

    Args:
        model (`nn.Module`): the model at its start, with `requires_grad` set.
        ema_decay (`float`, defaults to 0.0): in [0, 1); 0 turns the moving average off.
        base_weight_average (`float`, defaults to 0.0): the share `a`, in [0, 1].

    References: Wortsman et al., 2022, equation 1.
    """

    def __init__(self, model: nn.Module, ema_decay: float = 0.0, base_weight_average: float = 0.0) -> None:
        self.ema_decay = ema_decay
        self.base_weight_average = base_weight_average
        self.num_updates = 0
        start = {name: weight.detach().clone() for name, weight in model.named_parameters() if weight.requires_grad}
        self._average = {name: weight.clone() for name, weight in start.items()} if ema_decay else {}
        self._start = (
            {name: weight for name, weight in start.items() if "lora_A" not in name} if base_weight_average else {}
        )

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take the weights after a training step into the moving average.

        Args:
            model (`nn.Module`): the model that is being trained.
        """
        if not self._average:
            return
        self.num_updates += 1
        decay = min(self.ema_decay, (1 + self.num_updates) / (10 + self.num_updates))
        weights = dict(model.named_parameters())
        averages = list(self._average.values())
        torch._foreach_lerp_(averages, [weights[name].detach() for name in self._average], 1 - decay)

    @torch.no_grad()
    def write_into(self, model: nn.Module) -> None:
        """Replace the trainable weights of the model by the averaged ones.

        Args:
            model (`nn.Module`): the model that was trained.
        """
        weights = dict(model.named_parameters())
        for name, average in self._average.items():
            weights[name].copy_(average)
        for name, start in self._start.items():
            weights[name].lerp_(start, self.base_weight_average)

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Have the averaged weights in the model inside the block, and the trained ones after it.

        Args:
            model (`nn.Module`): the model that is being trained.
        """
        touched = self._average.keys() | self._start.keys()
        kept = {name: weight.detach().clone() for name, weight in model.named_parameters() if name in touched}
        self.write_into(model)
        try:
            yield
        finally:
            weights = dict(model.named_parameters())
            with torch.no_grad():
                for name, weight in kept.items():
                    weights[name].copy_(weight)

    def save(self, folder: str | Path) -> None:
        """Write the moving average into a checkpoint folder (nothing, when it is off).

        Args:
            folder (`str` or `Path`): folder of the checkpoint.
        """
        if self._average:
            state = {**self._average, _STEPS_KEY: torch.tensor(self.num_updates)}
            save_file({name: weight.contiguous() for name, weight in state.items()}, Path(folder) / AVERAGE_FILE)

    def load(self, folder: str | Path) -> None:
        """Read the moving average back from a checkpoint folder (nothing, when it is off).

        Args:
            folder (`str` or `Path`): folder of the checkpoint.

        Raises:
            CheckpointError: the folder holds no moving average, or one of other weights.
        """
        if not self._average:
            return
        path = Path(folder) / AVERAGE_FILE
        if not path.is_file():
            raise CheckpointError(
                f"{path} is missing: the checkpoint was written without a moving average of the weights. "
                "Resume with `ema_decay=0`, or start the run anew."
            )
        stored = stored_tensors([path])
        state = load_file(path)
        steps = state.pop(_STEPS_KEY, None)
        if state.keys() != self._average.keys():
            other = sorted(state.keys() ^ self._average.keys())[:3]
            raise CheckpointError(
                f"{path} holds the average of other weights (for example {', '.join(other)}). Resume with the same "
                "`trainable` settings as the run that wrote it."
            )
        if steps is None or steps.numel() != 1 or steps.is_floating_point():
            raise CheckpointError(
                f"{path} is damaged: '{_STEPS_KEY}' must be a number. Resume from another checkpoint."
            )
        check_tensors(stored, self._average)
        self.num_updates = int(steps)
        for name, weight in state.items():
            self._average[name].copy_(weight)
