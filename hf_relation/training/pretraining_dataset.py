"""Documents for FineCL's pre-training: pairs with noisy labels and when these were learned, pairs without, masked words."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from hf_relation.data.schema import Document
from hf_relation.errors import UsageError
from hf_relation.losses import NEVER_LEARNED
from hf_relation.processing import DocumentProcessor, EncodedWindow
from hf_relation.training.datasets import EncodedRows


if TYPE_CHECKING:
    from transformers import BatchEncoding

LEFT_OUT = -100


@dataclass(frozen=True)
class PretrainingWindow:
    """One window and the labels of its pairs.

    Args:
        window ([`~hf_relation.processing.EncodedWindow`]): the window.
        pairs (`list[int]`): positions in `window.pairs`; a pair with several relations comes several times.
        labels (`list[int]`): the class of each.
        learning_order (`list[int]`): the epoch at which each was learned; -1 for never, and for pairs without a relation.
        weights (`list[float]`, *optional*): what each counts, in the place of what the learning order says.
    """

    window: EncodedWindow
    pairs: list[int]
    labels: list[int]
    learning_order: list[int]
    weights: list[float] | None = None


class PretrainingDataset(EncodedRows):
    """Encode documents once, for [`~hf_relation.FineCLForPreTraining`].

    Args:
        documents (`Sequence[Document]`): in normal form; those without a labelled pair teach masked words alone.
        processor ([`~hf_relation.processing.DocumentProcessor`]): made with `mention_entities=True`.
        label2id (`Mapping[str, int]`): numbers of the relations, "no relation" among them if there is such a class.
        learning_order (`Sequence[Sequence[int]]`, *optional*): of every document one epoch for every entry of its `relations`, -1 for
            never, see [`~hf_relation.training.orders_of`]; without it all are never learned, and weigh the same.
        weights (`Sequence[Sequence[float]]`, *optional*): in the place of the learning order, of every document what each entry of its
            `relations` counts, above 0; pairs without a relation count 1.
        na_relation (`str`, *optional*): the class "no relation".
        na_pairs (`int`, defaults to 0): unlabelled pairs of every document that are drawn for that class.
        max_pairs (`int`, defaults to 64): most pairs of a document, by which the memory of the contrastive loss is bounded (it
            grows with the square of the pairs of a batch); of more, these are drawn.
        seed (`int`, defaults to 0): of what is drawn.

    Attributes:
        rows (`list[PretrainingWindow]`): the windows.
        lengths (`list[int]`): tokens of every row.
        num_pairs (`int`): labelled pairs, by their labels, and pairs without a relation, in all rows.
        num_left_out (`int`): labelled pairs that were left out because of `max_pairs`.

    Raises:
        UsageError: no document with two entities, a relation that is not in `label2id`, a learning order that does not fit, or a
            processor without `mention_entities`.
    """

    def __init__(
        self,
        documents: Sequence[Document],
        processor: DocumentProcessor,
        label2id: Mapping[str, int],
        *,
        learning_order: Sequence[Sequence[int]] | None = None,
        weights: Sequence[Sequence[float]] | None = None,
        na_relation: str | None = None,
        na_pairs: int = 0,
        max_pairs: int = 64,
        seed: int = 0,
    ) -> None:
        self._check(documents, processor, label2id, na_relation, na_pairs, max_pairs)
        _check_column("learning_order", learning_order, documents)
        _check_column("weights", weights, documents)
        self.label2id = dict(label2id)
        self.num_left_out = 0
        draws = np.random.default_rng(seed)
        chosen: list[list[tuple[int, int]]] = []
        labelled: list[dict[tuple[int, int], list[tuple[int, int, float]]]] = []
        for row, document in enumerate(documents):
            orders = None if learning_order is None else learning_order[row]
            of_pairs = self._labels(document, row, orders, None if weights is None else weights[row], na_relation)
            pairs = list(of_pairs)
            if len(pairs) > max_pairs:
                self.num_left_out += len(pairs) - max_pairs
                pairs = [pairs[i] for i in sorted(draws.choice(len(pairs), max_pairs, replace=False))]
            if na_relation is not None and len(pairs) < max_pairs:
                without = [pair for pair in permutations(range(len(document["entities"])), 2) if pair not in of_pairs]
                number = min(na_pairs, len(without), max_pairs - len(pairs))
                drawn = (
                    [without[i] for i in sorted(draws.choice(len(without), number, replace=False))] if number else []
                )
                of_pairs |= {pair: [(self.label2id[na_relation], NEVER_LEARNED, 1.0)] for pair in drawn}
                pairs += drawn
            chosen.append(pairs)
            labelled.append(of_pairs)
        self.rows = []
        for window in processor.encode(documents, pairs=chosen, cover=True):
            of_pairs = labelled[window.document]
            entries = [(place, *entry) for place, pair in enumerate(window.pair_entities) for entry in of_pairs[pair]]
            pairs_, labels, orders_, weights_ = (
                (list(column) for column in zip(*entries, strict=True)) if entries else ([], [], [], [])
            )
            self.rows.append(PretrainingWindow(window, pairs_, labels, orders_, None if weights is None else weights_))
        self.instance_ids = [documents[each.window.document]["id"] for each in self.rows]
        self.lengths = [each.window.length for each in self.rows]
        self.num_pairs = sum(len(each.labels) for each in self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"row": self.rows[index]}

    @staticmethod
    def _check(
        documents: Sequence[Document],
        processor: DocumentProcessor,
        label2id: Mapping[str, int],
        na_relation: str | None,
        na_pairs: int,
        max_pairs: int,
    ) -> None:
        if not processor.mention_entities:
            raise UsageError("Pre-training needs a DocumentProcessor with `mention_entities=True`.")
        if not any(len(document["entities"]) > 1 for document in documents):
            raise UsageError(
                f"None of the {len(documents)} documents has two entities; there is no pair to learn from."
            )
        if na_relation is not None and na_relation not in label2id:
            raise UsageError(f"`na_relation` is {na_relation!r}, which is not in `label2id`.")
        if na_pairs < 0 or (na_pairs and na_relation is None):
            raise UsageError(f"`na_pairs` must be at least 0, and needs a `na_relation`; got {na_pairs}.")
        if max_pairs < 1:
            raise UsageError(f"`max_pairs` must be at least 1, got {max_pairs}.")

    def _labels(
        self,
        document: Document,
        row: int,
        orders: Sequence[int] | None,
        weights: Sequence[float] | None,
        na_relation: str | None,
    ) -> dict[tuple[int, int], list[tuple[int, int, float]]]:
        """Of every labelled pair its classes, each with the epoch at which it was learned, and its weight."""
        found: dict[tuple[int, int], dict[int, tuple[int, float]]] = {}
        for place, relation in enumerate(document["relations"]):
            if relation["label"] not in self.label2id:
                raise UsageError(
                    f"document {row} ({document['id']!r}) has the relation {relation['label']!r}, which is not among the "
                    f"{len(self.label2id)} relations of the model. Train with all relations of the training data."
                )
            pair = (relation["head"], relation["tail"])
            if relation["label"] != na_relation and pair[0] != pair[1]:
                order = NEVER_LEARNED if orders is None else int(orders[place])
                weight = 1.0 if weights is None else float(weights[place])
                found.setdefault(pair, {}).setdefault(self.label2id[relation["label"]], (order, weight))
        return {pair: [(number, *entry) for number, entry in classes.items()] for pair, classes in found.items()}


def _check_column(name: str, column: Sequence[Sequence[float]] | None, documents: Sequence[Document]) -> None:
    if column is None:
        return
    if len(column) != len(documents):
        raise UsageError(f"`{name}` must have one list a document ({len(documents)}), got {len(column)}.")
    for row, (document, entries) in enumerate(zip(documents, column, strict=True)):
        if len(entries) != len(document["relations"]):
            raise UsageError(
                f"`{name}` of document {row} has {len(entries)} entries for {len(document['relations'])} relations."
            )
        if name == "weights" and not all(0 < value < float("inf") for value in entries):
            raise UsageError(f"`weights` of document {row} must be finite and above 0, got {list(entries)}.")


class PretrainingCollator:
    """Pad windows to a batch, mask words, and list the pairs by their labels.

    Of the tokens of the text that belong to no mention, `mask_share` are to be guessed: four in five are replaced by the mask token, one in
    ten by a random token, one in ten by nothing. What is drawn depends on `seed` and the rows of the batch alone.

    Args:
        processor ([`~hf_relation.processing.DocumentProcessor`]): pads the windows; its tokenizer has a mask token.
        mask_share (`float`, defaults to 0.15): in [0, 1]; 0 masks nothing.
        seed (`int`, defaults to 0): start of the draws, at least 0.

    Returns (when called):
        `BatchEncoding`: the columns of the processor; `pairs` `(batch, P, 2)`, `labels` and `learning_order` `(batch, P)` int64, where a pair
        with several relations comes several times; `pair_weights` `(batch, P)` float32, where the dataset has weights; `mlm_labels` `(batch, tokens)`, -100 where nothing was masked.

    Raises:
        UsageError: a share out of range, or a tokenizer without a mask token.
    """

    def __init__(self, processor: DocumentProcessor, *, mask_share: float = 0.15, seed: int = 0) -> None:
        if not 0 <= mask_share <= 1:
            raise UsageError(f"`mask_share` must be in [0, 1], got {mask_share}.")
        if mask_share and processor.tokenizer.mask_token_id is None:
            raise UsageError(
                "The tokenizer has no mask token, which masked language modelling needs. Set `mask_share` to 0."
            )
        self.processor = processor
        self.mask_share = mask_share
        self.seed = seed
        # Random tokens are words, never special ones or markers.
        special = set(processor.tokenizer.all_special_ids) | set(processor.tokenizer.get_added_vocab().values())
        self._words = np.array(sorted(set(range(processor.vocab_size)) - special), dtype=np.int64)

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> BatchEncoding:
        listed: list[PretrainingWindow] = [row["row"] for row in rows]
        batch = self.processor.pad([each.window for each in listed], return_tensors="pt")
        most = max(1, *(len(each.labels) for each in listed))
        pairs = torch.full((len(listed), most, 2), -1)
        labels = torch.full((len(listed), most), LEFT_OUT)
        order = torch.full((len(listed), most), NEVER_LEARNED)
        for row, each in enumerate(listed):
            if each.labels:
                pairs[row, : len(each.labels)] = torch.tensor([each.window.pairs[place] for place in each.pairs])
                labels[row, : len(each.labels)] = torch.tensor(each.labels)
                order[row, : len(each.labels)] = torch.tensor(each.learning_order)
        batch["pairs"], batch["labels"], batch["learning_order"] = pairs, labels, order
        if any(each.weights is not None for each in listed):
            batch["pair_weights"] = torch.ones(len(listed), most)
            for row, each in enumerate(listed):
                if each.weights:
                    batch["pair_weights"][row, : len(each.weights)] = torch.tensor(each.weights)
        if self.mask_share:
            batch["input_ids"], batch["mlm_labels"] = self._mask(batch)
        return batch

    def _mask(self, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        ids = batch["input_ids"].numpy().copy()
        draws = np.random.default_rng([self.seed, zlib.crc32(ids.tobytes())])
        free = batch["text_token_mask"].numpy().astype(bool)
        for row, spans in enumerate(batch["mention_spans"].tolist()):
            for start, end in spans:
                if start >= 0:
                    free[row, start:end] = False
        guessed = free & (draws.random(ids.shape) < self.mask_share)
        labels = np.where(guessed, ids, LEFT_OUT)
        what, words = draws.random(ids.shape), draws.choice(self._words, ids.shape)
        masked = np.where(what < 0.8, self.processor.tokenizer.mask_token_id, np.where(what < 0.9, words, ids))
        return torch.from_numpy(np.where(guessed, masked, ids)), torch.from_numpy(labels)
