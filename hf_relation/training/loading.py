"""The loaders of training batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.utils.data import DataLoader, Sampler

from hf_relation.errors import UsageError
from hf_relation.training.arguments import RelationTrainingArguments
from hf_relation.training.collators import NumberedCollator
from hf_relation.training.datasets import EncodedRows, NumberedRows, RelationDataset
from hf_relation.training.samplers import ClassBalancedBatchSampler


def data_seed(args: RelationTrainingArguments) -> int:
    """Give the seed of the order of the data: `data_seed`, or else `seed`.

    Args:
        args ([`RelationTrainingArguments`]): the settings.

    Returns:
        `int`.
    """
    return args.seed if args.data_seed is None else args.data_seed


def even_batches(num_batches: int, num_processes: int) -> int:
    """Give the number of batches of an epoch of which every process takes equally many, at least one.

    Example:

    ```python
    >>> from hf_relation.training.loading import even_batches
    >>> even_batches(7, 2), even_batches(1, 2)
    (6, 2)

    ```
    """
    return max(1, num_batches // num_processes) * num_processes


def class_balanced_loader(
    dataset: RelationDataset | None, collator: Callable[[list[Any]], Any], args: RelationTrainingArguments
) -> tuple[DataLoader, ClassBalancedBatchSampler]:
    """Make the loader of class-balanced batches of all processes.

    With `max_steps` one epoch holds all batches of the run; otherwise as many as one pass over the labelled rows, of
    which every process takes equally many. Batches carry the column `row_index`, the positions of their rows.

    Args:
        dataset ([`RelationDataset`], *optional*): the training data.
        collator (`Callable`): makes a batch of a list of rows.
        args ([`RelationTrainingArguments`]): the settings.

    Returns:
        `tuple`: the loader, not yet shared out among processes, and its sampler.

    Raises:
        UsageError: there is no training data, or too few relations.
    """
    if dataset is None:
        raise UsageError("Training needs a `train_dataset`.")
    num_batches = None
    if args.max_steps > 0:
        num_batches = args.max_steps * args.gradient_accumulation_steps * args.world_size
    sampler = ClassBalancedBatchSampler(
        dataset.labels,
        classes_per_batch=args.classes_per_batch,
        instances_per_class=args.instances_per_class,
        num_batches=num_batches,
        seed=data_seed(args),
        names={number: name for name, number in dataset.label2id.items()},
    )
    if num_batches is None:
        sampler.num_batches = even_batches(sampler.num_batches, args.world_size)
    return numbered_loader(dataset, sampler, collator, args), sampler


def numbered_loader(
    dataset: EncodedRows,
    sampler: Sampler[list[int]],
    collator: Callable[[list[Any]], Any],
    args: RelationTrainingArguments,
) -> DataLoader:
    """Make the loader of the batches that a sampler names, with the column `row_index`.

    Args:
        dataset ([`EncodedRows`]): the training data.
        sampler (`Sampler[list[int]]`): gives the rows of every batch.
        collator (`Callable`): makes a batch of a list of rows.
        args ([`RelationTrainingArguments`]): workers and pinned memory.

    Returns:
        `DataLoader`: not yet shared out among processes.
    """
    return DataLoader(
        NumberedRows(dataset),
        batch_sampler=sampler,
        collate_fn=NumberedCollator(collator),
        num_workers=args.dataloader_num_workers,
        pin_memory=args.dataloader_pin_memory and args.device.type == "cuda",
        persistent_workers=args.dataloader_persistent_workers,
        prefetch_factor=args.dataloader_prefetch_factor,
    )
