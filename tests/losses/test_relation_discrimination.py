"""Relation discrimination: by hand, against a slow loop, and against SupCon."""

from __future__ import annotations

import math

import pytest
import torch

from hf_relation.losses import learning_order_weights, relation_discrimination_loss, sup_con_loss


ROWS = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [-1.0, 0.0]])
WEIGHTS = learning_order_weights(torch.tensor([1, 3, 2, 5]), first=1, last=5, alpha=2)


def slow_loss(rows, labels, f, temperature, *, na_label=None, weighted_positive=True):
    rows, total = [[float(x) for x in row] for row in rows], 0.0

    def cosine(a, b):
        length = math.sqrt(sum(x * x for x in rows[a])) * math.sqrt(sum(x * x for x in rows[b]))
        return sum(x * y for x, y in zip(rows[a], rows[b], strict=True)) / length

    for a in range(len(rows)):
        for b in range(len(rows)):
            if a == b or labels[a] != labels[b] or labels[a] in (na_label, -100):
                continue
            z = 0.0
            for c in range(len(rows)):
                if c != a and labels[c] != -100:
                    weight = 1.0 if c == b and not weighted_positive else f[c]
                    z += weight * math.exp(cosine(a, c) / temperature)
            total -= f[a] * math.log(math.exp(cosine(a, b) / temperature) / z)
    return total


def batch(n=14):
    generator = torch.Generator().manual_seed(3)
    rows = torch.randn(n, 4, generator=generator, dtype=torch.float64)
    return rows, torch.arange(n) % 5, 1 + torch.rand(n, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("weighted_positive, expected", [(True, 1.154446), (False, 0.625050)])
def test_the_value_computed_by_hand(weighted_positive, expected):
    # Rows 0 and 1 are one relation: the sum has the pair (0, 1), which was computed, and (1, 0).
    loss = relation_discrimination_loss(
        ROWS, torch.tensor([0, 0, 1, 2]), WEIGHTS, temperature=0.5, weighted_positive=weighted_positive
    )
    other = slow_loss(ROWS, [0, 0, 1, 2], WEIGHTS.tolist(), 0.5, weighted_positive=weighted_positive)
    z = [math.exp(1.6), math.exp(1.2), math.exp(-1.6)]  # row 1 with 0, 2, 3
    of_one = 2.0 * z[0] if weighted_positive else z[0]
    back = math.sqrt(2) * math.log((of_one + 2**0.75 * z[1] + z[2]) / z[0])
    assert loss.item() == pytest.approx(expected + back, abs=2e-6) == pytest.approx(other, abs=1e-6)


@pytest.mark.parametrize("na_label", [None, 2])
@pytest.mark.parametrize("weighted_positive", [True, False])
def test_equals_a_slow_loop(na_label, weighted_positive):
    rows, labels, f = batch()
    labels[3] = -100
    settings = {"na_label": na_label, "weighted_positive": weighted_positive}
    loss = relation_discrimination_loss(rows, labels, f, temperature=0.2, **settings)
    assert loss.item() == pytest.approx(slow_loss(rows, labels.tolist(), f.tolist(), 0.2, **settings), rel=1e-9)


def test_with_equal_weights_it_is_supcon_over_positive_pairs():
    rows, labels, _ = batch(15)  # three of every relation: SupCon's two means are one
    loss = relation_discrimination_loss(rows, labels, temperature=0.3, reduction="mean")
    assert loss.item() == pytest.approx(sup_con_loss(rows, labels, temperature=0.3).item(), rel=1e-9)
    total = relation_discrimination_loss(rows, labels, temperature=0.3)
    assert total.item() == pytest.approx(15 * 2 * loss.item(), rel=1e-9)


def test_by_anchors_it_is_supcon_whatever_the_sizes_of_relations():
    rows, labels, _ = batch(15)
    labels[:6] = labels[0]
    loss = relation_discrimination_loss(rows, labels, temperature=0.3, reduction="anchors")
    assert loss.item() == pytest.approx(sup_con_loss(rows, labels, temperature=0.3).item(), rel=1e-9)
    assert loss.item() != pytest.approx(
        relation_discrimination_loss(rows, labels, temperature=0.3, reduction="mean").item(), rel=1e-3
    )


def test_a_constant_weight_is_that_of_the_formula():
    rows, labels, _ = batch(15)
    plain = relation_discrimination_loss(rows, labels, reduction="mean")
    two = relation_discrimination_loss(rows, labels, torch.full((15,), 2.0, dtype=torch.float64), reduction="mean")
    assert two.item() == pytest.approx(2 * plain.item() + 2 * math.log(2), rel=1e-9)


def test_rows_that_are_apart_do_not_meet():
    rows, labels, f = batch(6)  # relations 0 1 2 3 4 0
    doubled, numbers = torch.cat([rows, rows[:1]]), torch.cat([labels, torch.tensor([1])])  # row 0 has relation 1, too
    weights = torch.cat([f, f[:1]])
    apart = torch.zeros(7, 7, dtype=torch.bool)
    apart[0, 6] = apart[6, 0] = True
    loss = relation_discrimination_loss(doubled, numbers, weights, apart=apart, temperature=0.3)
    z = torch.nn.functional.normalize(doubled, dim=1)
    e = (z @ z.T / 0.3).exp()
    expected = 0.0
    for a, b in ((0, 5), (5, 0), (1, 6), (6, 1)):
        total = sum(weights[c] * e[a, c] for c in range(7) if c != a and {a, c} != {0, 6})
        expected -= weights[a] * torch.log(e[a, b] / total)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-9)


