"""Known relations, unlabelled text and test of a run, from small files in the true formats."""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hf_relation.data import FEWREL_NOVEL, TACRED_KNOWN, TACRED_NOVEL, overlap, write_jsonl
from hf_relation.data.nyt_fb_splits import load_nyt_fb_sup
from hf_relation.errors import UsageError
from hf_relation.training import (
    ExperimentArguments,
    ExperimentData,
    data_names,
    load_experiment_data,
    load_unsupervised_data,
)
from tests.common.tiny_corpora import SEMEVAL_NAMES, write_nyt_fb, write_redocred, write_semeval, write_tacred


def instance(relation: str | None, number: int, text: str | None = None) -> dict[str, Any]:
    text = text or f"Ann {relation} {number} Bo."
    return {
        "id": f"{relation}-{number}",
        "text": text,
        "head": {"start": 0, "end": 3, "type": None},
        "tail": {"start": len(text) - 3, "end": len(text) - 1, "type": None},
        "relations": [] if relation is None else [relation],
    }


def relations(rows: Any) -> set[str]:
    return {name for row in rows for name in row["relations"]}


def sizes(data: ExperimentData) -> tuple[int, int, int, int]:
    return len(data.train), len(data.validation), len(data.unlabeled), len(data.test)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Six known relations of 10, two novel ones of 10, and 8 unlabelled rows, one of them with a test sentence."""
    novel = [instance(name, i) for name in "xy" for i in range(10)]
    unlabelled = [instance("x", 100 + i) for i in range(4)] + [instance(None, i) for i in range(3)]
    unlabelled.append(instance(None, 99, text=novel[3]["text"].upper().replace("ANN", "Ann")))
    known = [instance(name, i) for name in "abcdef" for i in range(10)]
    known.append(instance("a", 50, text=unlabelled[0]["text"]))  # a sentence of the unlabelled part
    write_jsonl(tmp_path / "known.jsonl", known)
    write_jsonl(tmp_path / "novel.jsonl", novel)
    write_jsonl(tmp_path / "unlabelled.jsonl", unlabelled)
    return tmp_path


def of_files(files: Path, **changes: Any) -> ExperimentArguments:
    settings: dict[str, Any] = {
        "dataset": "jsonl",
        "train_file": [str(files / "known.jsonl")],
        "test_file": str(files / "novel.jsonl"),
        "held_out_relations": 2,
    }
    return ExperimentArguments(**settings | changes)


def test_unlabelled_sentences_are_neither_in_training_nor_in_the_test(files: Path) -> None:
    data = load_experiment_data(of_files(files, unlabeled_file=str(files / "unlabelled.jsonl")))
    assert sizes(data) == (40, 20, 7, 20)
    assert overlap(data.unlabeled, data.test) == overlap(data.train, data.unlabeled) == 0
    assert data.counts["unlabeled_dropped_sentence_in_test"] == 1 and data.counts["unlabeled"] == 7
    assert data.counts["dropped_sentence_in_test"] == 1  # the known row with a sentence of the unlabelled part
    without = load_experiment_data(of_files(files))
    assert without.unlabeled == [] and "unlabeled" not in without.counts


def test_unlabelled_rows_under_the_name_of_a_known_relation_are_refused(files: Path) -> None:
    write_jsonl(files / "mixed.jsonl", [instance("x", 7000), instance("b", 7001)])
    with pytest.raises(UsageError, match="1 unlabelled row.s. have the label of a known relation, for example 'b'"):
        load_experiment_data(of_files(files, unlabeled_file=str(files / "mixed.jsonl")))
    write_jsonl(files / "mixed.jsonl", [instance("x", 7000), instance("b", 7001) | {"relations": []}])
    assert len(load_experiment_data(of_files(files, unlabeled_file=str(files / "mixed.jsonl"))).unlabeled) == 2


def test_a_share_of_the_test_becomes_unlabelled_text_by_sentence(files: Path) -> None:
    rows = [instance(name, i, text=f"Ann {i} Bo.") | {"id": f"{name}{i}"} for name in "xy" for i in range(10)]
    write_jsonl(files / "pairs.jsonl", rows)  # every sentence twice
    data = load_experiment_data(of_files(files, test_file=str(files / "pairs.jsonl"), unlabeled_share=0.7))
    assert sizes(data) == (41, 20, 14, 6) and overlap(data.unlabeled, data.test) == 0
    assert Counter(row["text"] for row in data.unlabeled).most_common()[-1][1] == 2
    again = load_experiment_data(of_files(files, test_file=str(files / "pairs.jsonl"), unlabeled_share=0.7))
    assert again.test == data.test
    with pytest.raises(UsageError, match="leaves one of the parts empty"):
        load_experiment_data(of_files(files, unlabeled_share=0.01))
    with pytest.raises(UsageError, match="at least 0 and below 1, got 1.5"):
        load_experiment_data(of_files(files, unlabeled_share=1.5))


def test_fewer_unlabelled_instances(files: Path) -> None:
    arguments = of_files(files, unlabeled_file=str(files / "unlabelled.jsonl"), max_unlabeled_instances=3)
    assert len(load_experiment_data(arguments).unlabeled) in (2, 3)  # the one with a test sentence may be among them


def test_held_out_relations_play_the_novel_ones(files: Path) -> None:
    arguments = of_files(files, unlabeled_file=str(files / "unlabelled.jsonl"), validation_per_relation=3)
    usual, data = load_experiment_data(arguments), load_experiment_data(arguments, novel="held-out")
    assert data.novel_relations == usual.held_out_relations == sorted(relations(data.test))
    assert data.known_relations == usual.known_relations and data.held_out_relations == []
    assert sizes(data) == (40, 0, 14, 6)
    assert Counter(row["relations"][0] for row in data.test) == dict.fromkeys(usual.held_out_relations, 3)
    assert relations(data.unlabeled) == relations(data.test) and overlap(data.unlabeled, data.test) == 0
    assert data.test == usual.validation  # the same rows as a run that chooses on them
    assert not relations([*data.train, *data.unlabeled, *data.test]) & {"x", "y"}
    with pytest.raises(UsageError, match="give --held_out_relations"):
        load_experiment_data(of_files(files, held_out_relations=0), novel="held-out")
    with pytest.raises(UsageError, match="leaves no instance of the 2 held-out"):
        load_experiment_data(of_files(files, validation_per_relation=10), novel="held-out")
    with pytest.raises(UsageError, match="`novel` must be"):
        load_experiment_data(arguments, novel="other")  # type: ignore[arg-type]


def test_tacred_has_its_published_parts(tmp_path: Path) -> None:
    write_tacred(tmp_path)
    arguments = ExperimentArguments(dataset="tacred", data_dir=str(tmp_path), held_out_relations=3)
    data = load_experiment_data(arguments)
    assert sizes(data) == (112, 12, 34, 6)  # 31 x 4 known less 3 x 4; 40 novel, 15 % of them test
    assert relations(data.train) | relations(data.validation) == set(TACRED_KNOWN)
    assert relations(data.unlabeled) | relations(data.test) <= set(TACRED_NOVEL)
    cropped = load_experiment_data(dataclasses.replace(arguments, crop_tokens=26))
    assert {len(row["text"].split()) for row in cropped.test} == {26} and len(data.test[0]["text"].split()) == 27
    assert [row["id"] for row in cropped.unlabeled] == [row["id"] for row in data.unlabeled]
    with pytest.raises(UsageError, match="would change the published test of tacred"):
        load_experiment_data(dataclasses.replace(arguments, unlabeled_share=0.5))


def test_nyt_fb_disjoint_and_as_the_authors_split_it(tmp_path: Path) -> None:
    write_nyt_fb(tmp_path)
    arguments = ExperimentArguments(dataset="nyt_fb", data_dir=str(tmp_path), held_out_relations=0)
    data = load_experiment_data(arguments)
    assert (len(data.train), data.unlabeled) == (6, []) and data.known_relations == ["/r", "/s"]
    assert data.test == load_nyt_fb_sup(tmp_path, "test") and data.validation == load_nyt_fb_sup(
        tmp_path, "validation"
    )
    assert len(data.held_out_relations) == len(data.novel_relations) == 2
    shared = load_experiment_data(dataclasses.replace(arguments, unlabeled_share=0.5))
    assert len(shared.test) + len(shared.unlabeled) == len(data.test)
    assert shared.novel_relations == data.novel_relations
    authors = load_experiment_data(dataclasses.replace(arguments, nyt_fb_overlapping=True))
    assert relations(authors.unlabeled) == relations(authors.test) == {"/a", "/b", "/c", "/d"}
    assert sizes(authors) == (6, 0, 10 + 10 + 11 + 11, 10 + 11 + 11 + 12)
    unsupervised = load_unsupervised_data(arguments)
    assert sizes(unsupervised) == (0, 18, 5, 74) and relations(unsupervised.unlabeled) == set()


def test_novel_relations_of_semeval_are_drawn(tmp_path: Path) -> None:
    write_semeval(tmp_path)
    arguments = ExperimentArguments(dataset="semeval", data_dir=str(tmp_path), held_out_relations=0, novel_share=0.4)
    data = load_experiment_data(arguments)
    assert len(data.novel_relations) == 2 and len(data.known_relations) == 4
    assert set(data.novel_relations) | set(data.known_relations) == set(SEMEVAL_NAMES)
    assert relations(data.unlabeled) == relations(data.test) == set(data.novel_relations)
    assert len(data.train) in (31, 32) and len(data.test) == 8 and overlap(data.unlabeled, data.test) == 0
    drawn = {
        tuple(load_experiment_data(dataclasses.replace(arguments, split_seed=seed)).novel_relations)
        for seed in range(6)
    }
    assert len(drawn) > 1
    directed = load_experiment_data(dataclasses.replace(arguments, semeval_labels="directed"))
    assert len(directed.novel_relations) + len(directed.known_relations) == 12
    for share in (0.0, 1.0, 0.1, 0.9):
        with pytest.raises(UsageError, match="novel_share"):
            load_experiment_data(dataclasses.replace(arguments, novel_share=share))


def test_known_relations_of_one_corpus_and_novel_ones_of_another(tmp_path: Path) -> None:
    write_semeval(tmp_path)
    write_redocred(tmp_path, "dev_revised.json")
    to_redocred = ExperimentArguments(
        train_dataset="semeval",
        test_dataset="redocred",
        data_dir=str(tmp_path),
        held_out_relations=2,
        unlabeled_share=0.5,
    )
    data = load_experiment_data(to_redocred)
    assert data.novel_relations == ["P131", "P17", "P36", "P6"] and sizes(data) == (32, 16, 102, 102)
    assert data_names(to_redocred) == {"dataset": "semeval", "test_dataset": "redocred", "published": None}
    to_semeval = dataclasses.replace(
        to_redocred, train_dataset="redocred", test_dataset="semeval", unlabeled_share=0.0, held_out_relations=0
    )
    with pytest.raises(UsageError, match=r"train_revised.json\[.gz\] is not in"):
        load_experiment_data(to_semeval)
    back = load_experiment_data(dataclasses.replace(to_semeval, train_on_evaluation_sets=True))
    assert back.novel_relations == sorted(SEMEVAL_NAMES) and sizes(back) == (204, 0, 47, 24)
    assert "dropped_sentence_in_benchmark" not in back.counts
    write_redocred(tmp_path, "train_revised.json", offset=1000)
    trained = load_experiment_data(to_semeval)
    assert {row["id"].split("/")[1] for row in trained.train} == {"train_revised"}
    own = load_experiment_data(dataclasses.replace(to_redocred, unlabeled_share=0.0))
    assert sizes(own)[2:] == (204, 204)  # training documents are the unlabelled part


def test_a_relation_that_two_corpora_share_is_novel_or_known(tmp_path: Path) -> None:
    write_redocred(tmp_path, "dev_revised.json")
    known = [instance(name, i) for name in ("P17", "P26", "P40") for i in range(5)]
    write_jsonl(tmp_path / "known.jsonl", known)
    arguments = ExperimentArguments(
        dataset="jsonl",
        test_dataset="redocred",
        train_file=[str(tmp_path / "known.jsonl")],
        data_dir=str(tmp_path),
        held_out_relations=0,
        unlabeled_share=0.5,
    )
    novel = load_experiment_data(arguments)
    assert novel.known_relations == ["P26", "P40"] and "P17" in novel.novel_relations
    assert novel.counts["dropped_relation_in_test"] == 5
    kept = load_experiment_data(dataclasses.replace(arguments, shared_relations="known"))
    assert kept.known_relations == ["P17", "P26", "P40"] and kept.novel_relations == ["P131", "P36", "P6"]
    assert "P17" not in relations([*kept.unlabeled, *kept.test])


def test_methods_without_labels_learn_from_all_relations(tmp_path: Path, files: Path) -> None:
    write_semeval(tmp_path)
    data = load_unsupervised_data(ExperimentArguments(dataset="semeval", data_dir=str(tmp_path)))
    assert sizes(data) == (0, 0, 47, 24) and data.novel_relations == sorted(SEMEVAL_NAMES)
    assert data.counts["unlabeled_dropped_sentence_in_test"] == 1 and overlap(data.unlabeled, data.test) == 0
    own = load_unsupervised_data(of_files(files, unlabeled_file=str(files / "unlabelled.jsonl")))
    assert sizes(own) == (0, 0, 7, 20) and own.known_relations == []
    with pytest.raises(UsageError, match="no unlabelled instance to learn from .* --unlabeled_file"):
        load_unsupervised_data(of_files(files))


@pytest.mark.parametrize(
    ("changes", "published"),
    [
        ({}, "fewrel"),
        ({"dataset": "wiki80"}, "fewrel"),
        ({"dataset": "tacred"}, None),
        ({"dataset": "jsonl"}, None),
        ({"train_dataset": "semeval"}, None),
        ({"test_dataset": "semeval"}, None),
        ({"test_file": "mine.jsonl"}, None),
    ],
)
def test_published_figures_stand_beside_fewrel_alone(changes: dict[str, Any], published: str | None) -> None:
    assert data_names(ExperimentArguments(**changes))["published"] == published


def test_wiki80_relations_get_the_names_that_other_corpora_use(tmp_path: Path) -> None:
    (tmp_path / "wiki80").mkdir()
    (tmp_path / "fewrel").mkdir()
    (tmp_path / "fewrel" / "pid2name.json").write_text(json.dumps({"P17": ["country", ""], "P26": ["spouse", ""]}))
    for file in ("wiki80_train.txt", "wiki80_val.txt"):
        lines = []
        for name in ("country", "platform", "instance of"):
            for i in range(3):
                row = {"token": ["Holm", file, name, str(i), "Norland"], "relation": name}
                lines.append(json.dumps(row | {"h": {"pos": [0, 1]}, "t": {"pos": [4, 5]}}))
        (tmp_path / "wiki80" / file).write_text("\n".join(lines))
    write_redocred(tmp_path, "dev_revised.json")
    arguments = ExperimentArguments(
        train_dataset="wiki80",
        test_dataset="redocred",
        data_dir=str(tmp_path),
        held_out_relations=0,
        shared_relations="known",
    )
    data = load_experiment_data(arguments)
    assert data.known_relations == ["P17", "instance of", "platform"] and len(data.train) == 18
    assert data.novel_relations == ["P131", "P36", "P6"]


@pytest.mark.real_data
def test_the_real_fewrel() -> None:
    named = os.environ.get("HF_RELATION_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real corpora: {folder} does not exist")
    arguments = ExperimentArguments(data_dir=str(folder))
    data = load_experiment_data(arguments)
    assert len(data.unlabeled) + data.counts["unlabeled_dropped_sentence_in_test"] == 9600 and len(data.test) == 1600
    assert overlap(data.unlabeled, data.test) == overlap(data.train, data.unlabeled) == 0
    assert relations(data.unlabeled) == relations(data.test) == set(FEWREL_NOVEL)
    unsupervised = load_unsupervised_data(arguments)
    assert unsupervised.unlabeled == data.unlabeled and unsupervised.test == data.test
    played = load_experiment_data(arguments, novel="held-out")
    assert not relations([*played.train, *played.unlabeled, *played.test]) & set(FEWREL_NOVEL)


def test_held_out_relations_are_limited_whatever_the_novel_corpus_is(tmp_path: Path) -> None:
    write_nyt_fb(tmp_path)
    write_semeval(tmp_path)
    arguments = ExperimentArguments(
        train_dataset="semeval",
        test_dataset="nyt_fb",
        data_dir=str(tmp_path),
        held_out_relations=2,
        validation_per_relation=3,
    )
    data = load_experiment_data(arguments)
    assert len(data.validation) == 6 and set(data.held_out_relations) < set(SEMEVAL_NAMES)
    assert all(name.startswith("/") for name in data.novel_relations)
