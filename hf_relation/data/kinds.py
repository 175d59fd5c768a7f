"""The kinds of rows that corpora consist of: their check, their columns, what counts as a label."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from .schema import document_features, instance_features
from .task_checks import check_labelled_text, check_tagged_sentence
from .task_schema import tagged_features, text_features
from .validation import check_document, check_instance


if TYPE_CHECKING:
    from datasets import Features

Kind = Literal["instance", "document", "tagged", "text", "score"]


@dataclass(frozen=True)
class RowKind:
    """One kind of rows.

    Args:
        check: returns a row in normal form or raises `InvalidRowError`; takes `index` and `line` as keywords.
        features: makes the schema.
        labels: the labels of a row, for counting.
        label_name (`str`): what labels are called in tables.
        tag (`str`): the task, as the Hub's dataset cards name it.
        about (`str`): the columns, for the card.
    """

    check: Callable[..., Any]
    features: Callable[[], Features]
    labels: Callable[[Mapping[str, Any]], Iterable[str]]
    label_name: str
    tag: str
    about: str


def _of_document(row: Mapping[str, Any]) -> Iterator[str]:
    return (pair["label"] for pair in row["relations"])


def _of_text(row: Mapping[str, Any]) -> tuple[str, ...]:
    return () if row["label"] is None else (row["label"],)


KINDS: Mapping[Kind, RowKind] = {
    "document": RowKind(
        check_document,
        document_features,
        _of_document,
        "relations",
        "relation-extraction",
        "Documents: `id`, `text` (one sentence per line), `mentions` (`start`, `end`), `entities` (`id`, `type`, `mentions`: "
        "positions in `mentions`) and `relations` (`head`, `tail`: positions in `entities`, `label`).",
    ),
    "instance": RowKind(
        check_instance,
        instance_features,
        lambda row: row["relations"],
        "relations",
        "relation-extraction",
        "Instances: `id`, `text`, `head` and `tail` (`start`, `end`, `type`) and `relations` (a list of labels; empty means "
        "unlabelled).",
    ),
    "score": RowKind(
        partial(check_labelled_text, scores=True),
        partial(text_features, scores=True),
        lambda row: (),
        "classes",
        "text-classification",
        "Texts with a score: `id`, `text`, `text_pair` (null where there is none) and `label` (a number; null means unlabelled).",
    ),
    "tagged": RowKind(
        check_tagged_sentence,
        tagged_features,
        lambda row: row["tags"],
        "tags",
        "token-classification",
        "Tagged sentences: `id`, `tokens` and `tags` (one per token).",
    ),
    "text": RowKind(
        partial(check_labelled_text, scores=False),
        text_features,
        _of_text,
        "classes",
        "text-classification",
        "Texts with a class: `id`, `text`, `text_pair` (null where there is none) and `label` (null means unlabelled).",
    ),
}
"""By name; cards list them in this order."""
