"""Symmetric relations: merged, declared once, proposed."""

from __future__ import annotations

import itertools
import json

import pytest

from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.extraction import SymmetricRelations, SymmetryProposal, find_symmetric


SYMMETRIC = SymmetricRelations(["spouse", "near"], inverses=[("parent", "child")])


def test_both_directions_become_one_triple_with_the_best_score():
    found = SYMMETRIC.merge(
        [
            (1, "spouse", 0, 0.6),
            (0, "spouse", 1, 0.9),
            (0, "works for", 2, 0.3),
            (2, "works for", 0, 0.4),  # not symmetric: another fact
            (1, "child", 0, 0.7),
            (0, "parent", 1, 0.5),
            (0, "near", 1, 0.2),  # another relation
            (0, "works for", 2, 0.8),  # the same triple again
        ]
    )
    assert found == [
        (0, "spouse", 1, 0.9),
        (0, "works for", 2, 0.8),
        (2, "works for", 0, 0.4),
        (0, "parent", 1, 0.7),
        (0, "near", 1, 0.2),
    ]
    assert SYMMETRIC.merge(found) == found
    assert SYMMETRIC.merge([]) == []


def test_the_entity_that_comes_first_in_the_text_is_the_head():
    positions = [(30, 33), (0, 3), (0, 9)]
    triples = [(0, "spouse", 1, 0.5), (2, "near", 1, 0.5), (0, "works for", 1, 0.5), (1, "child", 0, 0.5)]
    assert [triple[:3] for triple in SYMMETRIC.merge(triples, positions)] == [
        (1, "spouse", 0),
        (1, "near", 2),
        (0, "works for", 1),
        (0, "parent", 1),
    ]
    assert SYMMETRIC.merge([(1, "near", 0, 0.5)], [5, 5])[0][:3] == (0, "near", 1)


def test_order_of_the_predictions_does_not_matter():
    triples = [(0, "spouse", 1, 0.6), (1, "spouse", 0, 0.9), (1, "parent", 2, 0.1), (2, "child", 1, 0.4)]
    results = {frozenset(SYMMETRIC.merge(order)) for order in itertools.permutations(triples)}
    assert results == {frozenset({(0, "spouse", 1, 0.9), (1, "parent", 2, 0.4)})}


def test_an_entity_without_a_position_is_an_error():
    for triple in ((0, "near", 2, 0.5), (-1, "near", 0, 0.5)):
        with pytest.raises(InvalidRowError, match="row 1: the triple joins .* there are 2 positions"):
            SYMMETRIC.merge([(0, "near", 1, 0.5), triple], [0, 5])


def test_unknown_names_are_refused():
    SYMMETRIC.check(["near", "spouse", "parent", "child", "other"])
    with pytest.raises(
        UsageError, match="'child' is declared symmetric, but is no relation. There are 'near', 'spouse'"
    ):
        SYMMETRIC.check(["near", "spouse", "parent"])


@pytest.mark.parametrize(
    ("symmetric", "inverses", "message"),
    [
        (["a", "a"], [], "'a' is declared twice"),
        (["a"], [("a", "b")], "'a' is declared twice"),
        ([], [("a", "b"), ("b", "c")], "'b' is declared twice"),
        ([], [("a", "a")], "'a' is declared twice"),
        ([], [("a", "b", "c")], "pairs of relations"),
        ([], ["ab"], "pairs of relations"),
        ([], {"a": "b"}, "list of pairs"),
        ("a", [], "list of names"),
        ([3], [], "a string, got 3"),
    ],
)
def test_contradictory_declarations_are_told_plainly(symmetric, inverses, message):
    with pytest.raises(UsageError, match=message):
        SymmetricRelations(symmetric, inverses=inverses)


def test_stored_as_json_and_read_back_it_is_the_same():
    stored = json.loads(json.dumps(SYMMETRIC.to_dict()))
    assert SymmetricRelations.from_dict(stored).to_dict() == SYMMETRIC.to_dict()
    for content in (
        [],
        {"symmetric": []},
        {"symmetric": "a", "inverses": []},
        {"symmetric": {"a": 1}, "inverses": []},
    ):
        with pytest.raises(UsageError):
            SymmetricRelations.from_dict(content)


def document(*labels):
    return {"relations": [{"head": head, "tail": tail, "label": label} for head, tail, label in labels]}


def test_relations_whose_labels_come_in_both_directions_are_proposed():
    documents = [
        document((0, 1, "spouse"), (1, 0, "spouse"), (0, 1, "spouse"), (0, 1, "near"), (1, 0, "near"), (1, 2, "near")),
        document((0, 1, "spouse"), (1, 0, "spouse"), (0, 1, "parent"), (1, 0, "child"), (2, 2, "near")),
        document((1, 0, "parent")),  # the other direction is in another text
    ]
    assert find_symmetric(documents, min_share=0.5, min_count=1) == [
        SymmetryProposal("spouse", 1.0, 4),
        SymmetryProposal("near", 2 / 3, 3),
    ]
    assert [proposal.relation for proposal in find_symmetric(documents, min_count=2)] == ["spouse"]
    assert find_symmetric(documents, min_share=0.5, min_count=5) == find_symmetric([]) == []
    for settings in ({"min_share": 0}, {"min_share": 1.1}, {"min_count": 0}):
        with pytest.raises(UsageError, match="`min_share` must be"):
            find_symmetric([], **settings)
