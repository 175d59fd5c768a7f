from __future__ import annotations

from pathlib import Path

import pytest

from hf_relation.data import SEMEVAL_RELATIONS, read_semeval2010_task8
from hf_relation.errors import InvalidRowError, UsageError


BLOCKS = (
    '1\t"The <e1>storm</e1> left "deep" <e2>floods</e2> behind."\r\nCause-Effect(e1,e2)\r\nComment: ours\r\n\r\n'
    '2\t"A <e1>crack</e1> made by <e2>frost</e2>."\r\nCause-Effect(e2,e1)\r\nComment:\r\n\r\n'
    '3\t"An <e1>oak</e1> and a <e2>rock</e2>."\r\nOther\r\nComment:\r\n\r\n'
)


def write(tmp_path: Path, content: str) -> Path:
    (tmp_path / "TRAIN_FILE.TXT").write_bytes(content.encode())
    return tmp_path / "TRAIN_FILE.TXT"


def test_blocks_are_read_as_worked_by_hand(tmp_path: Path) -> None:
    rows = list(read_semeval2010_task8(write(tmp_path, BLOCKS)))
    assert rows[0] == {
        "id": "semeval2010_task8/1",
        "text": 'The storm left "deep" floods behind.',
        "head": {"start": 4, "end": 9, "type": None},
        "tail": {"start": 22, "end": 28, "type": None},
        "relations": ["Cause-Effect(e1,e2)"],
    }
    assert [row["relations"] for row in rows[1:]] == [["Cause-Effect(e2,e1)"], ["Other"]]


def test_oriented_labels_exchange_the_mentions(tmp_path: Path) -> None:
    path = write(tmp_path, BLOCKS)
    undirected = list(read_semeval2010_task8(path, labels="undirected"))
    oriented = list(read_semeval2010_task8(path, labels="oriented"))
    assert [row["relations"] for row in oriented] == [["Cause-Effect"], ["Cause-Effect"], ["Other"]]
    assert [row["relations"] for row in undirected] == [row["relations"] for row in oriented]
    heads = [
        [row["text"][row["head"]["start"] : row["head"]["end"]] for row in rows] for rows in (undirected, oriented)
    ]
    assert heads == [["storm", "crack", "oak"], ["storm", "frost", "oak"]]


def test_the_second_mention_may_come_first(tmp_path: Path) -> None:
    (row,) = read_semeval2010_task8(write(tmp_path, '1\t"The <e2>b</e2> of <e1>aa</e1>"\nOther\n'))
    assert (row["text"], row["head"]["start"], row["tail"]["start"]) == ("The b of aa", 9, 4)


def test_a_file_without_labels_is_unlabelled(tmp_path: Path) -> None:
    content = '1\t"<e1>a</e1> <e2>b</e2>"\n2\t"<e1>c</e1> <e2>d</e2>"\n'
    assert [row["relations"] for row in read_semeval2010_task8(write(tmp_path, content))] == [[], []]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('1\t"<e1>a</e1> b"\nOther\n', "line 1: the sentence must hold <e2> exactly once, not 0 times"),
        ('1\t"<e1>a</e1> <e2>b</e2>"\nCause-Effect\n', "line 2: 'Cause-Effect' is neither"),
        ('1\t"<e1>a</e1> <e2>b</e2>"\nOther\nOther\n', "line 3: 'Other' is neither"),
        ("Other\n", "line 1: 'Other' is neither"),
        ("1\t<e1>a</e1> <e2>b</e2>\nOther\n", "line 1: the sentence is not between double quotes"),
        ('1\t"</e1>a<e1> <e2>b</e2>"\nOther\n', "line 1: `head` has start 1 and end 0"),
        ('1\t"<e1>a <e2>b</e1> c</e2>"\nOther\n', "line 1: .*overlap"),
    ],
)
def test_bad_blocks_are_numbered(tmp_path: Path, content: str, reason: str) -> None:
    with pytest.raises(InvalidRowError, match=reason):
        list(read_semeval2010_task8(write(tmp_path, content)))


def test_nine_relations_and_unknown_option(tmp_path: Path) -> None:
    assert len(set(SEMEVAL_RELATIONS)) == 9
    with pytest.raises(UsageError, match="`labels` must be"):
        read_semeval2010_task8(write(tmp_path, BLOCKS), labels="both")  # type: ignore[arg-type]
