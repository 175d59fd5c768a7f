"""One process a device, and batches as large as its memory allows."""

from __future__ import annotations

import json
from multiprocessing import get_context
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import hf_relation.embedding.devices as embedding_devices
import hf_relation.sharded.devices as devices
from hf_relation.sharded.devices import number_process, own_device, process_number, tokens_that_fit
from hf_relation.sharded.local import _begin_worker
from hf_relation.sharded.stages import embedding
from tests.common.tiny_checkpoints import save_tiny_checkpoint
from tests.common.tiny_tokenizers import sample_instances


@pytest.fixture
def three_devices(monkeypatch):
    monkeypatch.setattr(embedding_devices, "available_devices", lambda: ["cpu", "cuda:0", "cuda:1", "cuda:2"])
    monkeypatch.setattr(devices, "_number", None)


def test_each_process_takes_its_own_device(three_devices, monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert own_device("cuda") == "cuda:0"
    found = []
    for number in range(5):
        number_process(number)
        found.append(own_device("cuda"))
    assert found == ["cuda:0", "cuda:1", "cuda:2", "cuda:0", "cuda:1"]
    assert [own_device(name) for name in (None, "cpu", "cuda:2", "xpu")] == [None, "cpu", "cuda:2", "xpu"]


def test_the_number_of_a_process_that_accelerate_started(three_devices, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "2")
    assert process_number() == 2 and own_device("cuda") == "cuda:2"
    number_process(1)
    assert own_device("cuda") == "cuda:1"


def test_workers_of_the_pool_are_numbered(three_devices):
    started = get_context("spawn").Value("i")
    numbers = []
    for _ in range(3):
        _begin_worker(started)  # in as many processes
        numbers.append(process_number())
    assert numbers == [0, 1, 2]


@pytest.mark.parametrize(
    ("free", "dtype", "tokens"),
    [
        # BERT-base: 8 * 768 + 4 * 3072 numbers a token: 36,864 bytes in bfloat16
        (2 * 36_864 * 5_000, "bfloat16", 4_096),
        (2 * 36_864 * 4_095, "bfloat16", 2_048),
        (2 * 36_864 * 5_000, "float32", 2_048),
        (80 * 2**30, "bfloat16", 65_536),
        (10_000, "bfloat16", 256),
    ],
)
def test_batches_begin_as_large_as_the_memory_allows(monkeypatch, free, dtype, tokens):
    asked = []
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (asked.append(str(device)), (free, 2 * free))[1])
    model = SimpleNamespace(
        config=SimpleNamespace(backbone_config=SimpleNamespace(hidden_size=768, intermediate_size=3072))
    )
    assert tokens_that_fit(model, "cuda:1", dtype) == tokens and asked == ["cuda:1"]
    assert tokens_that_fit(model, "cpu", dtype) is None and tokens_that_fit(model, None, dtype) is None
    assert tokens_that_fit(SimpleNamespace(config=SimpleNamespace()), "cuda:1", dtype) is None


def test_the_stage_halves_batches_that_do_not_fit(tmp_path, monkeypatch):
    save_tiny_checkpoint(tmp_path / "model")
    rows = [row | {"id": str(number)} for number, row in enumerate(sample_instances(1) * 12)]  # of one length
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    given = {"model": str(tmp_path / "model"), "backend": "torch", "dtype": "float32"}
    given |= {"max_tokens_per_batch": None, "device": None}
    for name in ("plain", "short"):
        (tmp_path / name).mkdir()
    embedding.embed_shard([tmp_path / "rows.jsonl"], tmp_path / "plain", "s", given)

    # The stage asks for the memory of the device, and gives what it finds to the encoder.
    monkeypatch.setattr(embedding, "tokens_that_fit", lambda *arguments: 4096)
    embedding._encoder.cache_clear()
    encoder = embedding._encoder(*(given[name] for name in ("model", *embedding._OF_ENCODER)))
    assert encoder.max_tokens_per_batch == 4096
    sizes, forward = [], encoder.model.forward

    def small_memory(*args, **columns):
        number = len(columns["input_ids"])
        sizes.append(number)
        if number > 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(*args, **columns)

    monkeypatch.setattr(encoder.model, "forward", small_memory)
    embedding.embed_shard([tmp_path / "rows.jsonl"], tmp_path / "short", "s", given)
    assert sizes == [12, 6, 3, 3, 3, 3]
    found, wanted = (np.load(tmp_path / name / "s.npy") for name in ("short", "plain"))
    assert found.shape == wanted.shape and len(found) == 12
    np.testing.assert_allclose(found, wanted, atol=1e-5)
