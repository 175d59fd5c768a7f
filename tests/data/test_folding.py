from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_relation.data import check_instances, explode_document, fold_instances
from hf_relation.errors import InvalidRowError, UsageError


Row = dict[str, Any]


def mentions(row: Any) -> tuple[str, str]:
    return tuple(row["text"][row[k]["start"] : row[k]["end"]] for k in ("head", "tail"))  # type: ignore[return-value]


def test_labelled_pairs_with_the_nearest_mentions(document: Any) -> None:
    rows = explode_document(document)
    assert check_instances(rows) == rows
    # Entity 3 ("Oslo Energy") to 2 ("Oslo" within it) overlaps and is left out; entity 0 stands nearest as "Lind" to 3.
    assert [(row["id"], mentions(row), row["relations"]) for row in rows] == [
        ("d/0-1", ("Lind", "Oslo"), ["residence"]),
        ("d/0-3", ("Lind", "Oslo Energy"), ["founded"]),
        ("d/1-3", ("Oslo", "Oslo Energy"), ["seat of"]),
    ]
    assert [row["head"]["type"] for row in rows] == ["PER", "PER", "LOC"]


def test_sentence_scope_takes_one_line_and_its_mentions(document: Any) -> None:
    rows = explode_document(document, scope="sentence")
    assert check_instances(rows) == rows
    assert [(row["text"], mentions(row)) for row in rows] == [
        ("Marta Lind lives in Oslo .", ("Marta Lind", "Oslo")),
        ("Lind founded Oslo Energy .", ("Lind", "Oslo Energy")),
    ]


def test_all_pairs_are_every_ordered_pair_of_separate_entities(document: Any) -> None:
    rows = explode_document(document, pairs="all")
    # 4 entities: 12 ordered pairs, less 2-3 and 3-2, which overlap.
    assert len(rows) == 10 and len({row["id"] for row in rows}) == 10
    assert sum(bool(row["relations"]) for row in rows) == 3


def test_max_pairs_keeps_labelled_and_then_the_nearest(document: Any) -> None:
    kept = explode_document(document, pairs="all", max_pairs=5)
    assert len(kept) == 5 and sum(bool(row["relations"]) for row in kept) == 3
    # Of the unlabelled pairs, 1-0 and 3-0 lie nearest after their twins 0-1 (gap 3) and 0-3 (gap 9); 0-2 has gap 9 too.
    assert [row["id"] for row in kept] == ["d/0-1", "d/0-2", "d/0-3", "d/1-0", "d/1-3"]


def test_overlapping_labelled_pair_can_be_an_error(document: Any) -> None:
    with pytest.raises(InvalidRowError, match="entities 3 and 2, labelled .'named after'.*on_overlap='skip'"):
        explode_document(document, on_overlap="raise")


def test_several_labels_of_a_pair_make_one_instance(document: Any) -> None:
    document["relations"] = [{"head": 0, "tail": 1, "label": label} for label in ("b", "a", "b")]
    assert [row["relations"] for row in explode_document(document)] == [["b", "a"]]


@pytest.mark.parametrize("option", [{"pairs": "some"}, {"scope": "line"}, {"on_overlap": "keep"}, {"max_pairs": 0}])
def test_unknown_options(document: Any, option: Row) -> None:
    with pytest.raises(UsageError, match="`" + next(iter(option))):
        explode_document(document, **option)


def test_folding_joins_types_and_keeps_texts_apart() -> None:
    def row(text: str, head: Row, tail: Row, label: str) -> Row:
        return {"id": f"{text}{label}", "text": text, "head": head, "tail": tail, "relations": [label]}

    ada, bob = {"start": 0, "end": 3}, {"start": 8, "end": 11}
    first = row("Ada met Bob", ada | {"type": None}, bob | {"type": "PER"}, "met")
    second = row("Ada met Bob", bob | {"type": "PER"}, ada | {"type": "PER"}, "met by")
    third = row("Ada saw Bob", ada | {"type": None}, bob | {"type": None}, "saw")
    folded = fold_instances([first, third, second])  # type: ignore[list-item]
    assert [document["text"] for document in folded] == ["Ada met Bob", "Ada saw Bob"]
    assert folded[0]["entities"] == [
        {"id": None, "type": "PER", "mentions": [0]},
        {"id": None, "type": "PER", "mentions": [1]},
    ]
    assert folded[0]["relations"] == [
        {"head": 0, "tail": 1, "label": "met"},
        {"head": 1, "tail": 0, "label": "met by"},
    ]


WORDS = "ada bob cy dee eve fay".split()
TEXT = " ".join(WORDS)


@st.composite
def instances_of_one_text(draw: st.DrawFn) -> list[Row]:
    pairs = draw(st.lists(st.permutations(range(6)).map(lambda p: (p[0], p[1])), min_size=1, max_size=6, unique=True))
    rows = []
    for position, pair in enumerate(pairs):
        spans = [
            {"start": TEXT.index(WORDS[i]), "end": TEXT.index(WORDS[i]) + len(WORDS[i]), "type": None} for i in pair
        ]
        labels = draw(st.lists(st.sampled_from("xyz"), min_size=1, max_size=3, unique=True))
        rows.append({"id": str(position), "text": TEXT, "head": spans[0], "tail": spans[1], "relations": labels})
    return rows


@given(instances_of_one_text())
@settings(max_examples=60, deadline=None)
def test_exploding_a_fold_gives_the_instances_back(rows: list[Any]) -> None:
    (document,) = fold_instances(rows)

    def content(row: Any) -> tuple[Any, ...]:
        return row["head"]["start"], row["tail"]["start"], row["relations"]

    assert sorted(map(content, explode_document(document))) == sorted(map(content, rows))
