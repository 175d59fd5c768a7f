from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hf_relation.data import (
    document_features,
    explode_document,
    instance_features,
    read_docred,
    read_fewrel,
    write_jsonl,
)
from hf_relation.data.builders import FewRel, ReDocRED, RelationJsonl, SemEval2010Task8
from hf_relation.data.recipes import RECIPES
from hf_relation.errors import UsageError


Row = dict[str, Any]


def build(builder: Any, split: str) -> Any:
    builder.download_and_prepare()
    return builder.as_dataset(split=split)


def test_the_dataset_equals_the_reader(fewrel_dir: Path, tmp_path: Path) -> None:
    builder = FewRel(data_dir=fewrel_dir, config_name="fewrel", cache_dir=str(tmp_path / "cache"))
    dataset = build(builder, "train")
    assert dataset.features == instance_features()
    assert dataset.to_list() == list(read_fewrel(fewrel_dir / "train_wiki.json"))
    assert list(builder.as_streaming_dataset(split="train")) == dataset.to_list()


def test_an_edited_file_is_not_served_from_the_cache(tmp_path: Path, row: Row) -> None:
    def load() -> list[Row]:
        files = {"train": tmp_path / "a.jsonl"}
        return build(RelationJsonl(data_files=files, cache_dir=str(tmp_path / "cache")), "train").to_list()

    write_jsonl(tmp_path / "a.jsonl", [row])
    assert load() == [row]
    write_jsonl(tmp_path / "a.jsonl", [row, row | {"id": "b"}])
    assert len(load()) == 2


def test_builders_and_configurations_do_not_share_a_cache(tmp_path: Path, fewrel_dir: Path, document: Row) -> None:
    cache = str(tmp_path / "cache")
    write_jsonl(tmp_path / "d.jsonl", [document])
    documents = build(
        RelationJsonl(data_files={"train": tmp_path / "d.jsonl"}, kind="document", cache_dir=cache), "train"
    )
    assert documents.features == document_features() and documents.to_list() == [document]
    folders = {
        FewRel(data_dir=fewrel_dir, config_name="fewrel", cache_dir=cache).cache_dir,
        RelationJsonl(data_files={"train": tmp_path / "d.jsonl"}, cache_dir=cache).cache_dir,
        RelationJsonl(data_files={"train": tmp_path / "d.jsonl"}, kind="document", cache_dir=cache).cache_dir,
    }
    assert len(folders) == 3


def test_sentence_pairs_and_documents_of_one_file(tmp_path: Path) -> None:
    document = {
        "sents": [["Holm", "is", "in", "Norland", "."]],
        "vertexSet": [[{"pos": [i, i + 1], "sent_id": 0, "type": "LOC"}] for i in (0, 3)],
        "labels": [{"r": "P17", "h": 0, "t": 1}],
    }
    path = tmp_path / "dev_revised.json"
    path.write_text(json.dumps([document]))
    (expected,) = read_docred(path)
    cache = str(tmp_path / "cache")
    documents = build(ReDocRED(data_dir=tmp_path, cache_dir=cache), "validation")
    pairs = build(ReDocRED(data_dir=tmp_path, config_name="sentence_pairs", cache_dir=cache), "validation")
    assert documents.to_list() == [expected]
    assert pairs.to_list() == explode_document(expected, scope="sentence")


def test_missing_files_and_unknown_configurations_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"TRAIN_FILE.TXT\[.gz\] is not in"):
        SemEval2010Task8(data_dir=tmp_path)
    with pytest.raises(UsageError, match="has no configuration 'nope'; it has openre, fewrel"):
        FewRel(data_dir=tmp_path, config_name="nope")
    with pytest.raises(UsageError, match="must map split names to files"):
        RelationJsonl(data_files="rows.jsonl")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="does not exist"):
        RelationJsonl(data_files={"train": tmp_path / "none.jsonl"})


def test_every_recipe_states_source_and_licence() -> None:
    for name, recipe in RECIPES.items():
        assert recipe.name == name and recipe.source and recipe.licence and recipe.licence_text and recipe.about
        assert all(configuration.about and configuration.splits for configuration in recipe.configurations.values())
