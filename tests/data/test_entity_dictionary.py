"""Names of a dictionary: whole words, longest first, in any Unicode form, with offsets of the text as it stands."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest

from hf_relation.data import EntityDictionary, entities_of
from hf_relation.errors import InvalidRowError, UsageError


def found(names: list[str], text: str, **options: bool) -> list[str]:
    return [
        text[span.start : span.end]
        for span in EntityDictionary([(name, None) for name in names], **options)([text])[0]
    ]


@pytest.mark.parametrize(
    ("names", "text", "expected"),
    [
        (["Ada"], "Ada, Adam and Nevada: Ada", ["Ada", "Ada"]),
        (["Ada"], "ADA ada", []),
        (
            ["New York", "New York Times", "York"],
            "New York Times of New York, York",
            ["New York Times", "New York", "York"],
        ),
        (
            ["New York"],
            "New  York, New\r\nYork, New\u00a0York, NewYork",
            ["New  York", "New\r\nYork", "New\u00a0York"],
        ),
        (["AT&T", "C++", "U.S."], "AT&T uses C++ in the U.S. today", ["AT&T", "C++", "U.S."]),
        (["a b", "a"], "a b a c", ["a b", "a"]),
        (["Ada_1", "Ada"], "Ada_1 Ada_2 Ada-3", ["Ada_1", "Ada"]),
        (["Zoe\u0301"], "Zo\u00e9 and Zoe\u0301", ["Zo\u00e9", "Zoe\u0301"]),
        (["Zo\u00e9"], "Zo\u00e9 and Zoe\u0301", ["Zo\u00e9", "Zoe\u0301"]),
        (["Zoe"], "Zoe\u0301 Zoe", ["Zoe"]),
        (
            ["\u5317\u4eac", "\u5317\u4eac\u5927\u5b66"],
            "\u4ed6\u5728\u5317\u4eac\u5927\u5b66\uff0c\u4e0d\u5728\u5317\u4eac\u3002",
            ["\u5317\u4eac\u5927\u5b66", "\u5317\u4eac"],
        ),
        (
            ["\uc0bc\uc131"],
            "\uc0bc\uc131\uc740 \u1109\u1161\u11b7\u1109\u1165\u11bc",
            ["\uc0bc\uc131", "\u1109\u1161\u11b7\u1109\u1165\u11bc"],
        ),
        (["\U0001f469"], "\U0001f469 \U0001f469\u200d\U0001f680", ["\U0001f469"]),
        (["\U0001f469\u200d\U0001f680"], "x\U0001f469\u200d\U0001f680x", ["\U0001f469\u200d\U0001f680"]),
        (
            ["\u05e9\u05dc\u05d5\u05dd"],
            "\u200f\u05e9\u05dc\u05d5\u05dd, \u05d4\u05e9\u05dc\u05d5\u05dd",
            ["\u05e9\u05dc\u05d5\u05dd"],
        ),
        (["Ada"], "\x00Ada\x00 Ada\x00", ["Ada", "Ada"]),
        (["Ada"], "", []),
    ],
)
def test_what_is_found(names: list[str], text: str, expected: list[str]) -> None:
    assert found(names, text) == expected


def test_case_is_ignored_where_asked() -> None:
    assert found(["apple"], "Apple APPLE pineapple", ignore_case=True) == ["Apple", "APPLE"]
    assert found(["Stra\u00dfe"], "STRASSE stra\u00dfe Strassen", ignore_case=True) == ["STRASSE", "stra\u00dfe"]
    assert found(["s"], "\u00df s", ignore_case=True) == ["s"]  # half of what the sharp s becomes is nothing
    assert found(["\u0130zmir"], "\u0130ZM\u0130R \u0130zmir", ignore_case=True)[-1] == "\u0130zmir"
    assert found(["\u00c9ZA"], "e\u0301za", ignore_case=True) == ["e\u0301za"]


def test_it_finds_what_a_slow_search_finds() -> None:
    """The slow search tries every stretch of a text of plain words, in order, the longest first."""
    rng = random.Random(5)
    for _ in range(200):
        names = {" ".join(rng.choices("abc", k=rng.randint(1, 3))) for _ in range(rng.randint(1, 5))}
        words = rng.choices(["a", "b", "c", "ab"], k=rng.randint(0, 12))
        expected, place = [], 0
        while place < len(words):
            length = next(
                (n for n in (3, 2, 1) if " ".join(words[place : place + n]) in names and place + n <= len(words)), 0
            )
            expected += [" ".join(words[place : place + length])] if length else []
            place += length or 1
        assert found(sorted(names), " ".join(words)) == expected


def test_files_of_all_kinds(tmp_path: Path) -> None:
    plain, packed, rows = tmp_path / "names.txt", tmp_path / "names.tsv.gz", tmp_path / "names.jsonl"
    plain.write_text("\ufeffAda\tPERSON\r\n\nLindau\n", encoding="utf-8")
    packed.write_bytes(gzip.compress(b"Ada\tPERSON\nLindau"))
    rows.write_text(
        '{"name": "Ada", "type": "PERSON", "more": 1}\n{"name": "Lindau", "type": null}\n', encoding="utf-8"
    )
    for path in (plain, packed, rows):
        names = EntityDictionary.from_file(path)
        assert len(names) == 2
        assert [(span.start, span.type) for span in entities_of(names, ["Ada of Lindau"])[0]] == [
            (0, "PERSON"),
            (7, None),
        ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.tsv", "Ada\tPERSON\n\tPERSON", "line 2: the name must be a string that is not blank"),
        ("a.tsv", "Ada\t ", "line 1: the type must be a string that is not blank"),
        ("a.tsv", "Ada\tPERSON\tx", "line 1: the line has more than one tab"),
        ("a.tsv", "Ada\tA\n\nZoe\nAda\tB", "line 4: the name 'Ada' has the type 'B' here and 'A' before"),
        ("a.tsv", "x" * 201, "line 1: .* has 201 characters; at most 200"),
        ("a.jsonl", '{"name": "Ada"}\n{"surface": "Ada"}', 'line 2: an object with "name"'),
        ("a.jsonl", '{"name": 7}', "line 1: the name must be a string"),
        ("a.jsonl", "{broken", "line 1: the line is not valid JSON"),
    ],
)
def test_bad_lines_are_refused_with_their_number(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(InvalidRowError, match=message):
        EntityDictionary.from_file(tmp_path / name)


def test_nothing_to_look_for_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.tsv").write_text("\n \n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"empty.tsv holds no names"):
        EntityDictionary.from_file(tmp_path / "empty.tsv")
    with pytest.raises(UsageError, match="at least 1 name"):
        EntityDictionary([])
    with pytest.raises(InvalidRowError, match="row 1: .*not blank, got 7"):
        EntityDictionary([("Ada", None), (7, None)])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="does not exist"):
        EntityDictionary.from_file(tmp_path / "missing.tsv")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("part", ["a", "\u4e2d", " ", "\u0301\u0323"])
def test_very_much_of_one_thing(part: str) -> None:
    names = EntityDictionary([("ab", None), ("\u4e2d" * 3, None), ("a" * 200, None)])
    text = part * (300_000 // len(part))
    expected = 100_000 if part == "\u4e2d" else 0
    assert len(names([text])[0]) == expected


def test_json_of_names_round_trips(tmp_path: Path) -> None:
    names = ["Zo\u00e9", "\u5317\u4eac", "a\x00b", "C++"]
    path = tmp_path / "names.jsonl"
    path.write_text("".join(json.dumps({"name": name}) + "\n" for name in names), encoding="utf-8")
    text = " / ".join(names)
    assert [text[span.start : span.end] for span in EntityDictionary.from_file(path)([text])[0]] == names
