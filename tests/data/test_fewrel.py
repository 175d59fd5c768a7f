from __future__ import annotations

import gzip
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from hf_relation.data import (
    FEWREL_NOVEL,
    load_fewrel_openre,
    read_fewrel,
    read_openre_records,
    relation_names,
    sentence_key,
)
from hf_relation.data.fewrel_openre import frozen_rows
from hf_relation.errors import InvalidRowError, UsageError


Row = dict[str, Any]
TEXT = "The Old Ferry Bridge crosses the River Lun near Tarn ."


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_an_instance_is_read_as_worked_by_hand(tmp_path: Path, fewrel_instance: Row) -> None:
    path = write(tmp_path / "val_wiki.json", {"P177": [fewrel_instance]})
    # The no-break space and the line breaks are dropped; tokens 1-4 of the first mention are "Old Ferry Bridge".
    assert list(read_fewrel(path)) == [
        {
            "id": "fewrel/val_wiki/P177/0",
            "text": TEXT,
            "head": {"start": 4, "end": 20, "type": None},
            "tail": {"start": 33, "end": 42, "type": None},
            "relations": ["P177"],
        }
    ]
    assert (TEXT[4:20], TEXT[33:42]) == ("Old Ferry Bridge", "River Lun")


def test_gzip_and_plain_files_give_the_same_ids(tmp_path: Path, fewrel_instance: Row) -> None:
    plain = write(tmp_path / "val_wiki.json", {"P177": [fewrel_instance, fewrel_instance]})
    (tmp_path / "val_wiki.json.gz").write_bytes(gzip.compress(plain.read_bytes()))
    assert list(read_fewrel(plain)) == list(read_fewrel(tmp_path / "val_wiki.json.gz"))


def test_sources_keep_positions(tmp_path: Path, fewrel_instance: Row) -> None:
    rows = [fewrel_instance | {"src": "cfrl"}, fewrel_instance | {"src": "wiki80"}, fewrel_instance]
    path = write(tmp_path / "x.json", {"P6": rows})

    def ids(*sources: str) -> list[str]:
        return [row["id"] for row in read_fewrel(path, sources=sources)]

    assert ids("wiki80") == ["fewrel/x/P6/1"]
    assert ids("cfrl", "fewrel") == ["fewrel/x/P6/0", "fewrel/x/P6/2"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"h": ["x", "Q1", [[1, 3]]]}, r"token indices \[1, 3\] are not one run"),
        ({"h": ["x", "Q1", [[12, 13]]]}, "tokens 12 to 13 .* not a run"),
        ({"h": ["x", "Q1", [[4]]]}, "all blank"),
        ({"h": ["x", "Q1", []]}, "not an instance of the FewRel format"),
        ({"h": ["x", "Q1", [[7, 8]]]}, "overlap"),
        ({"tokens": "one string"}, "a list of tokens is needed"),
        ({"t": None}, "not an instance of the FewRel format"),
    ],
)
def test_bad_instances_are_named_by_relation_and_position(
    tmp_path: Path, fewrel_instance: Row, change: Row, reason: str
) -> None:
    if change.get("h") == ["x", "Q1", [[4]]]:
        fewrel_instance["tokens"][4] = " "
    path = write(tmp_path / "val_wiki.json", {"P177": [fewrel_instance | change]})
    with pytest.raises(InvalidRowError, match="fewrel/val_wiki/P177/0: .*" + reason):
        list(read_fewrel(path))


@pytest.mark.parametrize("content", [[], {"P177": {"tokens": []}}])
def test_another_format_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(InvalidRowError, match="not in the FewRel format"):
        list(read_fewrel(write(tmp_path / "x.json", content)))


