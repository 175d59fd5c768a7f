"""A fine-tuned pair classifier does what a KernelRE model does: extractor, command, pipeline, and the errors that say what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import pipeline

from hf_relation.data import write_jsonl
from hf_relation.errors import CheckpointError, UsageError
from hf_relation.extraction import DecisionRules, RelationExtractor, Thresholds, load_entity_source
from tests.common.faces import run_command
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_models import tiny_kernel_re, tiny_pair_classification
from tests.common.tiny_tokenizers import sample_instances


DOCUMENTS = [{**row, "id": f"d{place}"} for place, row in enumerate(sample_documents())]
ROWS = [*DOCUMENTS, *sample_instances(2)]
KINDS = {"multi_label": {}, "single_label": {"kind": "single_label", "na_relation": "other"}}


@pytest.mark.parametrize("settings", KINDS.values(), ids=KINDS)
def test_scores_are_the_probabilities_of_the_classes(settings):
    model, processor = tiny_pair_classification(initializer_range=0.5, **settings)
    found = RelationExtractor(model, processor).extract(DOCUMENTS, threshold=0.0)
    checked = 0
    for document, answer in zip(DOCUMENTS, found, strict=True):
        for triple in answer["triples"]:
            pair = (triple["head"]["entity"], triple["tail"]["entity"])
            with torch.no_grad():
                classes = model(**processor([document], pairs=[[pair]])).class_logits[0, 0].double().numpy()
            exponents = np.exp(classes)
            chances = 1 / (1 + 1 / exponents) if settings == {} else exponents / exponents.sum()
            number = model.config.label2id[triple["relation"]]
            assert triple["score"] == pytest.approx(chances[number], abs=1e-5)
            checked += 1
    assert checked == 3 * sum(len(row["entities"]) * (len(row["entities"]) - 1) for row in DOCUMENTS)


def test_extractor_pipeline_and_command_answer_from_one_folder(tmp_path: Path):
    model, processor = tiny_pair_classification(initializer_range=0.5, **KINDS["single_label"])
    rules = DecisionRules(Thresholds(0.2, {"born_in": 0.3}))
    RelationExtractor(model, processor, rules=rules).save_pretrained(tmp_path / "model")
    expected = RelationExtractor(model, processor, rules=rules).extract(ROWS)
    assert 0 < sum(len(row["triples"]) for row in expected)
    loaded = RelationExtractor.from_pretrained(tmp_path / "model")
    assert loaded.rules == rules and loaded.processor.mention_entities and loaded.extract(ROWS) == expected
    assert pipeline("relation-extraction", model=str(tmp_path / "model"), device="cpu")(ROWS) == expected
    write_jsonl(tmp_path / "rows.jsonl", ROWS)
    command = ["extract", str(tmp_path / "rows.jsonl"), "--model", str(tmp_path / "model"), "--json", "--quiet"]
    outcome = run_command(command)
    assert outcome.content is not None and outcome.content["documents"] == expected
    with pytest.raises(CheckpointError, match="cannot be loaded as a token-classification model"):
        load_entity_source(str(tmp_path / "model"))


def test_the_plain_folder_that_training_leaves_is_enough(tmp_path: Path):
    model, processor = tiny_pair_classification()
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    extractor = RelationExtractor.from_pretrained(tmp_path)
    assert extractor.rules == DecisionRules() and extractor.relations == ["born_in", "founded_by", "flows_into"]
    assert extractor.extract(ROWS) == RelationExtractor(model, processor).extract(ROWS)


def test_what_it_cannot_do_is_said():
    model, processor = tiny_pair_classification()
    with pytest.raises(UsageError, match="has no tagger"):
        RelationExtractor(model, processor).extract(["Ada was born in Lindau."])
    spans = RelationExtractor(model, processor).extract(
        ["Ada was born in Lindau."], entities=lambda texts: [[(0, 3), (16, 22)]], threshold=0.0
    )
    assert len(spans[0]["triples"]) == 6
    with pytest.raises(UsageError, match="`mention_entities`.*which a KernelREModel does not take"):
        RelationExtractor(tiny_kernel_re()[0], processor)
