from __future__ import annotations

import json
from pathlib import Path

import pytest

from hf_relation.data import read_jsonl
from hf_relation.demo import DemoLimits, read_input
from hf_relation.demo.page import SAMPLES
from hf_relation.errors import HfRelationError, InvalidRowError, UsageError


REPOSITORY = Path(__file__).parents[2]
ROW = {"text": "Ada met Bob.", "head": {"start": 0, "end": 3}, "tail": {"start": 8, "end": 11}, "relation": "met"}
MARKED = "<head>Ada</head> met <tail>Bob</tail>."


def test_marked_sentences_and_json_lines_give_the_same_rows_without_gold_labels(tmp_path: Path) -> None:
    lines = f"{json.dumps(ROW)}\n\n{json.dumps(ROW | {'text': 'Ada saw Bob.'})}\n"
    from_text = read_input("\n" + lines, None)
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + lines.encode())
    assert read_input("  ", path, names=" \n") == from_text
    assert from_text == read_input(f"{MARKED}\r\n\r\n{MARKED.replace('met', 'saw')}", None)
    assert [row["relations"] for row in from_text.rows] == [[], []] and not from_text.from_texts


@pytest.mark.parametrize(("name", "source"), [("general", "sample"), ("biomedicine", "biomedicine")])
def test_examples_are_the_sample_corpora(name: str, source: str) -> None:
    content = (REPOSITORY / f"hf_relation/demo/samples/{name}.txt").read_text(encoding="utf-8")
    keys = ("text", "head", "tail")
    got = [(row["text"], row["head"]["start"], row["tail"]["end"]) for row in read_input(content, None).rows]
    expected = list(read_jsonl(REPOSITORY / f"examples/data/{source}.jsonl"))
    assert got == [(row["text"], row["head"]["start"], row["tail"]["end"]) for row in expected], keys


def test_the_names_of_the_examples_tell_their_sizes() -> None:
    for label, (text, names) in SAMPLES.items():
        content, listed = (
            None if name is None else (REPOSITORY / "hf_relation/demo/samples" / name).read_text(encoding="utf-8")
            for name in (text, names)
        )
        given = read_input(content, None, names=listed)
        assert label.endswith(f"{len(given.rows)} {'texts' if given.from_texts else 'sentences'}")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("rows.jsonl", b'{"text": "Ada"\n', "line 1: the line is not valid JSON"),
        ("rows.jsonl", json.dumps(ROW).encode() + b"\n\xff\n", "line 2: the file is not UTF-8"),
        ("rows.jsonl", '{"text": "Ada"}'.encode("utf-16"), "line 1: the file is not UTF-8"),
        ("rows.csv", b"a,b\n1,2\n", "line 1: the header has no column `text`"),
        ("rows.txt", MARKED.encode() + b"\nAda met Bob.\n", "line 2: there is no <head>"),
        ("rows.jsonl", b"", "There is nothing to discover relations in"),
        ("rows.parquet", b"PAR1", "The file must end in .jsonl, .csv, .txt; this one is called 'rows.parquet'"),
        ("rows.jsonl.gz", b"", "The file must end in"),
        ("rows.jsonl", (json.dumps(ROW | {"id": "a"}) + "\n").encode() * 2, "line 2: `id` 'a' is also the id of"),
        ("rows.txt", f"{MARKED}\n".encode() * 30, "The file has 1,170 bytes; this demo takes at most 1,000"),
        ("rows.txt", f"{MARKED}\n".encode() * 4, "There are more than 3 rows, the most that this demo takes"),
        (
            "rows.txt",
            f"{MARKED}\n{MARKED} {'x' * 60}".encode(),
            "row 1: the text has 73 characters; this demo takes at",
        ),
    ],
)
def test_bad_files_are_errors_that_say_what_is_wrong(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(HfRelationError) as caught:
        read_input(None, path, DemoLimits(max_rows=3, max_chars=50, max_bytes=1000))
    assert str(caught.value).startswith(reason)
    assert str(tmp_path) not in str(caught.value)


def test_text_and_file_together_and_nothing_at_all_are_errors(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_text(MARKED)
    with pytest.raises(UsageError, match="both a text and a file"):
        read_input(MARKED, path)
    with pytest.raises(UsageError, match="nothing to discover"):
        read_input(" \n", None)


def test_a_path_in_the_text_box_is_a_sentence_without_marks() -> None:
    with pytest.raises(InvalidRowError, match="line 1: there is no <head>"):
        read_input("/etc/passwd", None)


def test_limits_count_bytes_of_the_text_box_and_must_be_positive() -> None:
    with pytest.raises(UsageError, match="The text has 40 bytes; this demo takes at most 39"):
        read_input(MARKED + "é", None, DemoLimits(max_bytes=39))
    assert len(read_input(MARKED + "é", None, DemoLimits(max_bytes=40)).rows) == 1
    with pytest.raises(UsageError, match="The text with the list of names has 43 bytes; this demo takes at most 42"):
        read_input(MARKED + "é", None, DemoLimits(max_bytes=42), names="Ada")
    for wrong in (0, -1, True, float("nan")):
        with pytest.raises(UsageError, match="`max_rows` must be a number from 1 up"):
            DemoLimits(max_rows=wrong)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (None, "\nAda met Bob.\r\n\nEve <b>saw</b> Dan.\n"),
        ("rows.txt", "Ada met Bob.\nEve <b>saw</b> Dan.\n"),
        ("rows.csv", "n,text\n1,Ada met Bob.\n2,Eve <b>saw</b> Dan.\n"),
        ("rows.jsonl", '{"text": "Ada met Bob."}\n{"text": "Eve <b>saw</b> Dan.", "head": null}\n'),
    ],
)
def test_with_a_list_of_names_lines_and_cells_are_plain_texts(name: str | None, content: str, tmp_path: Path) -> None:
    path = None if name is None else tmp_path / name
    if path is not None:
        path.write_text(content)
    given = read_input(content if path is None else "", path, names="Ada\tPERSON\r\n\nBob\n")
    assert given.rows == [{"id": "0", "text": "Ada met Bob."}, {"id": "1", "text": "Eve <b>saw</b> Dan."}]
    assert given.names == [("Ada", "PERSON"), ("Bob", None)] and given.from_texts