def test_openre_records_have_inclusive_ends(tmp_path: Path, fewrel_instance: Row) -> None:
    record = {
        "relation": "P177",
        "relid": 66,
        "sentence": fewrel_instance["tokens"],
        "head": {"word": "old ferry bridge", "type": "Q1", "e1_begin": 1, "e1_end": 4},
        "tail": {"word": "river lun", "type": "Q2", "e2_begin": 8, "e2_end": 9},
    }
    original = write(tmp_path / "val_wiki.json", {"P177": [fewrel_instance]})
    (expected,) = read_fewrel(original)
    assert list(read_openre_records(write(tmp_path / "records.json", [record]))) == [
        expected | {"id": "fewrel/records/0"}
    ]
    with pytest.raises(InvalidRowError, match="fewrel/records/0: not an open-relation record"):
        list(read_openre_records(write(tmp_path / "records.json", [{"relation": "P177"}])))
    with pytest.raises(InvalidRowError, match="is not a list"):
        list(read_openre_records(write(tmp_path / "records.json", {})))


def test_train_reads_train_wiki_and_drops_evaluation_sentences(
    fewrel_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from hf_relation.data import hygiene

    assert [row["id"] for row in load_fewrel_openre(fewrel_dir, "train")] == [
        "fewrel/train_wiki/P6/0",
        "fewrel/train_wiki/P6/1",
        "fewrel/train_wiki/P31/0",
    ]
    mark = hygiene.fingerprint(sentence_key(TEXT))
    monkeypatch.setattr(hygiene, "_shipped_fingerprints", lambda: frozenset([mark]))
    with caplog.at_level(logging.INFO):
        kept = load_fewrel_openre(fewrel_dir.parent, "train")
    assert [row["id"] for row in kept] == ["fewrel/train_wiki/P6/1"]
    assert "2 instances dropped" in caplog.text
    assert len(load_fewrel_openre(fewrel_dir, "train", drop_evaluation_sentences=False)) == 3
    assert len(load_fewrel_openre(fewrel_dir, "train", sources=["cfrl"], drop_evaluation_sentences=False)) == 1


def test_fault_45_another_val_wiki_is_refused(fewrel_dir: Path, fewrel_instance: Row) -> None:
    write(fewrel_dir / "val_wiki.json", {"P177": [fewrel_instance]})
    with pytest.raises(
        UsageError, match="is not the published val_wiki.json: its SHA-256 is [0-9a-f]{64}, expected 76bb44"
    ):
        load_fewrel_openre(fewrel_dir, "test")


def test_missing_files_and_wrong_arguments(fewrel_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"val_wiki.json\[.gz\] is not in .*github.com/thunlp/FewRel"):
        load_fewrel_openre(fewrel_dir, "test")
    (fewrel_dir / "train_wiki.json").rename(tmp_path / "train_wiki_26rel.json.gz")
    with pytest.raises(UsageError, match="neither is train_wiki_26rel.json.gz or train_wiki_38rel_partial.json.gz"):
        load_fewrel_openre(fewrel_dir, "train")
    with pytest.raises(UsageError, match="must be one of train, novel_unlabeled, test, got 'dev'"):
        load_fewrel_openre(fewrel_dir, "dev")
    with pytest.raises(UsageError, match="frozen test set"):
        load_fewrel_openre(fewrel_dir, "test", drop_evaluation_sentences=True)
    with pytest.raises(UsageError, match="`sources` is for the split 'train' only"):
        load_fewrel_openre(fewrel_dir, "test", sources=["cfrl"])
    with pytest.raises(UsageError, match="does not exist"):
        load_fewrel_openre(tmp_path / "none", "train")
    monkeypatch.delenv("HF_RELATION_DATA", raising=False)
    with pytest.raises(UsageError, match="set HF_RELATION_DATA"):
        load_fewrel_openre(None, "train")


def test_the_environment_names_the_data_folder(fewrel_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_RELATION_DATA", str(fewrel_dir.parent))
    assert relation_names() == {"P6": "head of government"}
    monkeypatch.setenv("HF_RELATION_DATA", str(fewrel_dir / "none"))
    with pytest.raises(UsageError, match="HF_RELATION_DATA is .* not a folder"):
        relation_names()


def test_the_shipped_rows_are_the_frozen_test_set_in_shape() -> None:
    rows = frozen_rows()["rows"]
    assert tuple(rows) == FEWREL_NOVEL and len(set(FEWREL_NOVEL)) == 16
    assert sum(map(len, rows.values())) == 1600
    assert all(
        len(set(positions)) == len(positions) and 0 <= min(positions) <= max(positions) < 700
        for positions in rows.values()
    )
