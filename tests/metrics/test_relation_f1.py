"""F1 of relations: by hand, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from hf_relation.errors import UsageError
from hf_relation.metrics import relation_scores, triple_scores


def sample(seed, relations=5, pairs=6, share=0.15):
    """Indicators of shape (documents x pairs, relations) on both sides, and the triples they stand for."""
    draws = np.random.default_rng(seed)
    gold = draws.random((30 * pairs, relations)) < share
    guesses = np.where(draws.random(gold.shape) < 0.9, gold, ~gold)

    def triples(indicators):
        listed = [[] for _ in range(30)]
        for row, relation in zip(*indicators.nonzero(), strict=True):
            listed[row // pairs].append((f"e{row % pairs}", f"r{relation}", "x"))
        return listed

    return gold, guesses, triples(gold), triples(guesses)


@pytest.mark.parametrize("seed", range(4))
def test_all_averages_are_scikit_learns(seed):
    gold, guesses, gold_triples, predicted = sample(seed)
    gold[:, 0] = guesses[:, 1] = False  # one relation occurs in predictions alone, one in gold alone
    gold_triples = [[t for t in row if t[1] != "r0"] for row in gold_triples]
    predicted = [[t for t in row if t[1] != "r1"] for row in predicted]
    assert any(t[1] == "r0" for row in predicted for t in row) and any(
        t[1] == "r1" for row in gold_triples for t in row
    )
    found = relation_scores(gold_triples, predicted)
    assert list(found) == ["precision", "recall", "f1", "macro_f1", "weighted_f1"]
    of = {a: precision_recall_fscore_support(gold, guesses, average=a, zero_division=0) for a in ("micro", "macro", "weighted")}  # fmt: skip
    expected = [*of["micro"][:3], of["macro"][2], of["weighted"][2]]
    assert list(found.values()) == pytest.approx(expected)
    assert len(set(expected)) == 5  # none can stand for another


def test_macro_is_averaged_over_the_relations_that_are_named():
    gold, guesses, gold_triples, predicted = sample(7)
    named = relation_scores(gold_triples, predicted, relations=["r0", "r3", "never", "r0"])
    wider = [np.hstack([side, np.zeros((len(side), 1), bool)]) for side in (gold, guesses)]
    expected = precision_recall_fscore_support(*wider, labels=[0, 3, 5], average="macro", zero_division=0)[2]
    assert named["macro_f1"] == pytest.approx(expected)
    plain = relation_scores(gold_triples, predicted)
    assert {**named, "macro_f1": 0} == {**plain, "macro_f1": 0} and named["macro_f1"] != plain["macro_f1"]


def test_micro_is_that_of_triple_scores_and_no_relation_has_no_place():
    _, _, gold, predicted = sample(3)
    scores, triples = relation_scores(gold, predicted), triple_scores(gold, predicted)
    assert [scores[name] for name in ("precision", "recall", "f1")] == [triples[f"triple_{name}"] for name in ("precision", "recall", "f1")]  # fmt: skip
    # Relations may be numbers, 0 among them: it is a relation as any other.
    assert relation_scores([[(0, 0, 1)]], [[(0, 0, 1)]]) == dict.fromkeys(scores, 1.0)
    assert relation_scores([[]], [[]]) == dict.fromkeys(scores, 0.0)


def test_a_triple_listed_twice_counts_once():
    once = relation_scores([[(0, "r", 1), (0, "s", 1)]], [[(0, "r", 1), (1, "r", 0)]])
    assert (
        relation_scores([[(0, "r", 1), (0, "s", 1), (0, "r", 1)]], [[(1, "r", 0), (0, "r", 1), (1, "r", 0)]]) == once
    )
    assert once == pytest.approx({"precision": 1 / 2, "recall": 1 / 2, "f1": 1 / 2, "macro_f1": 1 / 3, "weighted_f1": 1 / 3})  # fmt: skip


def test_the_order_of_relations_changes_no_bit():
    _, _, gold, predicted = sample(3, relations=40)
    scores = relation_scores(gold, predicted)
    for seed in range(20):
        new = dict(
            zip((f"r{i}" for i in range(40)), np.random.default_rng(seed).permutation(40).tolist(), strict=True)
        )
        renamed = [[[(h, new[r], t) for h, r, t in row] for row in side] for side in (gold, predicted)]
        assert relation_scores(*renamed) == scores


def test_relations_as_one_string_are_refused():
    with pytest.raises(UsageError, match="`relations` must be a list of relations, got the string 'founder'"):
        relation_scores([[]], [[]], relations="founder")
