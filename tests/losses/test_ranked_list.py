"""Ranked list loss: worked values, slow loops from the equations, another library, and the awkward batches."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pytest
import torch
from pytorch_metric_learning.losses import RankedListLoss as OtherRankedListLoss
from torch import Tensor
from torch.nn.functional import normalize

from hf_relation.errors import UsageError
from hf_relation.losses import RankedListLoss, _ranked_list_kernel, ranked_list_loss
from hf_relation.losses.ranked_list import REDUCTIONS


FOUR_ROWS = [[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [-1.0, 0.0]]
FOUR_LABELS = [0, 0, 1, 1]
FIVE_ANGLES = [0, 20, 100, 60, 180]
FIVE_LABELS = [0, 0, 0, 1, 1]


def four_rows(**kwargs) -> tuple[Tensor, Tensor]:
    return torch.tensor(FOUR_ROWS, dtype=torch.float64, **kwargs), torch.tensor(FOUR_LABELS)


def five_rows() -> tuple[Tensor, Tensor]:
    angles = torch.deg2rad(torch.tensor(FIVE_ANGLES, dtype=torch.float64))
    return torch.stack([angles.cos(), angles.sin()], dim=1), torch.tensor(FIVE_LABELS)


def random_batch(n: int = 14, d: int = 3, classes: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    rows = normalize(torch.randn(n, d, generator=generator, dtype=torch.float64), dim=1)
    return rows, torch.randint(classes, (n,), generator=generator)


def slow_loss(
    rows, labels, *, low=0.8, high=1.2, t=10.0, balance=0.5, reduction="sum", detach=False, weights_of=None
) -> Tensor:
    """Equations 2 to 5, one pair at a time, with the two averaging variants; the weights may be those of other rows."""
    n = len(rows)
    weighed = rows if weights_of is None else weights_of
    total = rows.new_zeros(())
    for i in range(n):
        others = [j for j in range(n) if j != i]
        distance = {j: (rows[i] - rows[j]).norm() for j in others}
        all_positives = [j for j in others if labels[j] == labels[i]]
        positives = [j for j in all_positives if distance[j] > low]
        negatives = [j for j in others if labels[j] != labels[i] and distance[j] < high]
        loss_p = sum((distance[j] - low for j in positives), rows.new_zeros(()))
        raw = {j: torch.exp(t * (high - (weighed[i] - weighed[j]).norm())) for j in negatives}
        epsilon = 1e-5 if reduction == "mean_all" else 0.0
        loss_n = rows.new_zeros(())
        for j in negatives:
            weight = raw[j] / (sum(raw.values()) + epsilon)
            loss_n = loss_n + (weight.detach() if detach else weight) * (high - distance[j])
        if reduction == "mean_informative":
            loss_p = loss_p / max(len(positives), 1)
        if reduction == "mean_all":
            total = total + loss_p / (len(all_positives) + 1e-5) + loss_n
        else:
            total = total + (1 - balance) * loss_p + balance * loss_n
    return total if reduction == "sum" else total / n


@pytest.mark.parametrize(
    ("temperature", "reduction", "expected"),
    [
        (0.0, "sum", 2.257906),
        (0.0, "mean_informative", 0.564476),
        (0.0, "mean_all", 1.128942),
        (10.0, "sum", 2.314507),
        (10.0, "mean_informative", 0.578627),
        (10.0, "mean_all", 1.157246),
    ],
)
def test_four_rows_have_the_worked_values(temperature, reduction, expected):
    rows, labels = four_rows()
    assert ranked_list_loss(rows, labels, temperature=temperature, reduction=reduction).item() == pytest.approx(
        expected, abs=1e-6
    )


@pytest.mark.parametrize(
    ("reduction", "expected"), [("sum", 3.020372), ("mean_informative", 0.543191), ("mean_all", 0.964611)]
)
def test_five_rows_on_the_circle_have_the_worked_values(reduction, expected):
    rows, labels = five_rows()
    assert ranked_list_loss(rows, labels, reduction=reduction).item() == pytest.approx(expected, abs=1e-6)


def test_balance_separates_the_two_terms():
    rows, labels = five_rows()
    positives = 0.732089 + 0.485575 + 1.217664 + 0.932051 + 0.932051
    negatives = 0.2 + 0.51596 + 0.51596 + 0.509394 + 0
    assert ranked_list_loss(rows, labels, balance=0.0).item() == pytest.approx(positives, abs=3e-6)
    assert ranked_list_loss(rows, labels, balance=1.0).item() == pytest.approx(negatives, abs=3e-6)
    averaged = (0.732089 + 0.485575 + 0.608832 + 0.932051 + 0.932051) / 5
    value = ranked_list_loss(rows, labels, balance=0.0, reduction="mean_informative").item()
    assert value == pytest.approx(averaged, abs=1e-6)


@pytest.mark.parametrize(
    ("detach", "expected"),
    [
        (True, [[0.468322, -0.229536], [0.209378, 0.401612], [0.216728, 0.275138], [-0.894427, -0.447214]]),
        (False, [[0.505386, -0.303665], [0.288003, 0.375403], [0.101038, 0.375475], [-0.894427, -0.447214]]),
    ],
)
def test_four_rows_have_the_worked_gradient(detach, expected):
    rows, labels = four_rows(requires_grad=True)
    ranked_list_loss(rows, labels, detach_weights=detach).backward()
    assert rows.grad is not None
    np.testing.assert_allclose(rows.grad.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    ("low", "high", "t", "balance"),
    [(0.8, 1.2, 10.0, 0.5), (0.2, 1.7, 0.0, 0.5), (1.0, 1.0, 3.0, 0.5), (0.5, 1.2, 33.0, 0.5), (0.5, 1.2, 34.0, 0.5)],
)
def test_value_and_gradient_equal_slow_loops(reduction, low, high, t, balance, detach):
    for seed in range(3):
        rows, labels = random_batch(seed=seed)
        settings = dict(reduction=reduction, balance=balance)
        fast_rows, slow_rows = rows.clone().requires_grad_(), rows.clone().requires_grad_()
        fast = ranked_list_loss(
            fast_rows,
            labels,
            positive_margin=low,
            negative_margin=high,
            temperature=t,
            detach_weights=detach,
            **settings,
        )
        slow = slow_loss(slow_rows, labels.tolist(), low=low, high=high, t=t, detach=detach, **settings)
        assert fast.item() == pytest.approx(slow.item(), abs=1e-10)
        fast.backward()
        slow.backward()
        np.testing.assert_allclose(fast_rows.grad.numpy(), slow_rows.grad.numpy(), atol=1e-8)


@pytest.mark.parametrize("balance", [0.0, 0.2, 1.0])
def test_unequal_balance_equals_slow_loops(balance):
    rows, labels = random_batch(seed=5)
    for reduction in ("sum", "mean_informative"):
        expected = slow_loss(rows, labels.tolist(), balance=balance, reduction=reduction).item()
        assert ranked_list_loss(rows, labels, balance=balance, reduction=reduction).item() == pytest.approx(expected)


# Above 40 / negative margin the loss is computed in another way.
@pytest.mark.parametrize("t", [0.0, 10.0, 60.0])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_gradient_equals_finite_differences(reduction, t):
    rows, labels = random_batch(n=8, seed=3)
    assert torch.autograd.gradcheck(
        lambda x: ranked_list_loss(x, labels, reduction=reduction, temperature=t), (rows.requires_grad_(),), atol=1e-6
    )


@pytest.mark.parametrize("t", [0.0, 10.0, 60.0])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_gradient_with_detached_weights_equals_finite_differences_at_fixed_weights(reduction, t):
    rows, labels = random_batch(n=6, seed=3)
    moved = rows.clone().requires_grad_()
    ranked_list_loss(moved, labels, reduction=reduction, temperature=t, detach_weights=True).backward()
    expected = torch.zeros_like(rows)
    for entry in itertools.product(range(6), range(3)):
        step = torch.zeros_like(rows)
        step[entry] = 1e-6
        values = [
            slow_loss(x, labels.tolist(), t=t, reduction=reduction, weights_of=rows)
            for x in (rows + step, rows - step)
        ]
        expected[entry] = (values[0] - values[1]) / 2e-6
    torch.testing.assert_close(moved.grad, expected, atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize(("low", "high", "t", "balance"), [(0.8, 1.2, 10.0, 0.5), (0.6, 1.4, 2.0, 0.3)])
def test_mean_informative_equals_pytorch_metric_learning_but_for_its_epsilon(low, high, t, balance):
    # That library adds 1e-5 to every one of the n entries of its denominators, of which the sum is at least 1.
    for seed in range(3):
        rows, labels = random_batch(n=20, seed=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns about temperatures above 5
            other = OtherRankedListLoss(margin=high - low, Tn=t, imbalance=balance, alpha=high)
        theirs = other(rows, labels).item()
        ours = ranked_list_loss(
            rows,
            labels,
            positive_margin=low,
            negative_margin=high,
            temperature=t,
            balance=balance,
            reduction="mean_informative",
        ).item()
        assert theirs <= ours + 1e-9
        assert theirs >= ours / (1 + 20 * 1e-5) - 1e-9


def test_large_batch_equals_row_by_row_numpy():
    generator = torch.Generator().manual_seed(1)
    rows = normalize(torch.randn(1920, 8, generator=generator), dim=1).requires_grad_()
    labels = torch.randint(64, (1920,), generator=generator)
    value = ranked_list_loss(rows, labels, reduction="mean_informative")
    value.backward()
    x, y = rows.detach().double().numpy(), labels.numpy()
    expected, gradient = 0.0, np.zeros_like(x)
    for i in range(1920):
        difference = x[i] - x
        distance = np.sqrt((difference**2).sum(1))
        positive = (y == y[i]) & (distance > 0.8)
        negative = (y != y[i]) & (distance < 1.2)
        gap = 1.2 - distance[negative]
        weights = np.exp(10 * gap) / np.exp(10 * gap).sum()
        expected += 0.5 * (distance[positive] - 0.8).mean() + 0.5 * (weights * gap).sum()
        slope = np.zeros(1920)
        slope[positive] = 0.5 / positive.sum()
        slope[negative] = -0.5 * weights * (1 + 10 * (gap - (weights * gap).sum()))
        pull = (slope / np.maximum(distance, 1e-9))[:, None] * difference
        gradient[i] += pull.sum(0)
        gradient -= pull
    assert value.item() == pytest.approx(expected / 1920, rel=1e-5)
    np.testing.assert_allclose(rows.grad.numpy(), gradient / 1920, atol=1e-5 * np.abs(gradient / 1920).max())


@pytest.mark.parametrize("rows_per_tile", [1, 3, 5, 13])
@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_several_tiles_equal_slow_loops(monkeypatch, reduction, detach, rows_per_tile):
    monkeypatch.setattr(_ranked_list_kernel, "_CPU_TILE_BYTES", rows_per_tile * 14 * 8)
    rows, labels = random_batch(seed=7)
    slow_rows = rows.clone().requires_grad_()
    expected = slow_loss(slow_rows, labels.tolist(), reduction=reduction, detach=detach)
    expected.backward()
    value = ranked_list_loss(rows.requires_grad_(), labels, reduction=reduction, detach_weights=detach)
    assert value.item() == pytest.approx(expected.item(), abs=1e-10)
    value.backward()
    np.testing.assert_allclose(rows.grad.numpy(), slow_rows.grad.numpy(), atol=1e-8)
    with torch.no_grad():
        assert ranked_list_loss(rows, labels, reduction=reduction).item() == pytest.approx(expected.item(), abs=1e-10)


def test_gradient_follows_what_comes_after_and_adds_up():
    rows, labels = random_batch(seed=8)
    rows.requires_grad_()
    value = ranked_list_loss(rows, labels)
    (once,) = torch.autograd.grad(value, rows, retain_graph=True)
    (3 * value).backward(retain_graph=True)
    value.backward()
    torch.testing.assert_close(rows.grad, 4 * once)


def test_second_derivative_is_refused_and_not_wrong():
    rows, labels = random_batch(seed=8)
    rows.requires_grad_()
    value = ranked_list_loss(rows, labels)
    (gradient,) = torch.autograd.grad(value, rows, create_graph=True)
    with pytest.raises(RuntimeError, match="ranked list loss cannot be differentiated twice"):
        (value + gradient.square().sum()).backward()


def test_nothing_of_the_size_of_all_pairs_is_kept_for_the_backward_pass():
    rows, labels = random_batch(n=200, d=3, classes=20)
    sizes = []

    def keep(tensor: Tensor) -> Tensor:
        sizes.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        ranked_list_loss(rows.requires_grad_(), labels)
    assert sizes and max(sizes) <= 200 * 3


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_nothing_informative_is_zero_with_a_zero_gradient(reduction):
    rows = torch.tensor([[1.0, 0.0], [1.0, 0.01], [-1.0, 0.0], [-1.0, 0.01]], requires_grad=True)
    value = ranked_list_loss(rows, torch.tensor([0, 0, 1, 1]), reduction=reduction)
    assert value.item() == 0.0
    value.backward()
    assert rows.grad is not None and (rows.grad == 0).all()


def test_one_class_has_no_negative_term():
    rows, _ = four_rows(requires_grad=True)
    labels = torch.zeros(4, dtype=torch.int64)
    assert ranked_list_loss(rows, labels, balance=1.0).item() == 0.0
    distances = [1.414214, 0.894427, 2, 0.632456, 1.414214, 1.788854]
    expected = 2 * sum(distance - 0.8 for distance in distances if distance > 0.8)
    assert ranked_list_loss(rows, labels, balance=0.0).item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_class_with_a_single_instance_has_no_positive_term(reduction):
    rows = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8]], dtype=torch.float64, requires_grad=True)
    value = ranked_list_loss(rows, torch.tensor([0, 1, 2]), temperature=0.0, reduction=reduction)
    # Distances 0.632456, 0.894427 and 0.282843; equal weights make L_N the mean gap to 1.2 of each anchor.
    gap = {(0, 1): 1.2 - math.sqrt(0.4), (0, 2): 1.2 - math.sqrt(0.8), (1, 2): 1.2 - math.sqrt(0.08)}
    anchors = [(gap[0, 1] + gap[0, 2]) / 2, (gap[0, 1] + gap[1, 2]) / 2, (gap[0, 2] + gap[1, 2]) / 2]
    expected = {"sum": sum(anchors) / 2, "mean_informative": sum(anchors) / 6, "mean_all": sum(anchors) / 3}[reduction]
    assert value.item() == pytest.approx(expected, rel=2e-5)
    value.backward()
    assert torch.isfinite(rows.grad).all()


def test_equal_rows_of_different_classes_cost_the_margin_and_pass_a_finite_gradient():
    rows = torch.tensor([[0.6, 0.8], [0.6, 0.8]], requires_grad=True)
    value = ranked_list_loss(rows, torch.tensor([0, 1]))
    assert value.item() == pytest.approx(2 * 0.5 * 1.2)
    value.backward()
    assert torch.isfinite(rows.grad).all()


@pytest.mark.parametrize("detach", [False, True])
def test_duplicates_equal_slow_loops(detach):
    rows, labels = random_batch(seed=9)
    rows[3], rows[8], rows[9] = rows[0], rows[1], rows[1]
    slow_rows = rows.clone().requires_grad_()
    slow_loss(slow_rows, labels.tolist(), detach=detach).backward()
    ranked_list_loss(rows.requires_grad_(), labels, detach_weights=detach).backward()
    np.testing.assert_allclose(rows.grad.numpy(), slow_rows.grad.numpy(), atol=1e-8)


def test_rounding_of_many_equal_rows_makes_no_distance_and_no_gradient():
    row = normalize(torch.randn(384, generator=torch.Generator().manual_seed(0)), dim=0)
    rows = row.repeat(60, 1).requires_grad_()
    value = ranked_list_loss(rows, torch.arange(60) % 20, reduction="mean_informative", positive_margin=0.0)
    assert value.item() == pytest.approx(0.5 * 1.2, rel=1e-6)  # 0 for the positives, all of the margin for the others
    value.backward()
    assert rows.grad.abs().max() == 0


@pytest.mark.skipif(not torch.accelerator.is_available(), reason="needs an accelerator")
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_accelerator_equals_the_cpu(reduction):
    rows, labels = random_batch(n=300, d=16, classes=30)
    device = torch.accelerator.current_accelerator()
    moved = rows.to(device).requires_grad_()
    value = ranked_list_loss(moved, labels.to(device), reduction=reduction)
    value.backward()
    here = rows.requires_grad_()
    expected = ranked_list_loss(here, labels, reduction=reduction)
    expected.backward()
    torch.testing.assert_close(value.cpu(), expected)
    torch.testing.assert_close(moved.grad.cpu(), here.grad)


def test_weights_do_not_overflow_at_any_temperature():
    rows = torch.tensor([[1.0, 0.0], [1.0, 0.01], [0.9, 0.1]], requires_grad=True)
    value = ranked_list_loss(rows, torch.tensor([0, 1, 2]), temperature=1e4)
    value.backward()
    assert torch.isfinite(value) and torch.isfinite(rows.grad).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_equals_float32_of_the_same_rows(dtype):
    rows, labels = random_batch(seed=2)
    half = rows.to(dtype).requires_grad_()
    value = ranked_list_loss(half, labels)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(ranked_list_loss(half.detach().float(), labels).item(), rel=1e-6)
    value.backward()
    assert half.grad.dtype == dtype and torch.isfinite(half.grad).all()


def test_autocast_does_not_lower_the_precision():
    rows, labels = random_batch(seed=2)
    rows = rows.float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = ranked_list_loss(rows, labels)
    assert inside.dtype == torch.float32
    assert inside.item() == ranked_list_loss(rows, labels).item()


def test_a_row_that_is_not_a_number_is_not_hidden():
    rows, labels = four_rows()
    for row in range(4):
        broken = rows.clone()
        broken[row, 0] = math.nan
        assert math.isnan(ranked_list_loss(broken, labels).item())


def test_module_passes_every_setting():
    settings = dict(
        positive_margin=0.5,
        negative_margin=1.5,
        temperature=3.0,
        balance=0.25,
        reduction="mean_informative",
        detach_weights=True,
    )
    module = RankedListLoss(**settings)
    first, labels = random_batch(seed=4)
    first.requires_grad_()
    second = first.detach().clone().requires_grad_()
    module(first, labels).backward()
    ranked_list_loss(second, labels, **settings).backward()
    assert torch.equal(first.grad, second.grad)
    for name, value in settings.items():
        assert f"{name}={value!r}" in repr(module)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"positive_margin": -0.1}, "got -0.1 and 1.2"),
        ({"positive_margin": 1.3}, "got 1.3 and 1.2"),
        ({"negative_margin": math.nan}, "positive_margin <= negative_margin"),
        ({"temperature": -1.0}, "`temperature` .* got -1.0"),
        ({"balance": 1.5}, "between 0 and 1, got 1.5"),
        ({"reduction": "mean"}, "'sum', 'mean_informative', 'mean_all', got 'mean'"),
        ({"reduction": "mean_all", "balance": 0.3}, "without a balance"),
    ],
)
def test_settings_out_of_range_are_refused_by_function_and_module(settings, message):
    rows, labels = four_rows()
    with pytest.raises(UsageError, match=message):
        ranked_list_loss(rows, labels, **settings)
    with pytest.raises(UsageError, match=message):
        RankedListLoss(**settings)
