from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hf_relation.demo.csv_rows import csv_instances, csv_texts
from hf_relation.discovery import DiscoveredRelation, DiscoveryResult
from hf_relation.errors import InvalidRowError


ADA = {"start": 0, "end": 3, "type": None}
ENDS = ("start", "end")
BOB = {"start": 8, "end": 11, "type": None}


@pytest.mark.parametrize(
    "content",
    [
        "text,head,tail\nAda met Bob.,Ada,Bob\n",
        "text\n<head>Ada</head> met <tail>Bob</tail>.\n",
        "text,head_start,head_end,tail_start,tail_end\r\nAda met Bob.,0,3,8,11\r\n",
        "other,tail,text,head\n=1,Bob,Ada met Bob.,Ada",
    ],
)
def test_three_ways_to_give_the_mentions(content: str) -> None:
    [(line, row)] = csv_instances(content)
    assert line == 2
    assert row == {"id": "0", "text": "Ada met Bob.", "head": ADA, "tail": BOB, "relations": []}


def test_ids_types_and_lines_within_cells() -> None:
    content = 'id,text,head,tail,head_type\na,"Ada\nmet Bob.",Ada,Bob,PERSON\n,Eve saw Dan.,Eve,Dan,\n'
    (first, a), (second, b) = csv_instances(content)
    assert (first, a["id"], a["head"]["type"], a["tail"]["type"]) == (3, "a", "PERSON", None)
    assert (second, b["id"], b["head"]["type"]) == (4, "1", None)


def test_what_a_result_exports_comes_back(tmp_path: Path) -> None:
    row = {
        "id": "a",
        "text": 'Ada, "the" first\nmet Bob.',
        "head": {"start": 0, "end": 3},
        "tail": {"start": 21, "end": 24},
    }
    result = DiscoveryResult([row], np.array([0]), np.array([1.0]), [DiscoveredRelation(0, "met", ["met"], 1, 1.0)])
    content = result.export(tmp_path / "found.csv").read_bytes().decode()
    [(_, back)] = csv_instances(content)
    assert (back["id"], back["text"], back["tail"]["start"], back["tail"]["end"]) == ("a", row["text"], 21, 24)


def test_what_an_export_guards_comes_back_as_it_was(tmp_path: Path) -> None:
    texts = [
        "=SUM met Bob.",
        "'=SUM met Bob.",
        "\tAda met -1.",
        "Ada met @Bob.",
        "'tis Ada",
        "+1 met -2",
        "'+1 met -2",
    ]
    spans = [((0, 4), (9, 12)), ((0, 5), (10, 13)), ((1, 4), (9, 11)), ((0, 3), (8, 12)), ((0, 4), (5, 8))]
    spans += [((0, 2), (7, 9)), ((1, 3), (8, 10))]
    rows = [
        {
            "id": f"-{place}",
            "text": text,
            "head": dict(zip(ENDS, head, strict=True)),
            "tail": dict(zip(ENDS, tail, strict=True)),
        }
        for place, (text, (head, tail)) in enumerate(zip(texts, spans, strict=True))
    ]
    met = DiscoveredRelation(0, "=met", ["met"], len(rows), 1.0)
    result = DiscoveryResult(rows, np.zeros(len(rows), dtype=int), np.ones(len(rows)), [met])
    for raw in (False, True):
        content = result.export(tmp_path / "found.csv", raw=raw).read_bytes().decode()
        assert ("'=SUM" in content.splitlines()[1]) is not raw
        back = [row for _, row in csv_instances(content)]
        assert [(row["id"], row["text"]) for row in back] == [(row["id"], row["text"]) for row in rows]
        assert [(row["head"]["start"], row["tail"]["end"]) for row in back] == [(a, b) for (a, _), (_, b) in spans]


def test_other_tables_keep_an_apostrophe() -> None:
    [(_, row)] = csv_instances("id,text,head,tail\n'=a,'=Ada met Bob.,Ada,Bob\n")
    assert (row["id"], row["text"]) == ("'=a", "'=Ada met Bob.")
    assert list(csv_texts("text,id\n'=Ada met Bob.,\n")) == [(2, {"id": "0", "text": "'=Ada met Bob."})]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a\nb\n", "line 1: the header has no column `text`. Allowed: `text`, and `id` if there is one"),
        ("text,head,tail\nAda met Bob.,Ada,Bob\n", "line 1: the table has columns of mentions already"),
        ("text\nAda\n \n", "line 3: the text is blank"),
    ],
)
def test_bad_tables_of_texts_are_errors_with_their_line(content: str, reason: str) -> None:
    with pytest.raises(InvalidRowError) as caught:
        list(csv_texts(content))
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "line 1: the header has no column `text`"),
        ("sentence,head,tail\na,b,c\n", "line 1: the header has no column `text`"),
        ("text,text\na,b\n", "line 1: the header has the column 'text' twice"),
        ("text,head,tail\nAda met Bob.,Ada\n", "line 2: the row does not have 3 cells"),
        ("text,head,tail\nAda met Bob.,Ada,Bob,Eve\n", "line 2: the row does not have 3 cells"),
        ("text,head,tail\nAda met Ada.,Ada,Bob\n", "line 2: `head` is 'Ada', which stands 2 times"),
        ("text,head,tail\nAda met Bob.,,Bob\n", "line 2: `head` is '', which stands 0 times"),
        (
            "text,head_start,head_end,tail_start,tail_end\nAda met Bob.,0,x,8,11\n",
            "line 2: `head_end` must be a whole",
        ),
        (
            "text,head_start,head_end,tail_start,tail_end\nAda met Bob.,0,-3,8,11\n",
            "line 2: `head_end` must be a whole",
        ),
        (
            "text,head_start,head_end,tail_start,tail_end\nAda met Bob.,0,3,8,99\n",
            "line 2: `tail` has start 8 and end 99",
        ),
        (
            "text,head,head_start,head_end,tail_start,tail_end\nAda met Bob.,Ad,0,3,8,11\n",
            "line 2: `head` is 'Ad', but the offsets mark 'Ada'",
        ),
        ('text,head,tail\n"Ada met" Bob.,Ada,Bob\n', "line 2: this is no CSV"),
    ],
)
def test_bad_rows_are_errors_with_their_line(content: str, reason: str) -> None:
    with pytest.raises(InvalidRowError) as caught:
        list(csv_instances(content))
    assert str(caught.value).startswith(reason)
