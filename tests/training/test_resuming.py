"""Which checkpoint of a killed run is resumed."""

import json

import pytest
import torch
from safetensors.torch import save_file

from hf_relation.errors import CheckpointError
from hf_relation.training import last_complete_checkpoint


def checkpoint(folder, step):
    path = folder / f"checkpoint-{step}"
    path.mkdir()
    save_file({"weight": torch.zeros(8)}, path / "model.safetensors")
    (path / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    return path


def test_the_latest_is_taken_by_number_not_by_name(tmp_path):
    for step in (5, 20, 100):
        checkpoint(tmp_path, step)
    (tmp_path / "checkpoint-999-copy").mkdir()
    assert last_complete_checkpoint(tmp_path).name == "checkpoint-100"


@pytest.mark.parametrize("damage", ["no state", "half a state", "half the weights", "no weights", "empty weights"])
def test_an_incomplete_checkpoint_is_passed_over(tmp_path, damage):
    checkpoint(tmp_path, 5)
    last = checkpoint(tmp_path, 10)
    if "state" in damage:
        state = last / "trainer_state.json"
        state.unlink() if damage == "no state" else state.write_text(state.read_text()[:5])
    else:
        weights = last / "model.safetensors"
        content = weights.read_bytes()
        weights.unlink()
        if damage != "no weights":
            weights.write_bytes(content[: len(content) - 8] if damage == "half the weights" else b"")
    assert last_complete_checkpoint(tmp_path).name == "checkpoint-5"


def test_none_complete_is_an_error_that_names_them(tmp_path):
    with pytest.raises(CheckpointError, match="no complete checkpoint"):
        last_complete_checkpoint(tmp_path)
    (tmp_path / "checkpoint-7").mkdir()
    with pytest.raises(CheckpointError, match="Incomplete: checkpoint-7"):
        last_complete_checkpoint(tmp_path)
