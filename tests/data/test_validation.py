from __future__ import annotations

import copy
import logging
import pickle
import time
import unicodedata
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_relation.data import check_document, check_instance, check_instances, split_valid
from hf_relation.errors import InvalidRowError, UsageError


Row = dict[str, Any]
UNIT = "character offsets into `text`, end exclusive"


def test_a_row_in_normal_form_comes_back_equal_and_new(row: Row) -> None:
    before = copy.deepcopy(row)
    checked = check_instance(row)
    assert checked == before and row == before
    checked["head"]["start"] = 5
    checked["relations"].append("other")
    assert row == before


def test_short_forms_become_normal(row: Row) -> None:
    del row["id"], row["relations"], row["head"]["type"]
    row |= {"relation": "founded", "comment": "not of the schema"}
    assert check_instance(row, index=4) == {
        "id": "4",
        "text": row["text"],
        "head": {"start": 0, "end": 10, "type": None},
        "tail": {"start": 19, "end": 28, "type": None},
        "relations": ["founded"],
    }


@pytest.mark.parametrize("absent", [{"relations": None}, {"relation": None}, {"relation": None, "relations": []}, {}])
def test_no_label_is_an_empty_list(row: Row, absent: Row) -> None:
    del row["relations"]
    assert check_instance(row | absent)["relations"] == []


def test_ids_may_be_integers_but_must_be_unique(row: Row) -> None:
    assert check_instance(row | {"id": 7})["id"] == "7"
    with pytest.raises(InvalidRowError, match=r"^row 1: `id` '7' is also the id of row 0\."):
        check_instances([row | {"id": 7}, row | {"id": "7"}])


def test_numpy_integers_and_arrays_are_taken(row: Row) -> None:
    row["head"]["end"] = np.int32(10)
    row["relations"] = np.array(["founded"], dtype=object)
    checked = check_instance(row)
    assert checked["head"]["end"] == 10 and type(checked["head"]["end"]) is int
    assert checked["relations"] == ["founded"]


@pytest.mark.parametrize("value", [None, b"bytes", 3, ["a"], float("nan")])
def test_fault_14_text_not_a_string(row: Row, value: object) -> None:
    with pytest.raises(InvalidRowError, match=r"^row 2: `text` must be a string, got .* of type \w+\.") as caught:
        check_instances([row | {"id": "0"}, row | {"id": "1"}, row | {"id": "2", "text": value}])
    assert caught.value.index == 2 and type(value).__name__ in str(caught.value)


