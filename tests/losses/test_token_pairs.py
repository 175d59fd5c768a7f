"""Losses over token cells and mention pairs: worked values, slow loops, relations without a positive, refusals."""

from __future__ import annotations

import math

import pytest
import torch

from hf_relation.errors import UsageError
from hf_relation.losses.token_pairs import CELL_NORMALIZERS, CellLoss, cell_loss, pair_loss


# methods.md, 9.6: head tokens 0-1 with tail token 2 is the positive pair, its reverse the other.
SCORES = torch.tensor([[2.0, 1.0, 0.0], [3.0, 1.0, 2.0], [5.0, 2.0, 2.0]])
POSITIVE = torch.tensor([[0.0, 0, 1], [0, 0, 1], [0, 0, 0]])
MASK = torch.tensor([[0.0, 0, 1], [0, 0, 1], [1, 1, 0]])


def random_batch(seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(2, 3, 5, 4, generator=generator, dtype=torch.float64)
    targets = torch.randint(0, 2, scores.shape, generator=generator)
    mask = torch.randint(0, 2, (2, 1, 5, 4), generator=generator)
    return scores, targets, mask


def slow_cells(scores, targets, mask, normalizer: str, weight: float):
    result = torch.zeros(scores.shape[:2], dtype=torch.float64)
    for text in range(scores.shape[0]):
        for relation in range(scores.shape[1]):
            total, positives, cells = 0.0, 0, 0
            for row in range(scores.shape[2]):
                for column in range(scores.shape[3]):
                    if not mask[text, 0, row, column]:
                        continue
                    cells += 1
                    p = 1 / (1 + math.exp(-scores[text, relation, row, column]))
                    if targets[text, relation, row, column]:
                        positives += 1
                        total -= weight * math.log(p)
                    else:
                        total -= math.log(1 - p)
            divisor = {"positives": positives, "mask": cells, "none": 1}[normalizer]
            result[text, relation] = total / max(divisor, 1)
    return result


@pytest.mark.parametrize(("normalizer", "value"), [("none", 7.953719), ("mask", 1.988430), ("positives", 3.976859)])
def test_worked_values(normalizer, value):
    assert cell_loss(SCORES, POSITIVE, MASK, CellLoss(normalizer)).item() == pytest.approx(value, abs=1e-5)


def test_the_default_is_equation_9():
    assert cell_loss(SCORES, POSITIVE, MASK).item() == pytest.approx(3.976859, abs=1e-5)


@pytest.mark.parametrize("normalizer", CELL_NORMALIZERS)
@pytest.mark.parametrize("weight", [1.0, 2.5])
def test_cells_are_those_of_a_slow_loop(normalizer, weight):
    scores, targets, mask = random_batch()
    found = cell_loss(scores, targets, mask, CellLoss(normalizer, weight))
    torch.testing.assert_close(found, slow_cells(scores, targets, mask, normalizer, weight))


@pytest.mark.parametrize("normalizer", CELL_NORMALIZERS)
def test_padding_changes_nothing(normalizer):
    scores, targets, mask = random_batch()
    padded = [
        torch.nn.functional.pad(tensor, (0, 3, 0, 2), value=value)
        for tensor, value in ((scores, 9.0), (targets, 1), (mask, 0))
    ]
    settings = CellLoss(normalizer)
    torch.testing.assert_close(cell_loss(*padded, settings), cell_loss(scores, targets, mask, settings))


@pytest.mark.parametrize("normalizer", CELL_NORMALIZERS)
@pytest.mark.parametrize("counted", [0, 1])
def test_a_relation_without_positives_or_cells_is_finite_with_a_gradient(normalizer, counted):
    scores = torch.full((1, 2, 3, 3), 500.0, requires_grad=True)
    loss = cell_loss(scores, torch.zeros(1, 2, 3, 3), torch.full((1, 1, 3, 3), counted), CellLoss(normalizer))
    loss.sum().backward()
    assert loss.tolist() == [[counted * 4500.0 / (9 if normalizer == "mask" else 1)] * 2]
    assert torch.isfinite(scores.grad).all() and bool((scores.grad != 0).all()) == bool(counted)


def test_gradients_of_cells():
    scores, targets, mask = random_batch()
    scores.requires_grad_()
    for normalizer in CELL_NORMALIZERS:
        settings = CellLoss(normalizer, 2.0)
        assert torch.autograd.gradcheck(lambda x, s=settings: cell_loss(x, targets, mask, s), scores)


def test_inputs_of_cells_are_not_modified():
    scores, targets, mask = random_batch()
    copies = [tensor.clone() for tensor in (scores, targets, mask)]
    cell_loss(scores, targets, mask)
    assert all(torch.equal(one, other) for one, other in zip((scores, targets, mask), copies, strict=True))


# Mention pairs


def test_worked_values_of_pairs():
    p = torch.tensor([[0.690399], [0.937052]])
    found = pair_loss(p.log(), (1 - p).log(), torch.tensor([[1.0], [0.0]]))
    expected = [-math.log(0.690399), -math.log(1 - 0.937052)]
    assert found[:, 0].tolist() == pytest.approx(expected, abs=1e-5)


def test_pairs_are_those_of_torch_and_padding_is_zero():
    generator = torch.Generator().manual_seed(0)
    p = torch.rand(2, 4, 3, generator=generator, dtype=torch.float64) * 0.98 + 0.01
    targets = torch.randint(0, 2, p.shape, generator=generator).double()
    targets[1, 2:] = -100
    found = pair_loss(p.log(), (1 - p).log(), targets, 3.0)
    slow = torch.nn.functional.binary_cross_entropy(
        p, targets.clamp(min=0), reduction="none", weight=1 + 2 * targets.clamp(min=0)
    )
    torch.testing.assert_close(found[0], slow[0])
    torch.testing.assert_close(found[1, :2], slow[1, :2])
    assert found[1, 2:].abs().max() == 0


def test_padded_pairs_have_no_gradient_even_where_nothing_is_known_of_them():
    logs = torch.tensor([[-0.5], [-math.inf]], requires_grad=True)
    pair_loss(logs, logs.detach(), torch.tensor([[1.0], [-100.0]])).sum().backward()
    assert logs.grad.tolist() == [[-1.0], [0.0]]


@pytest.mark.parametrize("weight", [0.0, -1.0, math.inf, math.nan])
def test_a_weight_out_of_range_is_refused(weight):
    with pytest.raises(UsageError, match="`positive_weight` must be a finite number above 0"):
        CellLoss("mask", weight)
    with pytest.raises(UsageError, match="`positive_weight` must be a finite number above 0"):
        pair_loss(torch.zeros(1), torch.zeros(1), torch.zeros(1), weight)


def test_an_unknown_normalizer_is_refused():
    with pytest.raises(UsageError, match="`normalizer` must be one of positives, mask, none; got 'all'"):
        CellLoss("all")
