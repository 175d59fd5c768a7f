"""The neighbours of the rows of a batch, as columns that stand beside those of the batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from hf_relation.errors import UsageError
from hf_relation.training.datasets import RelationDataset


PREFIX = "neighbor_"


class NeighborCollator:
    """Pad the neighbours of all rows of a batch together, as the `neighbor_` columns of [`SiameseUREModel`].

    It runs in the training process, from rows that are encoded already: workers of the data loader make batches ahead of
    time, and would hand out neighbours of an earlier epoch.

    Args:
        dataset ([`RelationDataset`]): the training rows.
        collator (`Callable`): makes a batch of a list of rows, as for the rows themselves; its `labels` are left out.

    Returns (when called):
        `dict[str, torch.Tensor]`: for every column of a batch one with the prefix `neighbor_`, of shape
        `(batch, neighbours, tokens)`, or `(batch, neighbours)` for the positions of markers.

    Raises:
        UsageError: no neighbour, or a neighbour that is not a row.

    Example:

    ```python
    >>> import numpy as np
    >>> from transformers import BertTokenizerFast
    >>> from hf_relation.processing import RelationProcessor
    >>> from hf_relation.training import NeighborCollator, RelationCollator, RelationDataset
    >>> words = "[PAD] [UNK] [CLS] [SEP] [MASK] ada was born in lindau .".split()
    >>> processor = RelationProcessor(BertTokenizerFast(vocab={word: i for i, word in enumerate(words)}))
    >>> row = {"text": "Ada was born in Lindau.", "head": {"start": 0, "end": 3}, "tail": {"start": 16, "end": 22},
    ...        "relations": []}
    >>> collator = NeighborCollator(RelationDataset([row] * 3, processor), RelationCollator(processor))
    >>> columns = collator(np.array([[1, 2], [0, 2]]))
    >>> columns["neighbor_input_ids"].shape, columns["neighbor_tail_marker_index"].shape
    (torch.Size([2, 2, 12]), torch.Size([2, 2]))

    ```
    """

    def __init__(self, dataset: RelationDataset, collator: Callable[[list[Any]], Mapping[str, torch.Tensor]]) -> None:
        self.dataset = dataset
        self.collator = collator

    def __call__(self, neighbors: np.ndarray) -> dict[str, torch.Tensor]:
        if neighbors.ndim != 2 or 0 in neighbors.shape:
            raise UsageError(f"`neighbors` must be a matrix (rows, neighbours), got shape {neighbors.shape}.")
        if neighbors.min() < 0 or neighbors.max() >= len(self.dataset):
            raise UsageError(
                f"Neighbours must be rows of the training data, from 0 to {len(self.dataset) - 1}; got "
                f"{neighbors.min()} to {neighbors.max()}."
            )
        batch = self.collator([self.dataset[int(row)] for row in neighbors.ravel()])
        return {
            f"{PREFIX}{name}": column.unflatten(0, neighbors.shape)
            for name, column in batch.items()
            if name != "labels"
        }
