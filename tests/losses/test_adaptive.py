"""Adaptive clustering: worked values, slow loops, other libraries, far and equal rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import t as student
from torch.nn import functional

from hf_relation.errors import UsageError
from hf_relation.losses import adaptive_clustering_loss, soft_assignment, target_distribution


Z = torch.tensor([[0.0, 0.0], [2.0, 0.0]], dtype=torch.float64)
CENTERS = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]], dtype=torch.float64)
Q = [[0.714286, 0.142857, 0.142857], [0.152542, 0.762712, 0.084746]]
P = [[0.839892, 0.032158, 0.127950], [0.038305, 0.916668, 0.045027]]


def random_rows(seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn(7, 4, generator=generator, dtype=torch.float64),
        torch.randn(3, 4, generator=generator, dtype=torch.float64),
    )


def test_worked_values():
    q = soft_assignment(Z, CENTERS)
    np.testing.assert_allclose(q.numpy(), Q, atol=1e-6)
    np.testing.assert_allclose(target_distribution(q).numpy(), P, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 7.0])
def test_soft_assignment_is_the_density_of_students_t(alpha):
    # In one dimension the kernel is the density of t with alpha degrees of freedom, up to a factor.
    z, centers = np.array([[0.3], [-2.0], [5.0]]), np.array([[0.0], [1.0], [4.0], [-3.0]])
    density = student.pdf(z - centers.T, df=alpha)
    expected = density / density.sum(1, keepdims=True)
    found = soft_assignment(torch.tensor(z), torch.tensor(centers), alpha=alpha)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


def test_target_and_loss_equal_slow_loops():
    z, centers = random_rows()
    q = soft_assignment(z, centers)
    n, k = q.shape
    frequency = [sum(q[i, j].item() for i in range(n)) for j in range(k)]
    loss = 0.0
    for i in range(n):
        weights = [q[i, j].item() ** 2 / frequency[j] for j in range(k)]
        for j in range(k):
            p = weights[j] / sum(weights)
            assert target_distribution(q)[i, j].item() == pytest.approx(p)
            loss += p * math.log(p / q[i, j].item()) / n
    assert adaptive_clustering_loss(q).item() == pytest.approx(loss)


def test_gradient_equals_torch_with_a_constant_target():
    z, centers = (rows.requires_grad_() for rows in random_rows())
    value = adaptive_clustering_loss(soft_assignment(z, centers))
    kernel = 1 / (1 + (z[:, None] - centers[None]).square().sum(2))
    q = kernel / kernel.sum(1, keepdim=True)
    weights = (q.square() / q.sum(0)).detach()
    other = functional.kl_div(q.log(), weights / weights.sum(1, keepdim=True), reduction="batchmean")
    torch.testing.assert_close(value, other)
    found, expected = torch.autograd.grad(value, [z, centers]), torch.autograd.grad(other, [z, centers])
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_a_target_of_the_whole_corpus_is_taken_as_a_constant():
    z, centers = random_rows()
    q = soft_assignment(z, centers)
    whole = target_distribution(q)
    assert not whole.requires_grad
    part = q[:3].clone().requires_grad_()
    target = whole[:3].clone().requires_grad_()
    value = adaptive_clustering_loss(part, target)
    expected = functional.kl_div(part.detach().log(), whole[:3], reduction="batchmean")
    assert value.item() == pytest.approx(expected.item())
    value.backward()
    assert target.grad is None
    torch.testing.assert_close(part.grad, -whole[:3] / part.detach() / 3)
    assert adaptive_clustering_loss(q, q).item() == pytest.approx(0, abs=1e-12)


def test_the_target_is_sharper_and_holds_large_clusters_back():
    q = torch.tensor([[0.6, 0.4], [0.6, 0.4], [0.9, 0.1]])
    p = target_distribution(q)
    assert (p[2, 0] > q[2, 0]).item()
    assert (p[0, 1] > 0.4**2 / (0.4**2 + 0.6**2)).item()  # more than squaring alone leaves to the smaller cluster


def test_far_from_the_origin_as_near_it():
    z, centers = random_rows()
    near = soft_assignment(z.float(), centers.float())
    torch.testing.assert_close(soft_assignment(z.float() + 500, centers.float() + 500), near, atol=1e-3, rtol=0)


def test_far_and_equal_rows_are_finite():
    z = torch.tensor([[1e15, 0.0], [0.0, 0.0], [0.0, 0.0]], requires_grad=True)
    q = soft_assignment(z, torch.tensor([[0.0, 0.0], [0.0, 0.0], [3.0, 0.0]]))
    torch.testing.assert_close(q.detach().sum(1), torch.ones(3))
    value = adaptive_clustering_loss(q)
    value.backward()
    assert torch.isfinite(value) and torch.isfinite(z.grad).all()


def test_an_empty_cluster_stays_empty():
    q = torch.tensor([[1.0, 0.0], [1.0, 0.0]], requires_grad=True)
    assert target_distribution(q).tolist() == [[1, 0], [1, 0]]
    value = adaptive_clustering_loss(q)
    value.backward()
    assert value.item() == 0 and torch.isfinite(q.grad).all()


def test_no_row():
    z = torch.zeros(0, 2, requires_grad=True)
    value = adaptive_clustering_loss(soft_assignment(z, CENTERS.float()))
    value.backward()
    assert value.item() == 0 and z.grad.shape == (0, 2)


def test_wrong_input_is_refused():
    for alpha in (0, -1.0, math.nan, True):
        with pytest.raises(UsageError, match="`alpha` must be a finite number above 0"):
            soft_assignment(Z, CENTERS, alpha=alpha)
    with pytest.raises(ValueError, match=r"`centers` must have shape \(k, 2\) with k at least 1, got \(0, 2\)"):
        soft_assignment(Z, CENTERS[:0])
    with pytest.raises(ValueError, match=r"got \(3, 5\)"):
        soft_assignment(Z, torch.zeros(3, 5))
    with pytest.raises(TypeError, match="`z` must be a floating tensor"):
        soft_assignment(Z.long(), CENTERS)
    with pytest.raises(ValueError, match="`target` must have the shape of `q`"):
        adaptive_clustering_loss(torch.ones(2, 3), torch.ones(1, 3))
    with pytest.raises(ValueError, match=r"`q` must have shape \(n, k\)"):
        target_distribution(torch.ones(3))
