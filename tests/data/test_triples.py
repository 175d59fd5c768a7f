"""The reader of triples: its three forms, what it leaves out and counts, and rows that are not of a form."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from hf_relation.data import LocatingReport, explode_document, fold_instances, read_triples, read_wiki80
from hf_relation.errors import InvalidRowError, UsageError


Row = dict[str, Any]

ROW: Row = {
    "text": "Ada of Holm met Bob of Holm .",
    "triple_list": [["Ada", "met", "Bob"], ["Ada", "born in", "Holm"], ["Bob", "born in", "Holm"]],
}
# The published form: `start` is the number of the mention, and the text keeps its line end.
MENTIONS: Row = {
    "articleId": "a1",
    "sentId": "7",
    "sentText": "Ada of Holm met Bob .\r\n",
    "relationMentions": [
        {"em1Text": "Ada", "em2Text": "Holm", "label": "/people/person/place_of_birth"},
        {"em1Text": "Bob", "em2Text": "Holm", "label": "None"},
    ],
    "entityMentions": [
        {"start": 0, "label": "PERSON", "text": "Ada"},
        {"start": 1, "label": "LOCATION", "text": "Holm"},
        {"start": 2, "label": "PERSON", "text": "Bob"},
    ],
}


def write(path: Path, rows: Any, *, lines: bool = False) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)) + "\n" if lines else json.dumps(rows), encoding="utf-8")
    return path


def surface(document: Any) -> list[tuple[str, str, str]]:
    def string(entity: int) -> str:
        span = document["mentions"][document["entities"][entity]["mentions"][0]]
        text: str = document["text"][span["start"] : span["end"]]
        return text

    return [(string(pair["head"]), pair["label"], string(pair["tail"])) for pair in document["relations"]]


@pytest.mark.parametrize("lines", [False, True])
def test_triple_lists(tmp_path: Path, lines: bool) -> None:
    report = LocatingReport()
    (document,) = read_triples(write(tmp_path / "dev_triples.json", [ROW], lines=lines), report=report)
    assert document["id"] == f"triples/dev_triples/{1 if lines else 0}"
    assert document["text"] == ROW["text"]
    assert surface(document) == [tuple(triple) for triple in ROW["triple_list"]]
    assert [entity["mentions"] for entity in document["entities"]] == [[0], [1], [2, 3]]
    assert document["mentions"][2:] == [{"start": 7, "end": 11}, {"start": 23, "end": 27}]
    assert report.counts() == {
        "documents": 1, "triples": 3, "located": 3, "strings": 3, "exact": 3, "several": 1,
    }  # fmt: skip


def test_packed_files_ids_and_texts_without_triples(tmp_path: Path) -> None:
    path = tmp_path / "test_triples.json.gz"
    path.write_bytes(gzip.compress(json.dumps([ROW, {"text": "Nothing .", "triple_list": []}]).encode()))
    documents = list(read_triples(path, prefix="webnlg"))
    assert [document["id"] for document in documents] == ["webnlg/test_triples/0", "webnlg/test_triples/1"]
    assert documents[1]["entities"] == documents[1]["relations"] == []
    assert list(read_triples(write(tmp_path / "none.json", []))) == []


def test_relation_mentions_have_types_and_keep_entities_of_no_relation(tmp_path: Path) -> None:
    report = LocatingReport()
    (document,) = read_triples(write(tmp_path / "raw_test.json", [MENTIONS], lines=True), report=report)
    assert document["text"] == MENTIONS["sentText"]
    assert [entity["type"] for entity in document["entities"]] == ["PERSON", "LOCATION", "PERSON"]
    assert surface(document) == [("Ada", "/people/person/place_of_birth", "Holm")]
    assert (report.triples, report.unlabelled) == (1, 1)
    (labelled,) = read_triples(tmp_path / "raw_test.json", na_label="NA")
    assert [pair["label"] for pair in labelled["relations"]] == ["/people/person/place_of_birth", "None"]
    without = {key: value for key, value in MENTIONS.items() if key != "entityMentions"}
    (document,) = read_triples(write(tmp_path / "b.json", [without], lines=True))
    assert [entity["type"] for entity in document["entities"]] == [None, None, None]


def test_a_string_with_two_types_has_the_more_frequent_one(tmp_path: Path) -> None:
    mentions = [{"text": "Ada", "label": label} for label in ("LOCATION", "PERSON", "PERSON")]
    (document,) = read_triples(write(tmp_path / "a.json", [MENTIONS | {"entityMentions": mentions}]))
    assert document["entities"][0]["type"] == "PERSON"


def test_lines_with_positions_are_folded_by_text(tmp_path: Path) -> None:
    text = "Ada of Holm met Bob ."
    ada, holm, bob = ({"name": name, "id": name, "pos": [start, end]} for name, start, end in (("ada", 0, 3), ("h", 7, 11), ("b", 16, 19)))  # fmt: skip
    rows = [
        {"text": text, "h": ada, "t": holm, "relation": "born in"},
        {"text": "Eve left Holm .", "h": {"pos": [0, 3]}, "t": {"pos": [9, 13]}, "relation": "left"},
        {"text": text, "h": ada, "t": holm, "relation": "lives in"},
        {"text": text, "h": bob, "t": holm, "relation": "NA"},
    ]
    report = LocatingReport()
    first, second = read_triples(write(tmp_path / "nyt10_test.txt", rows, lines=True), report=report)
    assert first["id"] == "triples/nyt10_test/1" and second["text"] == "Eve left Holm ."
    assert surface(first) == [("Ada", "born in", "Holm"), ("Ada", "lives in", "Holm")]
    assert len(first["entities"]) == 3
    assert report.counts() == {"documents": 2, "triples": 3, "located": 3, "unlabelled": 1}


def test_token_lines_equal_the_reader_of_wiki80(tmp_path: Path) -> None:
    row = {"token": ["Ada", "met", "Bob"], "h": {"pos": [0, 1]}, "t": {"pos": [2, 3]}, "relation": "met"}
    path = write(tmp_path / "wiki80_val.txt", [row], lines=True)
    assert list(read_triples(path, prefix="wiki80")) == fold_instances(read_wiki80(path))


def test_strings_that_are_nowhere(tmp_path: Path) -> None:
    bad = {"text": "Ada met Bob .", "triple_list": [["Ada", "met", "Bob"], ["Ada", "met", "Eve"]]}
    path = write(tmp_path / "a.json", [ROW, bad])
    with pytest.raises(InvalidRowError, match="^row 1: the string 'Eve' is nowhere in the text 'Ada met Bob .'.*skip"):
        list(read_triples(path))
    report = LocatingReport()
    _, second = read_triples(path, on_missing="skip", report=report)
    assert surface(second) == [("Ada", "met", "Bob")]
    assert (report.triples, report.located, report.not_located, report.not_found) == (5, 4, 1, 1)
    assert report.left_out == [("triples/a/1", ("Ada", "met", "Eve"), "the string 'Eve' is nowhere in the text.")]
    with pytest.raises(InvalidRowError, match="no triple could be located. The first: the string 'Eve'"):
        list(read_triples(write(tmp_path / "b.json", [bad | {"triple_list": [["Ada", "met", "Eve"]]}]), on_missing="skip"))  # fmt: skip


def test_an_entity_of_no_triple_that_is_nowhere_is_listed_too(tmp_path: Path) -> None:
    mentions = [*MENTIONS["entityMentions"], {"text": "Eve", "label": "PERSON"}]
    path = write(tmp_path / "a.json", [MENTIONS | {"entityMentions": mentions}], lines=True)
    with pytest.raises(InvalidRowError, match="^line 1: the string 'Eve'"):
        list(read_triples(path))
    report = LocatingReport()
    assert len(next(read_triples(path, on_missing="skip", report=report))["entities"]) == 3
    assert [(item.row, item.triple) for item in report.left_out] == [("triples/a/1", None)]


def test_lines_whose_mentions_are_not_separate_are_skipped_or_an_error(tmp_path: Path) -> None:
    good = {"text": "Ada met Bob", "h": {"pos": [0, 3]}, "t": {"pos": [8, 11]}, "relation": "met"}
    path = write(tmp_path / "a.txt", [good, good | {"t": {"pos": [2, 5]}}, good | {"t": {"pos": [8, 12]}}], lines=True)
    with pytest.raises(InvalidRowError, match="^line 2: .*overlap"):
        list(read_triples(path))
    report = LocatingReport()
    (document,) = read_triples(path, on_missing="skip", report=report)
    assert len(document["relations"]) == 1
    assert report.not_located == 2 and "only 11 characters" in report.left_out[1].reason


def test_a_relation_of_a_string_to_itself_needs_two_places(tmp_path: Path) -> None:
    rows = [
        {"text": "Holm is in Holm .", "triple_list": [["Holm", "in", "Holm"]]},
        {"text": "Holm is here .", "triple_list": [["Holm", "in", "Holm"], ["Holm", "at", "here"]]},
    ]
    path = write(tmp_path / "a.json", rows)
    report = LocatingReport()
    first, second = read_triples(path, report=report)
    assert first["relations"] == [{"head": 0, "tail": 0, "label": "in"}] and len(first["mentions"]) == 2
    (instance,) = explode_document(first)
    assert (instance["head"]["start"], instance["tail"]["start"]) == (0, 11)
    assert surface(second) == [("Holm", "at", "here")]
    assert (report.same_place, report.located, report.left_out[0].triple) == (1, 2, ("Holm", "in", "Holm"))
    kept = list(read_triples(path, reflexive="keep"))
    assert kept[1]["relations"][0] == {"head": 0, "tail": 0, "label": "in"}
    assert explode_document(kept[1])[0]["relations"] == ["at"]  # an instance needs two separate mentions


def test_repeated_triples_are_kept_and_counted(tmp_path: Path) -> None:
    report = LocatingReport()
    row = ROW | {"triple_list": [["Ada", "met", "Bob"]] * 3}
    (document,) = read_triples(write(tmp_path / "a.json", [row]), report=report)
    assert len(document["relations"]) == 3 and (report.triples, report.located, report.repeated) == (3, 3, 2)


def test_strings_may_share_a_place(tmp_path: Path) -> None:
    row = {"text": "Ada met ada's ADA", "triple_list": [["Ada", "met", "ADA"], ["aDa", "met", "Ada"]]}
    (document,) = read_triples(write(tmp_path / "a.json", [row]))
    assert len(document["entities"]) == 3
    spans = [(mention["start"], mention["end"]) for mention in document["mentions"]]
    assert len(set(spans)) == len(spans)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        (" \n\n ", "is empty"),
        ("{", "line 1: the line is not valid JSON"),
        ("[{", "is not valid JSON"),
        ("5", "line 1: an object is needed, got int"),
        ('"text"', "line 1: an object is needed, got str"),
        ("[[]]", "row 0: an object is needed, got list"),
        ("{}", "line 1: a row of no known form, with no keys"),
        ('[{"sentence": "a", "spo_list": []}]', "row 0: a row of no known form, with 'sentence', 'spo_list'"),
        ('[{"text": "a", "triple_list": {}}]', "row 0: `triple_list` of the row must be a list: {}"),
        ('[{"triple_list": []}]', "row 0: `text` of the row must be a string: no such key"),
        ('[{"text": null, "triple_list": []}]', "row 0: `text` of the row must be a string: None"),
        ('[{"text": "a b", "triple_list": [["a", "b"]]}]', r"row 0: `triple_list\[0\]` must be \[subject, relation, object\]"),
        ('[{"text": "a b", "triple_list": ["abc"]}]', r"row 0: `triple_list\[0\]` must be \[subject, relation, object\]"),
        ('[{"text": "a b", "triple_list": [["a", "r", 5]]}]', r"row 0: `triple_list\[0\]` must hold three strings"),
        ('[{"text": "a b", "triple_list": [["a", " ", "b"]]}]', "must hold three strings that are not blank"),
        ('{"sentText": "a"}', "line 1: `relationMentions` of the row must be a list"),
        ('{"sentText": "a", "relationMentions": [{"em1Text": "a"}]}', r"`label` of `relationMentions\[0\]` must be a string|`em2Text`"),
        ('{"sentText": "a", "relationMentions": ["a"]}', r"`em1Text` of `relationMentions\[0\]` must be a string"),
        ('{"sentText": "a", "relationMentions": [], "entityMentions": [{"label": "X"}]}', r"`text` of `entityMentions\[0\]`"),
        ('{"text": "a b", "h": {}, "t": {}, "relation": "r"}', "line 1: not a line of OpenNRE's format"),
        ('{"text": "a b", "triple_list": [["a", "r", "b"]]}\n{"text": "a", "t": 1}', "line 2: `triple_list` of the row"),
    ],
)  # fmt: skip
def test_files_of_another_kind_are_refused_with_their_place(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(InvalidRowError, match=message):
        list(read_triples(path, on_missing="skip"))


def test_arguments_are_checked_before_reading(tmp_path: Path) -> None:
    for name in ("form", "on_missing", "reflexive"):
        with pytest.raises(UsageError, match=f"`{name}` must be .*got 'casrel'"):
            read_triples(tmp_path / "none.json", **{name: "casrel"})
    with pytest.raises(UsageError, match="does not exist"):
        list(read_triples(tmp_path / "none.json"))
    with pytest.raises(InvalidRowError, match="`text` of the row"):
        list(read_triples(write(tmp_path / "a.json", [MENTIONS]), form="triple_list"))
