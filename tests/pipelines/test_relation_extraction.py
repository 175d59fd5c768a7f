from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import pipeline
from transformers.pipelines import PIPELINE_REGISTRY
from transformers.pipelines.pt_utils import KeyDataset

import hf_relation
from hf_relation.errors import CheckpointError, InvalidRowError, UsageError
from hf_relation.extraction import RelationExtractor, Thresholds
from hf_relation.pipelines import EXTRACTION_TASK, RelationExtractionPipeline, register
from tests.common.tiny_checkpoints import save_tiny_extractor
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_models import tiny_kernel_re
from tests.common.tiny_tokenizers import sample_instances


DOCUMENTS = sample_documents()
TEXTS = ["Ada was born in Lindau.", "Jonas lives in Orn."]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint")
    save_tiny_extractor(path, entity_types=["PERSON", "PLACE"])
    return path


@pytest.fixture(scope="module")
def extract(folder: Path) -> Any:
    return pipeline(EXTRACTION_TASK, model=str(folder), device="cpu")


def found_entities(texts: list[str]) -> list[list[tuple[int, int]]]:
    return [[(0, text.index(" ")), (text.rindex(" ") + 1, len(text) - 1)] for text in texts]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"threshold": 0.0},
        {"threshold": {"born_in": 0.0}, "keep_none": True},
        {"threshold": 0.0, "top_k": 1},
        {"threshold": 0.0, "max_distance": 10, "type_constraints": False},
    ],
)
def test_pipeline_gives_what_the_extractor_gives(extract: Any, folder: Path, options: dict[str, Any]) -> None:
    rows = [*DOCUMENTS, *sample_instances(2), *TEXTS]
    found = extract(rows, **options)
    assert found == RelationExtractor.from_pretrained(folder).extract(rows, **options)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_rules_of_the_folder_are_used(extract: Any) -> None:
    symmetric = [row.get("symmetric") for row in extract(DOCUMENTS[2], threshold=0.0)["triples"]]
    assert symmetric.count(True) == 6  # of six pairs, not twelve
    relations = {
        row["relation"] for row in extract(DOCUMENTS[0], threshold={"founded_by": 1.0, "flows_into": 1.0})["triples"]
    }
    assert relations <= {"born_in"}


def test_one_input_gives_one_answer(extract: Any) -> None:
    for row in (DOCUMENTS[0], sample_instances(1)[0], TEXTS[0], {"text": TEXTS[0]}):
        assert extract(row, threshold=0.0) == extract([row], threshold=0.0)[0]
    assert extract([]) == []


def test_texts_of_a_column_and_a_source_of_entities(extract: Any) -> None:
    datasets = pytest.importorskip("datasets")
    column = KeyDataset(datasets.Dataset.from_list([{"text": text} for text in TEXTS]), "text")
    found = extract(column, entities=found_entities, threshold=0.0)
    assert found == extract(TEXTS, entities=found_entities, threshold=0.0)
    assert [mention["text"] for row in found for entity in row["entities"] for mention in entity["mentions"]] == [
        "Ada",
        "Lindau",
        "Jonas",
        "Orn",
    ]


def test_options_at_construction_are_defaults_of_the_call(folder: Path, extract: Any) -> None:
    other = pipeline(EXTRACTION_TASK, model=str(folder), device="cpu", threshold=0.0, top_k=1, batch_size=2)
    # In the same batches, so that scores are equal to the last digit.
    assert other(DOCUMENTS) == extract(DOCUMENTS, threshold=0.0, top_k=1, batch_size=2)
    assert other(DOCUMENTS, top_k=3) == extract(DOCUMENTS, threshold=0.0, batch_size=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_relations": 3}, "`num_relations` is no option"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 2, "max_tokens_per_batch": 5}, "not both"),
        ({"max_tokens_per_batch": 0}, "max_tokens_per_batch"),
        ({"dtype": "int8"}, "dtype"),
        ({"threshold": 1.5}, "from 0 to 1"),
        ({"threshold": {"bron in": 0.5}}, "bron in"),
        ({"top_k": 0}, "top_k"),
        ({"max_distance": -1}, "max_distance"),
    ],
)
def test_bad_options_are_refused(extract: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        extract(DOCUMENTS, **options)


def test_models_in_memory_have_the_default_rules() -> None:
    model, processor = tiny_kernel_re()
    extract = pipeline(EXTRACTION_TASK, model=model, processor=processor, device="cpu")
    assert extract(DOCUMENTS, threshold=0.0) == RelationExtractor(model, processor).extract(DOCUMENTS, threshold=0.0)
    with pytest.raises(UsageError, match="no tagger"):
        extract("Ada sings.")
    with pytest.raises(InvalidRowError, match="row 0: the text is blank"):
        extract(" ")


def test_there_is_no_default_model() -> None:
    with pytest.raises(UsageError, match="no shipped checkpoint for relation extraction.*`model=`.*train kernel-re"):
        pipeline(EXTRACTION_TASK)
    default = PIPELINE_REGISTRY.check_task(EXTRACTION_TASK)[1]["default"]
    assert "model" in default and "other" not in default
    with pytest.raises(KeyError):
        default["other"]


def test_registration_is_quiet_when_repeated(caplog: pytest.LogCaptureFixture) -> None:
    register()
    assert PIPELINE_REGISTRY.check_task(EXTRACTION_TASK)[1]["impl"] is RelationExtractionPipeline
    assert "already registered" not in caplog.text
    assert hf_relation.RelationExtractionPipeline is RelationExtractionPipeline


def test_saved_rules_and_damaged_ones(folder: Path, extract: Any, tmp_path: Path) -> None:
    extract.save_pretrained(tmp_path)
    assert RelationExtractor.from_pretrained(tmp_path).rules.thresholds == Thresholds(0.5, {"born_in": 0.49})
    (tmp_path / "extraction.json").write_text("{")
    with pytest.raises(CheckpointError, match="damaged"):
        pipeline(EXTRACTION_TASK, model=str(tmp_path), device="cpu")(DOCUMENTS)
