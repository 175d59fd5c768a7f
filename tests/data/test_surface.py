"""Where strings stand: every step of the rule, and what longer strings take."""

from __future__ import annotations

import pytest

from hf_relation.data import locate_strings


def words(text: str, *strings: str) -> dict[str, list[str]]:
    return {
        string: [text[start:end] for start, end in found.places]
        for string, found in locate_strings(text, strings).items()
    }


@pytest.mark.parametrize(
    ("text", "string", "places", "how"),
    [
        ("Ada met Ada .", "Ada", [(0, 3), (8, 11)], "exact"),
        ("Adam met Ada.", "Ada", [(9, 12)], "exact"),  # not within another word
        ("It is 23900 , not 2390 .", "2390", [(18, 22)], "exact"),
        ("ADA met Adam", "Ada", [(0, 3)], "ignoring_case"),  # a whole word before a part of one
        ("in St . Paul", "St. Paul", [(3, 12)], "ignoring_spacing"),
        ("the A.C. Cesena team", "A.C.Cesena", [(4, 15)], "ignoring_spacing"),
        ("Brooke-Taylor", "Taylor", [(7, 13)], "exact"),
        ("北京是中国的首都", "中国", [(3, 5)], "inside_word"),
        ("preADApost", "ada", [(3, 6)], "inside_word"),
        ("a b a b a", "a b a", [(0, 5)], "exact"),  # places do not overlap
        ("xa a", "a", [(3, 4)], "exact"),
        ("  Ada  ", " Ada ", [(2, 5)], "exact"),
        ("C++ and C", "C++", [(0, 3)], "exact"),
        ("(a+)+ is text", "(a+)+", [(0, 5)], "exact"),  # no pattern, but text
    ],
)
def test_steps(text: str, string: str, places: list[tuple[int, int]], how: str) -> None:
    (found,) = locate_strings(text, [string]).values()
    assert (list(found.places), found.how, found.nested) == (places, how, False)


def test_offsets_count_characters_whatever_they_are_made_of() -> None:
    # A character outside the basic plane, one whose lower case is two characters, and an accent of its own.
    text = "🜁 İİ Metapán Cafe\u0301 Café"
    assert words(text, "Metapán", "metapán") == {"Metapán": ["Metapán"], "metapán": ["Metapán"]}
    found = locate_strings(text, ["METAPÁN"])["METAPÁN"]
    assert [text[slice(*place)] for place in found.places] == ["Metapán"] and found.how == "ignoring_case"
    # "Cafe" is followed by the accent, so it is a part of the word.
    assert locate_strings(text, ["Cafe"])["Cafe"].how == "inside_word"


def test_longer_strings_go_first() -> None:
    text = "New York City is in New York , and York is not ."
    assert locate_strings(text, ["York", "New York", "New York City"])["York"].places == ((35, 39),)
    assert locate_strings(text, ["York", "New York", "New York City"])["New York"].places == ((20, 28),)
    assert locate_strings(text, ["York"])["York"].places == ((4, 8), (24, 28), (35, 39))


def test_a_string_without_another_place_is_nested() -> None:
    found = locate_strings("Serie B League", ["B", "Serie B", "B League"])
    assert (found["B League"].places, found["B League"].nested) == (((6, 14),), False)
    assert (found["Serie B"].places, found["Serie B"].nested) == (((0, 7),), True)  # overlaps, is not within
    assert (found["B"].places, found["B"].nested) == (((6, 7),), True)


def test_absent_and_blank_strings_are_absent_and_order_is_kept() -> None:
    assert list(locate_strings("Ada met Bob", ["Bob", "Eve", "", " ", "Ada", "Bob"])) == ["Bob", "Ada"]
    assert locate_strings("", ["Ada"]) == {} and locate_strings("Ada", []) == {}


def test_many_blanks_take_no_long_time() -> None:
    assert locate_strings("a " + " " * 20_000 + "c", ["a b", "a b c d e f g"]) == {}
