from __future__ import annotations

import tracemalloc

import pytest

from hf_relation.demo.texts import TextOptions, text_instances
from hf_relation.errors import InvalidRowError, UsageError


NAMES = [("Ada", "PERSON"), ("Bob", "PERSON"), ("Lindau", "PLACE")]
TEXT = {"id": "a", "text": "Ada met Bob. They live in Lindau."}


def test_window_and_directions() -> None:
    for options, expected in (
        ({}, [("Ada", "Bob")]),
        ({"both_directions": True}, [("Ada", "Bob"), ("Bob", "Ada")]),
        ({"window": 2}, [("Ada", "Bob"), ("Ada", "Lindau"), ("Bob", "Lindau")]),
    ):
        rows, report = text_instances([TEXT], TextOptions(NAMES, **options))
        pairs = [
            tuple(row["text"][row[side]["start"] : row[side]["end"]] for side in ("head", "tail")) for row in rows
        ]
        assert pairs == expected and report.pairs == len(expected)


def test_texts_longer_than_a_row_may_be_are_cut_and_counted() -> None:
    text = {"id": "a", "text": "x " * 400 + "Ada met Bob" + " y" * 400}
    [row], report = text_instances([text], TextOptions(NAMES, max_chars=60))
    assert len(row["text"]) <= 60 and "Ada met Bob" in row["text"] and report.cut == 1


def test_documents_and_instances_need_no_names() -> None:
    spans = [{"start": 0, "end": 3}, {"start": 8, "end": 11}]
    document = {
        "id": "d",
        "text": "Ada met Bob.",
        "mentions": spans,
        "entities": [{"mentions": [0]}, {"mentions": [1]}],
    }
    instance = {"id": "i", "text": "Eve saw Dan.", "head": spans[0], "tail": spans[1]}
    rows, report = text_instances([document, instance], TextOptions())
    assert [row["text"] for row in rows] == ["Ada met Bob.", "Eve saw Dan."] and (report.texts, report.instances) == (
        1,
        1,
    )


def test_limits_hold_after_pairs_are_made() -> None:
    options = TextOptions(NAMES, max_rows=5, both_directions=True)
    assert len(text_instances([TEXT | {"id": str(i)} for i in range(2)], options)[0]) == 4
    with pytest.raises(
        UsageError, match="The texts hold more than 5 pairs of entities, the most that this demo takes"
    ):
        text_instances([TEXT | {"id": str(i)} for i in range(3)], options)
    with pytest.raises(InvalidRowError, match=r"begins with 'Ada Bob Ada .* has 6 mentions of names; .* at most 5"):
        text_instances([{"id": "a", "text": "Ada Bob " * 3}], options)


def test_many_texts_full_of_pairs_do_not_fill_the_memory() -> None:
    names = [chr(0x4E00 + number) for number in range(100)]  # 100 names, 4,950 pairs in a text
    rows = [{"id": str(number), "text": "".join(names)} for number in range(200)]
    tracemalloc.start()
    try:
        with pytest.raises(UsageError, match="more than 2,000 pairs"):
            text_instances(rows, TextOptions([(name, None) for name in names]))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 50 * 2**20  # all pairs are 990,000, of over 500 bytes each


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (["It rained."], "None of the 3 names stands in the texts. They are looked for as whole words"),
        (["ADA met BOB.", "Bobby"], "None of the 3 names stands in the texts"),
        (
            ["Ada sings.", "Bob too."],
            "No pair of entities was found in 2 texts with 2 mentions of entities (window=1)",
        ),
    ],
)
def test_no_pair_is_an_error_that_says_why(texts: list[str], reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        text_instances(texts, TextOptions(NAMES))
    assert str(caught.value).startswith(reason)
