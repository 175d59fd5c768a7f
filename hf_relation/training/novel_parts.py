"""Instances of novel relations: drawn, divided into unlabelled text and test, or played by held-out known relations."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hf_relation.data import drop_overlapping, sentence_key
from hf_relation.errors import UsageError
from hf_relation.training.evaluation import limit_per_relation
from hf_relation.training.experiment import ExperimentData


if TYPE_CHECKING:
    from hf_relation.data import Instance


@dataclass(frozen=True)
class NovelPart:
    """Novel relations of a corpus.

    Args:
        unlabeled (`list[Instance]`): to learn from without labels; may be empty.
        test (`list[Instance]`): to score on; may share sentences with `unlabeled`, as the corpora do.
        validation (`list[Instance]`, *optional*): other relations that the corpus gives to choose by.
    """

    unlabeled: list[Instance]
    test: list[Instance]
    validation: list[Instance] | None = None


def divide_relations(
    known: Sequence[Instance], novel: NovelPart, share: float, seed: int
) -> tuple[list[Instance], NovelPart]:
    """Draw novel relations in a corpus that has no published split into known and novel ones.

    Args:
        known (`Sequence[Instance]`): labelled instances of all relations.
        novel ([`NovelPart`]): instances of all relations.
        share (`float`): share of the relations that is novel, in (0, 1).
        seed (`int`): which ones; by name, whatever the order of the rows.

    Returns:
        `tuple[list[Instance], NovelPart]`: the instances of the known relations, and of the novel ones.

    Raises:
        UsageError: `share` is out of range, or leaves fewer than 2 known or 2 novel relations.
    """
    if not 0 < share < 1:
        raise UsageError(f"`novel_share` must be between 0 and 1, got {share}.")
    names = sorted({name for row in novel.test for name in row["relations"]})
    number = int(share * len(names) + 0.5)
    if not 2 <= number <= len(names) - 2:
        raise UsageError(
            f"`novel_share` {share} makes {number} of {len(names)} relations novel; at least 2 must be novel, and 2 known."
        )
    chosen = {names[i] for i in np.random.default_rng(seed).permutation(len(names))[:number]}
    return _without(known, chosen), NovelPart(
        only_relations(novel.unlabeled, chosen), only_relations(novel.test, chosen)
    )


def divide_test(test: Sequence[Instance], share: float, seed: int) -> tuple[list[Instance], list[Instance]]:
    """Take a part of the test instances as unlabelled text, no sentence being in both.

    Args:
        test (`Sequence[Instance]`): instances of novel relations.
        share (`float`): share of the sentences that becomes unlabelled text, in (0, 1).
        seed (`int`): which ones.

    Returns:
        `tuple[list[Instance], list[Instance]]`: unlabelled and test instances, each in the order of `test`.

    Raises:
        UsageError: `share` is out of range, or a part would be empty.

    Example:

    ```python
    >>> from hf_relation.training.novel_parts import divide_test
    >>> rows = [{"text": text} for text in ("A b.", "a b .", "C d.", "E f.", "G h.")]
    >>> unlabeled, test = divide_test(rows, 0.5, seed=0)
    >>> len({row["text"][0].lower() for row in unlabeled} & {row["text"][0].lower() for row in test})
    0

    ```
    """
    if not 0 < share < 1:
        raise UsageError(f"`unlabeled_share` must be at least 0 and below 1, got {share}.")
    keys = [sentence_key(row["text"]) for row in test]
    sentences = list(dict.fromkeys(keys))
    number = int(share * len(sentences) + 0.5)
    if not 0 < number < len(sentences):
        raise UsageError(
            f"`unlabeled_share` {share} of {len(sentences)} test sentence(s) leaves one of the parts empty."
        )
    chosen = {sentences[i] for i in np.random.default_rng(seed).permutation(len(sentences))[:number]}
    unlabeled = [row for row, key in zip(test, keys, strict=True) if key in chosen]
    return unlabeled, [row for row, key in zip(test, keys, strict=True) if key not in chosen]


def without_relations(novel: NovelPart, known: Sequence[Instance]) -> NovelPart:
    """Leave the relations of the known part out of the novel one: the other way round of what [`prepare_data`] does.

    Args:
        novel ([`NovelPart`]): of one corpus.
        known (`Sequence[Instance]`): of another, with the same names for the same relations.

    Returns:
        [`NovelPart`].
    """
    names = {name for row in known for name in row["relations"]}
    return NovelPart(_without(novel.unlabeled, names), _without(novel.test, names), novel.validation)


def held_out_as_novel(data: ExperimentData, *, per_relation: int = 100, seed: int = 0) -> ExperimentData:
    """Let the held-out known relations play the novel ones, so that every choice can be made without novel labels.

    Args:
        data ([`ExperimentData`]): prepared with `validation_per_relation=None`, so that all instances of the held-out relations
            are there.
        per_relation (`int`, defaults to 100): instances of each held-out relation to score on; the rest is unlabelled text.
        seed (`int`, defaults to 0): which ones.

    Returns:
        [`ExperimentData`]: `test` and `novel_relations` are the held-out relations, `validation` is empty, and nothing of the
        true novel relations is left.

    Raises:
        UsageError: no relation is held out, or no instance is left to learn from.

    Example:

    ```python
    >>> from hf_relation.training import prepare_data
    >>> from hf_relation.training.novel_parts import held_out_as_novel
    >>> rows = [{"id": f"{r}{i}", "text": f"{r} {i}.", "relations": [r]} for r in "abcd" for i in range(10)]
    >>> data = held_out_as_novel(prepare_data(rows, num_held_out=2, validation_per_relation=None), per_relation=3)
    >>> len(data.train), len(data.unlabeled), len(data.test), len(data.novel_relations)
    (20, 14, 6, 2)

    ```
    """
    if not data.validation:
        raise UsageError("No known relation is held out to play a novel one: give --held_out_relations.")
    score = limit_per_relation(data.validation, per_relation, seed)
    chosen = {row["id"] for row in score}
    rest, dropped = drop_overlapping([row for row in data.validation if row["id"] not in chosen], [score])
    if not rest:
        raise UsageError(
            f"`validation_per_relation` {per_relation} leaves no instance of the {len(data.held_out_relations)} held-out "
            "relations to learn from without labels. Give a smaller one."
        )
    counts = {key: number for key, number in data.counts.items() if key not in _OF_TRUE_NOVEL}
    counts |= {
        "unlabeled_dropped_sentence_in_test": len(dropped),
        "validation": 0,
        "test": len(score),
        "unlabeled": len(rest),
    }
    return dataclasses.replace(
        data,
        validation=[],
        test=score,
        unlabeled=rest,
        counts=counts,
        novel_relations=data.held_out_relations,
        held_out_relations=[],
    )


_OF_TRUE_NOVEL = {"unlabeled", "unlabeled_dropped_sentence_in_test"}


def only_relations(rows: Sequence[Instance], names: Collection[str]) -> list[Instance]:
    """The rows that have one of the relations."""
    return [row for row in rows if any(name in names for name in row["relations"])]


def _without(rows: Sequence[Instance], names: Collection[str]) -> list[Instance]:
    return [row for row in rows if not any(name in names for name in row["relations"])]
