from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from hf_relation.discovery import InventoryEntry, RelationInventory
from hf_relation.errors import HfRelationError, InvalidRowError, UsageError


SPOUSE = InventoryEntry("spouse", "husband or wife", ("married to",), "P26")
BIRTH = InventoryEntry("place of birth", "", (), "P19")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "a.json",
            '{"P26": {"name": "spouse", "description": "husband or wife", "aliases": ["married to"]}, "P19": "place of birth"}',
        ),
        (
            "a.json",
            '[{"id": "P26", "label": " spouse ", "description": "husband\\nor  wife", "aliases": ["married to", "married to", " "]}, '
            '{"pid": "P19", "name": "place of birth", "count": 3}]',
        ),
        (
            "a.jsonl",
            '\ufeff{"id": "P26", "name": "spouse", "description": "husband or wife", "aliases": ["married to"]}\n\n'
            '{"id": "P19", "name": "place of birth", "description": null, "aliases": null}\n',
        ),
        (
            "a.tsv",
            "id\tname\tdescription\taliases\r\nP26\tspouse\thusband or wife\tmarried to|\r\nP19\tplace of birth\t\t\r\n",
        ),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_the_three_kinds_of_files_say_the_same(name: str, content: str, packed: bool, tmp_path: Path) -> None:
    path = tmp_path / (name + ".gz" if packed else name)
    path.write_bytes(gzip.compress(content.encode()) if packed else content.encode())
    assert list(RelationInventory.from_file(path)) == [SPOUSE, BIRTH]


def test_fewrel_form_with_deleted_properties(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "pid2name.json"
    rows = {
        "P1": ["crosses", "obstacle"],
        "P2": ["None", "None"],
        "P3": ["sport", "No description defined"],
        "P4": ["None", "None"],
    }
    path.write_text(json.dumps(rows))
    inventory = RelationInventory.from_file(path)
    assert [(entry.id, entry.name, entry.description) for entry in inventory] == [
        ("P1", "crosses", "obstacle"),
        ("P3", "sport", ""),
    ]
    assert "2 entries without a name" in caplog.text and "P2" in caplog.text and "P4" in caplog.text


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", '{"name": "a"}\n{"name": "A"}\n', "line 2: the name 'A' is that of line 1"),
        (
            "a.jsonl",
            '{"name": "a", "id": "P1"}\n\n{"name": "b", "id": "P1"}\n',
            "line 3: the id 'P1' is that of line 1",
        ),
        ("a.jsonl", '{"name": "a"}\n{"id": "P1"}\n', "line 2: an entry needs a `name`"),
        ("a.jsonl", '{"name": "a"}\n{"name": 3}\n', "line 2: `name` must be a string, got int"),
        ("a.jsonl", '{"name": "a", "aliases": "b|c"}\n', "line 1: `aliases` must be a list of strings"),
        ("a.jsonl", '{"name": "a", "label": "b"}\n', "line 1: `label` is another word for `name`"),
        ("a.jsonl", '{"name": "a"}\n{"name"\n', "line 2: the line is not valid JSON"),
        ("a.jsonl", "[1]\n", "line 1: an entry must be an object or a name, got list"),
        ("a.tsv", "P26\tspouse\n", "line 1: the first line must be a header"),
        ("a.tsv", "name\tname\nspouse\ta\n", "line 1: the first line must be a header"),
        ("a.tsv", "id\tname\nP26\tspouse\tx\n", "line 2: 3 cells, but the header has 2"),
        ("a.tsv", "id\tname\nP26\t \n", "line 2: an entry needs a `name`"),
        ("a.tsv", "id\tname\n", "holds no relation"),
        ("a.json", "{}", "holds no relation"),
        ("a.json", '{"P1": ["a", "b", "c"]}', "row 0: 'P1' leads to"),
        ("a.json", '["a", "b", "a"]', "row 2: the name 'a' is that of row 0"),
        ("a.json", '{"P1": "a", "P1": "b"}', "occurs twice"),
        ("a.json", "3", "an inventory is an object or a list, got int"),
        ("a.csv", "name\na\n", "ends in .json, .jsonl, .tsv"),
    ],
)
def test_errors_say_where(name: str, content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(HfRelationError) as caught:
        RelationInventory.from_file(path)
    assert message in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        RelationInventory.from_file(tmp_path / "none.json")


def test_in_memory() -> None:
    inventory = RelationInventory([SPOUSE, "place of birth"])
    assert inventory[0] == SPOUSE and inventory[1] == InventoryEntry("place of birth") and len(inventory[:1]) == 1
    with pytest.raises(InvalidRowError, match=r"row 1: the name 'Spouse' is that of row 0"):
        RelationInventory([SPOUSE, "Spouse"])
    with pytest.raises(InvalidRowError, match="needs a `name`"):
        RelationInventory([InventoryEntry(" ")])
    with pytest.raises(UsageError, match="holds no relation"):
        RelationInventory([])
    with pytest.raises(UsageError, match="list of entries"):
        RelationInventory("spouse")
