"""The cards of converted corpora: every recipe's is valid, counts right, holds hostile labels, and its snippet runs."""

from __future__ import annotations

import datasets
import pytest
from huggingface_hub import DatasetCard
from hypothesis import given, settings

from hf_relation.data import write_jsonl
from hf_relation.data.convert import ConvertedSplit, convert, dataset_card, write_parquet
from hf_relation.data.corpus_papers import PAPERS
from hf_relation.data.kinds import KINDS
from hf_relation.data.recipe import Configuration, Recipe, Split, jsonl_recipe
from hf_relation.data.recipes import RECIPES
from tests.cards.markdown_reader import HOSTILE, addresses, hostile_strings, run_snippets, skeleton, split, tables


ROWS = {
    "instance": {
        "id": "a",
        "text": "Ada met Bob.",
        "head": {"start": 0, "end": 3, "type": None},
        "tail": {"start": 8, "end": 11, "type": "PERSON"},
        "relations": ["met"],
    },
    "document": {
        "id": "a",
        "text": "Ada met Bob.",
        "mentions": [{"start": 0, "end": 3}, {"start": 8, "end": 11}],
        "entities": [{"id": "0", "type": None, "mentions": [0]}, {"id": "1", "type": None, "mentions": [1]}],
        "relations": [{"head": 0, "tail": 1, "label": "met"}],
    },
    "tagged": {"id": "a", "tokens": ["Ada", "met"], "tags": ["B-PER", "O"]},
    "text": {"id": "a", "text": "Ada met Bob.", "text_pair": None, "label": "meeting"},
    "score": {"id": "a", "text": "Ada met Bob.", "text_pair": "They met.", "label": 4.5},
}


@pytest.mark.parametrize("name", RECIPES)
def test_every_corpus_has_a_card_whose_snippet_loads_it(name: str, tmp_path, monkeypatch, capsys) -> None:
    recipe = RECIPES[name]
    written = []
    for configuration, content in recipe.configurations.items():
        (tmp_path / configuration).mkdir()
        for part in content.splits:
            path = tmp_path / configuration / f"{part}-00000-of-00001.parquet"
            rows = [ROWS[content.kind] | {"id": str(number)} for number in range(3)]
            written.append(ConvertedSplit(configuration, part, *write_parquet(path, iter(rows), kind=content.kind)))
    (tmp_path / "README.md").write_text(dataset_card(recipe, written), encoding="utf-8")

    card = DatasetCard.load(tmp_path / "README.md")
    header, body = split(card.content)
    assert [each["config_name"] for each in header["configs"]] == list(recipe.configurations)
    assert header["license"] == recipe.licence and (recipe.licence != "other" or header["license_name"])
    infos = header["dataset_info"] if isinstance(header["dataset_info"], list) else [header["dataset_info"]]
    for info in infos:
        configuration = info.get("config_name", next(iter(recipe.configurations)))
        expected = KINDS[recipe.configurations[configuration].kind].features()
        assert datasets.Features._from_yaml_list(info["features"]) == expected
    for part in written:
        assert [part.split, "3", str(len(part.relations))] in sum(tables(body), []), "rows and labels are counted"
    first = written[0]
    for label, number in first.relations.items():
        assert any(row[:2] == [label, str(number)] for row in sum(tables(body), []))
    for heading in ("Use", "Schema", "Limits", "Source and licence", "Citation"):
        assert f"\n## {heading}\n" in body
    assert recipe.licence_text in body and recipe.source in body
    assert ("@" in body[body.index("## Citation") :]) is (name in PAPERS)

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    assert run_snippets(tmp_path) == 1
    lines = capsys.readouterr().out.splitlines()
    default = next(iter(recipe.configurations.values()))
    assert [line.split(" ")[:2] for line in lines] == [[part, "3"] for part in default.splits]


def test_papers_are_those_of_recipes() -> None:
    assert set(RECIPES) - set(PAPERS) == {"iob2corpus", "conll_slots"}, "these two have no paper of their own"
    for papers in PAPERS.values():
        for paper in papers:
            assert paper.startswith("@") and paper.endswith("\n}") and paper.count("{") == paper.count("}")
            assert all(f"  {field}={{" in paper for field in ("title", "author", "year"))


def card_of(label: str, number: int = 1) -> str:
    nothing = Split(lambda folder: (), lambda folder: iter(()))
    recipe = Recipe(
        name="jsonl",
        title=label,
        about="Rows.",
        source="the files given",
        licence="",
        licence_text="not stated",
        configurations={"default": Configuration("The rows.", {"train": nothing})},
    )
    labels = {label: 2} | {f"r{position}": 1 for position in range(number)}
    return dataset_card(recipe, [ConvertedSplit("default", "train", 5, labels)])


@settings(max_examples=30, deadline=None)
@given(hostile_strings)
def test_labels_are_text(label: str) -> None:
    harmless, hostile = (split(card_of(each)) for each in ("harmless", label or "x"))
    assert {*hostile[0], "pretty_name"} == {*harmless[0]}
    assert skeleton(hostile[1]) == skeleton(harmless[1]) and not addresses(card_of(label or "x"))


def test_many_labels_are_counted_where_they_are_not_all_shown() -> None:
    body = split(card_of("frequent", 600))[1]
    assert "And 101 more relations" in body and "| 601 |" in body


def test_files_of_ones_own_have_a_card_whose_snippet_runs(tmp_path, monkeypatch, capsys) -> None:
    hostile = HOSTILE.replace("\ud800", "")
    write_jsonl(tmp_path / "rows.jsonl", [ROWS["instance"], ROWS["instance"] | {"id": "b", "relations": [hostile]}])
    convert(jsonl_recipe({"train": tmp_path / "rows.jsonl"}), tmp_path / "out")
    header, body = split((tmp_path / "out" / "README.md").read_text(encoding="utf-8"))
    assert not {"license", "language"} & set(header) and "Licence: not stated" in body and "## Citation" not in body
    assert ["met", "1"] in sum(tables(body), []) and not addresses((tmp_path / "out" / "README.md").read_text())
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    assert run_snippets(tmp_path / "out") == 1 and capsys.readouterr().out.startswith("train 2 ")
