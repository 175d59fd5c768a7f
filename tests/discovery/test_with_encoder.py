"""Who embeds: discovery, its pipeline, the command and the stage of sharded discovery all ask an encoder, made once."""

from __future__ import annotations

import json
import sys
from typing import Any, get_args

import numpy as np
import pytest
from sklearn.base import clone
from transformers import pipeline

from hf_relation import RelationDiscovery, embedding
from hf_relation.cli import app
from hf_relation.data import write_jsonl
from hf_relation.embedding import Backend, TorchEncoder
from hf_relation.errors import UsageError
from hf_relation.sharded import ShardedSettings
from hf_relation.sharded.stages.embedding import _OF_ENCODER, _encoder, embed_shard
from tests.common.tiny_checkpoints import save_tiny_checkpoint
from tests.common.tiny_models import tiny_more
from tests.common.tiny_tokenizers import sample_instances


ROWS = np.random.default_rng(0).normal(size=(20, 16)).astype(np.float32)


class Drawn:
    """An encoder of another library: drawn numbers."""

    backend = "openvino"

    def embed(self, instances: Any, *, progress: bool = False, out: Any = None) -> np.ndarray:
        found = ROWS[: len(list(instances))]
        if out is not None:
            np.save(out, found)
        return found


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    save_tiny_checkpoint(folder)
    return str(folder)


@pytest.fixture
def asked(checkpoint, monkeypatch):
    """What encoders were made with."""
    made: list[dict[str, Any]] = []

    def make(model: Any, processor: Any, **settings: Any) -> Drawn:
        made.append(settings)
        return Drawn()

    monkeypatch.setattr(embedding, "make_encoder", make)
    return made


def test_discovery_asks_an_encoder_that_is_made_once(asked):
    discovery = RelationDiscovery(*tiny_more(), backend="openvino", dtype="bfloat16", max_tokens_per_batch=77)
    for _ in range(2):
        np.testing.assert_array_equal(discovery.embed(sample_instances(20)), ROWS)
    wanted = {"backend": "openvino", "dtype": "bfloat16", "max_tokens_per_batch": 77, "device": None}
    assert asked == [wanted]
    assert clone(discovery).backend == "openvino" and discovery.get_params()["backend"] == "openvino"
    discovery.set_params(backend="onnx", dtype="float32").embed(sample_instances(2))
    assert asked[1:] == [wanted | {"backend": "onnx", "dtype": "float32"}]
    other = tiny_more(seed=1)
    discovery.set_params(model=other[0], processor=other[1]).embed(sample_instances(2))
    assert len(asked) == 3


def test_the_encoder_of_discovery_sees_weights_that_are_trained():
    model, processor = tiny_more()
    discovery = RelationDiscovery(model, processor, dtype="bfloat16")
    before = discovery.embed(sample_instances(4))
    for parameter in model.parameters():
        parameter.data = parameter.data * -1.5
    fresh = TorchEncoder(model, processor, dtype="bfloat16").embed(sample_instances(4))
    after = discovery.embed(sample_instances(4))
    assert not np.array_equal(before, after)
    np.testing.assert_array_equal(after, fresh)


def test_the_pipeline_passes_the_back_end_on(asked):
    model, processor = tiny_more()
    discover = pipeline("open-relation-discovery", model=model, processor=processor, num_relations=2)
    for backend in ("openvino", "openvino", "onnx"):
        found = discover(sample_instances(20), backend=backend)
        expected = RelationDiscovery(num_relations=2).fit_predict(sample_instances(20), ROWS).to_dict()
        assert found["instances"] == expected["instances"]
    assert [settings["backend"] for settings in asked] == ["openvino", "onnx"]


def test_the_command_passes_the_back_end_on(asked, checkpoint, tmp_path, monkeypatch, capsys):
    write_jsonl(tmp_path / "rows.jsonl", sample_instances(20))
    run = ["hf-relation", "discover", "--model", checkpoint, str(tmp_path / "rows.jsonl"), "--backend"]
    monkeypatch.setattr(sys, "argv", [*run, "openvino", "--quiet"])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code in (0, None) and asked[-1]["backend"] == "openvino"
    monkeypatch.setattr(sys, "argv", [*run, "jax"])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 2 and "torch-compile" in capsys.readouterr().err


def test_the_stage_of_sharded_discovery_asks_an_encoder(asked, checkpoint, tmp_path):
    _encoder.cache_clear()
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, sample_instances(5))))
    settings = {"model": checkpoint, "backend": "openvino", "dtype": "float32"}
    settings |= {"max_tokens_per_batch": None, "device": "cpu"}
    try:
        for shard in ("0", "1"):
            assert embed_shard([tmp_path / "rows.jsonl"], tmp_path, shard, settings) == (5, {"columns": 16})
            np.testing.assert_array_equal(np.load(tmp_path / f"{shard}.npy"), ROWS[:5])
    finally:
        _encoder.cache_clear()
    assert asked == [{name: settings[name] for name in _OF_ENCODER}]  # once in a process


def test_sharded_settings_know_the_same_back_ends():
    for backend in get_args(Backend):
        assert ShardedSettings(backend=backend).to_dict()["backend"] == backend
    with pytest.raises(UsageError, match="`backend` must be .*got 'jax'"):
        ShardedSettings(backend="jax")
