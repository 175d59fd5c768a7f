"""Word vectors from an encoder's table of word pieces, where no file of word vectors is at hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from hf_relation.baselines.pair_words import PairWords
from hf_relation.data import WordVectors
from hf_relation.errors import UsageError


def word_piece_vectors(
    instances: Iterable[Mapping[str, Any]], tokenizer: Any, table: np.ndarray, *, name: str = "word pieces"
) -> WordVectors:
    """Give every word of the instances the mean of its word pieces' rows.

    These are no word vectors in the sense of GloVe: the rows are the input layer of a trained transformer.

    Args:
        instances (`Iterable[Mapping]`): checked instances, whose words get vectors; gold labels are not read.
        tokenizer (`PreTrainedTokenizerBase`): that of the encoder.
        table (`np.ndarray` of shape `(vocabulary, d)`, floating): the encoder's input embeddings.
        name (`str`): where they come from.

    Returns:
        [`~hf_relation.data.WordVectors`]: the words in alphabetical order.

    Raises:
        UsageError: no word has a piece.

    Example:

    ```python
    >>> import numpy as np
    >>> from transformers import BertTokenizerFast
    >>> from hf_relation.baselines import word_piece_vectors
    >>> pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ada", "met", "bo", "##b"]
    >>> tokenizer = BertTokenizerFast(vocab={piece: i for i, piece in enumerate(pieces)})
    >>> row = {"text": "Ada met Bob.", "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 11}}
    >>> vectors = word_piece_vectors([row], tokenizer, np.arange(9, dtype=np.float32)[:, None])
    >>> dict(zip(vectors.words, vectors.vectors[:, 0].tolist()))
    {'ada': 5.0, 'bob': 7.5, 'met': 6.0}

    ```
    """
    found: set[str] = set()
    for row in instances:
        parts = PairWords.of(row)
        found.update(parts.before, parts.head, parts.between, parts.tail, parts.after)
    words = sorted(found)
    if not words:
        raise UsageError("There are no words in the instances. Pass instances with text.")
    rows = np.asarray(table, dtype=np.float32)
    pieces = tokenizer(words, add_special_tokens=False)["input_ids"]
    kept = [(word, ids) for word, ids in zip(words, pieces, strict=True) if ids]
    if not kept:
        raise UsageError("The tokenizer knows none of the words of the instances. Pass the tokenizer of the table.")
    return WordVectors([word for word, _ in kept], np.stack([rows[ids].mean(axis=0) for _, ids in kept]), name=name)
