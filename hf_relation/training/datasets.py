"""Instances tokenised once and held in memory, with their relation numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from hf_relation.errors import UsageError
from hf_relation.training.samplers import UNLABELLED


if TYPE_CHECKING:
    from hf_relation.data.schema import Instance
    from hf_relation.processing import EncodedInstance, RelationProcessor


def single_relation(instance: Mapping[str, Any]) -> str | None:
    """Give the one relation of an instance, or None when it has no relation or several.

    A batch of a metric loss, and a clustering score, need exactly one label per row; an instance with several gold
    relations says nothing definite about whether it belongs with another one, so it counts as unlabelled.

    Args:
        instance (`Mapping`): a checked instance with the list `relations`.

    Returns:
        `str` or `None`: the relation.

    Example:

    ```python
    >>> from hf_relation.training import single_relation
    >>> single_relation({"relations": ["born in"]}), single_relation({"relations": ["a", "b"]})
    ('born in', None)

    ```
    """
    relations = instance["relations"]
    return relations[0] if len(relations) == 1 else None


ROW_INDEX = "row_index"
ROW_WEIGHT = "weights"


class EncodedRows(torch.utils.data.Dataset[dict[str, Any]]):
    """Rows that a processor has encoded once, so that no epoch tokenises again; what the trainers of this package train on.

    Attributes:
        instance_ids (`list[str]` of length `n`): id of every row, for messages.
    """

    instance_ids: list[str]

    def __len__(self) -> int:
        return len(self.instance_ids)


class RelationDataset(EncodedRows):
    """Encode instances once, so that no epoch tokenises again.

    Args:
        instances (`Sequence[Instance]`): instances with the list `relations`; rows with no relation or several are
            kept as unlabelled (-100).
        processor ([`RelationProcessor`]): turns them into token ids and masks.
        label2id (`Mapping[str, int]`, *optional*): numbers of the relations; by default the sorted names are
            numbered from 0.
        weights (`Sequence[float]` of length `n`, *optional*): how much every row counts in the loss of a
            [`~hf_relation.MOREModel`], at least 0; see [`~hf_relation.losses.ranked_list_loss`]. Of labels that may be wrong:
            [`~hf_relation.training.row_weights`].

    Attributes:
        labels (`list[int]` of length `n`): relation number of every row, -100 for unlabelled ones.
        weights (`list[float]` or `None`): as given.
        label2id (`dict[str, int]`): the numbering in use.
        instance_ids (`list[str]` of length `n`): id of every row; its position where an instance has none.
        num_truncated (`int`): rows whose text did not fit and was cut around the mentions.

    Raises:
        KeyError: a relation that is not in the given `label2id`.
        UsageError: not one weight a row, or one that is negative or not finite.
    """

    def __init__(
        self,
        instances: Sequence[Instance],
        processor: RelationProcessor,
        label2id: Mapping[str, int] | None = None,
        *,
        weights: Sequence[float] | None = None,
    ) -> None:
        self.weights = None if weights is None else _checked_weights(weights, len(instances))
        names = [single_relation(instance) for instance in instances]
        if label2id is None:
            label2id = {
                name: number for number, name in enumerate(sorted({name for name in names if name is not None}))
            }
        self.label2id = dict(label2id)
        self.labels = [UNLABELLED if name is None else self.label2id[name] for name in names]
        self.instance_ids = [str(instance.get("id", row)) for row, instance in enumerate(instances)]
        self._encoded: list[EncodedInstance] = processor.encode(instances)
        self.num_truncated = sum(encoded.truncated for encoded in self._encoded)

    def encoded(self, row: int) -> EncodedInstance:
        """Give a row as the processor encoded it."""
        return self._encoded[row]

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = {**vars(self._encoded[index]), "labels": self.labels[index]}
        return row if self.weights is None else row | {ROW_WEIGHT: self.weights[index]}


def _checked_weights(weights: Sequence[float], num_rows: int) -> list[float]:
    kept = [float(weight) for weight in weights]
    if len(kept) != num_rows:
        raise UsageError(f"`weights` must have one number a row ({num_rows}), got {len(kept)}.")
    for row, weight in enumerate(kept):
        if not 0 <= weight < math.inf:
            raise UsageError(f"`weights` must be finite and at least 0, got {weight} in row {row}.")
    return kept


class NumberedRows(torch.utils.data.Dataset[tuple[int, dict[str, Any]]]):
    """Rows with their positions, for [`~hf_relation.training.collators.NumberedCollator`].

    Args:
        dataset ([`EncodedRows`]): the rows.

    Example:

    ```python
    >>> from hf_relation.training.datasets import NumberedRows
    >>> NumberedRows([{"labels": 4}, {"labels": 7}])[1]
    (1, {'labels': 7})

    ```
    """

    def __init__(self, dataset: EncodedRows) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[int, dict[str, Any]]:
        return index, self.dataset[index]
