"""Weights by learning order: equation 5 of FineCL, by hand."""

from __future__ import annotations

import math

import pytest
import torch

from hf_relation.losses import NEVER_LEARNED, learning_order_weights


def test_values_computed_by_hand():
    weights = learning_order_weights(torch.arange(1, 6), first=1, last=5)
    torch.testing.assert_close(weights, torch.tensor([2.718282, 2.117000, 1.648721, 1.284025, 1.0]))
    weights = learning_order_weights(torch.tensor([[1], [8], [15]]), first=1, last=15, alpha=2)
    torch.testing.assert_close(weights, torch.tensor([[2.0], [1.414214], [1.0]]))


def test_the_authors_rule_for_late_and_never_learned_instances():
    orders = torch.tensor([1, 2, 4, 5, 15, NEVER_LEARNED])
    weights = learning_order_weights(orders, first=1, last=15, late_from=5)
    torch.testing.assert_close(weights, torch.tensor([2.718282, 2.530891, 2.193974, 1.0, 1.0, 1.0]))


def test_one_epoch_and_nothing_learned_weigh_all_the_same():
    assert learning_order_weights(torch.tensor([4, 4, -1]), first=4, last=4).tolist() == [1, 1, 1]
    assert learning_order_weights(torch.tensor([-1, -1]), first=1, last=3).tolist() == [1, 1]
    assert learning_order_weights(torch.tensor([], dtype=torch.long), first=1, last=3).shape == (0,)


def test_never_learned_instances_can_have_a_weight_of_their_own():
    weights = learning_order_weights(torch.tensor([1, -1, 2]), first=1, last=2, alpha=3, never_weight=0.25)
    assert weights.tolist() == [3, 0.25, 1]


@pytest.mark.parametrize(
    "orders, settings, error, said",
    [
        ([1.0], {}, TypeError, "integer tensor of epochs, got torch.float32"),
        ([0], {}, ValueError, "holds the epoch 0; it goes from 1 to 5, and -1 is never learned"),
        ([6], {}, ValueError, "holds the epoch 6"),
        ([1], {"first": 6}, ValueError, "in this order, got 6 and 5"),
        ([1], {"first": 0}, ValueError, "from 1 up"),
        ([1], {"alpha": 0.0}, ValueError, "`alpha` must be a finite number above 0"),
        ([1], {"alpha": math.inf}, ValueError, "`alpha`"),
        ([1], {"never_weight": -1.0}, ValueError, "`never_weight`"),
        ([1], {"late_from": 0}, ValueError, "`late_from`"),
    ],
)
def test_wrong_input_is_refused(orders, settings, error, said):
    with pytest.raises(error, match=said):
        learning_order_weights(torch.tensor(orders), **({"first": 1, "last": 5} | settings))
