"""Candidate pairs and the mentions they are judged by, against a plain restatement."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_relation.data import candidate_pairs, check_document, nearest_mentions
from hf_relation.errors import UsageError


def made(spans: list[tuple[int, int]], entities: list[list[int]]):
    row = {
        "text": "x" * 40,
        "mentions": [{"start": start, "end": end} for start, end in spans],
        "entities": [{"mentions": mentions} for mentions in entities],
    }
    return check_document(row, index=0)


@st.composite
def documents(draw: st.DrawFn):
    starts = draw(st.lists(st.integers(0, 30), min_size=1, max_size=6))
    spans = [(start, start + draw(st.integers(1, 9))) for start in starts]
    place = st.integers(0, len(spans) - 1)
    return made(spans, draw(st.lists(st.lists(place, min_size=1, max_size=3, unique=True), max_size=4)))


@settings(max_examples=100, deadline=None)
@given(documents(), st.integers(0, 12))
def test_pairs_and_distances_are_those_of_a_slow_loop(document, most):
    entities, spans = document["entities"], document["mentions"]
    every = list(itertools.permutations(range(len(entities)), 2))
    assert candidate_pairs(document) == every
    near = []
    for head, tail in every:
        gaps = {}
        for one in entities[head]["mentions"]:
            for other in entities[tail]["mentions"]:
                first = set(range(spans[one]["start"], spans[one]["end"]))
                second = set(range(spans[other]["start"], spans[other]["end"]))
                between = set(range(min(first | second), max(first | second))) - first - second
                gaps[one, other] = 0 if first & second else len(between)
        chosen = nearest_mentions(document, head, tail)
        assert gaps[chosen] == min(gaps.values())
        if min(gaps.values()) <= most:
            near.append((head, tail))
    assert candidate_pairs(document, max_distance=most) == near


def test_of_equally_near_mentions_the_first_are_taken():
    document = made([(20, 22), (0, 2), (4, 6), (16, 18)], [[0, 1], [3, 2]])
    assert nearest_mentions(document, 0, 1) == (1, 2) and nearest_mentions(document, 1, 0) == (2, 1)


def test_nested_crossing_and_shared_mentions_have_no_distance():
    document = made([(0, 9), (2, 4), (8, 12)], [[0], [1], [2], [0]])
    assert candidate_pairs(document, max_distance=0) == [
        pair for pair in itertools.permutations(range(4), 2) if set(pair) != {1, 2}
    ]
    assert nearest_mentions(document, 0, 3) == (0, 0)


@pytest.mark.parametrize("entities", [[], [[0]]])
def test_fewer_than_two_entities_have_no_pair(entities):
    assert candidate_pairs(made([(0, 1)], entities)) == []


def test_a_negative_distance_is_refused():
    with pytest.raises(UsageError, match="`max_distance` must be a number of characters of at least 0, got -1"):
        candidate_pairs(made([(0, 1)], [[0]]), max_distance=-1)


def test_pairs_of_an_entity_with_itself():
    text = "Orn, Ada, Orn and Orn."
    spans = [{"start": 18, "end": 21}, {"start": 0, "end": 3}, {"start": 10, "end": 13}, {"start": 5, "end": 8}]
    given = {"text": text, "mentions": spans, "entities": [{"mentions": [0, 1, 2]}, {"mentions": [3]}]}
    found = check_document(given)
    assert candidate_pairs(found, reflexive=True) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert candidate_pairs(found, reflexive=True, max_distance=1) == [(1, 1)]
    assert candidate_pairs(found, reflexive=True, max_distance=5) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert nearest_mentions(found, 0, 0) == (2, 0)  # " and " is nearer than ", Ada, "
    assert nearest_mentions(found, 1, 1) == (3, 3)


@pytest.mark.parametrize("wrong", [-1, True, 1.5, "3"])
def test_distances_are_whole_numbers(wrong):
    with pytest.raises(UsageError, match="max_distance"):
        candidate_pairs(check_document({"text": "", "mentions": [], "entities": []}), max_distance=wrong)
