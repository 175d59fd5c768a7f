"""Reconstruction loss: worked values, slow loops, what gets a gradient."""

from __future__ import annotations

import pytest
import torch

from hf_relation.errors import UsageError
from hf_relation.losses import ReconstructionLoss, reconstruction_loss


TARGET = torch.tensor([[1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 0.0, -1.0]], dtype=torch.float64)
GIVEN_BACK = torch.tensor([[1.5, 2.0, 2.0, 4.0], [0.0, 0.0, 0.0, 0.0]], dtype=torch.float64)


def test_worked_values():
    assert reconstruction_loss(GIVEN_BACK, TARGET).item() == pytest.approx(0.8125, abs=1e-12)
    assert reconstruction_loss(GIVEN_BACK, TARGET, reduction="mean_all").item() == pytest.approx(0.40625, abs=1e-12)


@pytest.mark.parametrize(("weight", "equivalent"), [(0.005, 3.84), (0.001, 0.768)])
def test_a_weight_beside_the_authors_mean_is_half_the_width_times_larger_beside_the_papers_sum(weight, equivalent):
    h, given_back = torch.randn(2, 3, 1536, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    authors = reconstruction_loss(given_back, h, reduction="mean_all") + weight * 0.7
    paper = reconstruction_loss(given_back, h) + equivalent * 0.7
    assert (paper / authors).item() == pytest.approx(1536 / 2)


def test_equals_slow_loops_and_the_derivative_by_hand():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(5, 3, generator=generator, dtype=torch.float64).requires_grad_()
    h = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    slow = sum((a - b) ** 2 for p, q in zip(x.tolist(), h.tolist(), strict=True) for a, b in zip(p, q, strict=True))
    value = reconstruction_loss(x, h)
    assert value.item() == pytest.approx(slow / 10)
    value.backward()
    torch.testing.assert_close(x.grad, (x.detach() - h) / 5)


def test_the_target_is_a_constant_unless_said():
    x, h = GIVEN_BACK.clone().requires_grad_(), TARGET.clone().requires_grad_()
    reconstruction_loss(x, h).backward()
    assert h.grad is None
    x.grad = None
    reconstruction_loss(x, h, detach_target=False).backward()
    torch.testing.assert_close(h.grad, -x.grad)


def test_no_row_is_zero_with_a_gradient():
    for reduction in ("paper", "mean_all"):
        x = torch.zeros(0, 4, requires_grad=True)
        value = reconstruction_loss(x, torch.zeros(0, 4), reduction=reduction)
        assert value.item() == 0
        value.backward()
        assert x.grad.shape == (0, 4)


def test_module_hands_its_settings_on():
    module = ReconstructionLoss(reduction="mean_all", detach_target=False)
    h = TARGET.clone().requires_grad_()
    value = module(GIVEN_BACK, h)
    assert value.item() == pytest.approx(0.40625) and value.requires_grad
    assert repr(module) == "ReconstructionLoss(reduction='mean_all', detach_target=False)"


def test_wrong_input_is_refused():
    with pytest.raises(UsageError, match="'paper', 'mean_all', got 'sum'"):
        reconstruction_loss(GIVEN_BACK, TARGET, reduction="sum")
    with pytest.raises(UsageError, match="got 'sum'"):
        ReconstructionLoss(reduction="sum")
    with pytest.raises(ValueError, match=r"`target` must have the shape of `reconstruction`, \(2, 4\), got \(1, 4\)"):
        reconstruction_loss(GIVEN_BACK, TARGET[:1])
    with pytest.raises(TypeError, match="`target` must be a floating tensor, got torch.int64"):
        reconstruction_loss(GIVEN_BACK, TARGET.long())
    with pytest.raises(ValueError, match=r"`reconstruction` must have shape \(n, d\), got \(4,\)"):
        reconstruction_loss(GIVEN_BACK[0], TARGET)
