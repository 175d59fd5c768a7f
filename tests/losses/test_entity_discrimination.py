"""Entity discrimination: by hand and against cross entropy."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hf_relation.losses import entity_discrimination_loss


ENTITIES = torch.tensor([[[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]])


def test_the_value_computed_by_hand():
    loss = entity_discrimination_loss(ENTITIES, torch.tensor([[[0, 1]]]), temperature=0.5)
    assert loss.item() == pytest.approx(0.263282, abs=1e-6)


def test_equals_cross_entropy_of_every_triple_and_padding_changes_nothing():
    generator = torch.Generator().manual_seed(0)
    entities = torch.randn(2, 5, 6, generator=generator, dtype=torch.float64)
    there = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    pairs = torch.tensor([[[0, 4], [3, 1], [0, 2]], [[2, 0], [-1, -1], [-1, -1]]])
    expected = []
    for text, triples in enumerate(pairs.tolist()):
        z = nn.functional.normalize(entities[text][there[text]], dim=1)
        for head, tail in triples:
            if head >= 0:
                others = [entity for entity in range(len(z)) if entity != head]
                logits = torch.stack([z[head] @ z[entity] for entity in others]) / 0.2
                expected.append(nn.functional.cross_entropy(logits[None], torch.tensor([others.index(tail)])))
    total = torch.stack(expected).sum()
    torch.testing.assert_close(entity_discrimination_loss(entities, pairs, there, temperature=0.2), total)
    mean = entity_discrimination_loss(entities, pairs, there, temperature=0.2, reduction="mean")
    torch.testing.assert_close(mean, total / 4)


def test_without_a_triple_or_with_two_entities_alone_it_is_zero_with_a_gradient():
    for entities, pairs in ((ENTITIES, [[[-1, -1]]]), (ENTITIES[:, :2], [[[0, 1]]]), (ENTITIES, [[]])):
        leaf = entities.clone().requires_grad_()
        loss = entity_discrimination_loss(leaf, torch.tensor(pairs, dtype=torch.long).reshape(1, -1, 2))
        loss.backward()
        assert loss.item() == pytest.approx(0, abs=1e-6) and torch.isfinite(leaf.grad).all()


@pytest.mark.parametrize(
    "pairs, mask, error, said",
    [
        ([[[0, 3]]], None, ValueError, "Pair 0 of text 0 has the tail 3, which is no entity of that text"),
        ([[[0, 1], [2, 1]]], [[True, True, False]], ValueError, "Pair 1 of text 0 has the head 2"),
        ([[[0, -1]]], None, ValueError, "has the tail -1"),
        ([[[1, 1]]], None, ValueError, "one entity, 1, as head and tail"),
        ([[0, 1]], None, ValueError, r"`pairs` must have shape \(1, pairs, 2\), got \(1, 2\)"),
        ([[[0.0, 1.0]]], None, TypeError, "integer tensor of positions"),
        ([[[0, 1]]], [[True, True]], ValueError, r"`entity_mask` must have shape \(1, 3\)"),
    ],
)
def test_wrong_input_is_refused(pairs, mask, error, said):
    with pytest.raises(error, match=said):
        entity_discrimination_loss(ENTITIES, torch.tensor(pairs), None if mask is None else torch.tensor(mask))
