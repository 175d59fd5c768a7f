"""Rows of tasks beside relations: checks, JSONL of all kinds, and tags of spans."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import pytest

from hf_relation.data import (
    check_labelled_text,
    check_tagged_sentence,
    iob_spans,
    read_jsonl,
    to_iob2,
    to_misc,
    write_jsonl,
)
from hf_relation.errors import InvalidRowError, UsageError


SENTENCE = {"id": "a", "tokens": ["Ada", " "], "tags": ["B-PER", "O"]}
TEXT = {"id": "a", "text": "Hi there.", "text_pair": None, "label": "joy"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"tokens": None}, "`tokens` is missing"),
        ({"tokens": "Ada"}, "`tokens` must be a list"),
        ({"tokens": ["Ada", ""]}, r"`tokens\[1\]` is empty"),
        ({"tokens": ["Ada", 5]}, r"`tokens\[1\]` must be a string, got 5"),
        ({"tokens": ["Ada", "\ud800"]}, "lone surrogate"),
        ({"tags": ["O", ""]}, r"`tags\[1\]` is blank"),
        ({"tags": ["O"]}, "there are 2 tokens and 1 tags"),
        ({"tokens": [], "tags": []}, "has no tokens"),
        ({"id": " "}, "`id` is blank"),
    ],
)
def test_sentences_are_refused(change: dict[str, Any], reason: str) -> None:
    assert check_tagged_sentence({**SENTENCE, "more": 1}) == SENTENCE
    with pytest.raises(InvalidRowError, match=rf"^row 3: .*{reason}"):
        check_tagged_sentence(SENTENCE | change, index=3)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"text": ""}, "`text` is blank"),
        ({"text": None}, "`text` must be a string"),
        ({"text_pair": 1}, "`text_pair` must be a string"),
        ({"label": " "}, "`label` is blank"),
        ({"label": True}, "`label` must be a string, a number or null"),
        ({"label": math.nan}, "is no score"),
        ({"label": math.inf}, "is no score"),
    ],
)
def test_texts_are_refused(change: dict[str, Any], reason: str) -> None:
    assert check_labelled_text({**TEXT, "more": 1}) == TEXT
    assert check_labelled_text({"text": "x", "label": 3}, line=2) == {
        "id": "1",
        "text": "x",
        "text_pair": None,
        "label": 3.0,
    }
    with pytest.raises(InvalidRowError, match=rf"^line 3: .*{reason}"):
        check_labelled_text(TEXT | change, line=3)


def test_rows_that_are_no_objects() -> None:
    for check in (check_tagged_sentence, check_labelled_text):
        with pytest.raises(InvalidRowError, match="must be an object"):
            check([1])  # type: ignore[operator]


@pytest.mark.parametrize(
    ("kind", "row"),
    [("tagged", SENTENCE), ("text", TEXT), ("text", TEXT | {"label": None}), ("score", TEXT | {"label": 1.5})],
)
def test_jsonl_round_trip(tmp_path: Path, kind: Any, row: dict[str, Any]) -> None:
    write_jsonl(tmp_path / "a.jsonl", [row])
    assert list(read_jsonl(tmp_path / "a.jsonl", kind=kind)) == [row]


def test_a_kind_has_names_or_scores(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "names.jsonl", [TEXT])
    write_jsonl(tmp_path / "scores.jsonl", [TEXT | {"label": 1.5}])
    with pytest.raises(InvalidRowError, match="line 1: `label` must be a number or null, got 'joy'"):
        list(read_jsonl(tmp_path / "names.jsonl", kind="score"))
    with pytest.raises(InvalidRowError, match="line 1: `label` must be a string or null, got 1.5"):
        list(read_jsonl(tmp_path / "scores.jsonl", kind="text"))
    with pytest.raises(UsageError, match="`kind` must be 'document' or 'instance'"):
        read_jsonl(tmp_path / "names.jsonl", kind="words")  # type: ignore[call-overload]


def slow_spans(tags: list[str]) -> set[tuple[int, int, str]]:
    """By conlleval's own two questions, asked of each pair of neighbours: does a chunk end, does one begin?"""
    parts = [("O", "")] + [(tag[0], tag[2:]) for tag in tags] + [("O", "")]
    found, start = set(), None
    for i in range(1, len(parts)):
        (before, before_type), (now, now_type) = parts[i - 1], parts[i]
        ends = before != "O" and (now in "BO" or before_type != now_type)
        begins = now == "B" or (now == "I" and (before == "O" or before_type != now_type))
        if ends:
            assert start is not None
            found.add((start, i - 1, before_type))
        if begins:
            start = i - 1
    return found


def test_every_sequence_of_four_tags() -> None:
    for tags in itertools.product(["O", "B-x", "I-x", "B-y", "I-y"], repeat=4):
        spans = iob_spans(tags)
        assert set(spans) == slow_spans(list(tags)) and sorted(spans) == spans
        normal = to_iob2(tags)
        assert iob_spans(normal) == spans and to_iob2(normal) == normal
        assert all(tag[0] != "I" or before[2:] == tag[2:] for before, tag in itertools.pairwise(["O", *normal]))


@pytest.mark.parametrize("tag", ["", "B", "B-", "I_PER", "S-PER", "x-PER", None, 3])
def test_tags_that_are_not_iob(tag: Any) -> None:
    with pytest.raises(InvalidRowError, match=r"^row 1: the tag .* is none of") as caught:
        to_iob2(["O", tag])
    assert caught.value.index == 1


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("person", "PER"), ("PERSON", "PER"), ("PSN", "PER"), ("PER", "PER"), ("PER.NOM", "PER"), ("location", "LOC"),
        ("GPE.NAM", "LOC"), ("LOC.NAM", "LOC"), ("group", "ORG"), ("corporation", "ORG"), ("ORGANIZATION", "ORG"),
        ("product", "MISC"), ("creative-work", "MISC"), ("DAT", "MISC"), ("MISC", "MISC"),
    ],
)  # fmt: skip
def test_types_of_the_corpora(tag: str, expected: str) -> None:
    assert to_misc([f"I-{tag}", f"I-{tag}", "O"]) == [f"B-{expected}", f"I-{expected}", "O"]


def test_types_may_be_chosen() -> None:
    tags = ["B-person", "B-location", "I-location", "B-group"]
    assert to_misc(tags, keep=("PER",)) == ["B-PER", "B-MISC", "I-MISC", "B-MISC"]
    assert to_misc(tags, names={"LOCATION": "O", "GROUP": "PER"}) == ["B-MISC", "O", "O", "B-PER"]
    with pytest.raises(UsageError, match="`keep` must be a list"):
        to_misc(tags, keep="PER")
