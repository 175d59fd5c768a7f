"""The encoder in torch: its copy in bfloat16, torch.compile, copies of itself; choosing an encoder."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import numpy as np
import pytest
import torch

from hf_relation.embedding import Encoder, TorchEncoder, batched_encoder, embed_instances, make_encoder, torch_encoder
from hf_relation.embedding.precision import in_bfloat16
from hf_relation.errors import UsageError
from tests.common.tiny_models import tiny_more
from tests.common.tiny_tokenizers import sample_instances


def test_a_class_of_ones_own_is_an_encoder():
    class Remote:
        backend = "a service"

        def embed(self, instances: Any, *, progress: bool = False, out: Any = None) -> np.ndarray:
            return np.zeros((len(instances), 2), dtype=np.float32)

    assert isinstance(Remote(), Encoder) and isinstance(TorchEncoder(*tiny_more()), Encoder)
    assert not isinstance(object(), Encoder)


def test_unknown_back_ends_and_arguments_are_refused():
    model, processor = tiny_more()
    with pytest.raises(UsageError, match="must be one of 'torch', 'torch-compile', 'onnx', 'openvino', got 'jax'"):
        make_encoder(model, processor, backend="jax")
    with pytest.raises(UsageError, match="`dtype` must be one of"):
        make_encoder(model, processor, dtype="int8")
    with pytest.raises(UsageError, match="does not have"):
        make_encoder(model, processor, device="cuda:99")


def test_the_copy_in_bfloat16_is_made_once_and_again_after_training(monkeypatch):
    model, processor = tiny_more()
    made: list[int] = []
    monkeypatch.setattr(torch_encoder, "in_bfloat16", lambda model: made.append(1) or in_bfloat16(model))
    encoder, rows = make_encoder(model, processor, dtype="bfloat16"), sample_instances(6)
    first = encoder.embed(rows)
    np.testing.assert_array_equal(encoder.embed(rows), first)
    assert len(made) == 1
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(-1.5)
    changed = encoder.embed(rows)
    assert len(made) == 2 and not np.array_equal(changed, first)
    np.testing.assert_array_equal(changed, embed_instances(model, processor, rows, dtype="bfloat16"))


def test_bfloat16_is_that_of_transformers(tmp_path):
    model, processor = tiny_more("modernbert")  # its rotary positions stay float32
    model.save_pretrained(tmp_path)
    loaded = type(model).from_pretrained(tmp_path, dtype=torch.bfloat16).eval()
    rows = sample_instances(9)
    np.testing.assert_array_equal(
        embed_instances(model, processor, rows, dtype="bfloat16"), embed_instances(loaded, processor, rows)
    )


def test_compiled_models_take_batches_of_any_size_and_say_so(monkeypatch):
    asked: list[dict[str, Any]] = []

    def compile(model: Any, **settings: Any) -> Any:
        asked.append(settings)
        return lambda **columns: model(**columns)

    monkeypatch.setattr(torch, "compile", compile)
    model, processor = tiny_more()
    rows = sample_instances(12)
    encoder = make_encoder(model, processor, backend="torch-compile", max_tokens_per_batch=100)
    assert encoder.backend == "torch-compile"
    for _ in range(2):
        np.testing.assert_allclose(encoder.embed(rows), embed_instances(model, processor, rows), atol=1e-5)
    assert asked == [{"dynamic": True}]  # once for all batches of both calls


def test_the_forward_pass_is_one_graph(monkeypatch):
    compile = torch.compile
    monkeypatch.setattr(
        torch, "compile", lambda model, **given: compile(model, backend="eager", fullgraph=True, **given)
    )
    torch.compiler.reset()
    model, processor = tiny_more()
    rows = sample_instances(12)
    encoder = make_encoder(model, processor, backend="torch-compile", max_tokens_per_batch=100)
    np.testing.assert_allclose(encoder.embed(rows), embed_instances(model, processor, rows), atol=1e-5)


@pytest.mark.parametrize("settings", [{"dtype": "bfloat16", "max_tokens_per_batch": 90}, {"backend": "torch-compile"}])
def test_encoders_are_copied_without_what_they_made(settings):
    model, processor = tiny_more()
    encoder = make_encoder(model, processor, **settings)
    if encoder.backend == "torch":
        encoder.embed(sample_instances(2))
    for other in (copy.deepcopy(encoder), pickle.loads(pickle.dumps(encoder))):  # noqa: S301 - our own
        assert (other.backend, other.dtype) == (encoder.backend, encoder.dtype)
        assert other.max_tokens_per_batch == encoder.max_tokens_per_batch and other._half is None


def test_the_next_rows_are_tokenised_while_the_model_runs(monkeypatch):
    monkeypatch.setattr(batched_encoder, "_CHUNK_ROWS", 4)
    model, processor = tiny_more()
    tokenised = [threading.Event() for _ in range(12)]
    encode, forward = processor.encode, type(model).forward

    def encode_and_tell(rows: Any, *, first_index: int = 0) -> Any:
        found = encode(rows, first_index=first_index)
        tokenised[first_index].set()
        return found

    waited = []

    def forward_after_the_next(self: Any, **columns: Any) -> Any:
        if not waited:  # the first batch: of the first four rows
            waited.append(tokenised[4].wait(timeout=60))
        return forward(self, **columns)

    rows = sample_instances(12)
    expected = embed_instances(model, processor, rows)
    monkeypatch.setattr(processor, "encode", encode_and_tell)
    monkeypatch.setattr(type(model), "forward", forward_after_the_next)
    np.testing.assert_allclose(embed_instances(model, processor, rows), expected, atol=1e-5)
    assert waited == [True]
