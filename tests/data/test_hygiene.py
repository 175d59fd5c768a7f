from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_relation.data import drop_benchmark_sentences, drop_overlapping, hygiene, overlap, sentence_key


@pytest.mark.parametrize(
    "other",
    [
        "the caf\u00e9  in Graz .",
        "THE CAF\u00c9 IN GRAZ.",
        "The cafe\u0301 in\u00a0Graz\n.",
        "\uff34he caf\u00e9 in Graz.",
    ],
)
def test_writings_of_one_sentence_have_one_key(other: str) -> None:
    assert sentence_key(other) == sentence_key("The caf\u00e9 in Graz.")


def test_other_words_or_marks_have_other_keys() -> None:
    keys = {sentence_key(text) for text in ("Ada met Bob.", "Ada met Bob", "Ada met Rob.", "Bob met Ada.")}
    assert len(keys) == 4


def test_rows_are_dropped_for_any_of_the_sets_and_nothing_is_lost() -> None:
    train = [{"text": text, "id": i} for i, text in enumerate(["A.", "B.", "C.", "a ."])]
    kept, dropped = drop_overlapping(train, [[{"text": "A."}], iter([{"text": "c."}])])
    assert [row["id"] for row in kept] == [1]
    assert [row["id"] for row in dropped] == [0, 2, 3]
    assert overlap(train, [{"text": "A."}]) == 2


def test_a_document_counts_by_its_sentences() -> None:
    document = {"text": "One two .\nThree four .\n", "entities": []}
    assert overlap([{"text": "three four."}], [document]) == 1
    assert overlap([document], [{"text": "One two."}]) == 1
    assert overlap([{"text": "One two . Three four ."}], [document]) == 0


texts = st.lists(st.sampled_from("abcdefgh"), max_size=8)


@given(texts, texts)
@settings(max_examples=60, deadline=None)
def test_after_dropping_nothing_overlaps(train: list[str], evaluation: list[str]) -> None:
    rows, other = [{"text": text} for text in train], [{"text": text.upper()} for text in evaluation]
    kept, dropped = drop_overlapping(rows, [other])
    assert overlap(kept, other) == 0 and len(kept) + len(dropped) == len(rows)
    assert len(dropped) == sum(text in evaluation for text in train)


def test_fingerprints_drop_what_they_stand_for(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"text": "Ada met Bob ."}, {"text": "Ada saw Bob ."}]
    monkeypatch.setattr(hygiene, "_shipped_fingerprints", lambda: frozenset([hygiene.fingerprint("adamet" + "bob.")]))
    assert drop_benchmark_sentences(rows) == ([rows[1]], [rows[0]])
