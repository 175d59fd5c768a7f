"""Weights of rows in the ranked list and the supervised contrastive loss: by hand, slow loops, and rows left out or doubled."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from hf_relation.errors import UsageError
from hf_relation.losses import LOSSES, RankedListLoss, SupConLoss, ranked_list_loss, sup_con_loss
from hf_relation.losses.ranked_list import REDUCTIONS


CASES = [
    *[("ranked_list", {"reduction": reduction}) for reduction in REDUCTIONS],
    ("ranked_list", {"reduction": "mean_informative", "detach_weights": True, "balance": 0.3}),
    ("ranked_list", {"reduction": "mean_all", "temperature": 34.0}),  # beyond what the kernel takes
    ("ranked_list", {"temperature": 34.0, "detach_weights": True}),
    ("sup_con", {"temperature": 0.3}),
]


def batch(n: int = 14, seed: int = 0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    rows = normalize(torch.randn(n, 3, generator=generator, dtype=torch.float64), dim=1).to(dtype)
    weights = 0.05 + 2 * torch.rand(n, generator=generator, dtype=torch.float64).to(dtype)
    return rows, torch.randint(4, (n,), generator=generator), weights


def slow_ranked_list(
    rows, labels, f, *, low=0.8, high=1.2, temperature=10.0, balance=0.5, reduction="sum", detach_weights=False
):
    """The docstring's equations, one pair at a time."""
    total, counted = rows.new_zeros(()), rows.new_zeros(())
    for i in range(len(rows)):
        others = [j for j in range(len(rows)) if j != i]
        distance = {j: (rows[i] - rows[j]).norm() for j in others}
        alike = [j for j in others if labels[j] == labels[i]]
        pulled = [j for j in alike if distance[j] > low]
        pushed = [j for j in others if labels[j] != labels[i] and distance[j] < high]
        loss_p = sum((f[j] * (distance[j] - low) for j in pulled), rows.new_zeros(()))
        raw = {j: f[j] * torch.exp(temperature * (high - distance[j])) for j in pushed}
        epsilon = 1e-5 if reduction == "mean_all" else 0.0
        loss_n = rows.new_zeros(())
        for j in pushed:
            share = raw[j] / (sum(raw.values()) + epsilon)
            loss_n = loss_n + (share.detach() if detach_weights else share) * (high - distance[j])
        if reduction == "mean_informative" and pulled:
            loss_p = loss_p / sum(f[j] for j in pulled)
        if reduction == "mean_all":
            term = loss_p / (sum((f[j] for j in alike), rows.new_zeros(())) + 1e-5) + loss_n
        else:
            term = (1 - balance) * loss_p + balance * loss_n
        total, counted = total + f[i] * term, counted + f[i]
    return total if reduction == "sum" else total / counted


def slow_sup_con(rows, labels, f, *, temperature):
    unit = [row / row.norm() for row in rows]
    total, counted = rows.new_zeros(()), rows.new_zeros(())
    for i in range(len(rows)):
        others = [j for j in range(len(rows)) if j != i]
        weighed = {j: f[j] * torch.exp(unit[i] @ unit[j] / temperature) for j in others}
        positives = [j for j in others if labels[j] == labels[i]]
        if positives:
            mass = sum(f[j] for j in positives)
            whole = sum(weighed.values())
            total = total - f[i] * sum(f[j] / mass * torch.log(weighed[j] / whole) for j in positives)
            counted = counted + f[i]
    return total / counted if counted > 0 else total


SLOW = {"ranked_list": slow_ranked_list, "sup_con": slow_sup_con}


def value_and_gradient(loss, rows, labels, weights):
    leaf = rows.clone().requires_grad_()
    value = loss(leaf, labels, weights)
    value.backward()
    return value.item(), leaf.grad.numpy()


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_value_and_gradient_are_those_of_slow_loops(name, settings):
    for seed in range(3):
        rows, labels, weights = batch(seed=seed)
        value, gradient = value_and_gradient(LOSSES[name](**settings), rows, labels, weights)
        slow, expected = value_and_gradient(lambda *given: SLOW[name](*given, **settings), rows, labels, weights)
        assert value == pytest.approx(slow, rel=1e-9) and value > 0
        np.testing.assert_allclose(gradient, expected, atol=1e-10)
        with torch.no_grad():
            assert LOSSES[name](**settings)(rows, labels, weights).item() == pytest.approx(slow, rel=1e-9)


@pytest.mark.parametrize("tile", [1, 40, 10_000])
def test_tiles_of_any_height_give_the_same(tile, monkeypatch):
    from hf_relation.losses import _ranked_list_kernel

    monkeypatch.setattr(_ranked_list_kernel, "_CPU_TILE_BYTES", tile * 14 * 8)
    rows, labels, weights = batch()
    value, gradient = value_and_gradient(RankedListLoss(), rows, labels, weights)
    slow, expected = value_and_gradient(slow_ranked_list, rows, labels, weights)
    assert value == pytest.approx(slow, rel=1e-9)
    np.testing.assert_allclose(gradient, expected, atol=1e-10)


