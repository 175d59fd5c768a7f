"""Precision, recall and F1 over entity mentions, strict and partial."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from hf_relation.errors import UsageError
from hf_relation.metrics.ratios import check_documents, precision_recall_f1


Mention = tuple[int, int, str | None]
Mentions = Sequence[Iterable[Sequence[object]]]


def entity_scores(gold: Mentions, predicted: Mentions) -> dict[str, float]:
    """Micro-averaged precision, recall and F1 of mentions, by two ways of matching.

    - **strict**: same start, same end, same type.
    - **partial** (MUC's partial credit, as in SemEval-2013 task 9): beside strict matches, which count 1, a predicted and a
      gold mention of the *same type* that share at least one character count 1/2. Every mention is matched at most once, so
      that as many as possible are: (strict + 1/2 partial) / (number of predicted, or gold, mentions).

    A mention listed several times in one document counts once.

    Args:
        gold (sequence of `n` iterables of mentions): one iterable per document, of `(start, end, type)`, end exclusive, `type` a
            string or `None`.
        predicted (sequence of `n` iterables of mentions): in the same order of documents.

    Returns:
        `dict[str, float]`: `strict_precision`, `strict_recall`, `strict_f1`, `partial_precision`, `partial_recall`,
        `partial_f1` in [0, 1], higher is better; and the whole numbers `num_gold_mentions`, `num_predicted_mentions`,
        `num_strict_mentions` and `num_partial_mentions` (those that count 1/2). A ratio with nothing to divide by is 0.

    Raises:
        UsageError: the numbers of documents differ, or a mention is not `(start, end, type)` with `start < end` (also a
            `ValueError`).

    Example:

    ```python
    >>> from hf_relation.metrics import entity_scores
    >>> gold = [[(0, 8, "PER"), (12, 20, "LOC"), (24, 27, "PER")]]
    >>> predicted = [[(0, 8, "PER"), (16, 20, "LOC"), (24, 27, "ORG")]]
    >>> scores = entity_scores(gold, predicted)
    >>> round(scores["strict_f1"], 4), scores["partial_f1"]  # 1 / 3 and (1 + 1/2) / 3
    (0.3333, 0.5)

    ```

    Reference:
        Chinchor and Sundheim, "MUC-5 Evaluation Metrics", 1993; Segura-Bedmar et al., "SemEval-2013 Task 9", 2013.
    """
    sides = check_documents(gold, predicted, what="mentions")
    truth, guesses = (
        [_mentions(mentions, name, number) for number, mentions in enumerate(side)]
        for name, side in zip(("gold", "predicted"), sides, strict=True)
    )
    strict = sum(len(one & other) for one, other in zip(truth, guesses, strict=True))
    partial = sum(_num_partial(one - other, other - one) for one, other in zip(truth, guesses, strict=True))
    num_gold, num_predicted = sum(map(len, truth)), sum(map(len, guesses))
    return {
        **precision_recall_f1(strict, num_predicted, num_gold, prefix="strict_"),
        **precision_recall_f1(strict + partial / 2, num_predicted, num_gold, prefix="partial_"),
        "num_gold_mentions": num_gold,
        "num_predicted_mentions": num_predicted,
        "num_strict_mentions": strict,
        "num_partial_mentions": partial,
    }


def _mentions(mentions: Iterable[Sequence[object]], name: str, number: int) -> set[Mention]:
    found: set[Mention] = set()
    for mention in mentions:
        good = isinstance(mention, Sequence) and not isinstance(mention, str) and len(mention) == 3
        start, end, kind = mention if good else (None, None, None)
        whole = all(isinstance(value, (int, np.integer)) and not isinstance(value, bool) for value in (start, end))
        if not whole or not 0 <= start < end or not isinstance(kind, str | None):  # type: ignore[operator]
            raise UsageError(
                f"`{name}` {number}: {str(mention)[:60]!r} is not (start, end, type) with 0 <= start < end and a type that is a "
                "string or None."
            )
        found.add((int(start), int(end), kind))  # type: ignore[call-overload]
    return found


def _num_partial(gold: set[Mention], predicted: set[Mention]) -> int:
    # Strict matches are set aside before: giving one up could win two halves at most, so no credit is lost.
    of_type: dict[str | None, tuple[list[Mention], list[Mention]]] = defaultdict(lambda: ([], []))
    for side, mentions in enumerate((gold, predicted)):
        for mention in sorted(mentions, key=lambda mention: mention[:2]):
            of_type[mention[2]][side].append(mention)
    total = 0
    for truth, guesses in of_type.values():
        if truth and guesses:
            one, other = (np.array([mention[:2] for mention in side]) for side in (truth, guesses))
            shared = (one[:, None, 0] < other[None, :, 1]) & (other[None, :, 0] < one[:, None, 1])
            total += int((maximum_bipartite_matching(csr_array(shared), perm_type="column") >= 0).sum())
    return total
