from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import datasets
import pytest
import yaml

from hf_relation.data import read_fewrel, write_jsonl
from hf_relation.data.builders import FewRel
from hf_relation.data.convert import convert, convert_and_push, push
from hf_relation.data.recipe import jsonl_recipe
from hf_relation.data.recipes import RECIPES
from hf_relation.errors import InvalidRowError, UsageError


Row = dict[str, Any]


def header(folder: Path) -> Row:
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert text.startswith("---\n")
    loaded: Row = yaml.safe_load(text.split("---\n")[1])
    return loaded


def test_loaded_parquet_equals_reader_and_builder(fewrel_dir: Path, tmp_path: Path) -> None:
    written = convert(RECIPES["fewrel"], tmp_path / "out", data_dir=fewrel_dir, configurations=["fewrel"])
    assert [(part.configuration, part.split, part.rows, part.relations) for part in written] == [
        ("fewrel", "train", 3, {"P6": 2, "P31": 1})
    ]
    cache = str(tmp_path / "cache")
    loaded = datasets.load_dataset(str(tmp_path / "out"), "fewrel", split="train", cache_dir=cache)
    builder = FewRel(data_dir=fewrel_dir, config_name="fewrel", cache_dir=cache)
    builder.download_and_prepare()
    built = builder.as_dataset(split="train")
    assert loaded.features == built.features
    assert loaded.to_list() == built.to_list() == list(read_fewrel(fewrel_dir / "train_wiki.json"))


def test_more_rows_than_one_row_group(tmp_path: Path, row: Row) -> None:
    write_jsonl(tmp_path / "a.jsonl", (row | {"id": str(i)} for i in range(10_001)))
    convert(jsonl_recipe({"train": tmp_path / "a.jsonl"}), tmp_path / "out")
    path = tmp_path / "out" / "default" / "train-00000-of-00001.parquet"
    assert datasets.Dataset.from_parquet(str(path), cache_dir=str(tmp_path / "cache"))["id"][-1] == "10000"


def test_the_card_names_splits_licence_and_source(fewrel_dir: Path, tmp_path: Path) -> None:
    convert(RECIPES["fewrel"], tmp_path / "out", data_dir=fewrel_dir, configurations=["fewrel"])
    top = header(tmp_path / "out")
    assert top["license"] == "cc-by-sa-4.0"
    assert top["configs"] == [
        {"config_name": "fewrel", "default": True, "data_files": [{"split": "train", "path": "fewrel/train-*"}]}
    ]
    body = (tmp_path / "out" / "README.md").read_text()
    assert "| train | 3 | 2 |" in body and "CC BY-SA 4.0" in body and "github.com/thunlp/FewRel" in body


def test_documents_round_trip(tmp_path: Path, document: Row) -> None:
    write_jsonl(tmp_path / "d.jsonl", [document])
    convert(jsonl_recipe({"test": tmp_path / "d.jsonl"}, kind="document"), tmp_path / "out")
    loaded = datasets.load_dataset(str(tmp_path / "out"), split="test", cache_dir=str(tmp_path / "cache"))
    assert loaded.to_list() == [document]


def test_a_bad_row_leaves_no_folder(tmp_path: Path, row: Row) -> None:
    write_jsonl(tmp_path / "a.jsonl", [row, {"text": 5}])
    with pytest.raises(InvalidRowError, match=r"a\.jsonl, line 2: "):
        convert(jsonl_recipe({"train": tmp_path / "a.jsonl"}), tmp_path / "out")
    assert os.listdir(tmp_path) == ["a.jsonl"]


def test_nothing_is_made_when_files_or_names_are_wrong(tmp_path: Path, fewrel_dir: Path) -> None:
    for options in (
        {"data_dir": tmp_path / "none"},
        {"data_dir": fewrel_dir, "configurations": ["nope"]},
        {"data_dir": fewrel_dir, "configurations": []},
        {"data_dir": fewrel_dir},  # the configuration openre needs val_wiki.json
    ):
        with pytest.raises(UsageError):
            convert(RECIPES["fewrel"], tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_an_output_folder_in_use_is_kept(fewrel_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="is not empty"):
        convert(RECIPES["fewrel"], tmp_path / "out", data_dir=fewrel_dir, configurations=["fewrel"])
    assert os.listdir(tmp_path / "out") == ["mine.txt"]


@pytest.mark.parametrize("repo_id", ["rows", "a/b/c", "/rows", "ada/", " ada/rows"])
def test_repositories_need_owner_and_name(tmp_path: Path, repo_id: str) -> None:
    with pytest.raises(UsageError, match="user/name"):
        push(tmp_path, repo_id)


def test_somewhere_to_write_is_needed(tmp_path: Path, row: Row) -> None:
    write_jsonl(tmp_path / "a.jsonl", [row])
    with pytest.raises(UsageError, match="nowhere to write to"):
        convert_and_push(jsonl_recipe({"train": tmp_path / "a.jsonl"}), output_dir=None, push_to=None)
