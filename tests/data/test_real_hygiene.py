"""Sentence overlap between every training set and every evaluation set at hand is zero, and what was dropped is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hf_relation.data import (
    WIKI80_NOVEL_NAMES,
    drop_overlapping,
    load_corpus,
    load_fewrel_openre,
    load_wiki80_known,
    overlap,
    read_docred,
    sentence_key,
)
from hf_relation.runs.extraction_arguments import ExtractionDataArguments
from hf_relation.runs.extraction_data import load_data
from hf_relation.runs.finecl_arguments import FineCLArguments
from hf_relation.runs.finecl_data import load_pretraining_data


pytestmark = pytest.mark.real_data

Rows = list[Mapping[str, Any]]

# Rows whose sentence is in an evaluation set, by training set: how many there were and how many are left.
TRAINING_SETS = {
    ("fewrel", "train"): (27_287, 27_028),
    ("fewrel", "novel_unlabeled"): (9_600, 9_552),
    ("wiki80", "train"): (16_379, 16_130),
    ("semeval2010", "train"): (8_000, 7_983),
}


@pytest.fixture(scope="module")
def evaluation_sets(real_data_dir: Path) -> dict[str, Rows]:
    return {
        "fewrel test": list(load_corpus("fewrel", real_data_dir, "test")),
        "fewrel novel_unlabeled": list(load_corpus("fewrel", real_data_dir, "novel_unlabeled")),
        "semeval2010 test": list(load_corpus("semeval2010", real_data_dir, "test")),
        "redocred dev, documents": list(read_docred(real_data_dir / "redocred" / "dev_revised.json.gz")),
        "redocred dev, pairs": list(load_corpus("redocred", real_data_dir, "dev")),
    }


@pytest.mark.parametrize(("corpus", "split"), TRAINING_SETS)
def test_no_training_sentence_is_an_evaluation_sentence(
    real_data_dir: Path, evaluation_sets: dict[str, Rows], corpus: str, split: str
) -> None:
    before = load_corpus(corpus, real_data_dir, split, drop_evaluation_sentences=False)
    # Dropping is what happens by default for training splits.
    after = load_corpus(corpus, real_data_dir, split, drop_evaluation_sentences=None if split == "train" else True)
    # The novel instances are themselves an evaluation set of the known ones, not of themselves.
    against = {name: rows for name, rows in evaluation_sets.items() if name != f"{corpus} {split}"}
    assert (len(before), len(after)) == TRAINING_SETS[corpus, split]
    assert {name: overlap(after, rows) for name, rows in against.items()} == dict.fromkeys(against, 0)
    if corpus == "wiki80":
        against["wiki80 validation"] = list(load_corpus("wiki80", real_data_dir, "validation"))
        assert overlap(after, against["wiki80 validation"]) == 0
    # What is dropped by fingerprint is what is dropped by comparing the sentences themselves.
    kept, dropped = drop_overlapping(before, against.values())
    assert [row["id"] for row in kept] == [row["id"] for row in after]
    assert len(dropped) == len(before) - len(after)


@pytest.mark.parametrize(("split", "relations"), [("train", 26), ("validation", 64)])
def test_wiki80_novel_relations_never_appear(real_data_dir: Path, split: str, relations: int) -> None:
    rows = load_wiki80_known(real_data_dir, split, drop_evaluation_sentences=False)
    found = {row["relations"][0] for row in rows}
    assert len(found) == relations and not found & set(WIKI80_NOVEL_NAMES)


def test_wiki80_is_a_part_of_fewrel(real_data_dir: Path) -> None:
    """So a figure on wiki80 of a model trained on FewRel is a figure on seen rows."""
    fewrel = {
        sentence_key(row["text"])
        for row in load_fewrel_openre(real_data_dir, "train", drop_evaluation_sentences=False)
    }
    rows = load_wiki80_known(real_data_dir, "validation")
    assert len(rows) == 4_480
    assert all(sentence_key(row["text"]) in fewrel for row in rows)


def test_what_is_pretrained_on_shares_no_sentence_with_what_is_evaluated_on(real_data_dir: Path) -> None:
    script = FineCLArguments(corpora=["redocred"], data_dir=str(real_data_dir), apart_from=["wiki80", "semeval"])
    data = load_pretraining_data(script)
    counts = [data.counts[f"dropped_sentence_in_{name}"] for name in ("wiki80", "semeval")]
    # One document of the 360 quotes a sentence of wiki80.
    assert counts == [1, 0] and len(data.train) + len(data.validation) == 360 - sum(counts)
    trained = [*data.train, *data.validation]
    evaluated: dict[str, Rows] = {
        "wiki80 train": list(load_corpus("wiki80", real_data_dir, "train", drop_evaluation_sentences=False)),
        "wiki80 validation": list(load_corpus("wiki80", real_data_dir, "validation")),
        "semeval train": list(load_corpus("semeval2010", real_data_dir, "train", drop_evaluation_sentences=False)),
        "semeval test": list(load_corpus("semeval2010", real_data_dir, "test")),
        "redocred test": list(
            load_data(ExtractionDataArguments(dataset="redocred", data_dir=str(real_data_dir))).test
        ),
    }
    assert {name: overlap(trained, rows) for name, rows in evaluated.items()} == dict.fromkeys(evaluated, 0)
