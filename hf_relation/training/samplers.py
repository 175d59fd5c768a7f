"""Class-balanced batches: every batch holds `c` relations with `m` instances each."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from torch.utils.data import Sampler

from hf_relation.errors import UsageError


logger = logging.getLogger(__name__)

UNLABELLED = -100


class EpochBatchSampler(Sampler[list[int]]):
    """A sampler of whole batches, of which every epoch has as many, in an order that its number decides.

    Attributes:
        batch_size (`int`): rows of a batch.
        num_batches (`int`): batches of an epoch.
        epoch (`int`): the epoch whose batches the next iteration gives.
    """

    # accelerate shards whole batches among processes; with False it would hand the first batch out a second time.
    drop_last = True
    batch_size: int
    num_batches: int
    epoch: int = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose batches the next iteration gives.

        Args:
            epoch (`int`): number of the epoch, at least 0.
        """
        self.epoch = epoch

    def __len__(self) -> int:
        return self.num_batches


class ClassBalancedBatchSampler(EpochBatchSampler):
    """Draw batches of `classes_per_batch` relations with `instances_per_class` instances each.

    Metric losses compare the instances of one batch, so every batch needs several relations and several instances
    of each. Relations are drawn uniformly, whatever their size. Within an epoch every instance of a relation is
    used before one of them comes a second time; a relation with fewer than `instances_per_class` instances repeats
    them inside the batch (said once in the log, with the names). The batches of an epoch are a pure function of
    `seed` and the epoch number, and a longer epoch starts with the batches of a shorter one, so that an interrupted
    run, a lengthened run and several processes all see the same order.

    Args:
        labels (`Sequence[int]` of length `n`): relation number of every row of the data set, at least 0;
            -100 marks unlabelled rows, which are never drawn.
        classes_per_batch (`int`, defaults to 24): relations in a batch, at least 2 (with one relation there is
            nothing to tell apart).
        instances_per_class (`int`, defaults to 6): instances of each relation in a batch, at least 2 (a relation
            needs a pair).
        num_batches (`int`, *optional*): batches in an epoch; by default as many as one pass over the labelled rows.
        seed (`int`, defaults to 0): start of the order, at least 0.
        names (`Mapping[int, str]` or `Sequence[str]`, *optional*): names of the relations, for the log.

    Raises:
        UsageError: fewer relations than `classes_per_batch`, or a number out of range.

    Example:

    ```python
    >>> from hf_relation.training import ClassBalancedBatchSampler
    >>> labels = [0, 0, 0, 1, 1, 1, 1, 2, 2, 2, -100]
    >>> sampler = ClassBalancedBatchSampler(labels, classes_per_batch=2, instances_per_class=3, num_batches=4)
    >>> len(sampler), sampler.batch_size
    (4, 6)
    >>> [len({labels[row] for row in batch}) for batch in sampler]
    [2, 2, 2, 2]

    ```

    Reference: Wang et al., "MORE", ICASSP 2021: batches of 24 relations x 10 instances.
    """

    def __init__(
        self,
        labels: Sequence[int],
        classes_per_batch: int = 24,
        instances_per_class: int = 6,
        num_batches: int | None = None,
        seed: int = 0,
        names: Mapping[int, str] | Sequence[str] | None = None,
    ) -> None:
        for name, value, least in (
            ("classes_per_batch", classes_per_batch, 2),
            ("instances_per_class", instances_per_class, 2),
            ("num_batches", 1 if num_batches is None else num_batches, 1),
            ("seed", seed, 0),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise UsageError(f"`{name}` must be an integer of at least {least}, got {value!r}.")
        array = np.asarray(labels)
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
            raise UsageError(
                f"`labels` must be a flat list of integers (-100 for unlabelled), got an array of shape {array.shape} "
                f"and type {array.dtype}."
            )
        wrong = np.flatnonzero((array < 0) & (array != UNLABELLED))
        if wrong.size:
            raise UsageError(
                f"`labels` must be at least 0, or -100 for unlabelled rows; row {wrong[0]} has {array[wrong[0]]}."
            )
        rows = np.flatnonzero(array != UNLABELLED)
        rows = rows[np.argsort(array[rows], kind="stable")]
        classes, starts = np.unique(array[rows], return_index=True) if rows.size else (np.empty(0, int), [0])
        if len(classes) < classes_per_batch:
            raise UsageError(
                f"A batch needs `classes_per_batch`={classes_per_batch} relations, but the training data has "
                f"{len(classes)} labelled relation(s). Lower `classes_per_batch` (at least 2) or add relations."
            )
        self._members = np.split(rows, starts[1:])
        self.classes_per_batch = classes_per_batch
        self.instances_per_class = instances_per_class
        self.batch_size = classes_per_batch * instances_per_class
        self.num_batches = num_batches if num_batches is not None else max(1, len(rows) // self.batch_size)
        self.seed = seed
        self.epoch = 0
        self._log_small_classes(classes, names)

    def _log_small_classes(self, classes: np.ndarray, names: Mapping[int, str] | Sequence[str] | None) -> None:
        small = [
            f"{label if names is None else names[int(label)]} ({len(members)})"
            for label, members in zip(classes, self._members, strict=True)
            if len(members) < self.instances_per_class
        ]
        if small:
            logger.warning(
                "%d relation(s) have fewer than %d instances; they repeat inside a batch: %s",
                len(small),
                self.instances_per_class,
                ", ".join(small),
            )

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng([self.seed, self.epoch])
        orders = [rng.permutation(members) for members in self._members]
        used = [0] * len(orders)
        for _ in range(self.num_batches):
            batch: list[int] = []
            for relation in rng.choice(len(orders), self.classes_per_batch, replace=False):
                size = len(orders[relation])
                if size < self.instances_per_class:
                    drawn = np.resize(rng.permutation(orders[relation]), self.instances_per_class)
                else:
                    if used[relation] + self.instances_per_class > size:
                        orders[relation] = self._reshuffle(orders[relation], used[relation], rng)
                        used[relation] = 0
                    drawn = orders[relation][used[relation] : used[relation] + self.instances_per_class]
                    used[relation] += self.instances_per_class
                batch.extend(drawn.tolist())
            yield batch

    @staticmethod
    def _reshuffle(order: np.ndarray, used: int, rng: np.random.Generator) -> np.ndarray:
        # The rest of the old order comes first: no instance is left out, and none comes twice in one batch.
        return np.concatenate([order[used:], rng.permutation(order[:used])])