def test_documents_bring_their_mentions() -> None:
    spans = [{"start": 0, "end": 3}, {"start": 8, "end": 11}]
    document = {"text": "Ada met Bob.", "mentions": spans, "entities": [{"mentions": [0]}, {"mentions": [1]}]}
    given = read_input(json.dumps(document) + "\n" + json.dumps(ROW), None)
    assert given.from_texts and [sorted(row) for row in given.rows] == [
        ["entities", "id", "mentions", "relations", "text"],
        ["head", "id", "relations", "tail", "text"],
    ]
    with pytest.raises(InvalidRowError, match="row 0: the document has 2 mentions; this demo takes at most 1"):
        read_input(json.dumps(document), None, DemoLimits(max_rows=1))


@pytest.mark.parametrize(
    ("text", "names", "reason"),
    [
        (MARKED, "Ada", "line 1: there are marks such as <head> in the text, and a list of names as well"),
        (
            "Ada met Bob.",
            "",
            "line 1: there is no <head>. Mark one <head>...</head> and one <tail>...</tail> in every ",
        ),
        ('{"text": "Ada met Bob."}', "", "line 1: the row has no mentions"),
        ('{"text": " "}', "Ada", "line 1: the text is blank"),
        (json.dumps(ROW), "Ada", "Every row has its mentions already. Clear the list of names"),
        ("Ada met Bob.", "Ada\n\nBob\tPERSON\tx", "the names, line 3: there is more than one tab"),
        ("Ada met Bob.", "Ada\n\n\tPERSON", "the names, line 3: the name must be a string that is not blank"),
        ("Ada met Bob.", "Ada\tPERSON\nAda\tPLACE", "the names, line 2: the name 'Ada' has the type 'PLACE' here"),
        ("Ada met Bob.", "x" * 201, "the names, line 1: the name 'xxx"),
        ("Ada met Bob.\n" * 4, "Ada", "There are more than 3 rows, the most that this demo takes"),
        ("Ada met Bob." * 50, "Ada", "row 0: the text has 600 characters; this demo takes at most 500"),
        ("Ada met Bob.", "Ada\n" * 300, "The list of names has 1,200 bytes; this demo takes at most 1,000"),
    ],
)
def test_bad_texts_and_names_are_errors_that_say_what_is_wrong(text: str, names: str, reason: str) -> None:
    with pytest.raises(HfRelationError) as caught:
        read_input(text, None, DemoLimits(max_rows=3, max_chars=50, max_text_chars=500, max_bytes=1000), names=names)
    assert str(caught.value).startswith(reason)


def test_a_table_with_mentions_needs_no_names(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text,head,tail\nAda met Bob.,Ada,Bob\n")
    with pytest.raises(InvalidRowError, match="line 1: the table has columns of mentions already"):
        read_input(None, path, names="Ada")


def test_a_path_in_the_box_of_names_is_a_name() -> None:
    assert read_input("Ada met Bob.", None, names="/etc/passwd").names == [("/etc/passwd", None)]
