"""Batches of several tasks in turn, each of one task."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from hf_relation.errors import UsageError
from hf_relation.training.row_stream import RowStream
from hf_relation.training.samplers import EpochBatchSampler


MIXINGS = ("proportional", "equal")
_BATCHES_SORTED_TOGETHER = 20


class TaskBatchSampler(EpochBatchSampler):
    """Draw batches of one task each, all batches of all tasks in a random order.

    Rows are numbered through: first those of the first task, then those of the second. Within an epoch every row of a task
    is used before one of them comes a second time. All batches have one size: the last one of a task is filled up with rows
    of the same epoch, and a task with fewer rows than a batch repeats them inside it. The batches of an epoch are a pure
    function of `seed` and its number.

    Args:
        sizes (`Sequence[int]`): rows of every task, at least one each.
        batch_size (`int`, defaults to 16): rows of a batch.
        mixing (`str` or `Sequence[float]`, defaults to `"proportional"`): `"proportional"`: as many batches of a task as it
            takes to see all of its rows (MT-DNN, GradTS); `"equal"`: equally many of every task; or numbers of at least 0
            that batches stand to one another as, one a task (AUTOSEM's mixing ratios).
        num_batches (`int`, *optional*): batches of an epoch; by default as many as it takes to see all rows of all tasks
            once, whatever the mixing.
        seed (`int`, defaults to 0): start of the order, at least 0.
        num_processes (`int`, defaults to 1): how many share the batches out among themselves; an epoch has a multiple.
        lengths (`Sequence[int]`, *optional*): tokens of every row. Rows of similar length then stand together in batches (up to
            20 batches of a task are sorted at a time), which saves padding.

    Raises:
        UsageError: no task, a task without rows, ratios that are all 0 or not one a task, other than one length a row, or a
            number out of range.

    Example:

    ```python
    >>> from hf_relation.training import TaskBatchSampler
    >>> sampler = TaskBatchSampler([6, 2], batch_size=2)
    >>> sorted(sorted(batch) for batch in sampler)[-1], len(sampler)
    ([6, 7], 4)
    >>> TaskBatchSampler([6, 2], batch_size=2, mixing=[1, 3]).batches_of_task
    [1, 3]

    ```

    References: Liu et al., "Multi-Task Deep Neural Networks for Natural Language Understanding", ACL 2019, algorithm 1;
    mixing ratios: Guo et al., "AutoSeM", NAACL 2019.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        batch_size: int = 16,
        mixing: str | Sequence[float] = "proportional",
        num_batches: int | None = None,
        seed: int = 0,
        num_processes: int = 1,
        lengths: Sequence[int] | None = None,
    ) -> None:
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("num_batches", 1 if num_batches is None else num_batches, 1),
            ("seed", seed, 0),
            ("num_processes", num_processes, 1),
            *((f"sizes[{task}]", size, 1) for task, size in enumerate(sizes)),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise UsageError(f"`{name}` must be an integer of at least {least}, got {value!r}.")
        if not len(sizes):
            raise UsageError("`sizes` must have at least one task.")
        self.sizes = list(sizes)
        if lengths is not None and len(lengths) != sum(self.sizes):
            raise UsageError(f"`lengths` must have one number for each of {sum(self.sizes)} rows, got {len(lengths)}.")
        self.lengths = None if lengths is None else np.asarray(lengths)
        self.batch_size = batch_size
        self.seed = seed
        whole = [-(-size // batch_size) for size in self.sizes]
        wanted = sum(whole) if num_batches is None else num_batches
        self.num_batches = max(1, wanted // num_processes) * num_processes
        self.batches_of_task = share_out(self.num_batches, self._weights(mixing, whole))

    def _weights(self, mixing: str | Sequence[float], whole: list[int]) -> list[float]:
        if mixing == "proportional":
            return [float(number) for number in whole]
        if mixing == "equal":
            return [1.0] * len(whole)
        numbers = not isinstance(mixing, (str, Mapping)) and isinstance(mixing, Sequence)
        if not numbers or len(mixing) != len(whole):
            raise UsageError(
                f"`mixing` must be one of {list(MIXINGS)}, or {len(whole)} numbers, one a task; got {mixing!r}."
            )
        weights = [float(weight) for weight in mixing]
        if not all(math.isfinite(weight) and weight >= 0 for weight in weights) or not sum(weights):
            raise UsageError(f"Ratios of `mixing` must be at least 0, and one of them above; got {list(mixing)}.")
        return weights

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng([self.seed, self.epoch])
        ends = np.cumsum([0, *self.sizes])
        streams = [RowStream(np.arange(*ends[task : task + 2]), rng) for task in range(len(self.sizes))]
        batches = [self._batches(task, streams[task], rng) for task in range(len(self.sizes))]
        for task in rng.permutation(np.repeat(np.arange(len(self.sizes)), self.batches_of_task)):
            yield next(batches[task])

    def _batches(self, task: int, stream: RowStream, rng: np.random.Generator) -> Iterator[list[int]]:
        """The batches of one task in an epoch."""
        left = self.batches_of_task[task]
        while left:
            together = 1
            if self.lengths is not None:  # never more than there are rows, or one could stand twice in a batch
                together = max(1, min(left, _BATCHES_SORTED_TOGETHER, self.sizes[task] // self.batch_size))
            rows = np.array(stream.take(together * self.batch_size))
            order = np.arange(together)
            if together > 1 and self.lengths is not None:
                rows = rows[np.argsort(self.lengths[rows], kind="stable")]
                order = rng.permutation(together)
            for number in order:
                yield rows[number * self.batch_size : (number + 1) * self.batch_size].tolist()
            left -= together


def share_out(total: int, weights: Sequence[float]) -> list[int]:
    """Cut a number into whole parts as near to the weights as possible (largest remainders; ties go to the first).

    Args:
        total (`int`): what to cut.
        weights (`Sequence[float]`): at least 0, one of them above.

    Returns:
        `list[int]`: parts, which sum to `total`.

    Example:

    ```python
    >>> from hf_relation.training.task_sampler import share_out
    >>> share_out(10, [1, 1, 1]), share_out(5, [3, 2])
    ([4, 3, 3], [3, 2])

    ```
    """
    exact = [total * weight / sum(weights) for weight in weights]
    parts = [math.floor(value + 1e-9) for value in exact]
    rest = sorted(range(len(parts)), key=lambda place: (round(parts[place] - exact[place], 9), place))
    for place in rest[: total - sum(parts)]:
        parts[place] += 1
    return parts
