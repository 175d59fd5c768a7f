"""Pad encoded instances to a batch, hiding some of their tokens while training."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from hf_relation.errors import UsageError
from hf_relation.training.datasets import ROW_INDEX, ROW_WEIGHT


if TYPE_CHECKING:
    from transformers import BatchEncoding

    from hf_relation.processing import RelationProcessor


class RelationCollator:
    """Pad rows to the longest of the batch; with dropout, replace words by the tokenizer's mask token.

    Hiding a mention takes away the shortcut of remembering which entity goes with which relation; hiding single
    other words blurs the sentence. Marker tokens and the tokenizer's special tokens are never replaced. What is
    hidden depends on `seed` and the rows of the batch alone: not on the process, the worker or where a run was
    interrupted.

    Args:
        processor ([`RelationProcessor`]): pads the rows; its tokenizer gives the mask token (or, without one, the
            unknown token).
        mention_dropout (`float`, defaults to 0.0): probability that a mention is hidden, all its tokens together;
            head and tail are drawn one by one. In [0, 1].
        word_dropout (`float`, defaults to 0.0): probability of every other text token to be hidden. In [0, 1].
        seed (`int`, defaults to 0): start of the draws, at least 0.

    Returns (when called):
        `BatchEncoding`: the tensors of [`RelationProcessor`], with `labels` `(batch,)` int64 and `weights` `(batch,)` float32 if
        the rows have them.

    Raises:
        UsageError: a probability out of range, or dropout with a tokenizer that has no mask and no unknown token.

    Reference: hiding whole mentions follows the [BLANK] of Baldini Soares et al., 2019, section 4.2.
    """

    def __init__(
        self,
        processor: RelationProcessor,
        mention_dropout: float = 0.0,
        word_dropout: float = 0.0,
        seed: int = 0,
    ) -> None:
        for name, value in (("mention_dropout", mention_dropout), ("word_dropout", word_dropout)):
            if not 0.0 <= value <= 1.0:
                raise UsageError(f"`{name}` is a probability and must be in [0, 1], got {value!r}.")
        tokenizer = processor.tokenizer
        mask_id = tokenizer.mask_token_id if tokenizer.mask_token_id is not None else tokenizer.unk_token_id
        if mask_id is None and (mention_dropout or word_dropout):
            raise UsageError(
                "`mention_dropout` and `word_dropout` need a tokenizer with a mask token or an unknown token. "
                "Set both to 0 or add a mask token to the tokenizer."
            )
        self.processor = processor
        self.mention_dropout = mention_dropout
        self.word_dropout = word_dropout
        self.seed = seed
        self._mask_id = mask_id
        # An unknown word is text all the same.
        self._special_ids = torch.tensor(sorted(set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}))

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> BatchEncoding:
        weights = [row[ROW_WEIGHT] for row in rows if ROW_WEIGHT in row]
        if weights:
            rows = [{name: column for name, column in row.items() if name != ROW_WEIGHT} for row in rows]
        batch = self.processor.pad(list(rows), return_tensors="pt")
        if weights:
            batch[ROW_WEIGHT] = torch.tensor(weights, dtype=torch.float32)
        if self.mention_dropout or self.word_dropout:
            batch["input_ids"] = self._hide(batch)
        return batch

    def _hide(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        ids = batch["input_ids"]  # (batch, tokens)
        rng = np.random.default_rng([self.seed, zlib.crc32(ids.numpy().tobytes())])
        head, tail = batch["head_token_mask"].bool(), batch["tail_token_mask"].bool()
        words = batch["attention_mask"].bool() & ~torch.isin(ids, self._special_ids) & ~head & ~tail
        hidden = words & torch.from_numpy(rng.random(ids.shape) < self.word_dropout)
        for mention in (head, tail):
            hidden |= mention & torch.from_numpy(rng.random(len(ids)) < self.mention_dropout)[:, None]
        return ids.masked_fill(hidden, self._mask_id)


class NumberedCollator:
    """Make a batch of rows that come with their positions, and add the column `row_index`.

    The trainer takes the column out again before the model sees the batch; with it, a message about a batch can name its
    instances. Any collator of rows works inside.

    Args:
        collator (`Callable`): makes a batch, a mutable mapping of columns, of a list of rows.

    Returns (when called):
        what `collator` makes, with `row_index` `(batch,)` int64.
    """

    def __init__(self, collator: Callable[[list[Any]], MutableMapping[str, Any]]) -> None:
        self.collator = collator

    def __call__(self, items: Sequence[tuple[int, Any]]) -> MutableMapping[str, Any]:
        batch = self.collator([row for _, row in items])
        batch[ROW_INDEX] = torch.tensor([index for index, _ in items])
        return batch
