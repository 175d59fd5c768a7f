from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hf_relation.discovery import (
    DiscoveredRelation,
    InventoryEntry,
    InventoryMatcher,
    MatchWeights,
    NameProposal,
    RelationInventory,
    name_relations,
)
from hf_relation.errors import UsageError


INVENTORY = RelationInventory(
    [InventoryEntry("birth", "where born", (), "P19"), InventoryEntry("spouse", "", (), "P26")]
)
KEYWORDS_ALONE = MatchWeights(context=0, tail=0, keywords=1, patterns=0, words=0, description=0, contrast=0)


def encode(texts: Any) -> np.ndarray:
    return np.array([[float(text.count(word)) for word in ("birth", "spouse", "river")] for text in texts])


class _Unhashable:
    """A namer whose answers cannot be remembered."""

    __hash__ = None  # type: ignore[assignment]

    def __call__(self, relation: DiscoveredRelation) -> str:
        return "x"


def relation(id: int, name: str, *keywords: str, named_by: str = "text") -> DiscoveredRelation:
    return DiscoveredRelation(id, name, list(keywords), 1, 1.0, named_by=named_by)  # type: ignore[arg-type]


def matcher() -> InventoryMatcher:
    return InventoryMatcher(INVENTORY, encode, weights=KEYWORDS_ALONE)


def test_names_and_descriptions_come_from_the_inventory_and_nothing_is_changed() -> None:
    relations = [relation(3, "wed", "spouse"), relation(8, "born in", "birth")]
    before = [replace(asked) for asked in relations]
    found = name_relations(relations, matcher(), top=1)
    assert [(p.relation, p.name, p.named_by, p.description, p.warning) for p in found] == [
        (3, "spouse", "inventory", None, None),
        (8, "birth", "inventory", "where born", None),
    ]
    assert [p.candidates[0].score for p in found] == [p.score for p in found] and all(
        len(p.candidates) == 1 for p in found
    )
    assert relations == before
    # An inventory alone, with an encoder, is the same as a matcher of it.
    assert [p.name for p in name_relations(relations, INVENTORY, encoder=encode)] == ["spouse", "birth"]


def test_two_relations_of_one_name() -> None:
    relations = [
        relation(0, "a", "spouse", "wife"),
        relation(1, "b", "spouse", "widow"),
        relation(2, "c", "birth", "birth", "spouse"),
    ]
    assert [p.name for p in name_relations(relations, matcher())] == ["spouse", "spouse (widow)", "birth"]
    assert [p.name for p in name_relations(relations[:2], matcher())] == ["spouse", "spouse (widow)"]
    # The second one must take what is left.
    found = name_relations([relations[0], relation(1, "b", "spouse", "spouse", "birth")], matcher(), one_to_one=True)
    assert [p.name for p in found] == ["spouse", "birth"]
    assert found[1].candidates[0].name == "spouse" and found[1].score == found[1].candidates[1].score
    with pytest.raises(UsageError, match="3 relations are more than the 2 names"):
        name_relations(relations, matcher(), one_to_one=True)


@pytest.mark.parametrize("kind", ["user", "known"])
def test_names_of_the_user_and_of_known_relations_stay(kind: str) -> None:
    mine = "spouse" if kind == "user" else "a name that is much longer than forty characters are"
    relations = [relation(0, "wed", "spouse", "wife"), relation(1, mine, "birth", named_by=kind)]
    asked: list[int] = []

    def by(relation: DiscoveredRelation) -> str:
        asked.append(relation.id)
        return "Spouse"

    for found in (name_relations(relations, by), name_relations(relations, matcher())):
        assert (found[1].name, found[1].named_by) == (mine, kind)
        assert found[0].name == ("spouse (wife)" if kind == "user" else found[0].name) != mine
    assert asked == [0]


def test_min_score_keeps_the_name_and_says_so() -> None:
    relations = [relation(0, "wed", "spouse"), relation(1, "flows", "river", "river", "birth")]
    with pytest.warns(UserWarning, match=r"1 of 2 relations keep the names .*relation 1"):
        found = name_relations(relations, matcher(), min_score=0.98)
    assert [(p.name, p.named_by) for p in found] == [("spouse", "inventory"), ("flows", "text")]
    assert found[1].warning is not None and "below 0.98" in found[1].warning
    assert found[1].score is not None and 0.9 < found[1].score < 0.98 and len(found[1].candidates) == 2
    for wrong in (1.5, True, "x"):
        with pytest.raises(UsageError, match="`min_score`"):
            name_relations(relations, matcher(), min_score=wrong)  # type: ignore[arg-type]


