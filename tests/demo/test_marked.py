from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_relation.demo import parse_marked
from hf_relation.errors import InvalidRowError


def test_marks_are_taken_out_and_nothing_else() -> None:
    row = parse_marked("In <tail>Rome & <Co></tail>, 👩‍👩‍👧 &amp; <b>bold</b>, <head>Ada</head> sang.", index=4)
    assert row == {
        "id": "4",
        "text": "In Rome & <Co>, 👩‍👩‍👧 &amp; <b>bold</b>, Ada sang.",
        "head": {"start": 41, "end": 44, "type": None},
        "tail": {"start": 3, "end": 14, "type": None},
        "relations": [],
    }
    assert row["text"][41:44] == "Ada" and row["text"][3:14] == "Rome & <Co>"


_words = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf")), min_size=1, max_size=12).filter(
    lambda text: "<" not in text and ">" not in text
)


@given(_words, _words.filter(str.strip), _words, _words.filter(str.strip), _words)
def test_any_text_comes_back(before: str, head: str, between: str, tail: str, after: str) -> None:
    row = parse_marked(f"{before}<head>{head}</head>{between}<tail>{tail}</tail>{after}", index=0)
    assert row["text"] == before + head + between + tail + after
    assert row["text"][row["head"]["start"] : row["head"]["end"]] == head
    assert row["text"][row["tail"]["start"] : row["tail"]["end"]] == tail


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("Ada met <tail>Bob</tail>.", "there is no <head>"),
        ("<head>Ada</head> met Bob.", "there is no <tail>"),
        ("<head>Ada</head> met <tail>Bob.", "<tail> is not closed"),
        ("<head>Ada</head> met <head>Bob</head>.", "there is a second <head>"),
        ("<head>Ada <tail>Bob</tail></head>", "<tail> stands within <head>"),
        ("Ada</head> met <tail>Bob</tail>.", "</head> closes nothing"),
        ("<head>Ada</tail> met <tail>Bob</tail>.", "</tail> closes nothing"),
        ("<head> </head> met <tail>Bob</tail>.", "marks only blank"),
        ("<head></head> met <tail>Bob</tail>.", "`start` must be smaller"),
    ],
)
def test_wrong_marks_are_errors_with_their_line(sentence: str, reason: str) -> None:
    with pytest.raises(InvalidRowError, match=reason) as caught:
        parse_marked(sentence, index=2, line=7)
    assert str(caught.value).startswith("line 7: ")
