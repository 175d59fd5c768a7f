"""The terms of the loss in the training log, beside the loss itself."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from hf_relation.training.batch_loss import BatchLoss
from hf_relation.training.distributed import mean_over_processes


class LossLog:
    """Average the terms of the loss since the last log, as `Trainer` averages the loss.

    The sums stay on the device; they are read, and joined with those of other processes, only when something is logged.

    Args:
        device (`torch.device`): where the losses are computed.
        world_size (`int`, defaults to 1): number of processes.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.training.batch_loss import BatchLoss
    >>> from hf_relation.training.loss_log import LossLog
    >>> log = LossLog(torch.device("cpu"))
    >>> for relation, adversarial in ((1.0, 0.5), (2.0, 0.25)):
    ...     log.add(BatchLoss(None, None, torch.tensor(relation), torch.tensor(adversarial), None), share=1.0)
    >>> log.means(), log.means()
    ({'relation_loss': 1.5, 'adversarial_loss': 0.375}, {})

    ```
    """

    def __init__(self, device: torch.device, world_size: int = 1) -> None:
        self.world_size = world_size
        self._sums = torch.zeros(2, device=device)  # relation, adversarial
        self._steps = self._adversarial_steps = 0.0
        self._named: dict[str, tuple[torch.Tensor, float]] = {}  # sum, steps

    def add(self, terms: BatchLoss, share: float) -> None:
        """Take in the terms of a batch.

        Args:
            terms ([`BatchLoss`]): the terms.
            share (`float`): what the batch counts in its step: one over the number of accumulated batches.
        """
        self._sums[0] += terms.relation * share
        self._steps += share
        if terms.adversarial is not None:
            self._sums[1] += terms.adversarial * share
            self._adversarial_steps += share

    def add_named(self, terms: Mapping[str, torch.Tensor], share: float) -> None:
        """Take in the terms that the model of a batch gave by name.

        Args:
            terms (`Mapping[str, torch.Tensor]`): name -> scalar, without a graph; the same names in all processes.
            share (`float`): what the batch counts in its step.

        Example:

        ```python
        >>> import torch
        >>> from hf_relation.training.loss_log import LossLog
        >>> log = LossLog(torch.device("cpu"))
        >>> for value in (1.0, 2.0):
        ...     log.add_named({"center_loss": torch.tensor(value)}, share=1.0)
        >>> log.means()
        {'center_loss': 1.5}

        ```
        """
        for name, value in terms.items():
            total, steps = self._named.get(name, (torch.zeros((), device=self._sums.device), 0.0))
            self._named[name] = (total + value.float() * share, steps + share)

    def means(self) -> dict[str, float]:
        """Give the means since the last call and begin anew; to be called by all processes at once.

        Returns:
            `dict[str, float]`: `relation_loss` and the unweighted `adversarial_loss`, each over the batches for which it
            was computed and over the processes; neither when no virtual adversarial loss was computed, for then the
            relation loss is the loss. Beside them, the terms that were given by name.
        """
        means: dict[str, float] = {}
        if self._adversarial_steps:
            relation, adversarial = mean_over_processes(self._sums, self.world_size).tolist()
            means = {
                "relation_loss": relation / self._steps,
                "adversarial_loss": adversarial / self._adversarial_steps,
            }
        if self._named:
            names = sorted(self._named)
            totals = mean_over_processes(torch.stack([self._named[name][0] for name in names]), self.world_size)
            means |= {name: total / self._named[name][1] for name, total in zip(names, totals.tolist(), strict=True)}
            self._named = {}
        self._sums.zero_()
        self._steps = self._adversarial_steps = 0.0
        return means