def test_a_relation_without_words_keeps_its_name_and_says_so() -> None:
    # As from embeddings alone.
    with pytest.warns(UserWarning, match="relation 0 there is nothing to compare"):
        found = name_relations([relation(0, "relation 0"), relation(1, "wed", "spouse")], matcher())
    assert [(p.name, p.named_by, p.candidates) for p in found][0] == ("relation 0", "text", [])
    assert (found[1].name, found[1].warning) == ("spouse", None)


def test_answers_of_a_function_are_cleaned_and_unique() -> None:
    relations = [
        relation(i, f"text {i}", *words)
        for i, words in enumerate((["born", "native"], ["born", "city"], ["x"], ["y"]))
    ]
    answers = iter(
        [
            '"Place of Birth"\nbecause ...',
            "place of birth.",
            "Place of birth",
            "<b>=cmd()</b>\x00\u202e" + "long " * 30,
        ]
    )
    found = name_relations(relations, lambda _: next(answers))
    assert [p.name for p in found[:3]] == ["Place of Birth", "Place of Birth (city)", "Place of Birth (x)"]
    assert len(found[3].name) <= 40 and found[3].name.endswith("…") and found[3].name.isprintable()
    assert {p.named_by for p in found} == {"model"} and {p.score for p in found} == {None}
    assert len({p.name for p in found}) == 4


def test_equal_names_without_keywords_get_numbers() -> None:
    found = name_relations([relation(i, f"r{i}") for i in range(3)], lambda _: "owner of")
    assert [p.name for p in found] == ["owner of", "owner of (2)", "owner of (3)"]


def test_a_new_name_makes_way_for_one_that_is_kept() -> None:
    relations = [relation(0, "old", "born"), relation(1, "place of birth", "city")]
    with pytest.warns(UserWarning, match="relation 1 the answer holds no name"):
        found = name_relations(relations, lambda asked: "Place of birth" if asked.id == 0 else " ")
    assert [p.name for p in found] == ["place of birth (born)", "place of birth"]


@pytest.mark.parametrize("answer", ["", "  \n", "…!?", "<think>never ends", "\x00\x07"])
def test_an_answer_without_a_name_leaves_the_old_one_with_a_warning(answer: str) -> None:
    with pytest.warns(UserWarning, match="1 of 1 relations keep the names that they had"):
        (found,) = name_relations([relation(4, "was born in", "born")], lambda _: answer)
    assert found == NameProposal(4, "was born in", named_by="text", warning="for relation 4 the answer holds no name.")


def test_a_function_is_asked_once_for_each_content() -> None:
    asked: list[int] = []

    def by(relation: DiscoveredRelation) -> str:
        asked.append(relation.id)
        return f"name {relation.keywords[0]}"

    first = name_relations([relation(0, "a", "born"), relation(1, "b", "wed")], by)
    # The same contents under other ids and names, and one that is new.
    again = name_relations([relation(5, "c", "wed"), relation(6, "d", "born"), relation(7, "e", "new")], by)
    assert asked == [0, 1, 7]
    assert [p.name for p in first] == ["name born", "name wed"]
    assert [p.name for p in again] == ["name wed", "name born", "name new"]
    cache: dict[str, str] = {}
    for _ in range(2):
        name_relations([relation(0, "a", "born")], by, cache=cache)
    assert asked == [0, 1, 7, 0] and list(cache.values()) == ["name born"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert name_relations([relation(0, "a", "born")], _Unhashable())[0].name == "x"


@pytest.mark.parametrize(
    ("by", "options", "message"),
    [
        ("spouse", {}, "must be a RelationInventory, a function or a text-generation pipeline, got str"),
        (lambda relation: None, {}, "must return a string, got NoneType for relation 0"),
        (lambda relation: "x", {"encoder": "a"}, "`encoder` is for a RelationInventory"),
    ],
)
def test_bad_arguments(by: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        name_relations([relation(0, "a", "born")], by, **options)


def test_errors_of_a_function_come_through() -> None:
    def by(relation: DiscoveredRelation) -> str:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        name_relations([relation(0, "a", "born")], by)


def test_no_relations() -> None:
    assert name_relations([], lambda _: "x") == name_relations([], matcher()) == []
