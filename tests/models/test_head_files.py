"""Pruned models saved and loaded: with our config, and with a file beside the config of others."""

import json

import pytest
import torch
from huggingface_hub.errors import StrictDataclassFieldValidationError
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    AutoModelForImageClassification,
    AutoModelForTokenClassification,
    BertForTokenClassification,
    BertModel,
)

from hf_relation.errors import CheckpointError, UsageError
from hf_relation.models.head_files import PRUNED_FILE, load_pruned, save_pruned
from hf_relation.models.head_surgery import head_layout, prune_heads, pruned_heads
from hf_relation.models.more import MOREConfig, MOREModel
from tests.common.tiny_heads import FAMILIES, tiny_batch, tiny_headed
from tests.common.tiny_models import tiny_backbone, tiny_more, tiny_more_cnn, tiny_rocore, tiny_siamese_ure
from tests.common.tiny_tokenizers import sample_instances


HEADS = {0: [1, 3], 1: [0, 1, 2, 3]}
STORED = {"0": [1, 3], "1": [0, 1, 2, 3]}


@pytest.mark.parametrize("make", [tiny_more, tiny_rocore, tiny_siamese_ure])
def test_our_models_save_pruned_heads_with_their_config(make, tmp_path):
    model, processor = make()
    batch = processor(sample_instances(4))
    prune_heads(model, HEADS)
    expected = model(**batch).embeddings
    model.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["pruned_heads"] == STORED
    for loaded in (type(model).from_pretrained(tmp_path), AutoModel.from_pretrained(tmp_path)):
        assert pruned_heads(loaded) == HEADS and loaded.config.pruned_heads == STORED
        assert torch.equal(loaded(**batch).embeddings, expected)
    prune_heads(loaded, {0: [0]})
    assert loaded.config.pruned_heads["0"] == [0, 1, 3]


def test_heads_that_were_pruned_in_the_backbone_are_saved_too(tmp_path):
    model, _ = tiny_more()
    prune_heads(model.backbone, {0: [2]})
    model.save_pretrained(tmp_path)
    assert pruned_heads(MOREModel.from_pretrained(tmp_path)) == {0: [2]}


def test_starting_from_an_encoder_with_some_heads_pruned(tmp_path):
    whole, processor = tiny_more()
    whole.backbone.save_pretrained(tmp_path)
    from_folder = MOREModel.from_backbone(tmp_path, processor, pruned_heads={"0": [1]})
    assert pruned_heads(from_folder) == {0: [1]} and from_folder.config.pruned_heads == {"0": [1]}
    kept = torch.cat(
        [whole.backbone.encoder.layer[0].attention.self.query.weight[rows] for rows in (slice(8), slice(16, 32))]
    )
    assert torch.equal(from_folder.backbone.encoder.layer[0].attention.self.query.weight, kept)
    from_memory = MOREModel.from_encoder(from_folder.backbone, processor, pruned_heads={"0": [1, 2], "1": [0]})
    assert pruned_heads(from_memory) == {0: [1, 2], 1: [0]}
    assert pruned_heads(MOREModel.from_encoder(from_folder.backbone, processor)) == {0: [1]}


@pytest.mark.parametrize(
    "stored, message",
    [
        ({"7": [1]}, "Layer 7 does not exist"),
        ({"1": [4]}, "`pruned_heads`: Head 4 of layer 1 does not exist"),
        ({"1": [1, 1]}, "named twice"),
        ({"1": [-1]}, "Head -1"),
        ({"1": [0] * 5}, "at most 4 heads"),
        ({"01": [1]}, "has the key '01'"),
        ({"x": [1]}, "has the key 'x'"),
        ({"9" * 5000: [1]}, "has the key"),
        ({str(layer): [1] for layer in range(3)}, "one entry a layer at most"),
        ({"1": ["a"]}, "Validation error for field 'pruned_heads'"),
        ({"1": [True]}, "Validation error for field 'pruned_heads'"),
        ([1], "Validation error for field 'pruned_heads'"),
    ],
)
def test_a_damaged_or_hostile_config_is_refused(stored, message):
    with pytest.raises((UsageError, StrictDataclassFieldValidationError), match=message):
        MOREConfig(backbone_config=tiny_backbone("bert", 40), pruned_heads=stored)


def test_a_cnn_has_no_heads_to_prune():
    with pytest.raises(UsageError, match="'relation_cnn' encoder has no attention heads"):
        tiny_more_cnn(pruned_heads={"0": [1]})


