"""Mention scores: by hand, and the number of partial matches against trying every assignment."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from hf_relation.errors import UsageError
from hf_relation.metrics import entity_scores


@pytest.mark.parametrize(
    ("gold", "predicted", "strict", "partial"),
    [
        ([(0, 3, "P")], [(0, 3, "P")], 1, 0),
        ([(0, 3, "P")], [(0, 3, "L")], 0, 0),
        ([(0, 3, None)], [(0, 3, None)], 1, 0),
        ([(0, 3, "P")], [(0, 4, "P")], 0, 1),
        ([(0, 3, "P")], [(2, 9, "P")], 0, 1),
        ([(0, 3, "P")], [(3, 9, "P")], 0, 0),  # end exclusive: touching is not sharing
        ([(0, 3, "P")], [(1, 4, "L")], 0, 0),
        ([(0, 9, "P")], [(0, 3, "P"), (4, 9, "P")], 0, 1),  # one gold mention is matched once
        ([(0, 3, "P"), (4, 9, "P")], [(0, 9, "P")], 0, 1),
        ([(0, 9, "P"), (0, 3, "P")], [(0, 9, "P"), (2, 4, "P")], 1, 1),
        ([(0, 4, "P"), (3, 8, "P")], [(3, 5, "P"), (0, 2, "P")], 0, 2),  # the greedy first choice would win one
        ([(0, 3, "P"), (0, 3, "P")], [(0, 3, "P")], 1, 0),
        ([], [(0, 3, "P")], 0, 0),
        ([], [], 0, 0),
    ],
)
def test_by_hand(gold, predicted, strict, partial) -> None:
    scores = entity_scores([gold], [predicted])
    assert (scores["num_strict_mentions"], scores["num_partial_mentions"]) == (strict, partial)
    num_gold, num_predicted = len(set(gold)), len(set(predicted))
    for name, credit in (("strict", strict), ("partial", strict + partial / 2)):
        precision, recall = credit / max(num_predicted, 1), credit / max(num_gold, 1)
        assert scores[f"{name}_precision"] == pytest.approx(precision)
        assert scores[f"{name}_recall"] == pytest.approx(recall)
        assert scores[f"{name}_f1"] == pytest.approx(2 * precision * recall / (precision + recall or 1))


def best_credit(gold: list, predicted: list) -> float:
    """The most credit that any one-to-one assignment has."""
    few, many = sorted((gold, predicted), key=len)

    def credit(one, other) -> float:
        shares = one[2] == other[2] and one[0] < other[1] and other[0] < one[1]
        return 1.0 if one == other else 0.5 * shares

    return max(sum(map(credit, few, order)) for order in permutations(many, len(few)))


def test_the_credit_is_the_best_of_all_assignments() -> None:
    random = np.random.default_rng(0)

    def mentions() -> list[tuple[int, int, str]]:
        starts = random.integers(0, 8, random.integers(1, 6))
        return sorted({(int(start), int(start + random.integers(1, 5)), "PL"[random.integers(2)]) for start in starts})

    gold, predicted = ([mentions() for _ in range(60)] for _ in range(2))
    scores = entity_scores(gold, predicted)
    expected = sum(map(best_credit, gold, predicted))
    assert scores["num_strict_mentions"] + scores["num_partial_mentions"] / 2 == expected
    assert scores["partial_precision"] == pytest.approx(expected / sum(map(len, predicted)))


def test_documents_do_not_mix() -> None:
    scores = entity_scores([[(0, 3, "P")], []], [[], [(0, 3, "P")]])
    assert scores["strict_f1"] == scores["partial_f1"] == 0.0 and scores["num_gold_mentions"] == 1


@pytest.mark.parametrize(
    "bad",
    [(0, 3), (3, 3, "P"), (-1, 3, "P"), (0, 3, 5), (0, 3.5, "P"), (True, 3, "P"), "0 3", None, (0, 3, "P", 1), ("0", "3", "P")],
)  # fmt: skip
def test_wrong_mentions_are_refused(bad) -> None:
    with pytest.raises(UsageError, match=r"`predicted` 1: .* is not \(start, end, type\)"):
        entity_scores([[], []], [[], [bad]])


def test_lengths_must_agree() -> None:
    with pytest.raises(UsageError, match="`gold` has 1 documents and `predicted` 2. Give one list of mentions"):
        entity_scores([[]], [[], []])
