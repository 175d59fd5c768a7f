from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hf_relation.discovery import DiscoveredRelation, InventoryEntry, RelationDiscovery, RelationInventory
from hf_relation.discovery.asking import rank_relations
from hf_relation.errors import UsageError
from tests.common.planted import PLANTED_WORDS, planted_corpus


def encode(texts: list[str]) -> np.ndarray:
    """One dimension for each planted word, by its first four letters."""
    return np.array([[float(word[:4] in text) for word in PLANTED_WORDS] for text in texts])


def discovery() -> RelationDiscovery:
    instances, embeddings, _ = planted_corpus()
    return RelationDiscovery(num_relations=3, n_init=5).fit(instances, embeddings)


@pytest.mark.parametrize(
    ("query", "found"), [("where was she born", 0), ("who founded what", 1), ("plays in a team", 2)]
)
def test_the_relation_of_the_query_comes_first(query: str, found: int, tmp_path: Path) -> None:
    model = discovery()
    matches = model.find_relations(query, encoder=encode)
    assert [match.relation for match in matches][0] == found
    assert len(matches) == 3 and matches[0].name == model.relations_[found].name
    assert all(-1 <= match.score <= 1 for match in matches)
    model.save_pretrained(tmp_path)
    assert RelationDiscovery.from_pretrained(tmp_path).find_relations(query, encoder=encode) == matches
    assert model.find_relations(query, encoder=encode, top=1) == matches[:1]


def test_scores_by_hand() -> None:
    # Vectors of the two relations are e0 and e1, their common part is (e0 + e1) / 2 * 2/3 = (1/3, 1/3); the query is e0.
    relations = [DiscoveredRelation(4, "born", [], 1, 1.0), DiscoveredRelation(7, "founded", [], 1, 1.0)]
    for relation in relations:
        relation.named_by = "user"
    matches = rank_relations("born", relations, encoder=encode)
    first, second = np.array([2, -1]) / 5**0.5, np.array([-1, 2]) / 5**0.5
    assert [match.relation for match in matches] == [4, 7]
    assert [match.score for match in matches] == pytest.approx([1.0, float(first @ second)], abs=1e-6)


@pytest.mark.parametrize(("query", "top"), [("", 5), (" \n", 5), (None, 5), (3, 5), ("born", 0), ("born", True)])
def test_bad_questions(query: str, top: int) -> None:
    with pytest.raises(UsageError, match="`query`|`top`"):
        discovery().find_relations(query, top=top, encoder=encode)


def test_relations_without_words_cannot_be_asked_for() -> None:
    model = RelationDiscovery(num_relations=2).fit(np.eye(2))
    with pytest.raises(UsageError, match="embeddings alone"):
        model.find_relations("born", encoder=encode)


def test_encoders_must_give_a_row_for_each_text() -> None:
    with pytest.raises(UsageError, match="returned 1 rows"):
        discovery().find_relations("born", encoder=lambda texts: np.ones((1, 2)))


def test_names_from_an_inventory_stay_when_relations_change(tmp_path: Path) -> None:
    model = discovery()
    model.set_names({2: "mine"})
    inventory = RelationInventory(
        [
            InventoryEntry("born at", "where born"),
            InventoryEntry("founded by", "who founded it"),
            InventoryEntry("plays for", "team"),
        ]
    )
    proposals = model.name_relations(inventory, encoder=encode)
    assert [proposal.relation for proposal in proposals] == [0, 1, 2]
    assert [(r.name, r.named_by) for r in model.relations_] == [
        ("born at", "inventory"),
        ("founded by", "inventory"),
        ("mine", "user"),
    ]
    assert model.relations_[0].description == "where born"
    model.split(0)
    assert [(r.id, r.name) for r in model.relations_][:3] == [(0, "born at"), (1, "founded by"), (2, "mine")]
    model.save_pretrained(tmp_path)
    loaded = RelationDiscovery.from_pretrained(tmp_path)
    assert loaded.relations_ == model.relations_


def test_a_namer_that_fails_changes_nothing() -> None:
    model = discovery()
    before = [relation.name for relation in model.relations_]
    with pytest.raises(UsageError, match="must return a string"):
        model.name_relations(lambda relation: 3)
    assert [relation.name for relation in model.relations_] == before
