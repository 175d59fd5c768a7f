"""Checks that every loss must pass. Register a new one once: over `(embeddings, labels)` in `CASES`, else in `TERMS` of `loss_terms.py`."""

from __future__ import annotations

import copy
import math
import pickle

import pytest
import torch
from torch import Tensor, nn

from hf_relation.losses import LOSSES, build_loss


# (name in `LOSSES`, settings)
CASES: list[tuple[str, dict]] = [
    ("ranked_list", {}),
    ("ranked_list", {"temperature": 0.0, "detach_weights": True}),
    ("ranked_list", {"reduction": "mean_informative", "balance": 0.3}),
    ("ranked_list", {"reduction": "mean_all"}),
    ("sup_con", {}),
    ("sup_con", {"temperature": 1.0}),
]


@pytest.fixture(params=CASES, ids=lambda case: "-".join([case[0], *(f"{k}={v}" for k, v in case[1].items())]))
def loss(request) -> nn.Module:
    name, settings = request.param
    return build_loss(name, **settings)


def batch(dtype: torch.dtype = torch.float64, n: int = 12, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    rows = nn.functional.normalize(torch.randn(n, 5, generator=generator, dtype=torch.float64), dim=1)
    return rows.to(dtype), torch.arange(n) % 4


def value_and_gradient(loss: nn.Module, rows: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    leaf = rows.detach().clone().requires_grad_()
    value = loss(leaf, labels)
    value.backward()
    assert leaf.grad is not None
    return value.detach(), leaf.grad


def test_every_loss_is_registered():
    assert {name for name, _ in CASES} == set(LOSSES)


def test_scalar_at_least_zero_that_falls_when_following_its_gradient(loss):
    rows, labels = batch()
    value, gradient = value_and_gradient(loss, rows, labels)
    assert value.shape == () and value.item() > 0
    assert loss(rows - 1e-4 * gradient / gradient.norm(), labels).item() < value.item()


def test_same_input_gives_the_same_output(loss):
    rows, labels = batch()
    first, second = value_and_gradient(loss, rows, labels), value_and_gradient(loss, rows, labels)
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])


def test_order_of_the_rows_does_not_matter(loss):
    rows, labels = batch()
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(1))
    value, gradient = value_and_gradient(loss, rows, labels)
    shuffled_value, shuffled_gradient = value_and_gradient(loss, rows[order], labels[order])
    torch.testing.assert_close(shuffled_value, value)
    torch.testing.assert_close(shuffled_gradient, gradient[order])


def test_weights_follow_their_rows_and_neither_autocast_nor_a_repeat_changes_them(loss):
    rows, labels = batch(torch.float32)
    weights = torch.linspace(0.2, 2, len(rows))
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(1))
    value, gradient = value_and_gradient(lambda *given: loss(*given, weights), rows, labels)
    shuffled = value_and_gradient(lambda *given: loss(*given, weights[order]), rows[order], labels[order])
    torch.testing.assert_close(shuffled[0], value)
    torch.testing.assert_close(shuffled[1], gradient[order])
    assert not torch.allclose(value, loss(rows, labels)), "they count"
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(loss(rows, labels, weights), value)
    assert torch.equal(weights, torch.linspace(0.2, 2, len(rows)))


def test_weights_of_one_are_none(loss):
    rows, labels = batch()
    plain, weighed = (
        value_and_gradient(loss, rows, labels),
        value_and_gradient(lambda *given: loss(*given, torch.ones(len(rows))), rows, labels),
    )
    assert torch.equal(plain[0], weighed[0]) and torch.equal(plain[1], weighed[1])


def test_names_of_the_classes_do_not_matter(loss):
    rows, labels = batch()
    renamed = torch.tensor([900, 3, 0, 41])[labels]
    assert torch.equal(loss(rows, renamed), loss(rows, labels))


@pytest.mark.parametrize("dtype", [torch.int8, torch.int32, torch.uint8])
def test_kind_of_integer_does_not_matter(loss, dtype):
    rows, labels = batch()
    assert torch.equal(loss(rows, labels.to(dtype)), loss(rows, labels))