def test_three_rows_by_hand():
    """Anchor 0 and row 1 are alike at distance sqrt 2, row 2 is another at 1 from both."""
    rows = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.5, math.sqrt(0.5)]], dtype=torch.float64)
    labels = torch.tensor([0, 0, 1])
    f = torch.tensor([1.0, 0.5, 0.25], dtype=torch.float64)
    pull, push = math.sqrt(2) - 0.8, 1.2 - 1.0
    # L_P(0) = f_1 pull, L_P(1) = f_0 pull; every anchor sees negatives at one distance, whatever their weights: push.
    expected = 0.5 * (1.0 * 0.5 * pull + 0.5 * 1.0 * pull) + 0.5 * push * (1.0 + 0.5 + 0.25)
    assert ranked_list_loss(rows, labels, f).item() == pytest.approx(expected)
    # Averages over positives: L_P is pull, of anchors 0 and 1.
    mean = (0.5 * pull * 1.5 + 0.5 * push * 1.75) / 1.75
    assert ranked_list_loss(rows, labels, f, reduction="mean_informative").item() == pytest.approx(mean)
    # Cosines 0 and 0.5 at temperature 0.5: of anchor 0 the positive has f_1 e^0 = 0.5, the negative 0.25 e.
    zero = -math.log(0.5 / (0.5 + 0.25 * math.e))
    one = -math.log(1.0 / (1.0 + 0.25 * math.e))
    assert sup_con_loss(rows, labels, f, temperature=0.5).item() == pytest.approx((zero + 0.5 * one) / 1.5)


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_weights_of_one_are_none_to_the_bit(name, settings):
    loss = LOSSES[name](**settings)
    for dtype in (torch.float32, torch.float64):
        rows, labels, weights = batch(dtype=dtype)
        labels[3] = -100
        plain, gradient = value_and_gradient(loss, rows, labels, None)
        value, same = value_and_gradient(loss, rows, labels, torch.ones_like(weights))
        assert value == plain and np.array_equal(same, gradient)


@pytest.mark.parametrize(("name", "settings"), [case for case in CASES if case[1].get("reduction") != "mean_all"])
def test_equal_weights_are_none_but_for_the_scale_of_a_sum(name, settings):
    loss = LOSSES[name](**settings)
    rows, labels, weights = batch()
    if name == "ranked_list" and settings.get("reduction", "sum") == "sum":
        # f_i f_j of pulled pairs, f_i of what an anchor is pushed by.
        parts = [LOSSES[name](**settings | {"balance": share}) for share in (0.0, 1.0)]
        for part, factor in zip(parts, (9, 3), strict=True):
            plain = part(rows, labels).item()
            assert part(rows, labels, torch.full_like(weights, 3.0)).item() == pytest.approx(factor * plain)
    else:
        value, gradient = value_and_gradient(loss, rows, labels, torch.full_like(weights, 3.0))
        plain, expected = value_and_gradient(loss, rows, labels, None)
        assert value == pytest.approx(plain, rel=1e-12)
        np.testing.assert_allclose(gradient, expected, atol=1e-12)


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_a_row_of_weight_zero_is_as_if_it_were_not_there(name, settings):
    loss = LOSSES[name](**settings)
    rows, labels, weights = batch()
    gone = torch.tensor([2, 5, 9])
    weights[gone] = 0.0
    there = weights > 0
    value, gradient = value_and_gradient(loss, rows, labels, weights)
    expected, of_others = value_and_gradient(loss, rows[there], labels[there], weights[there])
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient[there], of_others, atol=1e-12)
    assert not gradient[gone].any()


@pytest.mark.parametrize("reduction", ["sum", "mean_informative"])
def test_a_row_of_weight_two_is_two_equal_rows(reduction):
    rows, labels, _ = batch()
    weights = torch.ones(len(rows), dtype=torch.float64)
    weights[[1, 4]] = 2.0
    twice = torch.tensor([*range(len(rows)), 1, 4])
    value = ranked_list_loss(rows, labels, weights, reduction=reduction).item()
    assert value == pytest.approx(ranked_list_loss(rows[twice], labels[twice], reduction=reduction).item())


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_awkward_weights_give_a_finite_loss(name, settings):
    loss = LOSSES[name](**settings)
    rows, labels, weights = batch(dtype=torch.float32)
    for given in (
        torch.zeros_like(weights),
        torch.zeros_like(weights).index_fill(0, torch.tensor([3]), 0.5),
        weights * 1e-12,
    ):
        value, gradient = value_and_gradient(loss, rows, labels, given)
        assert math.isfinite(value) and value >= 0 and np.isfinite(gradient).all()
    assert value_and_gradient(loss, rows, labels, torch.zeros_like(weights))[0] == 0.0
    empty = loss(rows[:0].requires_grad_(), labels[:0], weights[:0])
    empty.backward()
    assert empty.item() == 0.0


@pytest.mark.parametrize("loss", [RankedListLoss(), SupConLoss()])
def test_wrong_weights_are_refused(loss):
    rows, labels, weights = batch()
    with pytest.raises(TypeError, match="`weights` must be a floating tensor"):
        loss(rows, labels, labels)
    with pytest.raises(ValueError, match=r"`weights` must have shape \(14,\), one a row"):
        loss(rows, labels, weights[:3])
    for wrong in (-0.1, math.nan, math.inf):
        with pytest.raises(UsageError, match="`weights` must be finite and at least 0"):
            loss(rows, labels, weights.index_fill(0, torch.tensor([2]), wrong))
    labels[2] = -100  # a row that is left out may have any
    loss(rows, labels, weights.index_fill(0, torch.tensor([2]), math.nan))


def test_weights_get_no_gradient_and_rows_may_be_half_precision():
    rows, labels, weights = batch()
    for loss in (RankedListLoss(), SupConLoss()):
        asked = weights.clone().requires_grad_()
        loss(rows.requires_grad_(), labels, asked).backward()
        assert asked.grad is None
        half = loss(rows.detach().bfloat16(), labels, weights.float())
        full = loss(rows.detach().bfloat16().double(), labels, weights)
        assert half.dtype == torch.float32 and half.item() == pytest.approx(full.item(), rel=1e-4)
