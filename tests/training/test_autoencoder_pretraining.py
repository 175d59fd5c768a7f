"""The autoencoder on fixed representations: what moves, by how much, and when it is told to stop."""

import copy

import numpy as np
import pytest
import torch

from hf_relation.errors import TrainingError
from hf_relation.training.autoencoder_pretraining import autoencoder_of, load_autoencoder, pretrain_autoencoder
from tests.common.tiny_models import tiny_rocore


ROWS = np.random.default_rng(0).normal(size=(40, 64)).astype(np.float32)


def test_one_batch_is_a_step_of_adam_on_half_the_squared_distance():
    model, _ = tiny_rocore("bert")
    expected = copy.deepcopy(model)
    history = pretrain_autoencoder(model, ROWS, epochs=2, batch_size=40, learning_rate=0.01, seed=4)
    weights = [*expected.autoencoder_encoder.parameters(), *expected.autoencoder_decoder.parameters()]
    optimizer = torch.optim.Adam(weights, lr=0.01)
    losses = []
    h = torch.from_numpy(ROWS)
    for _ in range(2):
        loss = (expected.autoencoder_decoder(expected.autoencoder_encoder(h)) - h).square().sum() / (2 * 40)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert history == pytest.approx(losses, rel=1e-5)
    for (name, found), value in zip(model.state_dict().items(), expected.state_dict().values(), strict=True):
        torch.testing.assert_close(found, value, atol=2e-4, rtol=1e-3, msg=name)


def test_it_is_a_function_of_the_seed_and_leaves_nothing_behind():
    states = []
    for seed in (1, 1, 2):
        model, _ = tiny_rocore("bert")
        model.requires_grad_(False)
        torch.rand(seed + 3)
        pretrain_autoencoder(model, ROWS, epochs=3, batch_size=7, seed=seed)
        assert not any(weight.requires_grad or weight.grad is not None for weight in model.parameters())
        states.append(autoencoder_of(model).state_dict())
    same = [all(torch.equal(states[0][name], other[name]) for name in other) for other in states]
    assert same == [True, True, False]


def test_many_epochs_give_back_what_was_given():
    model, _ = tiny_rocore("bert")
    rows = ROWS @ np.diag([1.0] * 4 + [0.0] * 60).astype(np.float32)  # four dimensions through sixteen
    history = pretrain_autoencoder(model, rows, epochs=150, batch_size=10, learning_rate=3e-3)
    assert history[-1] < 0.1 * history[0]


def test_another_process_gets_the_same_weights():
    model, _ = tiny_rocore("bert")
    other, _ = tiny_rocore("bert", seed=5)
    load_autoencoder(other, {name: value.numpy() for name, value in autoencoder_of(model).state_dict().items()})
    for name, value in autoencoder_of(model).state_dict().items():
        assert torch.equal(autoencoder_of(other).state_dict()[name], value)


def test_a_loss_that_is_not_finite_stops_it():
    model, _ = tiny_rocore("bert")
    with pytest.raises(TrainingError, match="reconstruction loss of pre-training is .* in epoch 0"):
        pretrain_autoencoder(model, ROWS * 1e30, epochs=2)
