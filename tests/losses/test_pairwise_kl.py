"""Pairwise KL loss: the worked pair matrix, slow loops, constants, weights, awkward batches."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from hf_relation.errors import UsageError
from hf_relation.losses import PairwiseKLLoss, pairwise_kl_loss


LOGITS = torch.tensor([[2.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 3.0]], dtype=torch.float64)
LABELS = torch.tensor([0, 0, 1])
PAIR_COSTS = [[0, 0.680479, 0.217606], [0.680479, 0, 0.983678], [0.217606, 0.983678, 0]]


def random_batch(n: int = 7, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(n, 4, generator=generator, dtype=torch.float64), torch.randint(3, (n,), generator=generator)


def slow_loss(logits: Tensor, labels: Tensor, *, sigma: float, pairs: str, weights: list[float]) -> Tensor:
    """The equations pair by pair, each side's distribution a constant in its turn (`torch.nn.functional.kl_div`)."""
    log_p = functional.log_softmax(logits, dim=1)
    total, weight = logits.new_zeros(()), 0.0
    for i in range(len(logits)):
        for j in range(len(logits)):
            if pairs == "distinct" and i >= j:
                continue
            cost = logits.new_zeros(())
            for constant, moving in ((log_p[i].detach(), log_p[j]), (log_p[j].detach(), log_p[i])):
                divergence = functional.kl_div(moving, constant, log_target=True, reduction="sum")
                cost = cost + (divergence if labels[i] == labels[j] else (sigma - divergence).clamp_min(0))
            total = total + weights[i] * weights[j] * cost
            weight += weights[i] * weights[j]
    return total / weight


def value_and_gradient(function, logits: Tensor, *args, **kwargs) -> tuple[Tensor, Tensor]:
    leaf = logits.clone().requires_grad_()
    value = function(leaf, *args, **kwargs)
    value.backward()
    return value.detach(), leaf.grad


def test_worked_values():
    assert pairwise_kl_loss(LOGITS, LABELS).item() == pytest.approx(0.418170, abs=1e-6)
    assert pairwise_kl_loss(LOGITS, LABELS, pairs="distinct").item() == pytest.approx(0.627254, abs=1e-6)


def test_worked_pair_matrix():
    for i in range(3):
        for j in range(3):
            if i != j:
                rows = [i, j]
                found = pairwise_kl_loss(LOGITS[rows], LABELS[rows], pairs="distinct").item()
                assert found == pytest.approx(PAIR_COSTS[i][j], abs=1e-6)


@pytest.mark.parametrize("sigma", [0.5, 2.0])
@pytest.mark.parametrize("pairs", ["all", "distinct"])
@pytest.mark.parametrize("weighted", [False, True])
def test_value_and_gradient_equal_slow_loops(sigma, pairs, weighted):
    for seed in range(2):
        logits, labels = random_batch(seed=seed)
        weights = torch.linspace(0, 1.5, len(logits), dtype=torch.float64) if weighted else None
        found = value_and_gradient(pairwise_kl_loss, logits, labels, sigma=sigma, pairs=pairs, weights=weights)
        listed = weights.tolist() if weighted else [1.0] * len(logits)
        expected = value_and_gradient(slow_loss, logits, labels, sigma=sigma, pairs=pairs, weights=listed)
        torch.testing.assert_close(found[0], expected[0])
        torch.testing.assert_close(found[1], expected[1], atol=1e-12, rtol=1e-9)


def test_each_side_is_a_constant_in_its_turn():
    # One pair: the derivative of KL(P*_0 || P_1) by the logits of row 1 is P_1 - P_0, and the other way round.
    logits = LOGITS[:2]
    _, gradient = value_and_gradient(pairwise_kl_loss, logits, torch.tensor([5, 5]), pairs="distinct")
    p = logits.softmax(1)
    torch.testing.assert_close(gradient, torch.stack([p[0] - p[1], p[1] - p[0]]))


