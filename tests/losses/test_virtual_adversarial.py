"""Virtual adversarial loss: the worked example, the stated properties, and brute force."""

import math

import pytest
import torch
from torch.nn import functional

from hf_relation.errors import UsageError
from hf_relation.losses import RandomState, VirtualAdversarialLoss, adversarial_perturbation, virtual_adversarial_loss


SENTENCE = torch.tensor([[[1.0, 1.0]]], dtype=torch.float64)
START = torch.tensor([[[0.6, 0.8]]])
STRETCH = torch.tensor([1.0, 2.0], dtype=torch.float64)


def worked(perturbation):
    """f(x) = W x / |W x| with W = diag(1, 2), at x = (1, 1)."""
    return functional.normalize((SENTENCE + perturbation)[:, 0] * STRETCH, dim=-1)


def test_worked_example():
    clean = worked(0.0)
    assert clean[0].tolist() == pytest.approx([0.447214, 0.894427], abs=1e-5)
    found = adversarial_perturbation(worked, clean, START, epsilon=0.02, start="scaled")
    assert found.flatten().tolist() == pytest.approx([-0.014170, 0.014114], abs=1e-5)
    loss = virtual_adversarial_loss(worked, clean, torch.ones(1, 1), 2, start="scaled", direction=START)
    assert loss.item() == pytest.approx(0.011218, abs=1e-5)


class Net(torch.nn.Module):
    """A small non-linear encoder of (batch, tokens, 3) to unit rows of width 4."""

    def __init__(self, dropout=0.0):
        super().__init__()
        torch.manual_seed(0)
        self.inner, self.outer = torch.nn.Linear(3, 5), torch.nn.Linear(5, 4)
        self.dropout = torch.nn.Dropout(dropout)

    def forward(self, x, mask):
        hidden = self.dropout(torch.tanh(self.inner(x))) * mask[..., None]
        return functional.normalize(self.outer(hidden.sum(1)), dim=-1)


MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]])


@pytest.fixture
def batch():
    torch.manual_seed(1)
    return torch.randn(3, 4, 3), torch.randn(3, 4, 3) * MASK[..., None]


@pytest.mark.parametrize("start", ["unit", "scaled"])
@pytest.mark.parametrize("num_power_iterations", [1, 4])
def test_norm_of_every_sentence_is_epsilon_and_padding_is_left_alone(batch, start, num_power_iterations):
    net, (x, direction) = Net(), batch
    found = adversarial_perturbation(
        lambda change: net(x + change, MASK),
        net(x, MASK),
        direction,
        epsilon=0.3,
        start=start,
        num_power_iterations=num_power_iterations,
    )
    torch.testing.assert_close(found.flatten(1).norm(dim=1), torch.full((3,), 0.3))
    assert not found[MASK == 0].any() and not found.requires_grad


def test_direction_is_that_of_the_finite_difference_gradient(batch):
    net, (x, direction) = Net().double(), [value.double() for value in batch]
    clean = net(x, MASK).detach()
    unit = (direction / direction.flatten(1).norm(dim=1)[:, None, None]).float()
    found = adversarial_perturbation(lambda change: net(x + change, MASK), clean, direction, epsilon=0.02)
    gradient = torch.zeros_like(x)
    for index in torch.nonzero(MASK[..., None].expand_as(x)):
        sides = []
        for sign in (1, -1):
            moved = unit.double().clone()
            moved[tuple(index)] += sign * 1e-4
            sides.append((net(x + moved, MASK) - clean)[index[0]].norm())
        gradient[tuple(index)] = (sides[0] - sides[1]) / 2e-4
    expected = 0.02 * gradient / gradient.flatten(1).norm(dim=1)[:, None, None]
    torch.testing.assert_close(found.double(), expected, atol=1e-6, rtol=1e-3)


def test_many_power_iterations_find_the_worst_of_many_directions(batch):
    net, (x, direction) = Net().double(), [value.double() for value in batch]
    clean = net(x, MASK).detach()

    def moved(change):
        return (net(x + change, MASK) - clean).norm(dim=1)

    found = adversarial_perturbation(
        lambda change: net(x + change, MASK), clean, direction, epsilon=1e-3, num_power_iterations=50, start="scaled"
    )
    torch.manual_seed(2)
    tries = torch.randn(500, *x.shape, dtype=x.dtype) * MASK[..., None]
    tries *= 1e-3 / tries.flatten(2).norm(dim=2)[..., None, None]
    best_of_tries = torch.stack([moved(change) for change in tries]).amax(0)
    assert (moved(found) >= best_of_tries * 0.999).all()


def test_loss_vanishes_with_epsilon_linearly(batch):
    net, (x, direction) = Net().double(), [value.double() for value in batch]

    def loss(epsilon):
        return virtual_adversarial_loss(
            lambda change: net(x + change, MASK), net(x, MASK), MASK, 3, epsilon=epsilon, direction=direction
        ).item()

    assert loss(1e-5) < 1e-4
    assert loss(2e-4) / loss(1e-4) == pytest.approx(2, rel=0.01)


