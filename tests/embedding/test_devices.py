from __future__ import annotations

import pytest
import torch
from torch import nn

from hf_relation.embedding.devices import available_devices, model_device, resolve_device
from hf_relation.errors import UsageError


def test_the_cpu_is_always_there():
    assert resolve_device("cpu") == resolve_device(torch.device("cpu")) == torch.device("cpu")
    assert available_devices()[0] == "cpu"


def test_every_listed_device_resolves():
    for name in available_devices():
        assert str(resolve_device(name)).split(":")[0] == name.split(":")[0]


@pytest.mark.parametrize("device", ["cuda:99", "xpu:99"])
def test_fault_50_a_missing_device_is_refused_and_the_others_are_named(device):
    with pytest.raises(UsageError, match=f"'{device}', which this machine does not have. Available: cpu"):
        resolve_device(device)


@pytest.mark.parametrize("device", ["gpu", "", None, 1.5])
def test_names_of_nothing_are_refused(device):
    with pytest.raises(UsageError, match="names no device. Available: cpu"):
        resolve_device(device)


def test_model_device_without_parameters():
    assert model_device(nn.Identity()) == torch.device("cpu")
    assert model_device(nn.Linear(1, 1, device="meta")) == torch.device("meta")
    assert model_device(nn.BatchNorm1d(2, affine=False, device="meta")) == torch.device("meta")
