"""Centre loss and class centroids: worked values, slow loops, absent classes, awkward batches."""

from __future__ import annotations

import math

import pytest
import torch

from hf_relation.errors import UsageError
from hf_relation.losses import center_loss, class_centroids


H = torch.tensor([[1.0, 2.0], [3.0, 4.0], [-1.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
LABELS = torch.tensor([0, 0, 1, 1])
CENTROIDS = torch.tensor([[2.0, 3.0], [-0.5, 0.0]], dtype=torch.float64)


def random_batch(seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    h = torch.randn(9, 3, generator=generator, dtype=torch.float64)
    labels = torch.randint(4, (9,), generator=generator)
    labels[[2, 5]] = -100
    return h, labels, torch.randn(4, 3, generator=generator, dtype=torch.float64)


def test_worked_values():
    centroids, present = class_centroids(H, LABELS, 2)
    torch.testing.assert_close(centroids, CENTROIDS)
    assert present.tolist() == [True, True]
    assert center_loss(H, LABELS, CENTROIDS).item() == pytest.approx(0.5625, abs=1e-12)


def test_equals_slow_loops_and_the_derivative_by_hand():
    for seed in range(3):
        h, labels, centroids = random_batch(seed)
        used = [i for i in range(9) if labels[i] != -100]
        slow = sum((h[i, c] - centroids[labels[i], c]).item() ** 2 for i in used for c in range(3)) / (2 * len(used))
        leaf = h.clone().requires_grad_()
        value = center_loss(leaf, labels, centroids)
        assert value.item() == pytest.approx(slow)
        value.backward()
        expected = torch.zeros_like(h)
        expected[used] = (h[used] - centroids[labels[used]]) / len(used)
        torch.testing.assert_close(leaf.grad, expected)


def test_centroids_are_constants():
    centroids = CENTROIDS.clone().requires_grad_()
    h = H.clone().requires_grad_()
    center_loss(h, LABELS, centroids).backward()
    assert centroids.grad is None
    assert not class_centroids(h, LABELS, 2)[0].requires_grad


def test_centroids_equal_slow_means_and_absent_classes_are_marked():
    h, labels, _ = random_batch()
    labels[labels == 1] = 0
    centroids, present = class_centroids(h, labels, 6)
    for k in range(6):
        members = h[labels == k]
        assert bool(present[k]) == (len(members) > 0)
        torch.testing.assert_close(centroids[k], members.mean(0) if len(members) else torch.zeros(3).double())


def test_a_row_that_is_not_a_number_spoils_its_own_centroid_only():
    h = H.clone()
    h[0, 0] = math.nan
    centroids, _ = class_centroids(h, LABELS, 2)
    assert torch.isnan(centroids[0, 0])
    torch.testing.assert_close(centroids[1], CENTROIDS[1])


def test_rows_without_a_label_may_hold_anything():
    h, labels = H.clone(), LABELS.clone()
    h[3], labels[3] = math.nan, -100
    leaf = h.requires_grad_()
    value = center_loss(leaf, labels, CENTROIDS)
    assert value.item() == pytest.approx((2 + 2 + 0.25) / 6)
    value.backward()
    assert leaf.grad[3].tolist() == [0, 0]
    assert class_centroids(h, labels, 2)[0][1].tolist() == [-1.0, 0.0]


def test_no_labelled_row():
    for h, labels in ((H, torch.full((4,), -100)), (H[:0], LABELS[:0])):
        leaf = h.clone().requires_grad_()
        value = center_loss(leaf, labels, CENTROIDS)
        value.backward()
        assert value.item() == 0 and (leaf.grad == 0).all()
        centroids, present = class_centroids(h, labels, 2)
        assert not present.any() and (centroids == 0).all()


def test_half_precision_centroids_are_summed_in_float32():
    h = torch.full((4096, 1), 1.0, dtype=torch.bfloat16)
    centroids, _ = class_centroids(h, torch.zeros(4096, dtype=torch.int8), 1)
    assert centroids.dtype == torch.float32 and centroids.item() == 1.0


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match=r"`labels` must be at most 1, got 2. `centroids` has 2 rows"):
        center_loss(H, torch.tensor([0, 0, 1, 2]), CENTROIDS)
    with pytest.raises(ValueError, match="`centroids` must have 2 columns, as `h` has, got 3"):
        center_loss(H, LABELS, torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"`centroids` must have shape \(k, d\), got \(2,\)"):
        center_loss(H, LABELS, torch.zeros(2))
    with pytest.raises(ValueError, match="one class id per row of `h`"):
        center_loss(H, LABELS[:2], CENTROIDS)
    with pytest.raises(ValueError, match=r"at most 0, got 1. Raise `num_classes` \(1\)"):
        class_centroids(H, LABELS, 1)
    for wrong in (0, True, 2.0):
        with pytest.raises(UsageError, match="`num_classes` must be an integer of at least 1"):
            class_centroids(H, LABELS, wrong)
