"""Builders and converters of the corpora of triples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import pytest
import yaml

from hf_relation.data import document_features, explode_document, overlap_statistics, read_triples
from hf_relation.data.builders import NytTriples, RelationBuilder, WebNLG, WebNLGStar
from hf_relation.data.convert import convert, convert_and_push
from hf_relation.data.recipes import RECIPES
from hf_relation.errors import UsageError


ROWS: list[dict[str, Any]] = [
    {"text": "Ada of Holm met Bob .", "triple_list": [["Ada", "met", "Bob"], ["Ada", "born in", "Holm"]]},
    {"text": "Holm is here .", "triple_list": [["Holm", "in", "Holm"]]},
]
MENTIONS = {
    "sentText": "Ada met Bob .",
    "relationMentions": [
        {"em1Text": "Ada", "em2Text": "Bob", "label": "met"},
        {"em1Text": "Ada", "em2Text": "Eve", "label": "met"},
    ],
}


def folder_of(tmp_path: Path, **files: list[dict[str, Any]]) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    for name, rows in files.items():
        (folder / f"{name}.json").write_text(json.dumps(rows))
    return folder


@pytest.mark.parametrize(("builder_class", "name"), [(WebNLG, "webnlg"), (WebNLGStar, "webnlg_star")])
def test_builder_converter_and_reader_agree(tmp_path: Path, builder_class: type[RelationBuilder], name: str) -> None:
    folder = folder_of(tmp_path, train_triples=ROWS, val_triples=ROWS[:1], test_triples=ROWS[1:])
    written = convert(RECIPES[name], tmp_path / "out", data_dir=folder)
    assert [(part.configuration, part.split, part.rows) for part in written] == [
        ("documents", "train", 2), ("documents", "validation", 1), ("documents", "test", 1),
        ("pairs", "train", 2), ("pairs", "validation", 2), ("pairs", "test", 0),
    ]  # fmt: skip
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    header = yaml.safe_load(card.split("---\n")[1])
    assert header["license"] == "cc-by-nc-sa-4.0" and header["configs"][0]["config_name"] == "documents"
    assert "CC BY-NC-SA 4.0" in card and "github.com/hy-struggle/PRGC" in card
    cache = str(tmp_path / "cache")
    expected = list(read_triples(folder / "train_triples.json", prefix=name, reflexive="keep"))
    assert expected[1]["relations"] == [{"head": 0, "tail": 0, "label": "in"}]
    loaded = datasets.load_dataset(str(tmp_path / "out"), "documents", split="train", cache_dir=cache)
    builder = builder_class(data_dir=folder, cache_dir=cache)
    builder.download_and_prepare()
    built = builder.as_dataset(split="train")
    assert built.features == loaded.features == document_features()
    assert built.to_list() == loaded.to_list() == expected
    pairs = datasets.load_dataset(str(tmp_path / "out"), "pairs", split="validation", cache_dir=cache)
    assert pairs.to_list() == explode_document(expected[0] | {"id": f"{name}/val_triples/0"})  # type: ignore[arg-type]


def test_splits_whose_files_are_absent_are_left_out(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, test_triples=ROWS)
    written = convert(RECIPES["webnlg"], tmp_path / "out", data_dir=folder, configurations=["documents"])
    assert [part.split for part in written] == ["test"]
    (folder / "test_triples.json").unlink()
    with pytest.raises(
        UsageError, match=r"train_triples.json\[.gz\] is not in .*Get it from https://github.com/hy-str"
    ):
        WebNLG(data_dir=folder)


@pytest.mark.parametrize("names", [("train_triples", "dev_triples", "test_triples"), ("raw_train", "raw_valid", "raw_test")])  # fmt: skip
def test_nyt_in_either_form(tmp_path: Path, names: tuple[str, str, str]) -> None:
    folder = folder_of(tmp_path)
    for name, repeated in zip(names, (3, 2, 1), strict=True):
        rows = ROWS * repeated if "triples" in name else [MENTIONS] * repeated
        (folder / f"{name}.json").write_text("\n".join(map(json.dumps, rows)))
    written = convert(RECIPES["nyt_triples"], tmp_path / "out", data_dir=folder, configurations=["documents"])
    per_row = 2 if "triples" in names[0] else 1
    assert [(part.split, part.rows) for part in written] == [
        ("train", 3 * per_row), ("validation", 2 * per_row), ("test", per_row),
    ]  # fmt: skip
    assert written[2].relations["met"] == 1  # the triple whose string is not in the sentence is left out
    with pytest.raises(UsageError, match="may not be redistributed"):
        convert_and_push(RECIPES["nyt_triples"], output_dir=None, push_to="ada/nyt", data_dir=folder)


def test_nyt_says_what_is_expected_and_where_it_can_be_had(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, train_triples=ROWS, dev_triples=ROWS[:1])
    with pytest.raises(UsageError, match=r"test_triples.json\[.gz\] \(or raw_test.json.*LDC2008T19.*triple_list.*relationMentions"):  # fmt: skip
        NytTriples(data_dir=folder)


def test_validation_is_never_the_test(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, train_triples=ROWS, dev_triples=ROWS[:1], test_triples=ROWS[:1])
    with pytest.raises(
        UsageError, match="have the same content, so choosing on validation would be choosing on the test"
    ):
        convert(RECIPES["nyt_triples"], tmp_path / "out", data_dir=folder)
    assert not (tmp_path / "out").exists()


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "counts"), [("webnlg", (703, 1_607, 6)), ("webnlg_star", (703, 1_591, 26))])
def test_the_published_test_sets(real_data_dir: Path, name: str, counts: tuple[int, int, int]) -> None:
    splits = RECIPES[name].configuration("documents").splits
    assert list(splits) == ["train", "validation", "test"]
    found = overlap_statistics(splits["test"].rows(real_data_dir / name))  # type: ignore[arg-type]
    assert (found["texts"], found["triples"], found["EPO"]) == counts
