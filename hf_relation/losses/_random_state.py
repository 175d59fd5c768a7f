"""Drawing the same random numbers twice, so that two passes through a model share their dropout masks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class RandomState:
    """The state of torch's default generators at one moment: the CPU's, and the device's if it has its own.

    Args:
        device (`torch.device`): where the model computes.

    Example:

    ```python
    >>> import torch
    >>> state = RandomState(torch.device("cpu"))
    >>> first = torch.rand(3)
    >>> with state.replayed():
    ...     again = torch.rand(3)
    >>> torch.equal(first, again)
    True

    ```
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._states = self._read()

    @contextmanager
    def replayed(self) -> Iterator[None]:
        """Inside, draw what was drawn after this state was taken; afterwards go on as if nothing had been drawn."""
        after = self._read()
        self._write(self._states)
        try:
            yield
        finally:
            self._write(after)

    def _read(self) -> tuple[Tensor, Tensor | None]:
        if self.device.type == "cpu":
            return torch.get_rng_state(), None
        return torch.get_rng_state(), torch.get_device_module(self.device).get_rng_state(self.device)

    def _write(self, states: tuple[Tensor, Tensor | None]) -> None:
        torch.set_rng_state(states[0])
        if states[1] is not None:
            torch.get_device_module(self.device).set_rng_state(states[1], self.device)
