from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hf_relation.data import FEWREL_NOVEL, WIKI80_NOVEL_NAMES, load_wiki80_known, read_wiki80
from hf_relation.errors import InvalidRowError, UsageError


LINE = {
    "token": ["Vela", "\u00a0", "Airport", "serves", "Port", "Alma", "."],
    "h": {"name": "vela airport", "id": "Q1", "pos": [0, 3]},
    "t": {"name": "port alma", "id": "Q2", "pos": [4, 6]},
    "relation": "place served by transport hub",
}


def write(path: Path, *lines: Any) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_line_is_read_as_worked_by_hand(tmp_path: Path) -> None:
    assert list(read_wiki80(write(tmp_path / "wiki80_val.txt", LINE))) == [
        {
            "id": "wiki80/wiki80_val/1",
            "text": "Vela Airport serves Port Alma .",
            "head": {"start": 0, "end": 12, "type": None},
            "tail": {"start": 20, "end": 29, "type": None},
            "relations": ["place served by transport hub"],
        }
    ]


def test_lines_with_text_have_character_offsets(tmp_path: Path) -> None:
    line = {"text": "Vela serves Alma.", "h": {"pos": [0, 4]}, "t": {"pos": [12, 16]}, "relation": "x"}
    (row,) = read_wiki80(write(tmp_path / "nre.txt", line))
    assert (row["text"][0:4], row["tail"]) == ("Vela", {"start": 12, "end": 16, "type": None})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"h": {"pos": [0, 9]}}, "tokens 0 to 8 .* are not a run"),
        ({"h": {"pos": [0, 0]}}, "tokens 0 to -1 .* are not a run"),
        ({"h": {"pos": [0, 1, 2]}}, "not a line of OpenNRE's format"),
        ({"h": {"pos": [3, 5]}}, "overlap"),
        ({"h": None}, "not a line of OpenNRE's format"),
        ({"relation": 5}, "must be a string, got 5"),
    ],
)
def test_bad_lines_are_numbered(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidRowError, match="^line 2: .*" + reason):
        list(read_wiki80(write(tmp_path / "wiki80_val.txt", LINE, LINE | change)))


def test_novel_relations_never_come_out(tmp_path: Path) -> None:
    assert len(WIKI80_NOVEL_NAMES) == len(FEWREL_NOVEL) == len(set(WIKI80_NOVEL_NAMES)) == 16
    other = LINE | {"token": ["Vela", "x", "Field", "serves", "Port", "Alma", "!"]}
    novel = [other | {"relation": name} for name in WIKI80_NOVEL_NAMES]
    write(tmp_path / "wiki80_train.txt", LINE, *novel, other)
    write(tmp_path / "wiki80_val.txt", LINE, *novel)
    # The first training line's sentence is a validation sentence, so only the last line stays.
    assert [row["id"] for row in load_wiki80_known(tmp_path, "train")] == ["wiki80/wiki80_train/18"]
    assert len(load_wiki80_known(tmp_path, "train", drop_evaluation_sentences=False)) == 2
    assert [row["id"] for row in load_wiki80_known(tmp_path, "validation")] == ["wiki80/wiki80_val/1"]


def test_missing_file_and_unknown_split(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"wiki80_train.txt\[.gz\] or wiki80_train_42rel.derived.txt\[.gz\] is not in"
    ):
        load_wiki80_known(tmp_path, "train")
    with pytest.raises(UsageError, match="must be one of train, validation, got 'val'"):
        load_wiki80_known(tmp_path, "val")