def test_inputs_are_not_changed(loss):
    rows, labels = batch()
    labels[2] = -100
    rows_before, labels_before = rows.clone(), labels.clone()
    value_and_gradient(loss, rows, labels)
    loss(rows, labels)
    assert torch.equal(rows, rows_before) and torch.equal(labels, labels_before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_floating_type_gives_a_finite_value_and_gradient(loss, dtype):
    rows, labels = batch(dtype)
    value, gradient = value_and_gradient(loss, rows, labels)
    assert value.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert gradient.dtype == dtype
    assert torch.isfinite(value) and torch.isfinite(gradient).all()
    exact = loss(rows.double(), labels).item()
    assert value.item() == pytest.approx(exact, rel=1e-4)


def test_autocast_changes_nothing(loss):
    rows, labels = batch(torch.float32)
    value, gradient = value_and_gradient(loss, rows, labels)
    leaf = rows.clone().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside_value = loss(leaf, labels)
    inside_value.backward()
    assert torch.equal(inside_value, value) and torch.equal(leaf.grad, gradient)


@pytest.mark.parametrize("n", [0, 1])
def test_no_row_and_one_row_are_zero_with_a_gradient(loss, n):
    rows, labels = batch(torch.float32, n=n)
    value, gradient = value_and_gradient(loss, rows, labels)
    assert value.item() == 0.0
    assert gradient.shape == rows.shape and (gradient == 0).all()


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 1, 2, 3], [0, 0, 1, 1], [0, 1, 1, 1]])
def test_equal_rows_give_a_finite_value_and_gradient(loss, labels):
    rows = torch.tensor([[0.6, 0.8]]).repeat(4, 1)
    value, gradient = value_and_gradient(loss, rows, torch.tensor(labels))
    assert torch.isfinite(value) and torch.isfinite(gradient).all()


@pytest.mark.parametrize("labels", [[0] * 12, list(range(12)), [0] * 11 + [1]])
def test_one_class_and_classes_of_one_row_are_finite(loss, labels):
    rows, _ = batch(torch.float32)
    value, gradient = value_and_gradient(loss, rows, torch.tensor(labels))
    assert torch.isfinite(value) and torch.isfinite(gradient).all()


def test_rows_of_zeros_are_finite(loss):
    _, labels = batch()
    value, gradient = value_and_gradient(loss, torch.zeros(12, 3), labels)
    assert torch.isfinite(value) and torch.isfinite(gradient).all()


def test_rows_without_a_label_are_left_out(loss):
    rows, labels = batch()
    labels[[1, 5, 6]] = -100
    kept = labels != -100
    value, gradient = value_and_gradient(loss, rows, labels)
    expected_value, expected_gradient = value_and_gradient(loss, rows[kept], labels[kept])
    torch.testing.assert_close(value, expected_value)
    torch.testing.assert_close(gradient[kept], expected_gradient)
    assert (gradient[~kept] == 0).all()


def test_no_labelled_row_is_zero_with_a_gradient(loss):
    rows, labels = batch(torch.float32)
    value, gradient = value_and_gradient(loss, rows, torch.full_like(labels, -100))
    assert value.item() == 0.0 and (gradient == 0).all()


def test_a_row_that_is_not_a_number_is_not_hidden(loss):
    rows, labels = batch()
    rows[3, 0] = math.nan
    assert torch.isnan(loss(rows, labels))


def test_non_contiguous_rows_change_nothing(loss):
    rows, labels = batch()
    wide = torch.stack([rows, rows], dim=2)
    torch.testing.assert_close(loss(wide[:, :, 0], labels), loss(rows, labels))


def test_module_has_no_weights_and_can_be_copied(loss):
    rows, labels = batch()
    assert not list(loss.parameters()) and not loss.state_dict()
    for twin in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        assert torch.equal(twin(rows, labels), loss(rows, labels))


@pytest.mark.parametrize(
    ("rows", "labels", "error", "message"),
    [
        (torch.ones(2, 3, dtype=torch.int64), torch.tensor([0, 1]), TypeError, "floating tensor, got torch.int64"),
        (torch.ones(2), torch.tensor([0, 1]), ValueError, r"shape \(n, d\), got \(2,\)"),
        (torch.ones(2, 3), torch.tensor([0, 1, 1]), ValueError, r"shape \(2,\), .* got \(3,\)"),
        (torch.ones(2, 3), torch.tensor([[0, 1]]), ValueError, r"got \(1, 2\)"),
        (torch.ones(2, 3), torch.tensor([0.0, 1.0]), TypeError, "integer tensor of class ids, got torch.float32"),
        (torch.ones(2, 3), torch.tensor([True, False]), TypeError, "got torch.bool"),
        (torch.ones(2, 3), torch.tensor([0, -1]), ValueError, "got -1 in row 1.*-100"),
    ],
)
def test_wrong_input_is_refused_with_what_and_where(loss, rows, labels, error, message):
    with pytest.raises(error, match=message):
        loss(rows, labels)
