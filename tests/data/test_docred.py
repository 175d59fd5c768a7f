from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from hf_relation.data import read_docred
from hf_relation.errors import InvalidRowError


DOCUMENT: dict[str, Any] = {
    "title": "Holm",
    "sents": [["Holm", " ", "is", "a", "town", "in", "Norland", "."], ["\n", "It", "faces", "Lake", "Sel", "."]],
    "vertexSet": [
        [
            {"name": "Holm", "pos": [0, 1], "sent_id": 0, "type": "LOC"},
            {"name": "Holm", "pos": [0, 2], "sent_id": 0, "type": "LOC"},
            {"name": "It", "pos": [1, 2], "sent_id": 1, "type": "MISC"},
        ],
        [{"name": "Norland", "pos": [6, 7], "sent_id": 0, "type": "LOC"}],
        [{"name": "Lake Sel", "pos": [3, 5], "sent_id": 1, "type": "LOC"}],
    ],
    "labels": [{"r": "P17", "h": 0, "t": 1, "evidence": [0]}, {"r": "P206", "h": 0, "t": 2, "evidence": [1]}],
}


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_a_document_is_read_as_worked_by_hand(tmp_path: Path) -> None:
    path = write(tmp_path / "dev.json", [DOCUMENT])
    (document,) = read_docred(path)
    text = "Holm is a town in Norland .\nIt faces Lake Sel ."
    assert document == {
        "id": "docred/dev/0",
        "text": text,
        # "Holm" stands twice in the list, once with a blank token behind it: one mention.
        "mentions": [{"start": s, "end": e} for s, e in ((0, 4), (28, 30), (18, 25), (37, 45))],
        "entities": [
            {"id": None, "type": "LOC", "mentions": [0, 1]},
            {"id": None, "type": "LOC", "mentions": [2]},
            {"id": None, "type": "LOC", "mentions": [3]},
        ],
        "relations": [{"head": 0, "tail": 1, "label": "P17"}, {"head": 0, "tail": 2, "label": "P206"}],
    }
    assert text[37:45] == "Lake Sel"


def test_relation_names_from_a_mapping_or_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "dev.json", [DOCUMENT])
    names = {"P17": "country", "P206": "located at"}
    for rel_info in (names, write(tmp_path / "rel_info.json", names)):
        (document,) = read_docred(path, rel_info)
        assert [relation["label"] for relation in document["relations"]] == ["country", "located at"]
    with pytest.raises(InvalidRowError, match="docred/dev/0: the relation 'P206' is not in `rel_info`"):
        list(read_docred(path, {"P17": "country"}))


def test_a_test_file_has_no_labels(tmp_path: Path) -> None:
    document = {key: value for key, value in DOCUMENT.items() if key != "labels"}
    assert [row["relations"] for row in read_docred(write(tmp_path / "test.json", [document]))] == [[]]


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("vertexSet", 1, 0, "pos"), [6, 99], "tokens 6 to 98 .* are not a run"),
        (("vertexSet", 1, 0, "sent_id"), 7, "not a DocRED document"),
        (("vertexSet", 1), [], "not a DocRED document"),
        (("labels", 0, "t"), 9, r"must hold positions in `entities` \(0 to 2\), got 9"),
        (("sents",), None, "not a DocRED document"),
    ],
)
def test_bad_documents_are_named(tmp_path: Path, path: tuple[Any, ...], value: object, reason: str) -> None:
    broken: Any = copy.deepcopy(DOCUMENT)
    holder = broken
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    with pytest.raises(InvalidRowError, match="docred/dev/1: .*" + reason):
        list(read_docred(write(tmp_path / "dev.json", [DOCUMENT, broken])))


def test_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRowError, match="not a list of DocRED documents"):
        list(read_docred(write(tmp_path / "dev.json", {})))
