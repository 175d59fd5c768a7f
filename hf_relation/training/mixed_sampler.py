"""Batches of which every one has labelled and unlabelled rows."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import numpy as np

from hf_relation.errors import UsageError
from hf_relation.training.row_stream import RowStream
from hf_relation.training.samplers import UNLABELLED, EpochBatchSampler


logger = logging.getLogger(__name__)


class MixedBatchSampler(EpochBatchSampler):
    """Draw batches of so many labelled and so many unlabelled rows, the labelled ones first.

    Within an epoch every unlabelled row is used before one of them comes a second time, and so is every labelled row (with
    `labelled_classes`, every row of a relation). The batches of an epoch are a pure function of `seed` and its number, and
    a longer epoch starts with the batches of a shorter one.

    Args:
        labels (`Sequence[int]` of length `n`): relation number of every row, at least 0; -100 marks unlabelled rows.
        labelled_per_batch (`int`, defaults to 50): labelled rows of a batch, at least 1.
        unlabelled_per_batch (`int`, defaults to 50): unlabelled rows of a batch, at least 1.
        labelled_classes (`int`, *optional*): draw the labelled rows from so many relations, equally many of each, at least 2;
            by default from all rows alike.
        num_batches (`int`, *optional*): batches in an epoch; by default as many as it takes to see every unlabelled row (the
            last one is filled up with rows of the same epoch).
        seed (`int`, defaults to 0): start of the order, at least 0.

    Raises:
        UsageError: no unlabelled or no labelled row, fewer than two known relations, fewer relations than
            `labelled_classes`, or a number out of range.

    Example:

    ```python
    >>> from hf_relation.training import MixedBatchSampler
    >>> labels = [0, 0, 1, 1, 1, -100, -100, -100]
    >>> sampler = MixedBatchSampler(labels, labelled_per_batch=3, unlabelled_per_batch=2)
    >>> len(sampler), sampler.batch_size
    (2, 5)
    >>> [[labels[row] >= 0 for row in batch] for batch in sampler]
    [[True, True, True, False, False], [True, True, True, False, False]]

    ```

    Reference: RoCORE (Zhao et al., EMNLP 2021) trains on both subsets jointly, section 3.5.1.
    """

    def __init__(
        self,
        labels: Sequence[int],
        *,
        labelled_per_batch: int = 50,
        unlabelled_per_batch: int = 50,
        labelled_classes: int | None = None,
        num_batches: int | None = None,
        seed: int = 0,
    ) -> None:
        for name, value, least in (
            ("labelled_per_batch", labelled_per_batch, 1),
            ("unlabelled_per_batch", unlabelled_per_batch, 1),
            ("labelled_classes", 2 if labelled_classes is None else labelled_classes, 2),
            ("num_batches", 1 if num_batches is None else num_batches, 1),
            ("seed", seed, 0),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise UsageError(f"`{name}` must be an integer of at least {least}, got {value!r}.")
        array = np.asarray(labels, dtype=np.int64)
        labelled = np.flatnonzero(array != UNLABELLED)
        self._unlabelled = np.flatnonzero(array == UNLABELLED)
        known = np.unique(array[labelled])
        if not len(self._unlabelled):
            raise UsageError(
                "There are no unlabelled rows, and novel relations are learned from those. Give texts that mention pairs of the "
                "relations to discover (--unlabeled_file), or train a method that needs none, such as MORE."
            )
        if len(known) < 2:
            raise UsageError(
                f"The training data has {len(labelled)} labelled row(s) of {len(known)} known relation(s); at least 2 relations "
                "are needed to learn what tells relations apart. Give more labelled data, or train a method that needs no "
                "labels, such as Siamese-URE."
            )
        self._members = [labelled]
        self._per_member = labelled_per_batch
        if labelled_classes is not None:
            if labelled_per_batch % labelled_classes:
                raise UsageError(
                    f"`labelled_per_batch` ({labelled_per_batch}) must be a multiple of `labelled_classes` "
                    f"({labelled_classes})."
                )
            if len(known) < labelled_classes:
                raise UsageError(
                    f"`labelled_classes` is {labelled_classes}, but the training data has {len(known)} labelled relations. "
                    "Lower it."
                )
            self._members = [labelled[array[labelled] == relation] for relation in known]
            self._per_member = labelled_per_batch // labelled_classes
        self._members_per_batch = labelled_classes or 1
        self._unlabelled_per_batch = unlabelled_per_batch
        self.batch_size = labelled_per_batch + unlabelled_per_batch
        self.num_batches = num_batches or -(-len(self._unlabelled) // unlabelled_per_batch)
        self.seed = seed
        self._say_what_repeats()

    def _say_what_repeats(self) -> None:
        smallest = min(map(len, self._members))
        for what, found, wanted in (
            ("unlabelled row(s)", len(self._unlabelled), self._unlabelled_per_batch),
            (
                "labelled row(s) of a relation" if len(self._members) > 1 else "labelled row(s)",
                smallest,
                self._per_member,
            ),
        ):
            if found < wanted:
                logger.warning("There are %d %s for the %d of a batch; they repeat inside it.", found, what, wanted)

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng([self.seed, self.epoch])
        members = [RowStream(rows, rng) for rows in self._members]
        unlabelled = RowStream(self._unlabelled, rng)
        for _ in range(self.num_batches):
            chosen = (
                rng.choice(len(members), self._members_per_batch, replace=False).tolist() if len(members) > 1 else [0]
            )
            batch = [row for member in chosen for row in members[member].take(self._per_member)]
            yield batch + unlabelled.take(self._unlabelled_per_batch)
