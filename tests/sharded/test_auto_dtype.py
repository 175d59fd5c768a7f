"""dtype="auto" in shards: the machine that begins a run decides, for all that go on with it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
import torch

from hf_relation.embedding.precision import bfloat16_is_fast
from hf_relation.sharded import ShardedSettings, devices, discover, discover_sharded, plan
from hf_relation.sharded.devices import many_rows_dtype
from tests.common.tiny_checkpoints import save_tiny_checkpoint
from tests.common.tiny_tokenizers import sample_instances


OF_CPU = "bfloat16" if bfloat16_is_fast(torch.device("cpu")) else "float32"


@pytest.fixture
def begun(tmp_path, monkeypatch):
    """Files, settings and a function that runs them on a machine where bfloat16 is so fast."""
    save_tiny_checkpoint(tmp_path / "model")
    rows = [row | {"id": str(number)} for number, row in enumerate(sample_instances(6))]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))

    def run(fastest: str, **changes):
        monkeypatch.setattr(discover, "many_rows_dtype", lambda device, backend: fastest)
        settings = ShardedSettings(model=str(tmp_path / "model"), num_relations=2, shard_rows=3, **changes)
        options = {"settings": settings, "workers": 0, "on_change": "redo"}
        discover_sharded([tmp_path / "rows.jsonl"], tmp_path / "work", **options)
        entries = sorted((tmp_path / "work" / "manifest" / "embed").glob("*.json"))
        return {json.loads(entry.read_text())["settings"]["dtype"] for entry in entries}, [
            entry.stat().st_mtime_ns for entry in entries
        ]

    return run


def test_the_faster_one_of_this_machine():
    assert many_rows_dtype(None, "torch") == many_rows_dtype("cpu", "openvino") == OF_CPU
    assert many_rows_dtype("cuda:1", "torch-compile") == "bfloat16"
    assert many_rows_dtype("cpu", "onnx") == "float32"  # it has no bfloat16


def test_torch_is_not_loaded_to_ask():
    code = "import sys; from hf_relation.sharded.devices import many_rows_dtype; print(many_rows_dtype(None, 'torch'), 'torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == [OF_CPU, "False"]


def test_where_no_process_can_tell_torch_is_asked_here(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    monkeypatch.setattr(devices, "cpu_dtype", lambda: "asked here")
    assert many_rows_dtype(None, "torch") == "asked here"


def test_few_rows_are_float32(begun):
    assert begun("bfloat16")[0] == {"float32"}


def test_many_rows_are_what_the_first_machine_said(begun, monkeypatch):
    monkeypatch.setattr(plan, "AUTO_BFLOAT16_ROWS", 6)
    dtypes, made = begun("bfloat16")
    assert dtypes == {"bfloat16"}
    assert begun("float32") == (dtypes, made)  # another machine goes on: nothing is made anew


def test_a_choice_of_ones_own_is_kept(begun, monkeypatch):
    monkeypatch.setattr(plan, "AUTO_BFLOAT16_ROWS", 6)
    assert begun("bfloat16", dtype="float32")[0] == {"float32"}
    assert begun("bfloat16")[0] == {"bfloat16"}  # done again with "auto": nobody had been asked before
