"""Sentences: hand-made expectations, offsets that partition any text, and time that does not grow with the square."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_relation.data import split_sentences
from hf_relation.data.sentences import LONGEST_SENTENCE
from hf_relation.discovery import read_discovery_rows
from hf_relation.errors import UsageError
from tests.common.tiny_tokenizers import sample_instances


def sentences(text: str, how: Any = "en") -> list[str]:
    return [text[start:end] for start, end in split_sentences(text, how)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t ", []),
        ("One.", ["One."]),
        ("Dr. Weil met J. R. Ost. She left.", ["Dr. Weil met J. R. Ost.", "She left."]),
        ("It cost 3.5 francs. Why?  Nobody knew!", ["It cost 3.5 francs.", "Why?", "Nobody knew!"]),
        ("In the U.S. he rests.", ["In the U.S. he rests."]),
        ("A line\nwrapped here. Next.", ["A line\nwrapped here.", "Next."]),
        ("Heading\n\nThe text begins.\r\n\r\nIt ends.", ["Heading", "The text begins.", "It ends."]),
        ("北京很大。上海也很大！真的？", ["北京很大。", "上海也很大！", "真的？"]),
        (
            "Zoe\u0301 sang. \U0001f469\u200d\U0001f680 flew. A\x00da left.",
            ["Zoe\u0301 sang.", "\U0001f469\u200d\U0001f680 flew.", "A\x00da left."],
        ),
        ("שלום עולם. מה שלומך?", ["שלום עולם.", "מה שלומך?"]),
    ],
)
def test_sentences_by_language(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_other_ways_to_split() -> None:
    assert sentences("Am 3. Mai kam er. Dann ging er.", "de") == ["Am 3. Mai kam er.", "Dann ging er."]
    assert sentences("One . Two .\nThree .\r\n\nFour", "lines") == ["One . Two .", "Three .", "Four"]
    assert sentences(" One. Two. ", "text") == ["One. Two."]
    assert sentences("ab cd", lambda text: [(0, 3), (3, 5)]) == ["ab", "cd"]

    class Parser:
        def pipe(self, texts: Any) -> Any:
            raise NotImplementedError

        def __call__(self, text: str) -> Any:
            return SimpleNamespace(
                sents=[SimpleNamespace(start_char=0, end_char=2), SimpleNamespace(start_char=2, end_char=4)]
            )

    assert sentences("abcd", Parser()) == ["ab", "cd"]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("", "must be a language code"),
        ("../en", "must be a language code"),
        (7, "got int"),
        (lambda text: [(0, 99)], r"\(0, 99\) in a text of 4 characters"),
        (lambda text: [(2, 4), (0, 2)], "behind one that ends at 4"),
        (lambda text: [3], r"must give \(start, end\)"),
    ],
)
def test_bad_ways_are_refused(how: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        split_sentences("abcd", how)


# White space of several bytes behind an initial makes sentencex 1.0.32 panic; half of a character cannot be passed to it.
PARTS = st.sampled_from(
    [
        "a",
        "B",
        ".",
        "!",
        "?",
        " ",
        "\n",
        "\r\n",
        "\n\n",
        "(",
        ")",
        '"',
        "\u201c",
        "\u201d",
        "e\u0301",
        "\U0001f469\u200d\U0001f680",
    ]
    + [
        "\u3002",
        "\u300c",
        "\u300d",
        "\u0627",
        "\u200f",
        "\x00",
        "Dr.",
        "U.S.",
        "3.5",
        "\u2028",
        "\ufeff",
        "[1]",
        "\u00a0",
        "\u3000",
        "\x85",
        "\ud800",
        "\x1c",
    ]
)


@given(st.lists(PARTS, max_size=40))
@settings(max_examples=300, deadline=None)
def test_sentences_are_in_order_and_lose_nothing_but_white_space(parts: list[str]) -> None:
    text = "".join(parts)
    spans = split_sentences(text)
    borders = [0, *(offset for span in spans for offset in span), len(text)]
    assert borders == sorted(borders)
    between = [text[end:start] for end, start in zip(borders[::2], borders[1::2], strict=True)]
    assert all(not part.strip() for part in between)
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in spans)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("part", ["a", "\u201c", "A. ", "\n", "Ab cd. "])
def test_a_megabyte_of_one_thing(part: str) -> None:
    text = part * (1_000_000 // len(part))
    spans = split_sentences(text)
    assert all(end - start <= LONGEST_SENTENCE for start, end in spans)
    assert sum(end - start for start, end in spans) >= len(text.replace(" ", "").replace("\n", ""))


def test_long_texts_are_split_as_short_ones_are() -> None:
    short = "Ada Brenner was born in 1901. Dr. Weil met her in Lindau! "
    assert sentences(short * 200) == sentences(short) * 200


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentencex", None)
    with pytest.raises(ImportError, match=r"hf_relation\[text\]"):
        split_sentences("One. Two.")
    assert sentences("One.\nTwo.", "lines") == ["One.", "Two."]
    assert split_sentences("", "en") == split_sentences(" \n", "en") == []
    instances = sample_instances()
    assert len(read_discovery_rows(instances).instances) == len(instances)  # there is nothing to split
