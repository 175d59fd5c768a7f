from __future__ import annotations

import pytest

from hf_relation.data import crop_around_mentions
from hf_relation.data.schema import Instance
from hf_relation.errors import UsageError


TEXT = "w0 w1 w2 w3 w4 w5 w6 w7 w8 w9"  # words of two characters, so word i starts at 3 i


def instance(head: tuple[int, int], tail: tuple[int, int]) -> Instance:
    """Mentions from word to word, both inclusive."""
    spans = [{"start": 3 * first, "end": 3 * last + 2, "type": "X"} for first, last in (head, tail)]
    return {"id": "a", "text": TEXT, "head": spans[0], "tail": spans[1], "relations": ["r"]}  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("head", "tail", "words", "expected"),
    [
        ((4, 4), (5, 5), 4, "w3 w4 w5 w6"),  # one on each side
        ((4, 4), (5, 5), 5, "w3 w4 w5 w6 w7"),  # the odd one on the right
        ((5, 5), (4, 4), 4, "w3 w4 w5 w6"),  # the tail may come first
        ((0, 0), (1, 1), 6, "w0 w1 w2 w3 w4 w5"),  # nothing on the left: all on the right
        ((8, 8), (9, 9), 6, "w4 w5 w6 w7 w8 w9"),
        ((1, 1), (8, 8), 8, "w1 w2 w3 w4 w5 w6 w7 w8"),
        ((1, 2), (7, 8), 3, "w1 w2 w3 w4 w5 w6 w7 w8"),  # what is between the mentions is never cut
        ((0, 4), (5, 9), 3, TEXT),
        ((2, 2), (4, 4), 9, "w0 w1 w2 w3 w4 w5 w6 w7 w8"),
    ],
)
def test_windows_worked_by_hand(head: tuple[int, int], tail: tuple[int, int], words: int, expected: str) -> None:
    row = instance(head, tail)
    cropped = crop_around_mentions(row, words)
    assert cropped["text"] == expected
    for key in ("head", "tail"):
        before, after = row[key], cropped[key]  # type: ignore[literal-required]
        assert after["type"] == "X"
        assert TEXT[before["start"] : before["end"]] == expected[after["start"] : after["end"]]
    assert (cropped["id"], cropped["relations"]) == ("a", ["r"])


def test_short_texts_stay_as_they_are() -> None:
    row = instance((0, 0), (9, 9))
    assert crop_around_mentions(row, 10) is row
    with pytest.raises(UsageError, match="at least 2"):
        crop_around_mentions(row, 1)
