"""What the metrics of extraction share: ratios of counts, and one collection per document on both sides."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from math import fsum
from typing import Any

from hf_relation.errors import UsageError


def ratio(part: float, whole: float) -> float:
    """`part / whole`, or 0 when there is nothing to divide by."""
    return part / whole if whole else 0.0


def f1_of(precision: float, recall: float) -> float:
    """The harmonic mean of precision and recall, or 0 when both are 0."""
    return ratio(2 * precision * recall, precision + recall)


def precision_recall_f1(correct: float, predicted: int, gold: int, *, prefix: str = "") -> dict[str, float]:
    """Precision, recall and F1 from counts.

    Args:
        correct (`float`): how many are right; halves are possible where partial matches count.
        predicted (`int`): how many were predicted.
        gold (`int`): how many there are.
        prefix (`str`): how the names begin.

    Returns:
        `dict[str, float]`: `<prefix>precision`, `<prefix>recall` and `<prefix>f1`; 0 where there is nothing to divide by.
    """
    precision, recall = ratio(correct, predicted), ratio(correct, gold)
    # From the counts, not from the two ratios: one rounding less.
    return {
        f"{prefix}precision": precision,
        f"{prefix}recall": recall,
        f"{prefix}f1": ratio(2 * correct, predicted + gold),
    }


def averaged_f1(
    correct: Mapping[Hashable, int],
    predicted: Mapping[Hashable, int],
    gold: Mapping[Hashable, int],
    *,
    over: Collection[Hashable],
) -> dict[str, float]:
    """Micro precision, recall and F1 from counts of every relation, and the F1 of relations averaged in two ways.

    Args:
        correct, predicted, gold (`Mapping[Hashable, int]`): of every relation how many are right, predicted, and there.
        over (`Collection[Hashable]`): the relations over which `macro_f1` is averaged, each once.

    Returns:
        `dict[str, float]`: `precision`, `recall`, `f1`, `macro_f1` and `weighted_f1`; 0 where there is nothing to divide by.
    """
    num_gold = sum(gold.values())

    def f1(relation: Hashable) -> float:
        counted = predicted.get(relation, 0) + gold.get(relation, 0)
        return ratio(2 * correct.get(relation, 0), counted)

    # Exact sums: the order of names in a set is another one in every process.
    return {
        **precision_recall_f1(sum(correct.values()), sum(predicted.values()), num_gold),
        "macro_f1": ratio(fsum(map(f1, over)), len(over)),
        "weighted_f1": ratio(fsum(number * f1(relation) for relation, number in gold.items()), num_gold),
    }


def check_documents(gold: Any, predicted: Any, *, what: str) -> tuple[Sequence[Any], Sequence[Any]]:
    """Refuse anything but two equally long sequences of collections, one per document, with a `UsageError`.

    Args:
        gold, predicted: what was given.
        what (`str`): what a document has, for the message.

    Returns:
        `tuple[Sequence, Sequence]`: the two.
    """
    for name, side in (("gold", gold), ("predicted", predicted)):
        if isinstance(side, (str, Mapping)) or not isinstance(side, Sequence):
            raise UsageError(f"`{name}` must be a list with the {what} of each document, got {type(side).__name__}.")
        for number, document in enumerate(side):
            if isinstance(document, (str, Mapping)) or not isinstance(document, Iterable):
                shown = f"{document!r}"[:60]
                raise UsageError(f"`{name}` {number} must be a list of {what}, got {shown}. One list per document.")
    if len(gold) != len(predicted):
        raise UsageError(
            f"`gold` has {len(gold)} documents and `predicted` {len(predicted)}. Give one list of {what} per document, an empty "
            "one where there are none."
        )
    return gold, predicted