def test_sampled_negatives_are_of_other_relations_and_repeat_with_the_seed():
    rows, labels, f = batch(15)

    def sampled(number, seed, **settings):
        generator = torch.Generator().manual_seed(seed)
        return relation_discrimination_loss(
            rows, labels, f, num_negatives=number, generator=generator, **settings
        ).item()

    assert sampled(4, 0) == sampled(4, 0) != sampled(4, 1)
    # With all of them, every pair has itself and the twelve rows of other relations.
    z = torch.nn.functional.normalize(rows, dim=1)
    s = (z @ z.T / 0.05).tolist()
    expected = 0.0
    for a in range(15):
        for b in range(15):
            if a != b and labels[a] == labels[b]:
                others = sum(float(f[c]) * math.exp(s[a][c]) for c in range(15) if labels[c] != labels[a])
                expected -= float(f[a]) * (s[a][b] - math.log(others + float(f[b]) * math.exp(s[a][b])))
    assert sampled(14, 0) == pytest.approx(expected, rel=1e-9)
    assert sampled(10**6, 5) == pytest.approx(expected, rel=1e-9)
    assert sampled(3, 0) < expected, "fewer in the denominator"


@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [-100] * 4, [0, 1, -100, -100]])
def test_a_batch_without_a_positive_pair_is_zero_with_a_gradient(labels):
    rows = ROWS.clone().requires_grad_()
    loss = relation_discrimination_loss(rows, torch.tensor(labels), WEIGHTS)
    loss.backward()
    assert loss.item() == 0 and rows.grad is not None and not rows.grad.any()


def test_no_relation_is_no_relation_in_common():
    assert relation_discrimination_loss(ROWS, torch.tensor([2, 2, 2, 2]), na_label=2).item() == 0


@pytest.mark.parametrize(
    "weights, settings, error, said",
    [
        (torch.ones(3), {}, ValueError, r"`weights` must have shape \(4,\)"),
        (torch.tensor([1, 1, 1, 1]), {}, TypeError, "`weights` must be a floating tensor"),
        (torch.tensor([1.0, 1.0, 0.0, 1.0]), {}, ValueError, "got 0.0 in row 2"),
        (torch.tensor([1.0, math.nan, 1.0, 1.0]), {}, ValueError, "got nan in row 1"),
        (
            None,
            {"apart": torch.zeros(3, 3, dtype=torch.bool)},
            ValueError,
            r"`apart` must be a bool tensor of shape \(4, 4\)",
        ),
        (None, {"temperature": 0}, ValueError, "`temperature`"),
        (None, {"num_negatives": 0}, ValueError, "`num_negatives`"),
        (None, {"reduction": "none"}, ValueError, "`reduction` must be one of 'sum', 'mean', 'anchors'"),
    ],
)
def test_wrong_input_is_refused(weights, settings, error, said):
    with pytest.raises(error, match=said):
        relation_discrimination_loss(ROWS, torch.tensor([0, 0, 1, 1]), weights, **settings)
