"""The discovery pipeline on texts and documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import pipeline

from hf_relation.data import EntityDictionary
from hf_relation.discovery import RelationDiscovery, read_discovery_rows
from hf_relation.discovery.raw_text import TEXT_OPTIONS
from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.pipelines import TASK, open_relation_discovery
from tests.common.tiny_checkpoints import save_tiny_checkpoint
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_tokenizers import sample_instances


NAMES = EntityDictionary([("Ada", "PERSON"), ("Bob", "PERSON"), ("Lindau", "PLACE")])
TEXTS = ["It rained.\r\nAda met Bob.", "Bob lives in Lindau. Ada does too."]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint")
    save_tiny_checkpoint(path, num_relations=2)
    return path


@pytest.fixture(scope="module")
def discover(folder: Path) -> Any:
    return pipeline(TASK, model=str(folder), device="cpu")


def test_the_options_are_those_of_the_function() -> None:
    assert open_relation_discovery._TEXT_OPTIONS == TEXT_OPTIONS


def test_texts(discover: Any, folder: Path) -> None:
    found = discover(TEXTS, entities=NAMES, window=2, num_relations=2)
    rows, report = read_discovery_rows(TEXTS, entities=NAMES, window=2)
    expected = RelationDiscovery.from_pretrained(folder).fit_predict(rows).to_dict()
    assert {name: found[name] for name in expected} == expected
    assert found["texts"] == report.to_dict() and json.loads(json.dumps(found)) == found
    assert [row["id"] for row in found["mentions"]] == [row["id"] for row in found["instances"]]
    for row in found["mentions"]:
        mention = row["head"]
        assert TEXTS[int(row["document"])][mention["start"] : mention["end"]] == mention["text"]
    assert len(found["instances"]) == 4


def test_one_text_documents_and_options_at_construction(folder: Path) -> None:
    discover = pipeline(TASK, model=str(folder), device="cpu", entities=NAMES, num_relations=1)
    assert len(discover(TEXTS[1])["instances"]) == 1
    assert len(discover(TEXTS[1], both_directions=True)["instances"]) == 2
    assert len(discover(sample_documents()[0])["instances"]) == 3
    assert "mentions" not in discover(sample_instances())


def test_what_is_refused(discover: Any) -> None:
    with pytest.raises(UsageError, match="pass `entities`"):
        discover(TEXTS)
    with pytest.raises(UsageError, match="No entity was found in 1 text"):
        discover(["Nobody."], entities=NAMES)
    with pytest.raises(InvalidRowError, match="row 1: the text is blank"):
        discover(["Ada met Bob.", " "], entities=NAMES)
    with pytest.raises(UsageError, match="`window` must be"):
        discover(TEXTS, entities=NAMES, window=0)
    with pytest.raises(UsageError, match="one row per instance"):
        discover(TEXTS, entities=NAMES, embeddings=[[1.0, 0.0]])
