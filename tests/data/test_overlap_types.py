"""Overlap types of triples, by hand-drawn cases."""

from __future__ import annotations

import pytest

from hf_relation.data import NUMBER_BUCKETS, document_triples, number_class, overlap_statistics, overlap_types
from hf_relation.errors import UsageError


def triples(text: str) -> list[tuple[str, str, str]]:
    """`"a-b c-d"`: two triples, relations named by their number."""
    return [(pair[0], f"r{number}", pair[-1]) for number, pair in enumerate(text.split())]


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("", ""),
        ("a-b", "Normal"),
        ("a-b c-d", "Normal"),
        ("a-b a-b", "EPO"),
        ("a-b b-a", "SEO"),  # a pair and its reverse are two pairs
        ("a-b a-c", "SEO"),
        ("a-b c-b", "SEO"),
        ("a-b b-c", "SEO"),
        ("a-b a-b c-d", "EPO"),
        ("a-b a-b b-c", "EPO SEO"),
        ("a-a", "SEO"),
        ("a-b c-d e-d", "SEO"),
    ],
)
def test_types(text: str, types: str) -> None:
    assert overlap_types(triples(text)) == frozenset(types.split())


def test_a_triple_listed_twice_is_an_overlap() -> None:
    assert overlap_types([("a", "r", "b")] * 2) == {"EPO"}


@pytest.mark.parametrize(
    ("number", "name", "bucket"),
    [(0, None, None), (1, "Single", "1"), (2, "Double", "2"), (3, "Multiple", "3"), (4, "Multiple", "4"),
     (5, "Multiple", "5+"), (9, "Multiple", "5+")],
)  # fmt: skip
def test_numbers(number: int, name: str | None, bucket: str | None) -> None:
    listed = triples("a-b " * number)
    assert (number_class(listed), number_class(listed, NUMBER_BUCKETS)) == (name, bucket)


def test_documents_are_classed_by_their_entities() -> None:
    document = {
        "id": "d",
        "text": "Holm Holm Ada",
        "mentions": [{"start": 0, "end": 4}, {"start": 5, "end": 9}, {"start": 10, "end": 13}],
        "entities": [{"id": None, "type": None, "mentions": [i]} for i in range(3)],
        "relations": [{"head": 2, "tail": 0, "label": "r"}, {"head": 2, "tail": 1, "label": "r"}],
    }
    assert document_triples(document) == [(2, "r", 0), (2, "r", 1)]  # type: ignore[arg-type]
    assert overlap_types(document) == {"SEO"} and number_class(document) == "Double"  # type: ignore[arg-type]


def test_statistics_add_up() -> None:
    counts = overlap_statistics(map(triples, ["a-b", "a-b a-b b-c", "", "a-b c-d", "a-b " * 6]))
    assert counts == {
        "texts": 5, "triples": 12, "Normal": 2, "EPO": 2, "SEO": 1, "Single": 1, "Double": 1, "Multiple": 2,
        "1": 1, "2": 1, "3": 1, "4": 0, "5+": 1,
    }  # fmt: skip


@pytest.mark.parametrize("bad", [[("a", "b")], ["abc"], [5], [("a", "r", "b", "c")]])
def test_triples_have_three_parts(bad: list[object]) -> None:
    with pytest.raises(UsageError, match=r"triple 0 must be \(head, relation, tail\)"):
        overlap_types(bad)  # type: ignore[arg-type]
