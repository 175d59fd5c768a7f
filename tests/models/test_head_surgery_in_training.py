"""Masking and pruning heads of models in training: checkpointed activations, frozen layers, a step that is under way."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.utils.checkpoint import CheckpointError

from hf_relation.errors import UsageError
from hf_relation.heads import head_gates, mask_heads, prune_heads, pruned_heads
from hf_relation.models.multitask import MultiTaskModel
from tests.common.tiny_heads import FAMILIES, NUM_HEADS, tiny_batch, tiny_headed
from tests.common.tiny_models import tiny_multitask


HEADS = {0: [0, 1, 2, 3], 1: [2]}


def checkpointed(model, reentrant=False):
    model.train()
    model.gradient_checkpointing_enable({"use_reentrant": reentrant})
    return model


def gradients(model):
    return {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}


def step(model, batch):
    torch.manual_seed(5)  # of dropout
    loss = model(**batch).loss
    loss.backward()
    return loss.item(), gradients(model)


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "deberta-v2", "modernbert", "llama-grouped"])
def test_checkpointing_changes_no_gradient_of_a_pruned_model(family):
    batch, found = tiny_batch(labels="tokens"), []
    for checkpointing in (False, True):
        model = tiny_headed(family, "tokens")
        if not model.supports_gradient_checkpointing:
            pytest.skip(f"{family} has no gradient checkpointing")
        prune_heads(model, HEADS)
        found.append(step(checkpointed(model) if checkpointing else model.train(), batch))
    (loss, plain), (again, recomputed) = found
    assert loss == pytest.approx(again, rel=1e-6) and set(plain) == set(recomputed)
    for name, gradient in plain.items():
        torch.testing.assert_close(recomputed[name], gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("reentrant", [False, True])
def test_masks_and_gates_hold_in_the_second_forward_pass_of_checkpointing(reentrant):
    batch = tiny_batch(labels="tokens")
    pruned = tiny_headed("bert", "tokens")
    prune_heads(pruned, {1: [2]})
    expected = dict(pruned.named_parameters())["classifier.weight"]
    pruned(**batch).loss.backward()
    model = tiny_headed("bert", "tokens")
    checkpointed(model, reentrant)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    with mask_heads(model, {1: [2]}):  # the backward pass inside
        model(**batch).loss.backward()
    torch.testing.assert_close(model.classifier.weight.grad, expected.grad, rtol=1e-4, atol=1e-6)
    value = model.bert.encoder.layer[1].attention.self.value.weight.grad.unflatten(0, (NUM_HEADS, -1))
    assert not value[2].any() and value[[0, 1, 3]].flatten(1).any(1).all()
    plain = tiny_headed("bert", "tokens")
    with head_gates(plain) as gates:
        wanted = torch.autograd.grad(plain(**batch).loss, gates)
    if not reentrant:  # the reentrant kind gives gradients to parameters alone, which is torch's rule
        with head_gates(model) as gates:
            found = torch.autograd.grad(model(**batch).loss, gates)
        for one, other in zip(found, wanted, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_pruning_between_forward_and_backward_is_noticed_where_activations_are_recomputed():
    model = checkpointed(tiny_headed("bert", "tokens"))
    loss = model(**tiny_batch(labels="tokens")).loss
    prune_heads(model, {1: [2]})
    with pytest.raises(CheckpointError, match="different metadata"):
        loss.backward()
    model.zero_grad()
    model(**tiny_batch(labels="tokens")).loss.backward()  # the next step is sound
    assert model.bert.encoder.layer[1].attention.self.value.weight.grad.shape[0] == 24


def test_pruning_between_forward_and_backward_leaves_new_weights_without_a_gradient():
    model = tiny_headed("bert", "tokens")
    kept = tiny_headed("bert", "tokens")
    batch = tiny_batch(labels="tokens")
    loss = model(**batch).loss
    prune_heads(model, {1: [2]})
    loss.backward()
    kept(**batch).loss.backward()
    assert model.bert.encoder.layer[1].attention.self.value.weight.grad is None  # a new parameter
    torch.testing.assert_close(model.classifier.weight.grad, kept.classifier.weight.grad)


@pytest.mark.parametrize("family", FAMILIES)
def test_frozen_layers_stay_frozen_and_the_others_learn(family):
    model, batch = tiny_headed(family, "tokens"), tiny_batch(labels="tokens")
    frozen = [name for name, _ in model.named_parameters() if ".0." in name]
    assert frozen
    for name, weight in model.named_parameters():
        weight.requires_grad_(name not in frozen)
    prune_heads(model, HEADS)
    assert [name for name, weight in model.named_parameters() if not weight.requires_grad] == frozen
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.SGD([weight for weight in model.parameters() if weight.requires_grad], lr=0.1)
    model(**batch).loss.backward()
    optimizer.step()
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved.isdisjoint(frozen) and any(".1." in name and "norm" not in name.lower() for name in moved)


def test_a_second_pruning_of_a_loaded_model_is_refused_or_goes_on(tmp_path):
    model, _ = tiny_multitask()
    prune_heads(model, {0: [1]})
    model.save_pretrained(tmp_path)
    loaded = MultiTaskModel.from_pretrained(tmp_path)
    with pytest.raises(UsageError, match=r"Heads \[1\] of layer 0 are pruned already"):
        prune_heads(loaded, {0: [1], 1: [0]})
    assert pruned_heads(loaded) == {0: [1]}
    prune_heads(loaded, {0: [2, 3, 0], 1: [0]})
    loaded.save_pretrained(tmp_path / "again")
    assert pruned_heads(MultiTaskModel.from_pretrained(tmp_path / "again")) == {0: [0, 1, 2, 3], 1: [0]}
