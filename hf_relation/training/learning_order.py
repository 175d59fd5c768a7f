"""Learning order: at which epoch a classifier first predicts each label, right ones mostly before wrong ones."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from hf_relation.data import check_document
from hf_relation.data.atomic import atomic_file
from hf_relation.data.files import naming_file, parse_json, read_json, read_lines
from hf_relation.data.schema import Document
from hf_relation.errors import CheckpointError, InvalidRowError, UsageError
from hf_relation.losses import NEVER_LEARNED, learning_order_weights
from hf_relation.training.extraction_dataset import ExtractionDataset


ORDER_FILE = "learning_order.json"
Record = Literal["batch", "epoch"]
RECORDS = ("batch", "epoch")


class LearningOrder:
    """The first epoch at which every label of a training set was predicted.

    A label is predicted where its class has the highest score of its pair; of a pair with m labels, where it is among the m highest.

    Args:
        dataset ([`ExtractionDataset`]): the windows; their labelled pairs are counted, pairs without a relation are not.

    Attributes:
        epochs (`np.ndarray` of shape `(labels,)`, int32): from 1; -1 for what was never learned.

    Reference: Hogan, Li and Shang, EMNLP 2022, section 3.1 (equations 1-3).
    """

    def __init__(self, dataset: ExtractionDataset) -> None:
        self.names = [name for name, _ in sorted(dataset.label2id.items(), key=lambda item: item[1])]
        self.labels: list[tuple[int, int, int, str]] = []  # document, head, tail, relation
        self._of_window: list[list[tuple[int, list[int], int]]] = []  # pair, its classes, place of the first label
        for each in dataset.windows:
            of_window = []
            for pair, numbers in enumerate(each.relations):
                if numbers:
                    of_window.append((pair, numbers, len(self.labels)))
                    entities = each.window.pair_entities[pair]
                    self.labels += [(each.window.document, *entities, self.names[number]) for number in numbers]
            self._of_window.append(of_window)
        self.epochs = np.full(len(self.labels), NEVER_LEARNED, dtype=np.int32)

    def record(self, rows: Sequence[int], class_logits: torch.Tensor, epoch: int) -> None:
        """Note what a model predicts of some windows.

        Args:
            rows (`Sequence[int]`): positions of the windows in the dataset.
            class_logits (`torch.Tensor` of shape `(len(rows), pairs, classes)`): its scores.
            epoch (`int`): the epoch, from 1; labels that were learned before keep theirs.
        """
        scores = class_logits.detach()
        most = max((len(numbers) for row in rows for _, numbers, _ in self._of_window[row]), default=0)
        if not most:
            return
        ranked = scores.topk(min(most, scores.shape[-1]), -1).indices.tolist()
        for place, row in enumerate(rows):
            for pair, numbers, first in self._of_window[row]:
                highest = ranked[place][pair][: len(numbers)]
                for offset, number in enumerate(numbers):
                    if self.epochs[first + offset] == NEVER_LEARNED and number in highest:
                        self.epochs[first + offset] = epoch

    def join(self, others: Sequence[np.ndarray]) -> None:
        """Take over what other processes have recorded: of every label the earliest epoch."""
        stacked = np.stack([self.epochs, *others])
        earliest = np.where(stacked == NEVER_LEARNED, np.iinfo(np.int32).max, stacked).min(0)
        self.epochs = np.where(earliest == np.iinfo(np.int32).max, NEVER_LEARNED, earliest).astype(np.int32)

    def columns(self, documents: Sequence[Document]) -> list[list[int | None]]:
        """The column `learning_order` of the documents: one entry for every entry of `relations`, `None` for never.

        Args:
            documents (`Sequence[Document]`): those of the dataset, in order.

        Returns:
            `list[list[int | None]]`.

        Raises:
            UsageError: a document has a label that the dataset did not.
        """
        known = {label: int(epoch) for label, epoch in zip(self.labels, self.epochs, strict=True)}
        found: list[list[int | None]] = []
        for row, document in enumerate(documents):
            of_document: list[int | None] = []
            for relation in document["relations"]:
                label = (row, relation["head"], relation["tail"], relation["label"])
                if label not in known:
                    raise UsageError(
                        f"document {row} ({document['id']!r}) has the label {label[1:]}, of which no learning order was recorded."
                    )
                of_document.append(None if known[label] == NEVER_LEARNED else known[label])
            found.append(of_document)
        return found

    def save(self, folder: str | Path, *, rank: int = 0) -> None:
        """Write what was recorded so far beside a checkpoint."""
        with atomic_file(Path(folder) / _name(rank)) as stream:
            stream.write(json.dumps({"epochs": self.epochs.tolist()}).encode("ascii"))

    def load(self, folder: str | Path, *, rank: int = 0) -> None:
        """Go on from what [`save`] wrote.

        Raises:
            CheckpointError: the file is missing, damaged, or of another training set.
        """
        path = Path(folder) / _name(rank)
        try:
            content = read_json(path)
            epochs = np.asarray(content["epochs"], dtype=np.int32)
        except (InvalidRowError, UsageError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise CheckpointError(
                f"{path} is missing or damaged ({error}); resume from another checkpoint."
            ) from error
        if epochs.shape != self.epochs.shape:
            raise CheckpointError(
                f"{path} is of {epochs.size} labels, the training set has {self.epochs.size}. Resume with the same data."
            )
        self.epochs = epochs


def read_learning_order(path: str | Path) -> tuple[list[Document], list[list[int]]]:
    """Read a JSONL file of documents with the column `learning_order`.

    Args:
        path (`str` or `Path`): the file, plain or `.gz`.

    Returns:
        `tuple`: the documents, and of each one entry for every entry of its `relations`: an epoch from 1, or -1 for never.

    Raises:
        InvalidRowError: a bad row, with its line.
        UsageError: there is no such file, or it has no rows.
    """
    documents: list[Document] = []
    orders: list[list[int]] = []
    with naming_file(path):
        for line, content in read_lines(path):
            if not content.strip():
                continue
            row = parse_json(content, line=line)
            if not isinstance(row, dict):
                raise InvalidRowError(f"a row is an object, got {type(row).__name__}.", line=line)
            documents.append(check_document(row, line=line))
            orders.append(_order_of(row, line=line))
    if not documents:
        raise UsageError(f"{path} has no rows.")
    return documents, orders


def orders_of(rows: Sequence[Mapping[str, Any]]) -> list[list[int]]:
    """Read the column `learning_order` of documents, as [`LearningOrder.columns`] makes it.

    Args:
        rows (`Sequence[Mapping]`): documents with the column.

    Returns:
        `list[list[int]]`: one entry for every entry of `relations`; -1 for never learned.

    Raises:
        InvalidRowError: a row lacks the column, or it does not fit the row's relations.
    """
    return [_order_of(row, index=index) for index, row in enumerate(rows)]


def _order_of(row: Mapping[str, Any], *, index: int | None = None, line: int | None = None) -> list[int]:
    column = row.get("learning_order")
    wanted = len(row["relations"])
    if not isinstance(column, Sequence) or isinstance(column, str) or len(column) != wanted:
        raise InvalidRowError(
            f"`learning_order` must be a list with one entry for each of the {wanted} relations, got {column!r}.",
            index=index,
            line=line,
        )
    for value in column:
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise InvalidRowError(
                f"`learning_order` holds {value!r}; it holds epochs from 1, and null for never.",
                index=index,
                line=line,
            )
    return [NEVER_LEARNED if value is None else int(value) for value in column]


def row_weights(
    rows: Sequence[Mapping[str, Any]],
    *,
    num_epochs: int | None = None,
    alpha: float = math.e,
    late_from: int | None = None,
    never_weight: float | None = None,
) -> list[float]:
    """Weigh instances by their column `learning_order`, for the loss of [`RelationDataset`].

    Args:
        rows (`Sequence[Mapping]`): instances with the column: a list with one entry for every entry of `relations`, or one epoch by
            itself; null for never learned. Instances without a single relation, which no loss sees, weigh 1.
        num_epochs (`int`, *optional*): k_max; by default the last epoch at which anything was learned.
        alpha, late_from, never_weight: as for [`~hf_relation.losses.learning_order_weights`]. By default what was never learned
            weighs as much as what was learned last, and the weights go from 1 to alpha only: a wrong label that no epoch has
            taught still counts 1/alpha of a right one. `never_weight` below 1 tells them further apart.

    Returns:
        `list[float]`: one a row.

    Raises:
        InvalidRowError: a row lacks the column, or it does not fit.
        UsageError: a setting, or an epoch, is out of range.

    Example:

    ```python
    >>> from hf_relation.training import row_weights
    >>> rows = [{"relations": ["a"], "learning_order": order} for order in (1, [3], None)]
    >>> row_weights(rows, alpha=4.0, never_weight=0.25)
    [4.0, 1.0, 0.25]

    ```
    """
    listed = [
        row
        if isinstance(row.get("learning_order", []), list)
        else {"relations": row["relations"], "learning_order": [row["learning_order"]]}
        for row in rows
    ]
    orders = orders_of(listed)
    single = [row for row, order in enumerate(orders) if len(order) == 1]
    order = torch.tensor([orders[row][0] for row in single], dtype=torch.long)
    learned = order[order != NEVER_LEARNED]
    found_last = int(learned.max()) if len(learned) else 1
    if num_epochs is not None and found_last > num_epochs:
        raise UsageError(f"`learning_order` holds the epoch {found_last}, and there were {num_epochs}.")
    last = found_last if num_epochs is None else num_epochs
    settings: dict[str, Any] = {"alpha": alpha, "late_from": late_from, "never_weight": never_weight}
    first = int(learned.min()) if len(learned) else last
    weights = learning_order_weights(order, first=first, last=last, **settings).tolist()
    found = [1.0] * len(rows)
    for row, weight in zip(single, weights, strict=True):
        found[row] = weight
    return found


def _name(rank: int) -> str:
    return ORDER_FILE if rank == 0 else ORDER_FILE.replace(".json", f"-{rank}.json")
