"""Span scores: against a slow count in conlleval's way, token by token, and by hand."""

from __future__ import annotations

import random
from typing import Any

import pytest

from hf_relation.errors import UsageError
from hf_relation.metrics import entity_scores, span_report, span_scores


def conlleval(gold: list[list[str]], predicted: list[list[str]]) -> tuple[int, int, int]:
    """Correct, predicted and gold chunks, counted as the Perl script does: one pass, with a chunk being followed on both sides."""

    def edges(before: str, now: str) -> tuple[bool, bool]:
        ends = before != "O" and (now[0] in "BO" or before[2:] != now[2:])
        begins = now != "O" and (now[0] == "B" or before == "O" or before[2:] != now[2:])
        return ends, begins

    correct = found = wanted = 0
    for truth, guess in zip(gold, predicted, strict=True):
        following = False
        last_truth = last_guess = "O"
        for now_truth, now_guess in zip([*truth, "O"], [*guess, "O"], strict=True):
            (truth_ends, truth_begins), (guess_ends, guess_begins) = (
                edges(last_truth, now_truth),
                edges(last_guess, now_guess),
            )
            if following and truth_ends and guess_ends:
                correct, following = correct + 1, False
            elif following and (truth_ends != guess_ends):
                following = False
            if truth_begins and guess_begins and now_truth[2:] == now_guess[2:]:
                following = True
            wanted += truth_begins
            found += guess_begins
            last_truth, last_guess = now_truth, now_guess
    return correct, found, wanted


def test_equal_to_a_slow_count() -> None:
    draw = random.Random(0)
    for _ in range(200):
        lengths = [draw.randint(0, 9) for _ in range(3)]
        gold, predicted = (
            [[draw.choice(["O", "B-x", "I-x", "B-y", "I-y"]) for _ in range(length)] for length in lengths]
            for _ in range(2)
        )
        scores = span_scores(gold, predicted)
        correct, found, wanted = conlleval(gold, predicted)
        assert (scores["num_correct_spans"], scores["num_predicted_spans"], scores["num_gold_spans"]) == (
            correct,
            found,
            wanted,
        )
        assert scores["span_precision"] == pytest.approx(correct / max(found, 1))
        assert scores["span_recall"] == pytest.approx(correct / max(wanted, 1))
        assert scores["span_f1"] == pytest.approx(2 * correct / max(found + wanted, 1))


def test_the_report_adds_up_and_equals_the_scores_of_mentions() -> None:
    gold = [["B-PER", "I-PER", "O"], ["B-LOC", "B-PER", "I-PER"], []]
    predicted = [["I-PER", "I-PER", "B-ORG"], ["B-LOC", "I-LOC", "B-PER"], []]
    report: Any = span_report(gold, predicted)
    assert report["overall"] == span_scores(gold, predicted)
    assert list(report["types"]) == ["LOC", "ORG", "PER"]
    for name in ("num_gold_spans", "num_predicted_spans", "num_correct_spans"):
        assert sum(scores[name] for scores in report["types"].values()) == report["overall"][name]
    assert report["types"]["PER"]["span_f1"] == pytest.approx(0.5)  # one of two, both ways
    mentions = entity_scores(
        [[(0, 2, "PER")], [(0, 1, "LOC"), (1, 3, "PER")], []],
        [[(0, 2, "PER"), (2, 3, "ORG")], [(0, 2, "LOC"), (2, 3, "PER")], []],
    )
    assert mentions["strict_f1"] == report["overall"]["span_f1"] == pytest.approx(2 / 7)


@pytest.mark.parametrize(
    ("gold", "predicted", "reason"),
    [
        ([["O"]], [["O", "O"]], "sentence 0 has 1 gold tags and 2 predicted"),
        ([["O"], ["O"]], [["O"]], "`gold` has 2 documents and `predicted` 1"),
        ([["O"]], [["O-PER"]], "`predicted` 0, token 0: the tag 'O-PER' is none of"),
        ([[1]], [["O"]], "`gold` 0, token 0: the tag '1' is none of"),
        (["O"], [["O"]], "`gold` 0 must be a list of tags"),
    ],
)
def test_bad_input(gold: Any, predicted: Any, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        span_scores(gold, predicted)
