"""Checks that every metric of extraction must pass. Register a new one once, in `METRICS`, with inputs of its own."""

from __future__ import annotations

import copy
import inspect
import json
import random
from functools import wraps

import pytest

from hf_relation import metrics


SPANS = [[(0, 3, "PER"), (4, 9, "LOC")], [(2, 6, "ORG")], [(0, 1, None)]]
GUESSED_SPANS = [[(0, 3, "PER"), (5, 9, "LOC")], [(2, 6, "PER")], []]
TRIPLES = [[("a", "r", "b"), ("a", "s", "b")], [("c", "r", "d")], [("e", "s", "e")]]
GUESSED_TRIPLES = [[("a", "r", "b")], [("d", "r", "c")], []]
LABELS = dict(enumerate(["Cause-Effect(e1,e2)", "Message-Topic(e2,e1)", "Other", "Other"]))
GUESSED_LABELS = dict(enumerate(["Cause-Effect(e1,e2)", "Message-Topic(e1,e2)", "Other", "Cause-Effect(e1,e2)"]))

TAGS = [["B-PER", "O", "O"], ["B-LOC"], ["O", "O"]]  # a span of one token stays one when the tokens are reversed
GUESSED_TAGS = [["B-PER", "O", "B-LOC"], ["B-ORG"], ["O", "B-PER"]]


@wraps(metrics.ign_f1_scores)
def ign_f1_of_triples(gold, predicted):
    """Texts of one letter an entity, `gold` beside them."""
    documents = [
        {
            "text": "abcde",
            "mentions": [{"start": place, "end": place + 1} for place in range(5)],
            "entities": [{"mentions": [place]} for place in range(5)],
            "relations": [dict(zip(("head", "label", "tail"), triple, strict=True)) for triple in triples],
        }
        for triples in gold
    ]
    return metrics.ign_f1_scores(documents, predicted, {("a", "r", "b")})


PLACES = [[(0, "r", 1), (0, "s", 1)], [(2, "r", 3)], [(4, "s", 4)]]
GUESSED_PLACES = [[(0, "r", 1)], [(3, "r", 2)], []]

METRICS = {
    "entity_scores": (metrics.entity_scores, SPANS, GUESSED_SPANS),
    "ign_f1_scores": (ign_f1_of_triples, PLACES, GUESSED_PLACES),
    "relation_scores": (metrics.relation_scores, TRIPLES, GUESSED_TRIPLES),
    "semeval_task8_report": (metrics.semeval_task8_report, LABELS, GUESSED_LABELS),
    "semeval_task8_scores": (metrics.semeval_task8_scores, LABELS, GUESSED_LABELS),
    "span_report": (metrics.span_report, TAGS, GUESSED_TAGS),
    "span_scores": (metrics.span_scores, TAGS, GUESSED_TAGS),
    "triple_report": (metrics.triple_report, TRIPLES, GUESSED_TRIPLES),
    "triple_scores": (metrics.triple_scores, TRIPLES, GUESSED_TRIPLES),
}


@pytest.fixture(params=METRICS.values(), ids=METRICS)
def case(request):
    metric, gold, predicted = request.param
    return metric, copy.deepcopy(gold), copy.deepcopy(predicted)


def ratios(scores: object) -> list[float]:
    if isinstance(scores, dict):
        return [value for entry in scores.values() for value in ratios(entry)]
    return [scores] if isinstance(scores, float) else []


def test_values_are_plain_numbers_that_json_can_hold(case) -> None:
    metric, gold, predicted = case
    scores = metric(gold, predicted)
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    assert all(0.0 <= value <= 1.0 for value in ratios(scores))


def test_same_input_gives_the_same_output_and_stays_as_it_was(case) -> None:
    metric, gold, predicted = case
    before = copy.deepcopy((gold, predicted))
    assert metric(gold, predicted) == metric(gold, predicted)
    assert (gold, predicted) == before


def test_order_does_not_matter(case) -> None:
    metric, gold, predicted = case
    keys = list(gold) if isinstance(gold, dict) else list(range(len(gold)))
    order = random.Random(1).sample(keys, len(keys))
    assert order != keys
    if isinstance(gold, dict):
        shuffled = [{key: side[key] for key in order} for side in (gold, predicted)]
        assert metric(*shuffled) == metric(gold, predicted)
    else:
        reversed_inside = [[list(reversed(side[key])) for key in order] for side in (gold, predicted)]
        assert metric(*reversed_inside) == metric(gold, predicted)


def test_the_gold_itself_scores_more_than_the_guesses(case) -> None:
    metric, gold, predicted = case
    best, scores = metric(gold, gold), metric(gold, predicted)
    assert best != scores
    assert isinstance(best, str) or sum(ratios(best)) > sum(ratios(scores))


def test_errors_are_value_errors(case) -> None:
    metric, gold, _ = case
    for bad in (None, 5, "text", [None] * len(gold)):
        with pytest.raises(ValueError):
            metric(gold, bad)


def test_documented(case) -> None:
    text = inspect.getdoc(case[0])
    assert all(part in text for part in ("Args:", "Returns:", "Raises:", "Example:"))
