"""Watching for a collapse: outputs that no longer depend on the input."""

from __future__ import annotations

import logging
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from hf_relation.errors import UsageError


logger = logging.getLogger(__name__)


class CollapseMonitor(TrainerCallback):
    """Log how spread out the outputs are beside what they would be without a collapse, and warn when little is left.

    Every log with `output_std` gets `output_spread`, the same as a share of `uncollapsed_std`: about 1 where the outputs
    point everywhere, 0 where all are one. A healthy value depends on the batch (few rows spread less) and on the method,
    so what counts is the fall; after `patience` logs in a row below `least` there is one warning.

    Args:
        uncollapsed_std (`float`): `config.uncollapsed_std`, one over the root of the width of the outputs.
        least (`float`, defaults to 0.2): share of it below which a log counts as collapsed, in (0, 1).
        patience (`int`, defaults to 3): such logs in a row before the warning, at least 1.

    Attributes:
        lowest (`float`, *optional*): the lowest share that was logged.
        collapsed (`bool`): whether the warning has been given.

    Raises:
        UsageError: a value out of range.

    Example:

    ```python
    >>> from transformers import TrainerControl, TrainerState, TrainingArguments
    >>> from hf_relation.training import CollapseMonitor
    >>> monitor, state, logs = CollapseMonitor(uncollapsed_std=0.125), TrainerState(), {"output_std": 0.1}
    >>> state.log_history.append(dict(logs))
    >>> monitor.on_log(None, state, TrainerControl(), logs)
    >>> state.log_history
    [{'output_std': 0.1, 'output_spread': 0.8}]

    ```

    Reference: Chen and He, "Exploring Simple Siamese Representation Learning", CVPR 2021, section 4.1.
    """

    def __init__(self, uncollapsed_std: float, *, least: float = 0.2, patience: int = 3) -> None:
        if not uncollapsed_std > 0:
            raise UsageError(f"`uncollapsed_std` must be above 0, got {uncollapsed_std}.")
        if not 0 < least < 1:
            raise UsageError(f"`least` must be above 0 and below 1, got {least}.")
        if patience < 1:
            raise UsageError(f"`patience` must be at least 1, got {patience}.")
        self.uncollapsed_std = uncollapsed_std
        self.least = least
        self.patience = patience
        self.lowest: float | None = None
        self.collapsed = False
        self._in_a_row = 0

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        if logs is None or "output_std" not in logs:
            return
        spread = logs["output_std"] / self.uncollapsed_std
        # Trainer has put a copy of the logs into the history before it calls.
        for entry in (logs, state.log_history[-1]):
            entry["output_spread"] = spread
        self.lowest = spread if self.lowest is None else min(self.lowest, spread)
        self._in_a_row = self._in_a_row + 1 if spread < self.least else 0
        if self._in_a_row == self.patience and not self.collapsed:
            self.collapsed = True
            if state.is_world_process_zero:
                logger.warning(
                    "Step %d: the outputs are collapsing. Their standard deviation is %.4f, %.0f %% of the %.4f of outputs that "
                    "point everywhere, and was below %.0f %% in %d logs. Use a smaller learning rate, fewer epochs or a larger "
                    "`entropy_weight`.",
                    state.global_step,
                    logs["output_std"],
                    100 * spread,
                    self.uncollapsed_std,
                    100 * self.least,
                    self.patience,
                )
