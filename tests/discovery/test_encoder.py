from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.base import clone

from hf_relation.discovery import RelationDiscovery
from hf_relation.discovery.encoder import load_encoder, state_of_model
from hf_relation.discovery.state import read_state
from hf_relation.errors import CheckpointError, UsageError
from tests.common.tiny_checkpoints import save_tiny_checkpoint
from tests.common.tiny_models import tiny_more
from tests.common.tiny_tokenizers import sample_instances


@pytest.fixture(scope="module")
def encoder() -> tuple[Any, Any]:
    return tiny_more()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint")
    save_tiny_checkpoint(path, pca_components=8)
    return path


def test_from_pretrained_takes_the_settings_of_the_checkpoint(encoder: tuple[Any, Any], folder: Path) -> None:
    loaded = RelationDiscovery.from_pretrained(folder)
    result = loaded.fit_predict(sample_instances())
    state = read_state(folder)
    assert state is not None
    by_hand = RelationDiscovery(*encoder, num_relations=3, n_init=3, pca_components=8, transform=state.whitening)
    assert result.to_dict() == by_hand.fit_predict(sample_instances()).to_dict()
    embeddings = loaded.embed(sample_instances())
    assert result.to_dict() == clone(loaded).fit_predict(sample_instances(), embeddings).to_dict()
    assert np.array_equal(loaded.predict(sample_instances()).labels, result.labels)


def test_gold_labels_do_not_reach_the_encoder(folder: Path) -> None:
    bare = [{key: value for key, value in row.items() if key != "relations"} for row in sample_instances()]
    results = [RelationDiscovery.from_pretrained(folder).fit_predict(rows) for rows in (bare, sample_instances())]
    assert results[0].to_dict() == results[1].to_dict()


def test_generators_and_datasets_are_instances_too(folder: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = sample_instances()
    expected = RelationDiscovery.from_pretrained(folder).fit_predict(rows).to_dict()
    dataset = datasets.Dataset.from_list(rows)
    for given in (tuple(rows), iter(rows), dataset, dataset.to_iterable_dataset()):
        assert RelationDiscovery.from_pretrained(folder).fit_predict(given).to_dict() == expected


def test_a_saved_discovery_loads_by_itself_without_network(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "source"
    shutil.copytree(folder, copy)
    model = RelationDiscovery.from_pretrained(copy)
    result = model.fit_predict(sample_instances())
    model.save_pretrained(tmp_path / "saved")
    shutil.rmtree(copy)
    assert not [path.name for path in (tmp_path / "saved").iterdir() if path.suffix in (".bin", ".pkl", ".pt")]
    assert str(tmp_path) not in (tmp_path / "saved" / "config.json").read_text()

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    loaded = RelationDiscovery.from_pretrained(tmp_path / "saved")
    assert loaded.predict(sample_instances()).to_dict() == result.to_dict()
    assert loaded.fit_predict(sample_instances()).to_dict() == result.to_dict()
    # Saving into the folder it was loaded from.
    loaded.save_pretrained(tmp_path / "saved")
    assert (
        RelationDiscovery.from_pretrained(tmp_path / "saved").predict(sample_instances()).to_dict() == result.to_dict()
    )


def test_batches_do_not_change_the_result(encoder: tuple[Any, Any]) -> None:
    results = [
        RelationDiscovery(*encoder, num_relations=3, max_tokens_per_batch=tokens).fit_predict(sample_instances(20))
        for tokens in (1, 300, 100_000)
    ]
    for result in results[1:]:
        assert np.array_equal(result.labels, results[0].labels)
        np.testing.assert_allclose(result.scores, results[0].scores, atol=1e-5)


def test_state_of_a_loaded_model_and_of_one_from_nowhere(encoder: tuple[Any, Any], folder: Path) -> None:
    loaded, processor = load_encoder(folder)
    state = state_of_model(loaded)
    assert state is not None and state.settings["pca_components"] == 8
    model = RelationDiscovery(loaded, processor, num_relations=3, transform="whitening", pca_components=8, n_init=3)
    expected = RelationDiscovery.from_pretrained(folder).fit_predict(sample_instances()).to_dict()
    assert model.fit_predict(sample_instances()).to_dict() == expected
    assert state_of_model(encoder[0]) is None
    with pytest.raises(UsageError, match="no whitening is stored"):
        RelationDiscovery(*encoder, transform="whitening").fit(sample_instances())


def test_weights_are_loaded_once_and_again_when_the_model_changes(folder: Path) -> None:
    model = RelationDiscovery.from_pretrained(folder)
    first = model._encoder()
    assert model._encoder()[0] is first[0]
    assert model.set_params(model=folder)._encoder()[0] is not first[0]
    assert next(first[0].parameters()).dtype == torch.float32 and not first[0].training


def test_a_model_object_needs_its_processor(encoder: tuple[Any, Any], folder: Path) -> None:
    with pytest.raises(UsageError, match="processor=RelationProcessor"):
        RelationDiscovery(encoder[0]).fit(sample_instances())
    assert load_encoder(encoder[0], folder)[1].vocab_size == encoder[1].vocab_size


@pytest.mark.parametrize(
    "damage", ["no weights", "truncated", "missing weight", "pickle only", "no processor", "bad config"]
)
def test_damaged_checkpoints_are_refused_by_name(folder: Path, tmp_path: Path, damage: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "discovery.json").unlink()
    weights = copy / "model.safetensors"
    if damage == "no weights":
        weights.unlink()
    elif damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif damage == "missing weight":
        tensors = load_file(weights)
        tensors.pop("projection.weight")
        save_file(tensors, weights, metadata={"format": "pt"})
    elif damage == "pickle only":
        weights.unlink()
        (copy / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch canary'\ntR.")
    elif damage == "no processor":
        for name in ("processor_config.json", "tokenizer.json", "tokenizer_config.json"):
            (copy / name).unlink(missing_ok=True)
    else:
        config = json.loads((copy / "config.json").read_text())
        (copy / "config.json").write_text(json.dumps(config | {"model_type": "nothing"}))
    with pytest.raises(CheckpointError) as caught:
        RelationDiscovery.from_pretrained(copy).fit(sample_instances())
    assert str(copy) in str(caught.value)
    assert not Path("canary").exists()
