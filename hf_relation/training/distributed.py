"""What the processes of a run tell one another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor


T = TypeVar("T")


def any_process(flags: Tensor, world_size: int) -> Tensor:
    """Tell which flags are set in at least one process; to be called by all processes at once.

    Args:
        flags (`torch.Tensor` of shape `(n,)`, bool): the flags of this process, on its device.
        world_size (`int`): number of processes.

    Returns:
        `torch.Tensor` of shape `(n,)`, bool.
    """
    if world_size == 1:
        return flags
    values = flags.to(torch.float32)
    torch.distributed.all_reduce(values, op=torch.distributed.ReduceOp.MAX)
    return values > 0


def mean_over_processes(values: Tensor, world_size: int) -> Tensor:
    """Average a tensor over the processes; to be called by all processes at once.

    Args:
        values (`torch.Tensor`, floating): of this process, on its device; not changed.
        world_size (`int`): number of processes.

    Returns:
        `torch.Tensor` of the same shape.
    """
    if world_size == 1:
        return values
    total = values.clone()
    torch.distributed.all_reduce(total)
    return total / world_size


def gather_objects(value: T, world_size: int) -> list[T]:
    """Give every process the values of all processes, by rank; to be called by all processes at once.

    Args:
        value: of this process; small and picklable.
        world_size (`int`): number of processes.

    Returns:
        `list`: one value a process.
    """
    if world_size == 1:
        return [value]
    values: list[Any] = [None] * world_size
    torch.distributed.all_gather_object(values, value)
    return values


def from_first_process(value: T, world_size: int) -> T:
    """Give every process the value of the first one; to be called by all processes at once.

    Args:
        value: of this process; picklable.
        world_size (`int`): number of processes.

    Returns:
        The value of the process with rank 0.
    """
    if world_size == 1:
        return value
    box = [value]
    torch.distributed.broadcast_object_list(box, src=0)
    return box[0]


def on_first_process(work: Callable[[], T], process_index: int, world_size: int) -> T:
    """Do something in one process and give all of them the result; to be called by all processes at once.

    Args:
        work (`Callable`): takes nothing; its result is picklable.
        process_index (`int`), world_size (`int`): of the processes.

    Returns:
        What `work` returned in the process with rank 0.

    Raises:
        Exception: what `work` raised; in all processes, so that none waits for one that has stopped.

    Example:

    ```python
    >>> from hf_relation.training.distributed import on_first_process
    >>> on_first_process(lambda: 2 + 3, process_index=0, world_size=1)
    5

    ```
    """
    result: T | None = None
    problem: Exception | None = None
    if process_index == 0:
        try:
            result = work()
        except Exception as error:
            if world_size == 1:
                raise
            problem = error
    result, problem = from_first_process((result, problem), world_size)
    if problem is not None:
        raise problem
    return cast(T, result)


def interleave(shares: Sequence[np.ndarray]) -> np.ndarray:
    """Put rows back in order of which each process has every `len(shares)`-th one.

    Args:
        shares (`Sequence[np.ndarray]`): for rank r, the rows r, r + number of processes, ...

    Returns:
        `np.ndarray`: all rows, in order.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.training.distributed import interleave
    >>> interleave([np.array([[0], [2], [4]]), np.array([[1], [3]])]).ravel()
    array([0, 1, 2, 3, 4])

    ```
    """
    whole = np.empty((sum(len(share) for share in shares), *shares[0].shape[1:]), dtype=shares[0].dtype)
    for rank, share in enumerate(shares):
        whole[rank :: len(shares)] = share
    return whole
