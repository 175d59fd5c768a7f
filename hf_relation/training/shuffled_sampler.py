"""Batches of all rows in a random order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hf_relation.errors import UsageError
from hf_relation.training.samplers import EpochBatchSampler


class ShuffledBatchSampler(EpochBatchSampler):
    """Draw batches of rows without looking at labels; no row comes twice in an epoch.

    The order of an epoch is a pure function of `seed` and its number. All batches have one size; the rows that are left
    over, other ones in every epoch, sit it out.

    Args:
        num_rows (`int`): rows of the data set, at least 2.
        batch_size (`int`, defaults to 64): rows of a batch, at least 2. With fewer rows there is one batch of all (with
            several processes: one for each).
        seed (`int`, defaults to 0): start of the order, at least 0.
        num_processes (`int`, defaults to 1): how many share the batches out among themselves.

    Raises:
        UsageError: a number out of range, or fewer than two rows for every process.

    Example:

    ```python
    >>> from hf_relation.training import ShuffledBatchSampler
    >>> sampler = ShuffledBatchSampler(7, batch_size=3)
    >>> [len(batch) for batch in sampler], len({row for batch in sampler for row in batch})
    ([3, 3], 6)

    ```
    """

    def __init__(self, num_rows: int, batch_size: int = 64, seed: int = 0, num_processes: int = 1) -> None:
        for name, value, least in (("num_rows", num_rows, 2), ("batch_size", batch_size, 2), ("seed", seed, 0)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise UsageError(f"`{name}` must be an integer of at least {least}, got {value!r}.")
        share = num_rows // num_processes
        if share < 2:
            raise UsageError(f"{num_rows} rows are too few for {num_processes} processes: each needs two.")
        self.num_rows = num_rows
        self.batch_size = min(batch_size, share)
        self.num_batches = num_rows // self.batch_size
        self.seed = seed

    def __iter__(self) -> Iterator[list[int]]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.num_rows)
        for start in range(0, self.num_batches * self.batch_size, self.batch_size):
            yield order[start : start + self.batch_size].tolist()
