"""Checks that every loss with inputs of its own must pass; they are registered in `tests/common/loss_terms.py`."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from hf_relation import losses
from hf_relation.losses import LOSSES
from tests.common.loss_terms import TERMS, Term, adversarial


# Public functions that are not losses.
_HELPERS = {
    "adversarial_perturbation",
    "build_loss",
    "class_centroids",
    "learning_order_weights",
    "sigmoid_rampup",
    "soft_assignment",
    "target_distribution",
}


@pytest.fixture(params=TERMS.values(), ids=TERMS)
def term(request) -> Term:
    return request.param


def inputs_of(term: Term, n: int = 9, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
    made = term.inputs(n, torch.Generator().manual_seed(0))
    return {name: x.to(dtype) if x.is_floating_point() else x for name, x in made.items()}


def term_and_gradients(
    term: Term, inputs: dict[str, Tensor], autocast: bool = False
) -> tuple[Tensor, dict[str, Tensor | None]]:
    leaves = {
        name: x.detach().clone().requires_grad_() if name in term.moved + term.constant else x.clone()
        for name, x in inputs.items()
    }
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        value = term.value(**leaves)
    value.backward()
    return value.detach(), {name: leaves[name].grad for name in term.moved + term.constant}


def test_every_other_loss_is_registered():
    functions = {name for name in losses.__all__ if name.islower()}
    assert set(TERMS) == functions - _HELPERS - {f"{name}_loss" for name in LOSSES}


def test_term_is_a_finite_scalar_whose_gradient_reaches_what_it_should_alone(term):
    value, gradients = term_and_gradients(term, inputs_of(term))
    assert value.shape == () and torch.isfinite(value) and value.item() >= term.least
    for name in term.moved:
        assert gradients[name] is not None and torch.isfinite(gradients[name]).all() and gradients[name].any()
    for name in term.constant:
        assert gradients[name] is None


def test_term_falls_when_following_its_gradient(term):
    inputs = inputs_of(term)
    if term.value is adversarial:  # whose perturbation moves along with the sentence
        return
    value, gradients = term_and_gradients(term, inputs)
    length = math.sqrt(sum(float(gradients[name].square().sum()) for name in term.moved))
    moved = {name: inputs[name] - 1e-4 * gradients[name] / length for name in term.moved}
    assert term.value(**(inputs | moved)).item() < value.item()


def test_term_of_the_same_input_is_the_same_and_inputs_are_not_changed(term):
    inputs = inputs_of(term)
    before = {name: x.clone() for name, x in inputs.items()}
    first, second = term_and_gradients(term, inputs), term_and_gradients(term, inputs)
    term.value(**inputs)
    assert torch.equal(first[0], second[0])
    for name in term.moved:
        assert torch.equal(first[1][name], second[1][name])
    for name, x in inputs.items():
        assert torch.equal(x, before[name])


def test_term_does_not_depend_on_the_order_of_the_rows(term):
    inputs = inputs_of(term)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
    shuffled = {name: x if name in term.shared else x[order] for name, x in inputs.items()}
    value, gradients = term_and_gradients(term, inputs)
    other_value, other_gradients = term_and_gradients(term, shuffled)
    torch.testing.assert_close(other_value, value)
    for name in term.moved:
        expected = gradients[name] if name in term.shared else gradients[name][order]
        torch.testing.assert_close(other_gradients[name], expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_term_of_every_floating_type_is_computed_in_full_precision(term, dtype):
    inputs = inputs_of(term, dtype=dtype)
    value, gradients = term_and_gradients(term, inputs)
    if term.value is not adversarial:  # always float32, like the perturbation
        assert value.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    for name in term.moved:
        assert gradients[name].dtype == dtype and torch.isfinite(gradients[name]).all()
    exact = term.value(**{name: x.double() if x.is_floating_point() else x for name, x in inputs.items()})
    assert value.item() == pytest.approx(exact.item(), rel=1e-4)


def test_autocast_does_not_change_a_term(term):
    inputs = inputs_of(term, dtype=torch.float32)
    value, gradients = term_and_gradients(term, inputs)
    inside_value, inside_gradients = term_and_gradients(term, inputs, autocast=True)
    assert torch.equal(inside_value, value)
    for name in term.moved:
        assert torch.equal(inside_gradients[name], gradients[name])


def test_term_of_no_row_is_zero_with_a_gradient(term):
    inputs = inputs_of(term, n=0, dtype=torch.float32)
    value, gradients = term_and_gradients(term, inputs)
    assert value.item() == 0.0
    for name in term.moved:
        if name not in term.shared:
            assert gradients[name].shape == inputs[name].shape


def test_term_of_one_row_is_finite(term):
    value, gradients = term_and_gradients(term, inputs_of(term, n=1, dtype=torch.float32))
    assert torch.isfinite(value) and all(torch.isfinite(gradients[name]).all() for name in term.moved)


def test_term_of_equal_rows_is_finite(term):
    inputs = inputs_of(term, dtype=torch.float32)
    equal = {
        name: x[:1].repeat(9, *[1] * (x.ndim - 1)) if name in term.moved and name not in term.shared else x
        for name, x in inputs.items()
    }
    value, gradients = term_and_gradients(term, equal)
    assert torch.isfinite(value) and all(torch.isfinite(gradients[name]).all() for name in term.moved)


def test_term_does_not_hide_what_is_not_a_number(term):
    for name in term.moved:
        inputs = inputs_of(term)
        inputs[name].view(-1)[0] = math.nan
        assert torch.isnan(term.value(**inputs))
