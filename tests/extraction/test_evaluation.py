"""Scoring triples: candidate pairs by mode, unknown relations, rules."""

import numpy as np
import pytest

from hf_relation.errors import UsageError
from hf_relation.extraction import DecisionRules, PairScores, Thresholds, TypeConstraints
from hf_relation.extraction.evaluation import candidate_arrays, extraction_report, gold_and_predicted
from tests.common.tiny_documents import document


RELATIONS = ["met", "owns"]
ROWS = [
    document("Ada met Bob.", ("Ada", "P"), ("Bob", "P"), relations=((0, 1, "met"),)),
    document(
        "Cy owns Di and met Ed.", ("Cy", "P"), ("Di", "O"), ("Ed", "P"), relations=((0, 1, "owns"), (0, 2, "hit"))
    ),
]


def logit(*values):
    p = np.array(values, dtype=np.float32)
    return np.log(p / (1 - p))


SCORES = [
    PairScores([(0, 1), (1, 0)], np.stack([logit(0.9, 0.2), logit(0.7, 0.1)])),
    PairScores([(0, 1), (0, 2), (1, 2)], np.stack([logit(0.6, 0.8), logit(0.1, 0.4), logit(0.2, 0.9)])),
]


def test_all_pairs_count_what_is_found_in_pairs_without_a_relation():
    found = gold_and_predicted(ROWS, SCORES, RELATIONS, DecisionRules())
    assert found.predicted == [[(0, "met", 1), (1, "met", 0)], [(0, "met", 1), (0, "owns", 1), (1, "owns", 2)]]
    assert found.gold == [[(0, "met", 1)], [(0, "owns", 1), (0, "hit", 2)]] and found.unknown == {"hit": 1}
    report = extraction_report(ROWS, SCORES, RELATIONS, DecisionRules())
    # 5 predicted, 3 gold, 2 right
    assert report["all"]["triple_precision"] == pytest.approx(2 / 5) and report["all"][
        "triple_recall"
    ] == pytest.approx(2 / 3)
    assert report["mode"] == "all_pairs" and report["unknown_relations"] == {"hit": 1}
    assert report["overlap"]["SEO"]["num_documents"] == 1 and report["number"]["Single"]["num_documents"] == 1


def test_gold_pairs_keep_to_pairs_with_a_relation():
    found = gold_and_predicted(ROWS, SCORES, RELATIONS, DecisionRules(), mode="gold_pairs")
    assert found.predicted == [[(0, "met", 1)], [(0, "met", 1), (0, "owns", 1)]]


def test_rules_decide():
    strict = DecisionRules(Thresholds(0.85))
    assert gold_and_predicted(ROWS, SCORES, RELATIONS, strict).predicted == [[(0, "met", 1)], [(1, "owns", 2)]]
    typed = DecisionRules(type_constraints=TypeConstraints({"owns": [["P", "O"]], "met": None}))
    assert (1, "owns", 2) not in gold_and_predicted(ROWS, SCORES, RELATIONS, typed).predicted[1]
    for rules, options in ((DecisionRules(top_k=1), {}), (DecisionRules(), {"best_only": True})):
        found = gold_and_predicted(ROWS, SCORES, RELATIONS, rules, **options).predicted[1]
        assert found == [(0, "owns", 1), (1, "owns", 2)]


def test_candidates_one_below_the_other():
    logits, labels, missed = candidate_arrays(ROWS, SCORES, RELATIONS)
    assert logits.shape == labels.shape == (5, 2) and labels.tolist() == [[1, 0], [0, 0], [0, 1], [0, 0], [0, 0]]
    assert missed == {}
    _, _, missed = candidate_arrays(ROWS, [SCORES[0], PairScores([], np.zeros((0, 2)))], RELATIONS)
    assert missed == {"owns": 1}


def test_a_wrong_mode_and_another_number_of_scores_are_refused():
    with pytest.raises(UsageError, match="all_pairs, gold_pairs"):
        gold_and_predicted(ROWS, SCORES, RELATIONS, DecisionRules(), mode="gold")
    with pytest.raises(ValueError):
        gold_and_predicted(ROWS, SCORES[:1], RELATIONS, DecisionRules())