def test_skipping_logs_how_many(row: Row, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert len(check_instances([row, {"text": 1}, {}], on_error="skip")) == 1
    assert "2 bad rows were left out; the first: row 1: `text` must be a string" in caplog.text
    with pytest.raises(UsageError, match="`on_error` must be"):
        check_instances([row], on_error="ignore")  # type: ignore[arg-type]


def test_fault_14_row_not_an_object(row: Row) -> None:
    with pytest.raises(InvalidRowError, match=r"^row 1: a row must be an object \(a dict\), got 'text' of type str\."):
        check_instances([row, "text"])  # type: ignore[list-item]


def test_fault_14_one_row_instead_of_a_list(row: Row) -> None:
    with pytest.raises(UsageError, match="Put a single instance in a list"):
        check_instances(row)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", " \n\t ", "\u200b\u00a0"])
def test_fault_15_blank_text_keeps_its_index(row: Row, text: str) -> None:
    good, bad = split_valid([row | {"id": "0"}, row | {"text": text}, row | {"id": "2"}])
    assert [instance["id"] for instance in good] == ["0", "2"]
    assert [error.index for error in bad] == [1]


def test_fault_16_a_megabyte_of_one_character_is_checked_at_once(row: Row) -> None:
    row["text"] += " " + "a" * 1_000_000
    row["tail"] = {"start": 40, "end": 1_000_030}
    start = time.perf_counter()
    assert check_instance(row)["tail"]["end"] == 1_000_030
    row["tail"] = {"start": 40, "end": 2_000_000}
    with pytest.raises(InvalidRowError) as caught:
        check_instance(row)
    assert time.perf_counter() - start < 2
    assert len(str(caught.value)) < 500


UNICODE_CASES = {
    "combining marks": ("Zoe\u0301 met Bjo\u0308rn", "Zoe\u0301", "Bjo\u0308rn"),
    "emoji and surrogate pairs in UTF-16": (
        "\U0001f600\U0001f468\u200d\U0001f469 Ada met \U0001d4d1ob",
        "Ada",
        "\U0001d4d1ob",
    ),
    "right to left": (
        "\u05d3\u05d5\u05d3 \u05e4\u05d2\u05e9 \u05d0\u05ea \u05e8\u05d5\u05ea",
        "\u05d3\u05d5\u05d3",
        "\u05e8\u05d5\u05ea",
    ),
    "zero width": ("A\u200bda met B\u200dob", "A\u200bda", "B\u200dob"),
    "line ends and NUL": ("Ada\r\nmet\x00 Bob\r\n", "Ada", "Bob"),
    "composed": (unicodedata.normalize("NFC", "Zoe\u0301 met Ada"), "Zo\u00e9", "Ada"),
    "decomposed": (unicodedata.normalize("NFD", "Zo\u00e9 met Ada"), "Zoe\u0301", "Ada"),
    "chinese": ("\u5f20\u4e09\u4f4f\u5728\u5317\u4eac\u3002", "\u5f20\u4e09", "\u5317\u4eac"),
}


@pytest.mark.parametrize(("text", "head", "tail"), UNICODE_CASES.values(), ids=UNICODE_CASES.keys())
def test_fault_18_unicode_offsets_slice_the_untouched_text(text: str, head: str, tail: str) -> None:
    spans = {
        key: {"start": text.index(m), "end": text.index(m) + len(m)} for key, m in (("head", head), ("tail", tail))
    }
    checked = check_instance({"text": text, **spans})
    assert checked["text"] == text
    assert text[checked["head"]["start"] : checked["head"]["end"]] == head
    assert text[checked["tail"]["start"] : checked["tail"]["end"]] == tail


@pytest.mark.parametrize("place", ["text", "id", "relation", "type"])
def test_fault_18_lone_surrogates_are_refused(row: Row, place: str) -> None:
    broken = "x\ud83dy"
    del row["relations"]
    if place == "type":
        row["head"]["type"] = broken
    else:
        row[place] = row["text"] + broken if place == "text" else broken
    with pytest.raises(InvalidRowError, match="lone surrogate") as caught:
        check_instance(row, index=0)
    str(caught.value).encode("utf-8")


@pytest.mark.parametrize(
    ("span", "reason"),
    [
        ({"start": 10, "end": 0}, "start 10 and end 0: `start` must be smaller"),
        ({"start": 4, "end": 4}, "start 4 and end 4: `start` must be smaller"),
        ({"start": -3, "end": 4}, "start -3 and end 4: offsets must not be negative"),
        ({"start": 30, "end": 99}, "start 30 and end 99, but `text` has only 37 characters"),
        ({"start": 28, "end": 29}, r"marks only blank characters \(' '\)"),
        ({"start": 0.0, "end": 4}, "`start` of `head` must be an integer, got 0.0 of type float"),
        ({"start": 0, "end": True}, "`end` of `head` must be an integer, got True of type bool"),
        ({"start": "0", "end": 4}, "`start` of `head` must be an integer, got '0' of type str"),
        ({"start": 0}, "`head` has no `end`"),
    ],
)
def test_fault_19_bad_offsets_name_value_and_unit(row: Row, span: Row, reason: str) -> None:
    row["head"] = span
    with pytest.raises(InvalidRowError, match=reason) as caught:
        check_instance(row, index=3)
    assert str(caught.value).startswith("row 3: ") and UNIT in str(caught.value)


@pytest.mark.parametrize("tail", [(0, 10), (2, 5), (5, 15)])
def test_fault_19_overlapping_mentions(row: Row, tail: tuple[int, int]) -> None:
    row["tail"] = {"start": tail[0], "end": tail[1]}
    with pytest.raises(InvalidRowError, match=r"`head` \[0, 10\) and `tail` .* overlap.*" + UNIT):
        check_instance(row)


def test_adjacent_mentions_do_not_overlap(row: Row) -> None:
    row["tail"] = {"start": 10, "end": 18}
    assert check_instance(row)["tail"]["start"] == 10


def test_fault_20_same_span_as_head_and_tail(row: Row) -> None:
    row["tail"] = dict(row["head"])
    with pytest.raises(InvalidRowError, match="^row 5: .*overlap"):
        check_instance(row, index=5)


def test_fault_20_same_words_in_two_places_are_fine() -> None:
    row = {"text": "Ada met Ada.", "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 11}}
    assert check_instance(row)["tail"]["start"] == 8


@pytest.mark.parametrize("name", ["head", "tail"])
@pytest.mark.parametrize("how", ["missing", "null", "a list"])
def test_fault_20_missing_mention(row: Row, name: str, how: str) -> None:
    if how == "missing":
        del row[name]
    else:
        row[name] = None if how == "null" else [0, 3]
    with pytest.raises(InvalidRowError, match=f"^row 1: `{name}` "):
        check_instance(row, index=1)


def test_fault_21_marker_strings_in_the_text_are_text() -> None:
    text = "[E1] Ada [/E1] met <e2>Bob</e2> [MASK] [SEP]"
    spans = {"head": {"start": 5, "end": 8}, "tail": {"start": 23, "end": 26}}
    assert check_instance({"text": text, **spans})["text"] == text


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"relations": "founded"}, "`relations` must be a list, got 'founded' of type str"),
        ({"relations": [5]}, r"`relations\[0\]` must be a string, got 5 of type int"),
        ({"relations": ["a", ""]}, r"`relations\[1\]` is blank"),
        ({"relations": ["a", "a"]}, "names a relation twice"),
        ({"relations": ["a"], "relation": "b"}, "Give only one of the two"),
        ({"relation": 5, "relations": None}, "`relation` must be a string, got 5 of type int"),
        ({"id": " "}, "`id` is blank"),
        ({"id": 1.5}, "`id` must be a string, got 1.5 of type float"),
        ({"head": {"start": 0, "end": 5, "type": ""}}, "the type of `head` is blank"),
    ],
)
def test_bad_labels_ids_and_types(row: Row, fields: Row, reason: str) -> None:
    with pytest.raises(InvalidRowError, match=reason):
        check_instance(row | fields)