def test_gradient_does_not_reach_the_perturbation(batch):
    net, (x, direction) = Net(), batch
    clean = net(x, MASK)
    found = adversarial_perturbation(lambda change: net(x + change, MASK), clean, direction)
    assert all(weight.grad is None for weight in net.parameters())
    virtual_adversarial_loss(lambda change: net(x + change, MASK), clean, MASK, 3, direction=direction).backward()
    gradients = [weight.grad.clone() for weight in net.parameters()]
    net.zero_grad()
    # With the perturbation as a constant the gradient is the same.
    (net(x, MASK) - net(x + found.clone(), MASK)).norm(dim=1).mean().backward()
    for weight, gradient in zip(net.parameters(), gradients, strict=True):
        torch.testing.assert_close(weight.grad, gradient)


def test_detached_clean_pass_gets_no_gradient(batch):
    net, (x, direction) = Net(), batch
    clean = net(x, MASK).detach().requires_grad_()
    for detach, reached in ((True, False), (False, True)):
        clean.grad = None
        virtual_adversarial_loss(
            lambda change: net(x + change, MASK), clean, MASK, 3, detach_clean=detach, direction=direction
        ).backward()
        assert (clean.grad is not None) is reached


def test_clean_and_perturbed_passes_share_one_dropout_mask(batch):
    net, (x, direction) = Net(dropout=0.5).train(), batch

    def loss(shared, epsilon=1e-6):
        torch.manual_seed(3)
        state = RandomState(x.device)
        clean = net(x, MASK)
        return virtual_adversarial_loss(
            lambda change: net(x + change, MASK),
            clean,
            MASK,
            3,
            random_state=state if shared else None,
            epsilon=epsilon,
            direction=direction,
        ).item()

    # A vanishing perturbation leaves a vanishing distance with one mask, and the noise of dropout with several.
    assert loss(shared=True) < 1e-4 < 0.05 < loss(shared=False)


def test_random_numbers_go_on_after_a_replay_as_if_it_had_not_been():
    torch.manual_seed(0)
    expected = torch.rand(6)
    torch.manual_seed(0)
    state = RandomState(torch.device("cpu"))
    first = torch.rand(3)
    with state.replayed():
        assert torch.equal(torch.rand(5)[:3], first)
    assert torch.equal(torch.cat([first, torch.rand(3)]), expected)


def test_same_seed_gives_the_same_loss_and_another_seed_another(batch):
    net, (x, _) = Net(), batch

    def loss(seed):
        torch.manual_seed(seed)
        return virtual_adversarial_loss(lambda change: net(x + change, MASK), net(x, MASK), MASK, 3).item()

    assert loss(0) == loss(0) != loss(1)


def test_a_model_that_ignores_its_words_has_zero_loss_and_a_finite_gradient():
    bias = torch.nn.Parameter(torch.tensor([1.0, 0.0]))

    def embed(change):
        return functional.normalize(bias.expand(3, 2) + 0 * change.sum((1, 2))[:, None], dim=-1)

    clean = functional.normalize(bias.expand(3, 2), dim=-1)
    found = adversarial_perturbation(embed, clean, torch.ones(3, 4, 3))
    torch.testing.assert_close(found.flatten(1).norm(dim=1), torch.full((3,), 0.02))  # the start is kept
    loss = virtual_adversarial_loss(embed, clean, MASK, 3)
    loss.backward()
    assert loss.item() == 0 and torch.isfinite(bias.grad).all()


def test_an_empty_batch_and_a_sentence_without_tokens_are_finite(batch):
    net, (x, _) = Net(), batch
    empty = virtual_adversarial_loss(lambda change: net(x[:0] + change, MASK[:0]), net(x[:0], MASK[:0]), MASK[:0], 3)
    assert empty.item() == 0
    mask = MASK.clone()
    mask[2] = 0
    loss = virtual_adversarial_loss(lambda change: net(x + change, mask), net(x, mask), mask, 3)
    loss.backward()
    assert torch.isfinite(loss) and all(torch.isfinite(weight.grad).all() for weight in net.parameters())


@pytest.mark.parametrize(
    "settings",
    [
        {"epsilon": 0.0},
        {"epsilon": -1.0},
        {"epsilon": math.nan},
        {"epsilon": math.inf},
        {"epsilon": "0.1"},
        {"num_power_iterations": 0},
        {"num_power_iterations": 1.5},
        {"start": "zero"},
    ],
)
def test_settings_out_of_range_are_refused_by_name(settings):
    with pytest.raises(UsageError, match=f"`{next(iter(settings))}`"):
        VirtualAdversarialLoss(**settings)


def test_the_module_is_the_function(batch):
    net, (x, direction) = Net(), batch

    def embed(change):
        return net(x + change, MASK)

    settings = {"epsilon": 0.4, "num_power_iterations": 2, "start": "scaled", "detach_clean": True}
    module = VirtualAdversarialLoss(**settings)(embed, net(x, MASK), MASK, 3, direction=direction)
    function = virtual_adversarial_loss(embed, net(x, MASK), MASK, 3, direction=direction, **settings)
    assert torch.equal(module, function)
