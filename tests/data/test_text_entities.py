"""Long texts reach a tagger in pieces, and a dictionary whole."""

from __future__ import annotations

import pytest

from hf_relation.data import EntityDictionary, EntitySpan, text_entities
from hf_relation.data.text_entities import entities_of_long_texts


def test_spans_of_pieces_are_those_of_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_entities, "_LONGEST_PIECE", 12)
    text = "Ada sings.\nBob sleeps.\n"
    given: list[str] = []

    def first_three(texts: list[str]) -> list[list[tuple[int, int]]]:
        given.extend(texts)
        return [[(0, 3)] for _ in texts]

    found = entities_of_long_texts(first_three, [text, "Eve"], sentences="lines")
    assert given == ["Ada sings.\n", "Bob sleeps.\n", "Eve"]
    assert found == [[EntitySpan(0, 3), EntitySpan(11, 14)], [EntitySpan(0, 3)]]


def test_a_dictionary_finds_names_across_the_ends_of_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_entities, "_LONGEST_PIECE", 6)
    names = EntityDictionary([("New York", None)])
    assert entities_of_long_texts(names, ["In New\nYork", ""]) == [[EntitySpan(3, 11)], []]
