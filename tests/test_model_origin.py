from __future__ import annotations

from pathlib import Path

from transformers import AutoModel

from hf_relation.discovery.encoder import state_of_model
from hf_relation.discovery.state import DiscoveryState, write_state
from hf_relation.model_origin import ModelOrigin, find_origin, folder_of_model
from tests.common.tiny_checkpoints import save_tiny_adapter, save_tiny_checkpoint


def test_what_lies_beside_the_base_model_does_not_hold_for_an_adapter(tmp_path: Path) -> None:
    save_tiny_adapter(tmp_path)
    save_tiny_checkpoint(tmp_path / "base")
    base, adapted = (AutoModel.from_pretrained(tmp_path / name) for name in ("base", "adapter"))
    assert state_of_model(base).whitening is not None and state_of_model(adapted) is None
    assert folder_of_model(adapted, "discovery.json") == tmp_path / "adapter"
    write_state(tmp_path / "adapter", DiscoveryState({"num_relations": 7}))
    assert state_of_model(adapted).settings["num_relations"] == 7
    # An adapter that was put on in memory came from nowhere.
    base.peft_config = {"default": None}
    assert state_of_model(base) is None


def test_the_origin_is_the_adapter_and_not_its_base_model(tmp_path: Path) -> None:
    (tmp_path / "adapter").mkdir()
    adapter = {"_adapter_model_path": str(tmp_path / "adapter"), "revision": "b" * 40}
    origin, revision = find_origin(str(tmp_path), {"adapter_kwargs": adapter, "revision": "a" * 40})
    assert (origin, revision) == (ModelOrigin(str(tmp_path / "adapter")), "a" * 40)
