from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hf_relation.data import load_corpus, write_jsonl
from hf_relation.errors import UsageError


Row = dict[str, Any]
SEMEVAL = '9\t"A <e1>crack</e1> made by <e2>frost</e2>."\nCause-Effect(e2,e1)\nComment:\n\n'


def test_a_path_is_read_as_jsonl(tmp_path: Path, row: Row) -> None:
    write_jsonl(tmp_path / "a.jsonl", [row])
    assert load_corpus(tmp_path / "a.jsonl") == load_corpus(str(tmp_path / "a.jsonl")) == [row]
    with pytest.raises(UsageError, match="has no splits"):
        load_corpus(tmp_path / "a.jsonl", split="train")


def test_names_are_read_from_the_data_folder(tmp_path: Path, fewrel_dir: Path) -> None:
    (tmp_path / "semeval2010_task8").mkdir()
    (tmp_path / "semeval2010_task8" / "TEST_FILE_FULL.TXT").write_text(SEMEVAL)
    assert len(load_corpus("fewrel", tmp_path, "train")) == 3
    (oriented,) = load_corpus("semeval2010", tmp_path, "test")
    assert (oriented["relations"], oriented["head"]["start"]) == (["Cause-Effect"], 16)
    (directed,) = load_corpus("semeval2010", tmp_path, "test", semeval_labels="directed")
    assert directed["relations"] == ["Cause-Effect(e2,e1)"]


def test_redocred_gives_pairs_of_one_sentence(tmp_path: Path) -> None:
    document = {
        "sents": [["Holm", "is", "in", "Norland", "."], ["Sel", "too", "."]],
        "vertexSet": [
            [{"pos": [0, 1], "sent_id": 0, "type": "LOC"}],
            [{"pos": [3, 4], "sent_id": 0, "type": "LOC"}],
            [{"pos": [0, 1], "sent_id": 1, "type": "LOC"}],
        ],
        "labels": [{"r": "P17", "h": 0, "t": 1}, {"r": "P17", "h": 2, "t": 1}],
    }
    (tmp_path / "dev_revised.json").write_text(json.dumps([document]))
    (row,) = load_corpus("redocred", tmp_path, "dev")
    assert (row["id"], row["text"]) == ("docred/dev_revised/0/0-1", "Holm is in Norland .")


@pytest.mark.parametrize(
    ("name", "split"), [("fewrel", None), ("wiki80", "test"), ("semeval2010", "dev"), ("redocred", "")]
)
def test_unknown_splits_name_the_ones_there_are(tmp_path: Path, name: str, split: str | None) -> None:
    with pytest.raises(UsageError, match=f"the split of '{name}' must be one of "):
        load_corpus(name, tmp_path, split)


def test_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'fewrell' is neither a file nor one of the corpora fewrel, wiki80"):
        load_corpus("fewrell", tmp_path, "train")
