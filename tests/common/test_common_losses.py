"""Checks that every loss must pass. Register a new one once: over `(embeddings, labels)` in `CASES`, else in `TERMS`."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from hf_relation import losses
from hf_relation.losses import LOSSES, VirtualAdversarialLoss, build_loss


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


# ---- losses with other inputs


@dataclass(frozen=True)
class Term:
    """A loss that does not take `(embeddings, labels)`: how to make its inputs, how to call it, what gets a gradient.

    Every input has one row per instance; those in `shared` belong to the batch as a whole. Inputs in `moved` must get a
    gradient, those in `constant` must not.
    """

    inputs: Callable[[int, torch.Generator], dict[str, Tensor]]
    value: Callable[..., Tensor]
    moved: tuple[str, ...]
    constant: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    least: float = 0.0  # the loss is never below


def normal(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def views(*names: str) -> Callable[[int, torch.Generator], dict[str, Tensor]]:
    return lambda n, generator: {name: normal(generator, n, 5) for name in names}


def rows_and_classes(n: int, generator: torch.Generator) -> dict[str, Tensor]:
    return {"rows": normal(generator, n, 5), "labels": torch.arange(n) % 4, "centroids": normal(generator, 4, 5)}


def adversarial(sentence: Tensor, scale: Tensor, direction: Tensor) -> Tensor:
    def embed(perturbation: Tensor) -> Tensor:
        return nn.functional.normalize((sentence.float() + perturbation).sum(1) * scale.float(), dim=-1)

    loss = VirtualAdversarialLoss(epsilon=0.3, start="scaled")
    return loss(embed, embed(torch.zeros_like(direction)), torch.ones(direction.shape[:2]), 3, direction=direction)


TERMS: dict[str, Term] = {
    "virtual_adversarial_loss": Term(
        lambda n, generator: {
            "sentence": normal(generator, n, 2, 3),
            "scale": torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64),
            "direction": normal(generator, n, 2, 3),
        },
        adversarial,
        moved=("sentence", "scale"),
        constant=("direction",),
        shared=("scale",),
    ),
    "reconstruction_loss": Term(
        views("reconstruction", "target"), losses.reconstruction_loss, ("reconstruction",), ("target",)
    ),
    "center_loss": Term(
        rows_and_classes,
        lambda rows, labels, centroids: losses.center_loss(rows, labels, centroids),
        moved=("rows",),
        constant=("centroids",),
        shared=("centroids",),
    ),
    "pairwise_kl_loss": Term(
        lambda n, generator: {
            "logits": normal(generator, n, 4),
            "pseudo_labels": torch.arange(n) % 3,
            "weights": torch.rand(n, generator=generator, dtype=torch.float64),
        },
        losses.pairwise_kl_loss,
        moved=("logits",),
        constant=("weights",),
    ),
    "symmetric_negative_cosine": Term(
        views("d", "d_other", "g", "g_other"),
        losses.symmetric_negative_cosine,
        moved=("d", "d_other"),
        constant=("g", "g_other"),
        least=-1.0,
    ),
    "scan_loss": Term(
        lambda n, generator: {"logits": normal(generator, n, 4), "neighbor_logits": normal(generator, n, 3, 4)},
        lambda **inputs: losses.scan_loss(**inputs).loss,
        moved=("logits", "neighbor_logits"),
        least=-math.log(4),
    ),
    "neighbor_cosine_loss": Term(
        views("h", "neighbor"), losses.neighbor_cosine_loss, moved=("h", "neighbor"), least=-1.0
    ),
    "adaptive_clustering_loss": Term(
        lambda n, generator: {
            "z": normal(generator, n, 3),
            "centers": normal(generator, 4, 3),
            "target": normal(generator, n, 4).softmax(1),
        },
        lambda z, centers, target: losses.adaptive_clustering_loss(losses.soft_assignment(z, centers), target),
        moved=("z", "centers"),
        constant=("target",),
        shared=("centers",),
    ),
    "crf_loss": Term(
        lambda n, generator: {
            "emissions": normal(generator, n, 4, 3),
            "tags": torch.arange(4 * n).reshape(n, 4) % 3,
            "transitions": normal(generator, 3, 3),
            "start": normal(generator, 3),
            "end": normal(generator, 3),
        },
        losses.crf_loss,
        moved=("emissions", "transitions", "start", "end"),
        shared=("transitions", "start", "end"),
    ),
}

TERMS |= {
    "cell_loss": Term(
        lambda n, generator: {
            "scores": normal(generator, n, 3, 4),
            "targets": torch.arange(12 * n).reshape(n, 3, 4) % 5 % 2,
            "mask": (torch.arange(12 * n).reshape(n, 3, 4) % 7 > 0).long(),
        },
        lambda scores, targets, mask: losses.cell_loss(scores, targets, mask).sum(),
        moved=("scores",),
    ),
    "pair_loss": Term(
        lambda n, generator: {
            "positive": normal(generator, n, 3, 2),
            "negative": normal(generator, n, 3, 2),
            "targets": torch.arange(6 * n).reshape(n, 3, 2) % 5 % 2,
        },
        lambda positive, negative, targets: losses.pair_loss(-positive.abs(), -negative.abs(), targets).sum(),
        moved=("positive", "negative"),
    ),
}

TERMS |= {
    "relation_discrimination_loss": Term(
        lambda n, generator: {
            "representations": normal(generator, n, 5),
            "labels": torch.arange(n) % 4,
            "weights": 1 + torch.rand(n, generator=generator, dtype=torch.float64),
        },
        lambda representations, labels, weights: losses.relation_discrimination_loss(
            representations, labels, weights, temperature=0.5
        ),
        moved=("representations",),
        constant=("weights",),
    ),
    "entity_discrimination_loss": Term(
        lambda n, generator: {
            "entities": normal(generator, n, 4, 5),
            "pairs": torch.tensor([[[0, 1], [2, 0], [-1, -1]]]).repeat(n, 1, 1),
        },
        lambda entities, pairs: losses.entity_discrimination_loss(entities, pairs, temperature=0.5),
        moved=("entities",),
    ),
}

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
