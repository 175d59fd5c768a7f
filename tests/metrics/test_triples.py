"""Triple scores: by hand, and against counting one by one."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hf_relation.data import overlap_types
from hf_relation.errors import UsageError
from hf_relation.metrics import triple_report, triple_scores


A, B, C, D = (("a", "r", "b"), ("b", "r", "a"), ("a", "s", "b"), ("c", "s", "d"))
COUNTS = ("num_gold_triples", "num_predicted_triples", "num_correct_triples")


def counts(scores: dict[str, float]) -> tuple[float, ...]:
    return tuple(scores[name] for name in COUNTS)


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        ([[A, C]], [[A, C]], (1.0, 1.0, 1.0)),
        ([[A, C]], [[A]], (1.0, 0.5, 2 / 3)),
        ([[A]], [[A, B, C, D]], (0.25, 1.0, 0.4)),
        ([[A]], [[B]], (0.0, 0.0, 0.0)),  # direction counts
        ([[A], [D]], [[D], [A]], (0.0, 0.0, 0.0)),  # so does the document
        ([[A, A]], [[A]], (1.0, 1.0, 1.0)),
        ([[A]], [[A, A, B]], (0.5, 1.0, 2 / 3)),
        ([[A]], [[]], (0.0, 0.0, 0.0)),
        ([[]], [[A]], (0.0, 0.0, 0.0)),
        ([[]], [[]], (0.0, 0.0, 0.0)),
        ([], [], (0.0, 0.0, 0.0)),
        ([[((0, 2, "PER"), "r", (3, 5, None))]], [[((0, 2, "ORG"), "r", (3, 5, None))]], (0.0, 0.0, 0.0)),
    ],
)
def test_by_hand(gold, predicted, expected) -> None:
    scores = triple_scores(gold, predicted)
    assert [scores[f"triple_{name}"] for name in ("precision", "recall", "f1")] == pytest.approx(expected)


def test_repeated_triples_count_once_on_either_side() -> None:
    assert counts(triple_scores([[A, A, D]], [[A, A, B, B]])) == (2, 2, 1)


def test_any_iterables_and_any_hashable_parts() -> None:
    gold = [{(0, "r", 1)}, (item for item in [[0, "r", 1]])]
    assert counts(triple_scores(gold, [frozenset(), [(0, "r", 1)]])) == (2, 1, 1)


def sample(seed: int = 0) -> tuple[list[list[tuple[int, str, int]]], list[list[tuple[int, str, int]]]]:
    random = np.random.default_rng(seed)

    def triples() -> list[tuple[int, str, int]]:
        return [(int(random.integers(4)), f"r{random.integers(3)}", int(random.integers(4))) for _ in range(random.integers(7))]  # fmt: skip

    return [triples() for _ in range(40)], [triples() for _ in range(40)]


def test_report_equals_scoring_each_subset_by_itself() -> None:
    gold, predicted = sample()
    report = triple_report(gold, predicted)
    chosen = {
        "all": {"All": lambda triples: True},
        "overlap": {name: lambda triples, name=name: name in overlap_types(triples) for name in ("Normal", "EPO", "SEO")},
        "number": {
            "Single": lambda triples: len(triples) == 1,
            "Double": lambda triples: len(triples) == 2,
            "Multiple": lambda triples: len(triples) > 2,
        },
        "count": {
            **{str(number): lambda triples, number=number: len(triples) == number for number in range(1, 5)},
            "5+": lambda triples: len(triples) >= 5,
        },
    }  # fmt: skip
    for section, names in chosen.items():
        assert list(report[section]) == list(names)
        for name, test in names.items():
            kept = [i for i, triples in enumerate(gold) if test(triples)]
            expected = triple_scores([gold[i] for i in kept], [predicted[i] for i in kept])
            assert report[section][name] == {**expected, "num_documents": len(kept)}
            assert section == "all" or kept
    for name, scores in report["relations"].items():
        of_relation = [[[t for t in triples if t[1] == name] for triples in side] for side in (gold, predicted)]
        assert scores == triple_scores(*of_relation)
    assert sum(scores["num_gold_triples"] for scores in report["relations"].values()) == report["all"]["All"]["num_gold_triples"]  # fmt: skip
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_classes_can_be_given() -> None:
    report = triple_report([{A}, {D}], [[A], []], overlap=[{"EPO", "SEO"}, ["Normal"]], num_triples=[2, 7])
    assert [report["overlap"][name]["num_documents"] for name in ("Normal", "EPO", "SEO")] == [1, 1, 1]
    assert report["overlap"]["EPO"]["triple_f1"] == 1.0 and report["overlap"]["Normal"]["triple_f1"] == 0.0
    assert report["number"]["Double"]["num_documents"] == report["count"]["5+"]["num_documents"] == 1


def test_documents_without_gold_triples_count_in_all_alone() -> None:
    report = triple_report([[], [A]], [[D], [A]])
    assert report["all"]["All"]["triple_precision"] == 0.5
    assert all(report[section][name]["triple_precision"] == 1.0 for section, name in (("overlap", "Normal"), ("number", "Single"), ("count", "1")))  # fmt: skip
    assert list(report["relations"]) == ["r", "s"] and report["relations"]["s"]["num_gold_triples"] == 0


def test_an_empty_corpus_has_every_section() -> None:
    report = triple_report([], [])
    assert report["all"]["All"]["num_documents"] == 0 and report["relations"] == {}


@pytest.mark.parametrize("score", [triple_scores, triple_report])
@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        ([[A]], [], "`gold` has 1 documents and `predicted` 0"),
        ([A], [A], r"`gold` 0: 'a' is not \(head, relation, tail\)"),  # triples not in documents
        ([[("a", "r")]], [[]], r"`gold` 0: .* is not \(head, relation, tail\)"),
        ([[]], [["arb"]], r"`predicted` 0: 'arb' is not"),
        ([[]], [[5]], r"`predicted` 0: '5' is not"),
        ([[([0, 1], "r", [2, 3])]], [[]], "must be hashable"),
        ("abc", [[]], "`gold` must be a list with the triples of each document, got str"),
        (None, [[]], "`gold` must be a list with the triples of each document, got NoneType"),
        ([None], [[]], "`gold` 0 must be a list of triples, got None"),
        ([[]], {0: []}, "`predicted` must be a list with the triples of each document, got dict"),
        ([[]], ["ab"], "`predicted` 0 must be a list of triples, got 'ab'"),
    ],
)
def test_wrong_input_is_refused(score, gold, predicted, message) -> None:
    with pytest.raises(UsageError, match=message):
        score(gold, predicted)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"overlap": [set(), set()]}, "`overlap` has 2 entries for 1 documents"),
        ({"overlap": [{"Epo"}]}, r"overlap types are Normal, EPO, SEO, got \['Epo'\]"),
        ({"num_triples": []}, "`num_triples` has 0 entries for 1 documents"),
        ({"num_triples": [-1]}, "`num_triples` must not be negative, got -1"),
    ],
)
def test_wrong_classes_are_refused(options, message) -> None:
    with pytest.raises(UsageError, match=message):
        triple_report([[A]], [[A]], **options)
