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
    assert read_input("  ", path) == from_text
    assert from_text == read_input(f"{MARKED}\r\n\r\n{MARKED.replace('met', 'saw')}", None)
    assert [row["relations"] for row in from_text] == [[], []]


@pytest.mark.parametrize(("name", "source"), [("general", "sample"), ("biomedicine", "biomedicine")])
def test_examples_are_the_sample_corpora(name: str, source: str) -> None:
    content = (REPOSITORY / f"hf_relation/demo/samples/{name}.txt").read_text(encoding="utf-8")
    keys = ("text", "head", "tail")
    got = [(row["text"], row["head"]["start"], row["tail"]["end"]) for row in read_input(content, None)]
    expected = list(read_jsonl(REPOSITORY / f"examples/data/{source}.jsonl"))
    assert got == [(row["text"], row["head"]["start"], row["tail"]["end"]) for row in expected], keys


def test_the_names_of_the_examples_tell_their_sizes() -> None:
    for label, name in SAMPLES.items():
        content = (REPOSITORY / "hf_relation/demo/samples" / name).read_text(encoding="utf-8")
        assert label.endswith(f"{len(read_input(content, None))} sentences")


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
        ("rows.txt", f"{MARKED}\n".encode() * 4, "There are 4 instances; this demo takes at most 3"),
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
    assert len(read_input(MARKED + "é", None, DemoLimits(max_bytes=40))) == 1
    for wrong in (0, -1, True, float("nan")):
        with pytest.raises(UsageError, match="`max_rows` must be a number from 1 up"):
            DemoLimits(max_rows=wrong)
