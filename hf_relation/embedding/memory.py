"""Batches of a token budget that become smaller when the memory does not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch

from hf_relation.embedding.batching import token_budget_batches
from hf_relation.errors import HfRelationError


T = TypeVar("T")


class ShrinkingBatches:
    """Run rows in length-sorted batches of a token budget.

    When a batch does not fit into the memory it is cut in two, and no later batch is made as large.

    Args:
        max_tokens (`int`): tokens of a padded batch, at least 1.
        device (`torch.device`): whose memory it is.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.embedding.memory import ShrinkingBatches
    >>> batches = ShrinkingBatches(8, torch.device("cpu"))
    >>> list(batches.run([4, 9, 4], lambda rows: len(rows), alone=lambda row: f"row {row} is too large"))
    [([1], 1), ([0, 2], 2)]

    ```
    """

    def __init__(self, max_tokens: int, device: torch.device) -> None:
        self.max_tokens, self.device = max_tokens, device

    def run(
        self,
        lengths: Sequence[int],
        run: Callable[[list[int]], T],
        *,
        alone: Callable[[int], str],
        too_large: Callable[[list[int]], bool] = lambda rows: False,
    ) -> Iterator[tuple[list[int], T]]:
        """Run all rows, the longest first.

        Args:
            lengths (`Sequence[int]`): tokens of each row.
            run (`Callable`): takes row numbers.
            alone (`Callable`): the error message for a row that does not fit by itself.
            too_large (`Callable`, *optional*): says of row numbers that they are too many, for another reason than tokens.

        Yields:
            `tuple`: row numbers, and what `run` returned for them; each row exactly once.

        Raises:
            HfRelationError: a row does not fit by itself.
        """
        waiting = token_budget_batches(lengths, self.max_tokens)[::-1]
        while waiting:
            rows = waiting.pop()
            half = (len(rows) + 1) // 2
            longest = max(lengths[row] for row in rows)
            # It may have been made before the budget was lowered.
            if len(rows) > 1 and (longest * len(rows) > self.max_tokens or too_large(rows)):
                waiting += [rows[half:], rows[:half]]
                continue
            try:
                found = run(rows)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if len(rows) == 1:
                    raise HfRelationError(alone(rows[0])) from error
            else:
                yield rows, found
                continue
            # Out here the exception, and with it the tensors of the failed batch, is gone.
            if self.device.type != "cpu":
                torch.accelerator.empty_cache()
            self.max_tokens = max(longest * half, 1)
            waiting += [rows[half:], rows[:half]]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the memory of a device, or of the machine, does not hold."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    message = str(error).lower()
    return "out of memory" in message or "can't allocate memory" in message  # accelerators; the CPU's allocator