def test_names_of_the_clusters_do_not_matter():
    logits, labels = random_batch()
    renamed = torch.tensor([900, 3, 0])[labels]
    assert torch.equal(pairwise_kl_loss(logits, renamed), pairwise_kl_loss(logits, labels))


def test_rows_without_a_pseudo_label_are_left_out():
    logits, labels = random_batch()
    logits[2], labels[[2, 4]] = math.nan, -100
    kept = labels != -100
    weights = torch.rand(7, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    for pairs in ("all", "distinct"):
        value, gradient = value_and_gradient(pairwise_kl_loss, logits, labels, pairs=pairs, weights=weights)
        expected, rows = value_and_gradient(
            pairwise_kl_loss, logits[kept], labels[kept], pairs=pairs, weights=weights[kept]
        )
        torch.testing.assert_close(value, expected)
        torch.testing.assert_close(gradient[kept], rows)
        assert (gradient[~kept] == 0).all()


@pytest.mark.parametrize("pairs", ["all", "distinct"])
@pytest.mark.parametrize("n", [0, 1])
def test_no_pair_of_two_rows_is_zero_with_a_gradient(pairs, n):
    value, gradient = value_and_gradient(pairwise_kl_loss, LOGITS[:n], LABELS[:n], pairs=pairs)
    assert value.item() == pytest.approx(0, abs=1e-15) and gradient.abs().sum() < 1e-15


def test_no_weight_at_all_is_zero_with_a_gradient():
    value, gradient = value_and_gradient(pairwise_kl_loss, LOGITS, LABELS, weights=torch.zeros(3))
    assert value.item() == 0 and (gradient == 0).all()


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2]])
def test_one_cluster_and_clusters_of_one_row_are_finite(labels):
    value, gradient = value_and_gradient(pairwise_kl_loss, LOGITS.float() * 1e4, torch.tensor(labels))
    assert torch.isfinite(value) and torch.isfinite(gradient).all()


def test_half_precision_is_left_for_float32():
    for dtype in (torch.float16, torch.bfloat16):
        half = LOGITS.to(dtype)
        value, gradient = value_and_gradient(pairwise_kl_loss, half, LABELS)
        assert value.dtype == torch.float32 and gradient.dtype == dtype
        assert value.item() == pytest.approx(pairwise_kl_loss(half.double(), LABELS).item(), rel=1e-6)


def test_module_hands_its_settings_on():
    weights = torch.tensor([1.0, 0.5, 0.0], dtype=torch.float64)
    expected = pairwise_kl_loss(LOGITS, LABELS, sigma=3.0, pairs="distinct", weights=weights)
    assert torch.equal(PairwiseKLLoss(sigma=3.0, pairs="distinct")(LOGITS, LABELS, weights), expected)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sigma": 0.0}, "`sigma` must be a finite number above 0, got 0.0"),
        ({"sigma": math.nan}, "got nan"),
        ({"pairs": "half"}, "'all', 'distinct', got 'half'"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        pairwise_kl_loss(LOGITS, LABELS, **settings)
    with pytest.raises(UsageError, match=message):
        PairwiseKLLoss(**settings)


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match=r"`pseudo_labels` must be class ids .*got -1 in row 2"):
        pairwise_kl_loss(LOGITS, torch.tensor([0, 0, -1]))
    with pytest.raises(TypeError, match="`logits` must be a floating tensor"):
        pairwise_kl_loss(LOGITS.long(), LABELS)
    with pytest.raises(ValueError, match=r"`weights` must have shape \(3,\), one per row of `logits`, got \(2,\)"):
        pairwise_kl_loss(LOGITS, LABELS, weights=torch.ones(2))
    with pytest.raises(TypeError, match="`weights` must be a floating tensor, got torch.int64"):
        pairwise_kl_loss(LOGITS, LABELS, weights=torch.ones(3, dtype=torch.int64))
    with pytest.raises(ValueError, match="`weights` must be at least 0, got -1.0 in row 1"):
        pairwise_kl_loss(LOGITS, LABELS, weights=torch.tensor([1.0, -1.0, 1.0]))
