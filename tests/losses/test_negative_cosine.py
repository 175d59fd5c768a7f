"""Symmetric negative cosine: the worked value, another library, stop-gradient, awkward rows."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from hf_relation.losses import symmetric_negative_cosine


D = torch.tensor([[1.0, 0.0], [3.0, 4.0]], dtype=torch.float64)
G_OTHER = torch.tensor([[1.0, 1.0], [4.0, 3.0]], dtype=torch.float64)
D_OTHER = torch.tensor([[0.0, 2.0], [1.0, 1.0]], dtype=torch.float64)
G = torch.tensor([[0.0, 1.0], [2.0, 0.0]], dtype=torch.float64)


def test_worked_value():
    assert symmetric_negative_cosine(D, D_OTHER, G, G_OTHER).item() == pytest.approx(-0.843553, abs=1e-6)


def test_value_and_gradient_equal_torch_with_constant_targets():
    generator = torch.Generator().manual_seed(0)
    views = [torch.randn(6, 5, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(4)]
    d, d_other, g, g_other = views
    expected = -(
        functional.cosine_similarity(d, g_other.detach()).mean()
        + functional.cosine_similarity(d_other, g.detach()).mean()
    )
    value = symmetric_negative_cosine(d, d_other, g, g_other)
    assert value.item() == pytest.approx(expected.item() / 2)
    wanted = torch.autograd.grad(expected / 2, [d, d_other])
    value.backward()
    torch.testing.assert_close(d.grad, wanted[0])
    torch.testing.assert_close(d_other.grad, wanted[1])
    assert g.grad is None and g_other.grad is None


def test_views_may_change_places_and_lengths_do_not_matter():
    value = symmetric_negative_cosine(D, D_OTHER, G, G_OTHER)
    torch.testing.assert_close(symmetric_negative_cosine(D_OTHER, D, G_OTHER, G), value)
    torch.testing.assert_close(symmetric_negative_cosine(7 * D, D_OTHER, G, 0.1 * G_OTHER), value)
    assert symmetric_negative_cosine(D, D, D, D).item() == pytest.approx(-1)
    assert symmetric_negative_cosine(D, D, -D, -D).item() == pytest.approx(1)


def test_row_of_zeros_has_cosine_zero_and_no_gradient():
    d = torch.tensor([[0.0, 0.0], [1.0, 0.0]], requires_grad=True)
    same = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    value = symmetric_negative_cosine(d, same, same, same)
    assert value.item() == pytest.approx(-(0.5 + 1) / 2)
    value.backward()
    assert torch.isfinite(d.grad).all() and d.grad.abs().max() < 1


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match=r"`g_other` must have the shape of `d`, \(2, 2\), got \(1, 2\)"):
        symmetric_negative_cosine(D, D_OTHER, G, G_OTHER[:1])
    with pytest.raises(ValueError, match=r"`d` must have shape \(n, p\), got \(2,\)"):
        symmetric_negative_cosine(D[0], D_OTHER, G, G_OTHER)
    with pytest.raises(TypeError, match="`d_other` must be a floating tensor"):
        symmetric_negative_cosine(D, D_OTHER.long(), G, G_OTHER)
