"""Batches of rows of similar length, in a random order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from hf_relation.errors import UsageError
from hf_relation.training.samplers import EpochBatchSampler


_BATCHES_SORTED_TOGETHER = 20


class LengthBatchSampler(EpochBatchSampler):
    """Draw batches of rows of similar length, which saves padding; no row comes twice in an epoch.

    The rows are shuffled, the rows of every 20 batches are sorted by length, and the batches are shuffled. The order of an
    epoch is a pure function of `seed` and its number. All batches have one size; the rows that are left over, other ones in
    every epoch, sit it out.

    Args:
        lengths (`Sequence[int]`): tokens of every row, at least one row.
        batch_size (`int`, defaults to 32): rows of a batch. With fewer rows there is one batch of all (with several
            processes: one for each).
        seed (`int`, defaults to 0): start of the order, at least 0.
        num_processes (`int`, defaults to 1): how many share the batches out among themselves.

    Raises:
        UsageError: a number out of range, or fewer rows than processes.

    Example:

    ```python
    >>> from hf_relation.training import LengthBatchSampler
    >>> sampler = LengthBatchSampler([5, 50, 6, 49], batch_size=2)
    >>> sorted(sorted(batch) for batch in sampler)
    [[0, 2], [1, 3]]

    ```
    """

    def __init__(self, lengths: Sequence[int], batch_size: int = 32, seed: int = 0, num_processes: int = 1) -> None:
        for name, value, least in (("batch_size", batch_size, 1), ("seed", seed, 0)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise UsageError(f"`{name}` must be an integer of at least {least}, got {value!r}.")
        if len(lengths) < num_processes or not len(lengths):
            raise UsageError(f"{len(lengths)} rows are too few for {num_processes} process(es): each needs one.")
        self.lengths = np.asarray(lengths)
        self.batch_size = min(batch_size, len(lengths) // num_processes)
        self.num_batches = len(lengths) // self.batch_size
        self.seed = seed

    def __iter__(self) -> Iterator[list[int]]:
        draws = np.random.default_rng([self.seed, self.epoch])
        order = draws.permutation(len(self.lengths))[: self.num_batches * self.batch_size]
        span = _BATCHES_SORTED_TOGETHER * self.batch_size
        parts = [order[start : start + span] for start in range(0, len(order), span)]
        ordered = np.concatenate([part[np.argsort(self.lengths[part], kind="stable")] for part in parts])
        batches = ordered.reshape(-1, self.batch_size)
        yield from (batches[number].tolist() for number in draws.permutation(len(batches)))