@pytest.mark.parametrize("family", FAMILIES)
def test_a_folder_with_a_file_beside_the_config_gives_the_same_model(family, tmp_path):
    model, batch = tiny_headed(family, "tokens"), tiny_batch(labels="tokens")
    prune_heads(model, HEADS)
    save_pruned(model, tmp_path / "pruned")
    loaded = load_pruned(tmp_path / "pruned", AutoModelForTokenClassification)
    assert type(loaded) is type(model) and not loaded.training and pruned_heads(loaded) == HEADS
    expected, actual = model(**batch), loaded(**batch)
    assert torch.equal(expected.logits, actual.logits) and torch.equal(expected.loss, actual.loss)
    assert {path.suffix for path in (tmp_path / "pruned").iterdir()} == {".json", ".safetensors"}
    config = json.loads((tmp_path / "pruned" / "config.json").read_text())
    assert 4 in (config.get("num_attention_heads"), config.get("n_heads"))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "pruned"
    model = tiny_headed("bert", "tokens")
    prune_heads(model, HEADS)
    save_pruned(model, folder)
    return folder


def test_other_classes_load_what_they_have(saved):
    encoder = load_pruned(saved, dtype=torch.bfloat16, attn_implementation="eager")
    assert type(encoder) is BertModel and encoder.dtype == torch.bfloat16 and pruned_heads(encoder) == HEADS
    assert type(load_pruned(saved, BertForTokenClassification)) is BertForTokenClassification
    with pytest.raises(UsageError, match="`auto_class` must be an Auto class that has a model for a 'bert' config"):
        load_pruned(saved, AutoModelForImageClassification)
    prune_heads(encoder, {0: [0]})
    assert head_layout(encoder).kept[0] == (2,)


def test_an_unpruned_model_can_be_saved_and_a_full_folder_is_not_overwritten(tmp_path):
    save_pruned(tiny_headed("bert"), tmp_path / "whole")
    assert pruned_heads(load_pruned(tmp_path / "whole")) == {}
    with pytest.raises(UsageError, match="is not empty"):
        save_pruned(tiny_headed("bert"), tmp_path / "whole")
    save_pruned(tiny_headed("bert"), tmp_path / "whole", overwrite=True)
    with pytest.raises(UsageError, match="use `save_pretrained`"):
        save_pruned(tiny_more()[0], tmp_path / "more")
    with pytest.raises(UsageError, match="Supported layouts"):
        save_pruned(tiny_more_cnn()[0].backbone, tmp_path / "cnn")
    with pytest.raises(UsageError, match="must be a transformers model"):
        save_pruned(torch.nn.Linear(2, 2), tmp_path / "linear")
    with pytest.raises(UsageError, match="is not a folder"):
        load_pruned(tmp_path / "nothing")
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]


def remove(name):
    return lambda folder: (folder / name).unlink()


def write(name, content):
    return lambda folder: (folder / name).write_bytes(content)


def heads_in_file(heads, version=1):
    return write(PRUNED_FILE, json.dumps({"format_version": version, "pruned_heads": heads}).encode())


def drop_tensor(folder):
    weights = load_file(folder / "model.safetensors")
    del weights["bert.encoder.layer.0.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    "damage, message",
    [
        (remove(PRUNED_FILE), "pruned_heads.json is missing"),
        (write(PRUNED_FILE, b"{"), "pruned_heads.json is missing or damaged"),
        (write(PRUNED_FILE, b"[]"), "must be an object"),
        (heads_in_file({}, version=2), "has format 2"),
        (heads_in_file({"5": [1]}), "Layer 5 does not exist"),
        (heads_in_file({"0": [1.0]}), "A head is given by its number"),
        (heads_in_file(None), "one entry a layer at most"),
        (heads_in_file({"0": [1]}), "With the heads in .*pruned_heads.json gone: .*has the shape"),
        (remove("config.json"), "config.json is missing"),
        (write("config.json", b"{}"), "config.json is missing or damaged"),
        (remove("model.safetensors"), "model.safetensors is missing"),
        (write("model.safetensors", b"\x00" * 20), "damaged"),
        (drop_tensor, "lack 1 tensors of the model"),
    ],
)
def test_a_damaged_folder_is_told_with_the_file(saved, tmp_path, damage, message):
    for path in saved.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    damage(tmp_path)
    with pytest.raises(CheckpointError, match=message):
        load_pruned(tmp_path, AutoModelForTokenClassification)
