"""decide: from scores to triples, with every rule by itself and together."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from hf_relation.data import document_of_spans
from hf_relation.errors import UsageError
from hf_relation.extraction import (
    DecisionRules,
    IsotonicCalibration,
    PairScores,
    SymmetricRelations,
    TemperatureCalibration,
    Thresholds,
    TypeConstraints,
    decide,
)


RELATIONS = ["born in", "spouse", "parent of", "child of"]
DOCUMENT = document_of_spans("Ada, Bob and Rome.", [(0, 3, "PERSON"), (5, 8, "PERSON"), (13, 17, "LOCATION")])


def scores(**rows: list[float]) -> PairScores:
    """Probabilities by pair: `p01=[...]`."""
    pairs = [(int(name[1]), int(name[2])) for name in rows]
    values = np.array(list(rows.values()), dtype=np.float64)
    return PairScores(pairs, np.log(values / (1 - values)).astype(np.float32))


def triples(given: PairScores, rules: DecisionRules | None = None, **options: Any) -> list[tuple[Any, ...]]:
    found = decide(DOCUMENT, given, RELATIONS, rules or DecisionRules(), **options)
    return [
        (row["head"]["entity"], row["relation"], row["tail"]["entity"], pytest.approx(row["score"], abs=1e-6))
        for row in found
    ]


def test_several_relations_of_a_pair_by_falling_score() -> None:
    given = scores(p02=[0.9, 0.1, 0.6, 0.95], p10=[0.5, 0.4, 0.4, 0.4], p12=[0.2, 0.3, 0.1, 0.1])
    assert triples(given) == [(0, "child of", 2, 0.95), (0, "born in", 2, 0.9), (0, "parent of", 2, 0.6)] + [
        (1, "born in", 0, 0.5)
    ]
    row = decide(DOCUMENT, given, RELATIONS, DecisionRules())[0]
    assert row["head"] == {"entity": 0, "start": 0, "end": 3, "text": "Ada", "type": "PERSON"}
    assert row["tail"] == {"entity": 2, "start": 13, "end": 17, "text": "Rome", "type": "LOCATION"}
    assert "symmetric" not in row


def test_no_pairs() -> None:
    nothing = PairScores([], np.zeros((0, 4), dtype=np.float32))
    assert triples(nothing, keep_none=True) == []
    calibrated = DecisionRules(calibration=TemperatureCalibration().fit([1.0, -1.0, 0.3], [1, 0, 0]))
    assert triples(nothing, calibrated) == []


def test_thresholds_for_all_and_for_one() -> None:
    given = scores(p01=[0.6, 0.6, 0.3, 0.3])
    assert triples(given, DecisionRules(Thresholds(0.7))) == []
    rules = DecisionRules(Thresholds(0.5, {"spouse": 0.7}))
    assert triples(given, rules) == [(0, "born in", 1, 0.6)]
    assert [row[1] for row in triples(given, rules.with_threshold({"parent of": 0.2}))] == ["born in", "parent of"]
    assert [row[1] for row in triples(given, rules.with_threshold(0.25))] == RELATIONS
    assert rules.with_threshold(None) is rules
    for wrong in (1.5, -0.1, True, "0.5", {"spouse": 2.0}):
        with pytest.raises(UsageError):
            rules.with_threshold(wrong)


def test_top_k_takes_the_surest_and_of_equal_ones_the_first() -> None:
    given = scores(p01=[0.6, 0.9, 0.9, 0.6], p10=[0.6, 0.1, 0.1, 0.1])
    assert triples(given, DecisionRules(top_k=1)) == [(0, "spouse", 1, 0.9), (1, "born in", 0, 0.6)]
    assert [row[1] for row in triples(given, DecisionRules(top_k=3))] == ["spouse", "parent of", "born in"] + [
        "born in"
    ]
    for wrong in (0, -1, True, 1.5, "2"):
        with pytest.raises(UsageError, match="top_k"):
            DecisionRules(top_k=wrong)
    with pytest.raises(UsageError, match="reflexive_pairs"):
        DecisionRules(reflexive_pairs="yes")


def test_types_that_are_not_allowed_are_never_given_out() -> None:
    rules = DecisionRules(Thresholds(0.0), type_constraints=TypeConstraints({"born in": [("PERSON", "LOCATION")]}))
    found = triples(scores(p02=[0.6, 0.1, 0.1, 0.1], p20=[0.9, 0.1, 0.1, 0.1]), rules)
    assert [row[:3] for row in found if row[1] == "born in"] == [(0, "born in", 2)]
    assert len(found) == 7


def test_symmetric_relations_are_given_out_once() -> None:
    rules = DecisionRules(symmetric=SymmetricRelations(["spouse"], inverses=[("parent of", "child of")]))
    given = scores(p01=[0.1, 0.6, 0.1, 0.7], p02=[0.1] * 4, p10=[0.1, 0.8, 0.6, 0.1], p20=[0.1] * 4)
    assert triples(given, rules) == [(0, "spouse", 1, 0.8), (1, "parent of", 0, 0.7)]
    assert [row.get("symmetric") for row in decide(DOCUMENT, given, RELATIONS, rules)] == [True, None]


def test_top_k_counts_after_merging() -> None:
    rules = DecisionRules(symmetric=SymmetricRelations(inverses=[("parent of", "child of")]), top_k=1)
    given = scores(p01=[0.1, 0.1, 0.1, 0.9], p10=[0.7, 0.1, 0.1, 0.1])
    assert triples(given, rules) == [(1, "parent of", 0, 0.9)]


def test_pairs_without_a_relation() -> None:
    given = scores(p01=[0.6, 0.1, 0.1, 0.1], p02=[0.4, 0.3, 0.1, 0.1], p10=[0.1, 0.2, 0.1, 0.1])
    assert triples(given, keep_none=True) == [(0, "born in", 1, 0.6), (0, None, 2, 0.6), (1, None, 0, 0.8)]


def test_a_relation_given_out_in_the_other_direction_is_one() -> None:
    rules = DecisionRules(symmetric=SymmetricRelations(["spouse"], inverses=[("parent of", "child of")]))
    spouses = scores(p01=[0.1, 0.1, 0.1, 0.1], p10=[0.1, 0.8, 0.1, 0.1])
    assert triples(spouses, rules, keep_none=True) == [(0, "spouse", 1, 0.8)]
    child = scores(p01=[0.1, 0.1, 0.1, 0.9], p10=[0.1, 0.1, 0.1, 0.1])
    assert triples(child, rules, keep_none=True) == [(1, "parent of", 0, 0.9)]


def test_calibration_comes_before_thresholds() -> None:
    calibration = TemperatureCalibration()
    calibration.overall = {"temperature": 2.0, "bias": 0.0}
    found = triples(scores(p01=[0.8, 0.1, 0.1, 0.1]), DecisionRules(calibration=calibration))
    assert found == [(0, "born in", 1, 1 / (1 + math.exp(-math.log(4) / 2)))]


def test_an_entity_with_itself_is_judged_by_two_of_its_mentions() -> None:
    document = document_of_spans("Orn is Orn.", [(0, 3), (7, 10)])
    given = PairScores([(0, 0)], np.array([[1.0, -1.0, -1.0, -1.0]]))
    (found,) = decide(document, given, RELATIONS, DecisionRules())
    assert (found["head"]["start"], found["tail"]["start"]) == (0, 7)
    assert found["head"]["entity"] == found["tail"]["entity"] == 0


def test_rules_for_relations_that_do_not_exist_are_refused() -> None:
    per_relation = IsotonicCalibration(per_relation=True).fit([[1.0, 1.0], [-1.0, -1.0]], [[1, 1], [0, 0]])
    for rules, message in (
        (DecisionRules(Thresholds(0.5, {"bron in": 0.7})), "'bron in' has a threshold, but is no relation"),
        (DecisionRules(symmetric=SymmetricRelations(["friend"])), "'friend' is declared symmetric"),
        (DecisionRules(calibration=per_relation), "for 2 relations, and the model has 4"),
    ):
        with pytest.raises(UsageError, match=message):
            rules.check(RELATIONS)
    DecisionRules(type_constraints=TypeConstraints({"no relation": None})).check(RELATIONS)
