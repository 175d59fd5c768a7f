"""Single-label F1 without "no relation": against TACRED's scorer as a slow loop, and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from hf_relation.errors import UsageError
from hf_relation.metrics import single_label_scores


NA = "no_relation"
NAMES = np.array(["per:title", "org:founded", NA, "per:age", "per:spouse"])  # "no relation" is number 2, not 0


def sample(seed):
    draws = np.random.default_rng(seed)
    gold = draws.integers(0, 4, 80)  # per:spouse is predicted alone
    guesses = np.where(draws.random(80) < 0.6, gold, draws.integers(0, 5, 80))
    return gold, guesses


def of_tacreds_scorer(gold, predicted):
    """Counts one by one, as the script that comes with TACRED defines them."""
    right = guessed = there = 0
    for truth, guess in zip(gold, predicted, strict=True):
        if truth == NA and guess == NA:
            continue
        if truth == NA:
            guessed += 1
        elif guess == NA:
            there += 1
        else:
            guessed, there, right = guessed + 1, there + 1, right + (truth == guess)
    precision, recall = right / guessed, right / there
    return precision, recall, 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize("seed", range(4))
def test_scores_are_those_of_the_slow_loop_and_of_scikit_learn(seed):
    gold, guesses = sample(seed)
    found = single_label_scores(NAMES[gold].tolist(), NAMES[guesses], na_label=NA)
    assert list(found) == ["precision", "recall", "f1", "macro_f1", "weighted_f1", "accuracy"]
    assert [found[name] for name in ("precision", "recall", "f1")] == pytest.approx(of_tacreds_scorer(NAMES[gold], NAMES[guesses]))  # fmt: skip
    of = {a: precision_recall_fscore_support(gold, guesses, labels=[0, 1, 3, 4], average=a, zero_division=0) for a in ("micro", "macro", "weighted")}  # fmt: skip
    expected = [*of["micro"][:3], of["macro"][2], of["weighted"][2], accuracy_score(gold, guesses)]
    assert list(found.values()) == pytest.approx(expected) and len(set(expected)) == 6
    assert single_label_scores(gold, guesses.tolist(), na_label=2) == found  # numbers as well as names
    assert single_label_scores(gold, guesses, na_label=0) != found


@pytest.mark.parametrize("na_label", [None, 9])
def test_without_such_a_class_micro_is_accuracy(na_label):
    gold, guesses = sample(5)
    found = single_label_scores(gold, guesses, na_label=na_label)
    assert found["precision"] == found["recall"] == found["f1"] == found["accuracy"] == accuracy_score(gold, guesses)
    assert found["macro_f1"] == pytest.approx(precision_recall_fscore_support(gold, guesses, average="macro", zero_division=0)[2])  # fmt: skip


def test_nothing_but_no_relation():
    none = dict.fromkeys(["precision", "recall", "f1", "macro_f1", "weighted_f1"], 0.0)
    assert single_label_scores([NA, NA], [NA, NA], na_label=NA) == {**none, "accuracy": 1.0}
    assert single_label_scores(["a", NA], [NA, NA], na_label=NA) == {**none, "accuracy": 0.5}


@pytest.mark.parametrize(
    ("gold", "predicted", "na_label", "error", "message"),
    [
        (["a"], ["a", "b"], None, ValueError, "`gold` and `predicted` must have the same length, got 1 and 2"),
        ([], [], None, ValueError, "are empty"),
        ([0, 1], ["a", "b"], None, UsageError, "must be of one kind.* got 0, 'a'[.]"),
        (["a", NA], ["a", NA], 0, UsageError, "must be of one kind.* got 'a', 'a', 0[.]"),
        ([0, 1], [0, 1], NA, UsageError, "must be of one kind"),
        ([0, 1], [0, 1], False, UsageError, "must be of one kind"),
        ([0, 1], [0, 1], 0.0, UsageError, "must be of one kind"),
        ([0, 1.5], [0, 1], None, TypeError, "`gold` must hold int or str labels; label 1 is of type float"),
        ("ab", "ab", None, TypeError, "`gold` must be a sequence of labels"),
    ],
)
def test_wrong_input_is_refused(gold, predicted, na_label, error, message):
    with pytest.raises(error, match=message):
        single_label_scores(gold, predicted, na_label=na_label)
