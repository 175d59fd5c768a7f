"""Models in bfloat16: a copy of converted weights; where bfloat16 is fast."""

from __future__ import annotations

import copy
import gc

import pytest
import torch
from torch import nn

from hf_relation.embedding import precision
from hf_relation.embedding.precision import fast_by_capabilities, in_bfloat16, weights_version
from hf_relation.errors import UsageError
from tests.common.tiny_models import tiny_more


@pytest.mark.parametrize(
    "found, fast",
    [
        ({"architecture": "x86_64", "cpu_name": "Intel Xeon", "amx_bf16": True, "avx512_bf16": True}, True),
        ({"architecture": "x86_64", "cpu_name": "Intel Xeon", "amx_bf16": False, "avx512_bf16": True}, False),
        ({"architecture": "x86_64", "cpu_name": "AMD Zen", "amx_bf16": False, "avx512_bf16": True}, True),
        ({"architecture": "x86_64", "cpu_name": "AMD Zen", "amx_bf16": False, "avx512_bf16": False}, False),
        ({"architecture": "x86_64"}, False),
        ({"architecture": "aarch64", "bf16": True}, True),
        ({"architecture": "aarch64", "bf16": False, "sve_bf16": False}, False),
        ({"architecture": "aarch64", "bf16": 256}, False),  # a size, not a yes
    ],
)
def test_which_processors_are_fast_in_bfloat16(found, fast):
    assert fast_by_capabilities(found) is fast


def test_accelerators_are(monkeypatch):
    monkeypatch.setattr(precision, "_fast_on_cpu", lambda: False)
    assert precision.bfloat16_is_fast(torch.device("cuda")) and not precision.bfloat16_is_fast(torch.device("cpu"))


class Mixed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(3, 3)
        self.tied = nn.Linear(3, 3)
        self.tied.weight = self.one.weight
        self.register_buffer("saved", torch.tensor([0.1, 0.2]))
        self.register_buffer("counts", torch.tensor([7]))
        self.register_buffer("frequencies", torch.tensor([1e-3]), persistent=False)
        self.note = ["mine"]


def test_saved_numbers_are_converted_and_ties_kept():
    model = Mixed()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    half = in_bfloat16(model.train())
    # As torch itself converts, but for what is not saved.
    expected = copy.deepcopy(model).to(torch.bfloat16).state_dict()
    assert set(half.state_dict()) == set(expected)
    for name, tensor in half.state_dict().items():
        assert torch.equal(tensor, expected[name]) and tensor.dtype == expected[name].dtype
    assert half.saved.dtype == torch.bfloat16 and half.counts.dtype == torch.int64
    assert half.frequencies.dtype == torch.float32 and torch.equal(half.frequencies, model.frequencies)
    assert half.tied.weight is half.one.weight and half.one.weight is not model.one.weight
    assert not half.training and not any(parameter.requires_grad for parameter in half.parameters())
    assert half.note == ["mine"] and half.note is not model.note
    # The model is as it was.
    assert model.training and all(parameter.requires_grad for parameter in model.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_what_cannot_be_copied_is_told():
    model = nn.Linear(2, 2)
    model.handle = (one for one in [1])
    with pytest.raises(UsageError, match="Linear cannot be copied to bfloat16 .*Use dtype='float32'"):
        in_bfloat16(model)


def test_weights_that_changed_are_noticed():
    model, _ = tiny_more()
    before = weights_version(model)
    assert weights_version(model) == before
    model.eval()
    with torch.no_grad():
        model(
            input_ids=torch.tensor([[5, 6, 7]]),
            head_token_mask=torch.tensor([[1, 0, 0]]),
            tail_token_mask=torch.tensor([[0, 1, 0]]),
            between_token_mask=torch.tensor([[0, 0, 0]]),
        )
    assert weights_version(model) == before
    seen = {before}
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    sum(parameter.sum() for parameter in model.parameters()).backward()
    optimizer.step()
    seen.add(weights_version(model))
    model.load_state_dict({name: tensor.clone() for name, tensor in model.state_dict().items()})
    seen.add(weights_version(model))
    model.resize_token_embeddings(model.get_input_embeddings().num_embeddings + 1)
    seen.add(weights_version(model))
    assert len(seen) == 4
    gc.collect()
