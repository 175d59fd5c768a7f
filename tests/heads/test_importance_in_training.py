"""Head importance between the steps of a training: checkpointed activations, dropout, accumulated gradients, half precision."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from transformers import AutoModelForTokenClassification, BertConfig

from hf_relation.errors import TrainingError
from hf_relation.heads import head_importance, instance_importance
from tests.common.tiny_heads import FAMILIES, NUM_HEADS, NUM_LAYERS, tiny_batch, tiny_headed


METHODS = ("gate", "token", "weights", "relevance")


def gradients(model):
    return {name: None if weight.grad is None else weight.grad.clone() for name, weight in model.named_parameters()}


def same(one, other):
    return all(
        (one[name] is None) == (other[name] is None) and (one[name] is None or torch.equal(one[name], other[name]))
        for name in one
    )


@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_measuring_between_forward_and_backward_changes_no_gradient(method, reentrant):
    """A checkpointed forward pass is run again in the backward pass: in training mode, with its dropout, without our hooks."""
    batch, other = tiny_batch(labels="tokens"), tiny_batch(seed=1, labels="tokens")
    found = []
    for measured in (False, True):
        model = tiny_headed("bert", "tokens").train()
        model.gradient_checkpointing_enable({"use_reentrant": reentrant})
        torch.manual_seed(3)
        loss = model(**batch).loss
        if measured:
            importance = head_importance(model, [other], method=method)
        loss.backward()
        found.append(gradients(model))
    assert same(*found) and any(gradient is not None and gradient.any() for gradient in found[0].values())
    expected = head_importance(tiny_headed("bert", "tokens"), [other], method=method)
    np.testing.assert_allclose(importance.raw, expected.raw, rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_gradients_that_are_being_accumulated_stay(method):
    model, batch = tiny_headed("bert", "tokens").train(), tiny_batch(labels="tokens")
    model(**batch).loss.backward()
    before = gradients(model)
    head_importance(model, [tiny_batch(seed=1, labels="tokens")], method=method)
    assert same(before, gradients(model)) and model.training


def rows():
    return [
        {name: column[row] for name, column in tiny_batch(seed=seed, labels="tokens").items()}
        for seed in range(4)
        for row in range(3)
    ]


@pytest.mark.parametrize("method", ["gate", "token", "relevance"])
def test_loaders_of_any_batch_size_and_order_give_the_same_scores(method):
    model = tiny_headed("bert", "tokens").double()
    expected = head_importance(model, DataLoader(rows(), batch_size=1), method=method)
    for settings in ({"batch_size": 12}, {"batch_size": 5}, {"batch_size": 4, "shuffle": True}):
        torch.manual_seed(0)
        found = head_importance(model, DataLoader(rows(), **settings), method=method)
        np.testing.assert_allclose(found.raw, expected.raw, rtol=1e-9)
        assert found.num_examples == expected.num_examples == 12 and found.rank() == expected.rank()


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", ["bert", "modernbert", "llama-grouped"])
def test_weights_of_bfloat16_are_measured_close_to_those_of_float32(family, method, attention):
    batch = tiny_batch(labels="tokens")
    model = tiny_headed(family, "tokens", attention=attention)
    expected = head_importance(model, [batch], method=method)
    found = head_importance(model.to(torch.bfloat16), [batch], method=method)
    assert found.raw.dtype == np.float64 and np.isfinite(found.raw).all()
    assert np.corrcoef(found.raw.ravel(), expected.raw.ravel())[0, 1] > 0.9  # three digits, in sums over all layers
    assert {weight.dtype for weight in model.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize("method", ["gate", "token", "weights"])
def test_one_class_teaches_nothing_so_that_all_heads_have_the_score_zero(method):
    """Cross entropy over one class is 0 whatever the weights: no error, zeros, and a warning that says so."""
    settings = FAMILIES["bert"][1]
    model = AutoModelForTokenClassification.from_config(BertConfig(**settings, num_labels=1)).eval()
    batch = tiny_batch(labels="tokens")
    batch["labels"] = batch["labels"].clamp(max=0)
    importance = head_importance(model, [batch], method=method)
    assert importance.raw.shape == (NUM_LAYERS, NUM_HEADS) and not importance.raw.any()
    with pytest.warns(UserWarning, match="same score"):
        assert not importance.scores.any()


def test_examples_of_one_class_among_several_are_no_special_case():
    model, batch = tiny_headed("bert", "texts"), tiny_batch(labels="texts")
    batch["labels"] = torch.ones_like(batch["labels"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (head_importance(model, [batch]).scores.max(), head_importance(model, [batch]).scores.min()) == (1, 0)


def test_weights_that_are_not_finite_are_told_with_their_batch():
    model = tiny_headed("bert", "texts")
    with torch.no_grad():
        model.classifier.weight.fill_(float("nan"))
    hooks = sum(len(part._forward_pre_hooks) + len(part._forward_hooks) for part in model.modules())
    for measure in (head_importance, instance_importance):
        with pytest.raises(TrainingError, match="batch 0 is nan"):
            measure(model, [tiny_batch(labels="texts")])
    assert hooks == sum(len(part._forward_pre_hooks) + len(part._forward_hooks) for part in model.modules())
