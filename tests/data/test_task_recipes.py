"""Builders and converters of tagged sentences and labelled texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import pytest
import yaml

from hf_relation.data import SNIPS_INTENTS, read_conllu, tagged_features, text_features, write_jsonl
from hf_relation.data import task_builders as builders
from hf_relation.data.convert import convert, convert_and_push
from hf_relation.data.recipe import jsonl_recipe
from hf_relation.data.recipes import RECIPES
from hf_relation.data.task_recipes import TASK_RECIPES
from hf_relation.errors import UsageError


WORD = "1\t{}\t_\t{}\t_\t_\t_\t_\t_\t_\n"
IOB = "Ada\tB-person\nB\tI-person\nyo\tB-product\n"
MELD = "Utterance,Emotion,Sentiment\nHi,joy,positive\n"
SNIPS = json.dumps({"GetWeather": [{"data": [{"text": "in "}, {"text": "Upper Holm", "entity": "city"}]}]})

# corpus -> files, and for each configuration: split -> tags or labels of the first row
FILES: dict[str, tuple[dict[str, str], dict[str, dict[str, Any]]]] = {
    "ud": (
        {"en_ewt-ud-dev.conllu": WORD.format("or", "CCONJ"), "zh_gsd-ud-train.v1.conllu": WORD.format("和", "CONJ")},
        {"en_ewt": {"validation": ["CCONJ"]}, "zh_gsd_v1": {"train": ["CCONJ"]}},
    ),
    "wnut17": (
        {"wnut17train.conll": IOB},
        {"ner": {"train": ["B-person", "I-person", "B-product"]}, "ner_misc": {"train": ["B-PER", "I-PER", "B-MISC"]}},
    ),
    "weibo_ner": (
        {"weiboNER_2nd_conll.test": "科0\tB-GPE.NAM\n技1\tO\n"},
        {"ner": {"test": ["B-GPE.NAM", "O"]}, "ner_misc": {"test": ["B-LOC", "O"]}},
    ),
    "iob2corpus": (
        {"hironsan.txt": "彼\tx\tB-PSN\n", "ja.wikipedia.conll": "彼\tB-DATE\n"},
        {
            "ner": {"wikinews": ["B-PSN"], "wikipedia": ["B-DATE"]},
            "ner_misc": {"wikinews": ["B-PER"], "wikipedia": ["B-MISC"]},
        },
    ),
    "snips": (
        {f"validate_{intent}.json": SNIPS.replace("GetWeather", intent) for intent in SNIPS_INTENTS},
        {"slots": {"validation": ["O", "B-city", "I-city"]}, "intent": {"validation": "AddToPlaylist"}},
    ),
    "cola": ({"dev.tsv": "x\t1\t\tHi.\n", "val.tsv": "x\t0\t\tHi.\n"}, {"cola": {"held_out": "unacceptable", "validation": "acceptable"}}),
    "sst2": ({"train.tsv": "fine\t1\n", "test.tsv": "index\tsentence\n0\tx\n"}, {"sst2": {"train": "positive", "test": None}}),
    "wnli": ({"train.tsv": "0\ta\tb\t1\n"}, {"wnli": {"train": "entailment"}}),
    "qnli": ({"dev.tsv": "0\ta\tb\tentailment\n"}, {"qnli": {"validation": "entailment"}}),
    "stsb": ({"sts-test.csv": "m\ti\t1\t1\t2.5\tA\tB\n"}, {"stsb": {"test": 2.5}}),
    "meld": ({"dev_sent_emo.csv": MELD}, {"emotion": {"validation": "joy"}, "sentiment": {"validation": "positive"}}),
    "conll_slots": ({"valid.txt": "to O\nHolm I-city\n"}, {"slots": {"validation": ["O", "B-city"]}}),
}  # fmt: skip
CLASSES = {
    getattr(builders, name).corpus: getattr(builders, name)
    for name in vars(builders)
    if getattr(getattr(builders, name), "corpus", "")
}


def folder_of(tmp_path: Path, name: str) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    for file, content in FILES[name][0].items():
        (folder / file).write_text(content, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", FILES)
def test_builder_and_converter_agree(tmp_path: Path, name: str) -> None:
    folder_of(tmp_path, name)
    wanted = FILES[name][1]
    written = convert(RECIPES[name], tmp_path / "out", data_dir=tmp_path, configurations=list(wanted))
    assert {(part.configuration, part.split) for part in written} == {
        (configuration, split) for configuration, splits in wanted.items() for split in splits
    }
    cache = str(tmp_path / "cache")
    for configuration, splits in wanted.items():
        builder = CLASSES[name](data_dir=tmp_path, config_name=configuration, cache_dir=cache)
        builder.download_and_prepare()
        for split, expected in splits.items():
            loaded = datasets.load_dataset(str(tmp_path / "out"), configuration, split=split, cache_dir=cache)
            built = builder.as_dataset(split=split)
            assert built.features == loaded.features and built.to_list() == loaded.to_list()
            tagged = isinstance(expected, list)
            assert built.features == (
                tagged_features() if tagged else text_features(scores=isinstance(expected, float))
            )
            assert built[0]["tags" if tagged else "label"] == expected
            assert built[0]["id"].startswith(f"{name}/")


def test_every_recipe_has_a_case_and_a_builder() -> None:
    assert list(FILES) == list(TASK_RECIPES) and set(CLASSES) == set(TASK_RECIPES)


def test_the_card_speaks_of_tags_and_classes(tmp_path: Path) -> None:
    folder_of(tmp_path, "snips")
    convert(RECIPES["snips"], tmp_path / "out", data_dir=tmp_path)
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    header = yaml.safe_load(card.split("---\n")[1])
    assert header["license"] == "cc0-1.0"
    assert header["tags"] == ["token-classification", "text-classification", "hf_relation"]
    assert "| split | rows | tags |" in card and "| validation | 7 | 3 |" in card
    assert "| split | rows | classes |" in card and "| validation | 7 | 7 |" in card
    assert "character offsets" not in card and "relation-extraction" not in card and "blank tokens" not in card


def test_snips_in_a_folder_for_each_intent(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "snips")
    for intent in SNIPS_INTENTS:
        (folder / intent).mkdir()
        (folder / f"validate_{intent}.json").rename(folder / intent / f"validate_{intent}.json")
    (part,) = convert(RECIPES["snips"], tmp_path / "out", data_dir=tmp_path, configurations=["intent"])
    assert (part.split, part.rows) == ("validation", 7)
    (folder / "GetWeather" / "validate_GetWeather.json").unlink()
    with pytest.raises(UsageError, match="is not in .*nlu-benchmark"):
        convert(RECIPES["snips"], tmp_path / "out2", data_dir=tmp_path)


@pytest.mark.parametrize("name", ["weibo_ner", "iob2corpus", "cola", "sst2", "stsb", "meld", "conll_slots"])
def test_what_may_not_be_redistributed_is_not_pushed(tmp_path: Path, name: str) -> None:
    folder_of(tmp_path, name)
    with pytest.raises(UsageError, match="may not be redistributed"):
        convert_and_push(RECIPES[name], output_dir=None, push_to="ada/x", data_dir=tmp_path)


def test_versions_of_guidelines_are_not_mixed(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "ud")
    with pytest.raises(UsageError, match="zh_gsd-ud-train.conllu"):
        convert(RECIPES["ud"], tmp_path / "out", data_dir=folder, configurations=["zh_gsd"])
    (row,) = read_conllu(folder / "zh_gsd-ud-train.v1.conllu", version=1)
    assert row["id"] == "ud/zh_gsd-ud-train/1"


def test_rows_of_ones_own(tmp_path: Path) -> None:
    rows = {
        "tagged": {"id": "a", "tokens": ["Ada"], "tags": ["B-PER"]},
        "score": {"id": "a", "text": "x", "text_pair": None, "label": 1.5},
    }
    for kind, row in rows.items():
        write_jsonl(tmp_path / f"{kind}.jsonl", [row])
        convert(jsonl_recipe({"train": tmp_path / f"{kind}.jsonl"}, kind=kind), tmp_path / kind)  # type: ignore[arg-type]
        loaded = datasets.load_dataset(str(tmp_path / kind), split="train", cache_dir=str(tmp_path / "cache"))
        assert loaded.to_list() == [row]
