"""Supervised contrastive loss: worked value, slow loops from the equation, another library, awkward batches."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pytorch_metric_learning.losses import SupConLoss as OtherSupConLoss

from hf_relation.errors import UsageError
from hf_relation.losses import SupConLoss, sup_con_loss


ROWS = [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [-0.6, 0.8]]


def random_batch(n: int = 12, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    rows = 3 * torch.randn(n, 4, generator=generator, dtype=torch.float64)
    return rows, torch.randint(4, (n,), generator=generator)


def slow_loss(rows: list[list[float]], labels: list[int], temperature: float) -> float:
    unit = [[value / math.sqrt(sum(v * v for v in row)) for value in row] for row in rows]
    logit = [[sum(a * b for a, b in zip(x, y, strict=True)) / temperature for y in unit] for x in unit]
    n = len(rows)
    anchors = []
    for i in range(n):
        positives = [p for p in range(n) if p != i and labels[p] == labels[i]]
        total = sum(math.exp(logit[i][a]) for a in range(n) if a != i)
        if positives:
            anchors.append(-sum(math.log(math.exp(logit[i][p]) / total) for p in positives) / len(positives))
    return sum(anchors) / len(anchors) if anchors else 0.0


def test_worked_value():
    value = sup_con_loss(torch.tensor(ROWS, dtype=torch.float64), torch.tensor([0, 0, 1, 1]), temperature=0.5)
    assert value.item() == pytest.approx((0.233257 + 0.627123 + 0.627123 + 0.233257) / 4, abs=1e-6)
    assert value.item() == pytest.approx(0.430190, abs=1e-6)


@pytest.mark.parametrize("temperature", [0.05, 0.1, 1.0])
def test_equals_slow_loops(temperature):
    for seed in range(4):
        rows, labels = random_batch(seed=seed)
        expected = slow_loss(rows.tolist(), labels.tolist(), temperature)
        assert sup_con_loss(rows, labels, temperature=temperature).item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_value_and_gradient_equal_pytorch_metric_learning(temperature):
    # The definitions coincide where every anchor's loss is positive or has no positive pair; that library leaves out
    # anchors whose loss is exactly 0, and calls a batch without negatives 0.
    for seed in range(4):
        rows, labels = random_batch(seed=seed)
        ours, theirs = rows.clone().requires_grad_(), rows.clone().requires_grad_()
        value = sup_con_loss(ours, labels, temperature=temperature)
        other = OtherSupConLoss(temperature=temperature)(theirs, labels)
        assert value.item() == pytest.approx(other.item(), rel=1e-6)
        value.backward()
        other.backward()
        np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), atol=1e-6)


def test_gradient_equals_finite_differences():
    rows, labels = random_batch(n=7, seed=1)
    assert torch.autograd.gradcheck(lambda x: sup_con_loss(x, labels, temperature=0.5), (rows.requires_grad_(),))


def test_length_of_the_rows_does_not_matter():
    rows, labels = random_batch()
    scales = torch.linspace(0.1, 50, len(rows), dtype=torch.float64)[:, None]
    assert sup_con_loss(rows * scales, labels).item() == pytest.approx(sup_con_loss(rows, labels).item(), rel=1e-9)


def test_one_class_keeps_the_equation():
    rows = torch.tensor(ROWS, dtype=torch.float64)
    expected = slow_loss(ROWS, [3, 3, 3, 3], 0.5)
    assert expected > 1  # at least log 3: each of three others is a positive
    assert sup_con_loss(rows, torch.full((4,), 3), temperature=0.5).item() == pytest.approx(expected)


def test_no_positive_pair_is_zero_with_a_zero_gradient():
    rows = torch.tensor(ROWS, requires_grad=True)
    value = sup_con_loss(rows, torch.tensor([0, 1, 2, 3]))
    assert value.item() == 0.0
    value.backward()
    assert rows.grad is not None and (rows.grad == 0).all()


def test_rows_without_a_positive_count_as_negatives_only():
    rows = torch.tensor(ROWS, dtype=torch.float64)
    labels = [0, 0, 1, 2]
    expected = slow_loss(ROWS, labels, 0.1)
    assert sup_con_loss(rows, torch.tensor(labels)).item() == pytest.approx(expected)
    assert sup_con_loss(rows[:2], torch.tensor([0, 0])).item() == pytest.approx(0.0)


def test_row_of_zeros_has_similarity_zero_and_a_moderate_gradient():
    rows = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], requires_grad=True)
    value = sup_con_loss(rows, torch.tensor([0, 0, 1]), temperature=1.0)
    # Anchor 0 sees logits 0 and 0: log 2. Anchor 1 sees 0 and 0 too.
    assert value.item() == pytest.approx(math.log(2))
    value.backward()
    assert rows.grad.abs().max() < 10


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_equals_float32_of_the_same_rows(dtype):
    rows, labels = random_batch(seed=2)
    half = rows.to(dtype).requires_grad_()
    value = sup_con_loss(half, labels, temperature=0.01)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(
        sup_con_loss(half.detach().float(), labels, temperature=0.01).item(), rel=1e-6
    )
    value.backward()
    assert half.grad.dtype == dtype and torch.isfinite(half.grad).all()


def test_autocast_does_not_lower_the_precision():
    rows, labels = random_batch(seed=2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = sup_con_loss(rows.float(), labels)
    assert inside.dtype == torch.float32
    assert inside.item() == sup_con_loss(rows.float(), labels).item()


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.inf, math.nan])
def test_temperature_out_of_range_is_refused(temperature):
    with pytest.raises(UsageError, match="`temperature` must be a finite number above 0"):
        sup_con_loss(torch.eye(2), torch.tensor([0, 1]), temperature=temperature)
    with pytest.raises(UsageError, match="`temperature`"):
        SupConLoss(temperature=temperature)
