"""Spans of taggers to documents, and the kinds of taggers that are understood."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hf_relation.data import EntitySpan, check_document, document_of_spans, entities_of
from hf_relation.data.entities import without_overlaps
from hf_relation.errors import InvalidRowError, UsageError


def test_equal_words_of_a_type_are_one_entity() -> None:
    text = "Ada met ADA, and Ada Lane met ada  lane."
    spans = [(0, 3, "P"), (8, 11, "P"), (17, 25, "P"), (30, 39, "P"), (30, 33, "Q")]
    found = document_of_spans(text, spans, id="d")
    assert [entity["mentions"] for entity in found["entities"]] == [[0, 1], [2, 4], [3]]
    assert [entity["type"] for entity in found["entities"]] == ["P", "P", "Q"]
    assert check_document(found) == found and found["id"] == "d" and found["relations"] == []
    alone = document_of_spans(text, spans, merge="none")
    assert [entity["mentions"] for entity in alone["entities"]] == [[0], [1], [2], [3], [4]]


def test_a_name_is_one_entity_in_every_unicode_form_and_its_case_counts_when_asked() -> None:
    text = "Zo\u00e9 Lane, Zoe\u0301\u00a0 Lane, ZO\u00c9 LANE"
    spans = [(0, 8), (10, 20), (22, 30)]
    assert [text[start:end] for start, end in spans] == ["Zo\u00e9 Lane", "Zoe\u0301\u00a0 Lane", "ZO\u00c9 LANE"]
    assert [entity["mentions"] for entity in document_of_spans(text, spans)["entities"]] == [[0, 1, 2]]
    exact = document_of_spans(text, spans, merge="exact")
    assert [entity["mentions"] for entity in exact["entities"]] == [[0, 1], [2]]


def test_white_space_at_the_ends_is_left_out_and_equal_spans_count_once() -> None:
    found = document_of_spans(" Ada \n", [(0, 6, "P"), (1, 4, "Q")])
    assert found["mentions"] == [{"start": 1, "end": 4}] and found["entities"][0]["type"] == "P"
    assert document_of_spans("", [])["entities"] == []


def test_spans_are_plain_numbers_afterwards() -> None:
    found = document_of_spans("Ada", [(np.int64(0), np.int32(3))])
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    "span, message",
    [
        ((0, 9), "not within the text of 5"),
        ((-1, 3), "not within"),
        ((3, 3), "not within"),
        ((3, 4), "white space"),
        ((4, 5), "white space"),
        ((0.0, 3.0), "whole numbers"),
        ((None, 3), "whole numbers"),
        ((True, 3), "whole numbers"),
        ((0, 3, 7), "type"),
        ((0, 3, ""), "type"),
        ((0,), "is \\(start, end\\)"),
        ("ab", "is \\(start, end\\)"),
        (7, "is \\(start, end\\)"),
    ],
)
def test_bad_spans_are_refused(span: Any, message: str) -> None:
    with pytest.raises(InvalidRowError, match=f"row 4: .*{message}"):
        document_of_spans("Ada \u200b", [span], index=4)
    with pytest.raises(UsageError, match="merge"):
        document_of_spans("Ada", [], merge="coreference")  # type: ignore[arg-type]


def test_of_overlapping_spans_the_longest_is_kept() -> None:
    spans = [EntitySpan(0, 4), EntitySpan(3, 7), EntitySpan(7, 9, "B"), EntitySpan(7, 9, "A"), EntitySpan(20, 30)]
    assert without_overlaps(spans) == [EntitySpan(0, 4), EntitySpan(7, 9, "A"), EntitySpan(20, 30)]
    assert without_overlaps([]) == []


TEXTS = ["Ada sings.", "No one.", "Bob"]
FOUND = [[EntitySpan(0, 3, "P")], [], [EntitySpan(0, 3)]]


class SpacyLike:
    """`pipe` and documents with `ents`, as in spaCy."""

    def pipe(self, texts: Any) -> Any:
        for text in texts:
            names = [name for name in ("Ada", "Bob") if name in text]
            kinds = {"Ada": "P", "Bob": ""}
            ents = [SimpleNamespace(start_char=0, end_char=3, label_=kinds[name]) for name in names]
            yield SimpleNamespace(ents=tuple(ents))


def tuples(texts: list[str]) -> Any:
    return (spans for spans in ([(0, 3, "P")], [], [(np.int64(0), 3)]))


def mappings(texts: list[str]) -> Any:
    return [[{"start": 0, "end": 3, "entity_group": "P", "score": 0.9}], (), [{"start": 0, "end": 3}]]


@pytest.mark.parametrize("source", [SpacyLike(), tuples, mappings])
def test_sources(source: Any) -> None:
    found = entities_of(source, TEXTS)
    assert found == FOUND
    json.dumps(found)
    assert entities_of(source, []) == []


def test_one_text_may_be_answered_by_one_list() -> None:
    assert entities_of(lambda texts: [{"start": 0, "end": 3, "type": "P"}], TEXTS[:1]) == [FOUND[0]]


@pytest.mark.parametrize(
    "source, message",
    [
        ("dslim/bert-base-NER", "got str"),
        (7, "got int"),
        (lambda texts: [[]], "answered 1 lists to 3 texts"),
        (lambda texts: None, "answered NoneType"),
        (lambda texts: {"Ada": (0, 3)}, "answered dict"),
        (lambda texts: [[], None, []], "text 1"),
        (lambda texts: [[], "PERSON", []], "text 1"),
        (lambda texts: [[], ["Ada"], []], "text 1"),
        (lambda texts: [[], [(0, "3")], []], "text 1.*whole numbers"),
        (lambda texts: [[], [{"entity_group": "P", "start": None, "end": None}], []], "text 1.*fast tokenizer"),
        (lambda texts: [[], [{"start": 0}], []], "text 1.*no character offsets"),
        (lambda texts: [[], [{"entity": "B-P", "start": 0, "end": 3}], []], "aggregation_strategy"),
    ],
)
def test_what_is_no_source_or_no_answer_is_refused(source: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        entities_of(source, TEXTS)


def test_a_real_spacy_pipeline() -> None:
    spacy = pytest.importorskip("spacy")
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "PERSON", "pattern": "Ada"}])
    assert entities_of(nlp, TEXTS) == [[EntitySpan(0, 3, "PERSON")], [], []]