def test_long_values_are_cut_in_messages(row: Row) -> None:
    with pytest.raises(InvalidRowError) as caught:
        check_instance(row | {"relations": ["x"] * 10_000})
    assert len(str(caught.value)) < 200


def test_a_document_given_as_instance_is_named_so(document: Row) -> None:
    with pytest.raises(InvalidRowError, match="this is a document"):
        check_instance(document)


def test_errors_survive_a_process_pool(row: Row) -> None:
    with pytest.raises(InvalidRowError) as caught:
        check_instance(row | {"text": 1}, index=2, line=3)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.index, again.line) == (str(caught.value), 2, 3)


def test_a_document_in_normal_form_comes_back_equal(document: Row) -> None:
    before = copy.deepcopy(document)
    assert check_document(document) == before and document == before


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"mentions": [{"start": 5, "end": 2}]}, r"`mentions\[0\]` has start 5 and end 2"),
        ({"mentions": None}, "`mentions` is missing"),
        ({"entities": [{"mentions": []}]}, r"`entities\[0\]` has no mentions"),
        ({"entities": [{"mentions": [5]}]}, r"positions in `mentions` \(0 to 4\), got 5"),
        ({"entities": [{"mentions": [0, 0]}]}, "lists a mention twice"),
        ({"entities": ["Ada"]}, "must be an object with `mentions`, got 'Ada'"),
        ({"relations": [{"head": 0, "tail": 9, "label": "x"}]}, r"`relations\[0\].tail must hold .*, got 9"),
        ({"relations": [{"head": True, "tail": 1, "label": "x"}]}, "got True"),
        ({"relations": [{"head": 0, "tail": 1, "label": None}]}, "label must be a string, got None"),
    ],
)
def test_bad_documents(document: Row, change: Row, reason: str) -> None:
    with pytest.raises(InvalidRowError, match=reason.replace("`relations\\[0\\].tail", "`relations\\[0\\]`.tail")):
        check_document(document | change)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 30) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["start", "end", "type"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["id", "text", "head", "tail", "relations", "relation"]), json_values))
@settings(max_examples=200, deadline=None)
def test_any_object_is_normalised_or_refused_and_never_altered(row: Row) -> None:
    before = repr(row)
    try:
        checked = check_instance(row)
    except InvalidRowError as error:
        assert str(error)
    else:
        assert check_instance(checked) == checked
    assert repr(row) == before


@given(st.text(min_size=1, max_size=30), st.data())
@settings(max_examples=200, deadline=None)
def test_any_two_separate_spans_with_letters_are_accepted(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=4, max_size=4)))
    head, tail = text[cuts[0] : cuts[1]], text[cuts[2] : cuts[3]]
    row = {"text": text, "head": {"start": cuts[0], "end": cuts[1]}, "tail": {"start": cuts[2], "end": cuts[3]}}
    good = all(any(unicodedata.category(c)[0] not in "ZC" for c in mention) for mention in (head, tail))
    if good:
        checked = check_instance(row)
        assert checked["text"][checked["head"]["start"] : checked["head"]["end"]] == head
    elif not head or not tail:
        with pytest.raises(InvalidRowError):
            check_instance(row)
