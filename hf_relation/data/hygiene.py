"""Keeping evaluation sentences out of training data."""

from __future__ import annotations

import base64
import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar


RowT = TypeVar("RowT", bound=Mapping[str, Any])
_FINGERPRINT_BYTES = 6


def sentence_key(text: str) -> str:
    """What two writings of one sentence have in common: the text without white space, case and compatibility forms.

    Corpora derived from one another differ in tokenisation, white space and case only.

    Args:
        text (`str`): a sentence.

    Returns:
        `str`: equal for equal sentences.

    Example:

    ```python
    >>> from hf_relation.data import sentence_key
    >>> sentence_key("Ada met Bob .") == sentence_key("ada  met bob.")
    True

    ```
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return "".join(text.split()).casefold()


def sentence_keys(row: Mapping[str, Any]) -> list[str]:
    """The sentence keys of a row: one for an instance, one per line for a document.

    Args:
        row (`Mapping`): an instance or a document.

    Returns:
        `list[str]`: never empty keys.

    Example:

    ```python
    >>> from hf_relation.data.hygiene import sentence_keys
    >>> sentence_keys({"text": "One .\\nTwo .", "entities": []})
    ['one.', 'two.']

    ```
    """
    texts = row["text"].split("\n") if "entities" in row else [row["text"]]
    return [key for key in map(sentence_key, texts) if key]


def drop_overlapping(
    train: Iterable[RowT], evaluation_sets: Iterable[Iterable[Mapping[str, Any]]]
) -> tuple[list[RowT], list[RowT]]:
    """Take the rows out of a training set whose sentence occurs in an evaluation set.

    Args:
        train (`Iterable[Mapping]`): instances or documents.
        evaluation_sets (`Iterable[Iterable[Mapping]]`): any number of evaluation sets.

    Returns:
        `tuple[list, list]`: the rows kept and the rows dropped, both in order.

    Example:

    ```python
    >>> from hf_relation.data import drop_overlapping
    >>> kept, dropped = drop_overlapping([{"text": "A b."}, {"text": "C d."}], [[{"text": "a b ."}]])
    >>> kept, dropped
    ([{'text': 'C d.'}], [{'text': 'A b.'}])

    ```
    """
    evaluation = _keys(row for rows in evaluation_sets for row in rows)
    kept: list[RowT] = []
    dropped: list[RowT] = []
    for row in train:
        (dropped if any(key in evaluation for key in sentence_keys(row)) else kept).append(row)
    return kept, dropped


def overlap(train: Iterable[Mapping[str, Any]], evaluation: Iterable[Mapping[str, Any]]) -> int:
    """How many rows of a training set use a sentence of an evaluation set.

    Args:
        train (`Iterable[Mapping]`): instances or documents.
        evaluation (`Iterable[Mapping]`): instances or documents.

    Returns:
        `int`: number of rows of `train`.

    Example:

    ```python
    >>> from hf_relation.data import overlap
    >>> overlap([{"text": "A b."}, {"text": "A B ."}, {"text": "C d."}], [{"text": "a b ."}])
    2

    ```
    """
    return len(drop_overlapping(train, [evaluation])[1])


def drop_benchmark_sentences(train: Iterable[RowT]) -> tuple[list[RowT], list[RowT]]:
    """Take the rows out of a training set whose sentence occurs in a published evaluation set.

    The package holds fingerprints (six bytes of SHA-256 of the sentence key, no text) of the sentences of FewRel's
    `val_wiki.json`, of Re-DocRED's development set and of the SemEval-2010 Task 8 test set, so that what is dropped does
    not depend on which corpora are on the machine.

    Args:
        train (`Iterable[Mapping]`): instances or documents.

    Returns:
        `tuple[list, list]`: the rows kept and the rows dropped, both in order.

    Example:

    ```python
    >>> from hf_relation.data import drop_benchmark_sentences
    >>> drop_benchmark_sentences([{"text": "This sentence was written for this example."}])[1]
    []

    ```
    """
    fingerprints = _shipped_fingerprints()
    kept: list[RowT] = []
    dropped: list[RowT] = []
    for row in train:
        (dropped if any(fingerprint(key) in fingerprints for key in sentence_keys(row)) else kept).append(row)
    return kept, dropped


def fingerprint(key: str) -> bytes:
    """Six bytes that stand for a sentence key.

    Args:
        key (`str`): as `sentence_key` returns it.

    Returns:
        `bytes`: the first six bytes of the key's SHA-256.
    """
    return hashlib.sha256(key.encode("utf-8")).digest()[:_FINGERPRINT_BYTES]


@cache
def _shipped_fingerprints() -> frozenset[bytes]:
    content = json.loads(Path(__file__).with_name("evaluation_fingerprints.json").read_text(encoding="utf-8"))
    packed = [base64.b64decode(value) for value in content["sets"].values()]
    return frozenset(
        block[start : start + _FINGERPRINT_BYTES]
        for block in packed
        for start in range(0, len(block), _FINGERPRINT_BYTES)
    )


def _keys(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    return {key for row in rows for key in sentence_keys(row)}
