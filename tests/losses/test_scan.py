"""SCAN loss and its cosine variant: worked values, slow loops, extreme logits, refusals."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from hf_relation.errors import UsageError
from hf_relation.losses import ScanLoss, neighbor_cosine_loss, scan_loss


ANCHORS = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]], dtype=torch.float64)
NEIGHBORS = torch.tensor([[[1.0, 0.0, 0.0]], [[0.0, 0.0, 2.0]]], dtype=torch.float64)


def random_batch(n: int = 5, num_neighbors: int = 3, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, 4, generator=generator, dtype=torch.float64)
    return logits, torch.randn(n, num_neighbors, 4, generator=generator, dtype=torch.float64)


def slow_loss(logits: Tensor, neighbors: Tensor, weight: float, mean: bool) -> float:
    p = [row.softmax(0).tolist() for row in logits]
    consistency = 0.0
    for i, of_row in enumerate(neighbors):
        for row in of_row:
            agreement = sum(a * b for a, b in zip(p[i], row.softmax(0).tolist(), strict=True))
            consistency -= math.log(agreement) / (len(of_row) if mean else 1)
    average = [sum(row[c] for row in p) / len(p) for c in range(len(p[0]))]
    return consistency / len(p) + weight * sum(a * math.log(a) for a in average)


@pytest.mark.parametrize(("weight", "value"), [(1.0, 0.033526), (2.0, -0.972674), (5.0, -3.991271)])
def test_worked_values(weight, value):
    found = scan_loss(ANCHORS, NEIGHBORS, entropy_weight=weight)
    assert found.loss.item() == pytest.approx(value, abs=1e-5)
    assert found.consistency.item() == pytest.approx(1.039725, abs=1e-6)
    assert found.entropy.item() == pytest.approx(1.006199, abs=1e-6)


@pytest.mark.parametrize("over_neighbors", ["sum", "mean"])
def test_equals_slow_loops(over_neighbors):
    for seed in range(3):
        logits, neighbors = random_batch(seed=seed)
        expected = slow_loss(logits, neighbors, 2.5, over_neighbors == "mean")
        found = scan_loss(logits, neighbors, entropy_weight=2.5, over_neighbors=over_neighbors)
        assert found.loss.item() == pytest.approx(expected)


def test_gradient_equals_finite_differences_and_reaches_the_neighbours():
    logits, neighbors = random_batch(n=3)
    inputs = (logits.requires_grad_(), neighbors.requires_grad_())
    assert torch.autograd.gradcheck(lambda a, b: scan_loss(a, b).loss, inputs)


def test_sum_and_mean_differ_by_the_number_of_neighbours():
    logits, neighbors = random_batch()
    whole, mean = (scan_loss(logits, neighbors, over_neighbors=each) for each in ("sum", "mean"))
    torch.testing.assert_close(whole.consistency, 3 * mean.consistency)
    torch.testing.assert_close(whole.entropy, mean.entropy)


def test_best_and_worst_case():
    certain = 100 * torch.eye(3, dtype=torch.float64)
    found = scan_loss(certain, certain[:, None], entropy_weight=1.0)  # consistent, and every cluster is used
    assert found.loss.item() == pytest.approx(-math.log(3))
    collapsed = scan_loss(certain[[0, 0, 0]], certain[[0, 0, 0]][:, None])
    assert collapsed.entropy.item() == pytest.approx(0) and collapsed.consistency.item() == pytest.approx(0)


@pytest.mark.parametrize("size", [1e4, 1e30])
def test_extreme_logits_are_finite(size):
    logits = size * torch.eye(3)
    logits.requires_grad_()
    found = scan_loss(logits, size * torch.eye(3)[[1, 2, 0]][:, None])  # no agreement at all
    assert torch.isfinite(found.loss)
    found.loss.backward()
    assert torch.isfinite(logits.grad).all()


def test_one_row_one_cluster_and_no_row():
    logits, neighbors = random_batch(n=1)
    assert scan_loss(logits, neighbors).loss.item() == pytest.approx(slow_loss(logits, neighbors, 1.0, False))
    assert scan_loss(logits[:, :1], neighbors[:, :, :1]).loss.item() == 0
    empty = torch.zeros(0, 3, requires_grad=True)
    found = scan_loss(empty, torch.zeros(0, 2, 3))
    assert [part.item() for part in found] == [0, 0, 0]
    found.loss.backward()
    assert empty.grad.shape == (0, 3)


def test_module_hands_its_settings_on():
    logits, neighbors = random_batch()
    expected = scan_loss(logits, neighbors, entropy_weight=4.0, over_neighbors="mean")
    assert torch.equal(ScanLoss(entropy_weight=4.0, over_neighbors="mean")(logits, neighbors).loss, expected.loss)


def test_neighbor_cosine_value_and_gradient_equal_torch():
    assert neighbor_cosine_loss(torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 4.0]])).item() == pytest.approx(-0.6)
    generator = torch.Generator().manual_seed(0)
    h, neighbor = (torch.randn(6, 5, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(2))
    expected = -functional.cosine_similarity(h, neighbor).mean()
    value = neighbor_cosine_loss(h, neighbor)
    torch.testing.assert_close(value, expected)
    for found, wanted in zip(
        torch.autograd.grad(value, [h, neighbor]), torch.autograd.grad(expected, [h, neighbor]), strict=True
    ):
        torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"entropy_weight": -1.0}, "`entropy_weight` must be a finite number of at least 0, got -1.0"),
        ({"entropy_weight": math.inf}, "got inf"),
        ({"over_neighbors": "max"}, "'sum', 'mean', got 'max'"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        scan_loss(ANCHORS, NEIGHBORS, **settings)
    with pytest.raises(UsageError, match=message):
        ScanLoss(**settings)


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match=r"shape \(2, K, 3\) with at least one neighbour a row, got \(2, 0, 3\)"):
        scan_loss(ANCHORS, NEIGHBORS[:, :0])
    with pytest.raises(ValueError, match=r"got \(1, 1, 3\)"):
        scan_loss(ANCHORS, NEIGHBORS[:1])
    with pytest.raises(ValueError, match=r"`neighbor_logits` must have shape \(n, K, k\), got \(2, 3\)"):
        scan_loss(ANCHORS, NEIGHBORS[:, 0])
    with pytest.raises(TypeError, match="`logits` must be a floating tensor"):
        scan_loss(ANCHORS.long(), NEIGHBORS)
    with pytest.raises(ValueError, match="`neighbor` must have the shape of `h`"):
        neighbor_cosine_loss(ANCHORS, ANCHORS[:1])
