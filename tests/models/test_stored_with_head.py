"""Encoders that are stored with a head on them, as most on the Hub are: `from_backbone` takes their weights."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoConfig, AutoModelForMaskedLM

from hf_relation.errors import CheckpointError
from hf_relation.models.kernel_re import KernelREModel
from hf_relation.models.more import MOREModel
from tests.common.tiny_models import tiny_backbone


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta", "distilbert", "electra", "modernbert"])
def test_the_encoder_of_a_masked_language_model_is_the_backbone(kind, tmp_path):
    torch.manual_seed(3)
    stored = AutoModelForMaskedLM.from_config(AutoConfig.for_model(**tiny_backbone(kind, 60)))
    stored.save_pretrained(tmp_path)
    expected = getattr(stored, stored.base_model_prefix).state_dict()
    assert expected
    for model_class, settings in ((MOREModel, {}), (KernelREModel, {"id2label": {0: "born_in"}})):
        found = model_class.from_backbone(tmp_path, seed=0, **settings).backbone.state_dict()
        for name, weight in expected.items():
            torch.testing.assert_close(found[name], weight, rtol=0, atol=0, msg=f"{name} is not the stored one")


def test_a_folder_without_the_encoders_weights_is_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    stored = AutoModelForMaskedLM.from_config(AutoConfig.for_model(**tiny_backbone("bert", 60)))
    stored.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["bert.encoder.layer.1.output.dense.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="encoder.layer.1.output.dense.weight"):
        MOREModel.from_backbone(tmp_path)


def test_older_names_of_layer_norms_are_understood(tmp_path):
    """As `bert-base-uncased` is stored: gamma and beta."""
    from safetensors.torch import load_file, save_file

    stored = AutoModelForMaskedLM.from_config(AutoConfig.for_model(**tiny_backbone("bert", 60)))
    stored.save_pretrained(tmp_path)
    names = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    older = {}
    for key, weight in load_file(tmp_path / "model.safetensors").items():
        new = next((key.replace(now, then) for now, then in names.items() if key.endswith(now)), key)
        older[new] = torch.rand_like(weight) if new != key else weight
    save_file(older, tmp_path / "model.safetensors", metadata={"format": "pt"})
    found = MOREModel.from_backbone(tmp_path).backbone.embeddings.LayerNorm
    assert torch.equal(found.weight, older["bert.embeddings.LayerNorm.gamma"])
    assert torch.equal(found.bias, older["bert.embeddings.LayerNorm.beta"])
