"""Adapters by name: merged with the model that they were trained on, or an error that says what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from hf_relation.discovery import RelationDiscovery
from hf_relation.errors import CheckpointError
from hf_relation.extraction import RelationExtractor
from tests.common.tiny_checkpoints import save_tiny_adapter
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_models import tiny_kernel_re
from tests.common.tiny_tokenizers import sample_instances


def test_a_discovery_by_the_name_of_an_adapter(tmp_path: Path) -> None:
    adapted, processor = save_tiny_adapter(tmp_path)
    rows = sample_instances()
    expected = RelationDiscovery(adapted, processor).embed(rows)
    discovery = RelationDiscovery.from_pretrained(tmp_path / "adapter", num_relations=3, n_init=3)
    found = discovery.embed(rows)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.abs(found - RelationDiscovery.from_pretrained(tmp_path / "base").embed(rows)).max() > 0.01
    # Saved, it needs neither the adapter nor the base model.
    discovery.fit(rows).save_pretrained(tmp_path / "saved")
    for folder in ("base", "adapter"):
        (tmp_path / folder).rename(tmp_path / f"gone-{folder}")
    loaded = RelationDiscovery.from_pretrained(tmp_path / "saved")
    np.testing.assert_array_equal(loaded.embed(rows), found)


def test_an_extractor_by_the_name_of_an_adapter(tmp_path: Path) -> None:
    adapted, processor = save_tiny_adapter(tmp_path, tiny_kernel_re())
    merged = adapted.merge_and_unload()
    expected = RelationExtractor(merged, processor).extract(sample_documents(), threshold=0.0)
    found = RelationExtractor.from_pretrained(tmp_path / "adapter").extract(sample_documents(), threshold=0.0)
    assert found == expected
    assert found != RelationExtractor.from_pretrained(tmp_path / "base").extract(sample_documents(), threshold=0.0)


def change(folder: Path, **settings: Any) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


def test_what_cannot_be_loaded_says_what_to_do(tmp_path: Path) -> None:
    save_tiny_adapter(tmp_path)
    adapter = tmp_path / "adapter"

    def message() -> str:
        with pytest.raises(CheckpointError) as error:
            RelationDiscovery.from_pretrained(adapter).embed(sample_instances(1))
        return str(error.value)

    for base in (None, "", 3):
        change(adapter, base_model_name_or_path=base)
        assert "does not say of which model" in message() and "merge_and_unload" in message()
    change(adapter, base_model_name_or_path=str(tmp_path / "nowhere"))
    assert "nowhere' which cannot be had" in message().replace(",", "") and "merge_and_unload" in message()
    change(adapter, base_model_name_or_path=str(adapter))
    assert "an adapter itself" in message()
    change(adapter, base_model_name_or_path=str(tmp_path / "base"), peft_type="IA3")
    assert "only LoRA" in message()
    change(adapter, peft_type="LORA")
    weights = load_file(adapter / "adapter_model.safetensors")
    dropped = next(name for name in weights if "lora_A" in name)
    save_file(
        {name: tensor for name, tensor in weights.items() if name != dropped}, adapter / "adapter_model.safetensors"
    )
    assert "lacks 1 weights" in message() and dropped in message()
    (adapter / "adapter_model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0garbage!")
    assert "cannot be loaded" in message()
    (adapter / "adapter_model.safetensors").unlink()
    torch.save(weights, adapter / "adapter_model.bin")
    assert "pickles are not read" in message()
    (adapter / "adapter_config.json").write_text("{")
    assert "damaged" in message()
