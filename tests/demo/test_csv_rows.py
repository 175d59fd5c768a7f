from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hf_relation.demo.csv_rows import csv_instances
from hf_relation.discovery import DiscoveredRelation, DiscoveryResult
from hf_relation.errors import InvalidRowError


ADA = {"start": 0, "end": 3, "type": None}
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
