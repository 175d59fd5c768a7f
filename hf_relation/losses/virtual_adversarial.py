"""Virtual adversarial training: the representation should not move under the worst small change of the word embeddings."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from hf_relation.errors import UsageError
from hf_relation.losses._random_state import RandomState


Start = Literal["unit", "scaled"]
STARTS: tuple[str, ...] = get_args(Start)

Embed = Callable[[Tensor], Tensor]


def adversarial_perturbation(
    embed: Embed,
    clean: Tensor,
    direction: Tensor,
    *,
    epsilon: float = 0.02,
    num_power_iterations: int = 1,
    start: Start = "unit",
) -> Tensor:
    r"""Find the change of norm `epsilon` of every sentence's word embeddings that moves its representation most.

    With \\(F\\) the model, \\(S\\) the word embeddings of a sentence and \\(d_0\\) a random direction, each power
    iteration takes \\(g = \\nabla_d D(F(S), F(S + d))\\) at the current d and goes on with g in the place of d; the
    result is \\(\\xi = \\epsilon g / \\lVert g \\rVert\\) with the norm over all tokens and dimensions of a sentence.
    Where the gradient is zero, the direction it was taken at stays.

    Args:
        embed (`Callable`): gives the representations, `(batch, d)`, for a perturbation of the word embeddings,
            `(batch, tokens, dim)`. It must not draw other random numbers at every call, see
            [`virtual_adversarial_loss`].
        clean (`torch.Tensor` of shape `(batch, d)`): the representations without perturbation.
        direction (`torch.Tensor` of shape `(batch, tokens, dim)`): where to start; zero at padding.
        epsilon (`float`, defaults to 0.02): norm of the result, above 0.
        num_power_iterations (`int`, defaults to 1): at least 1.
        start (`str`, defaults to `"unit"`): length of d at which the gradient is taken: `"unit"`: 1 (the paper: "a
            normalized perturbation"); `"scaled"`: `epsilon` (Miyato et al. take a small finite difference).

    Returns:
        `torch.Tensor` of shape `(batch, tokens, dim)`, without a graph: the perturbation of every sentence, of norm
        `epsilon` (zero for a sentence whose `direction` is zero).

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.losses import adversarial_perturbation
    >>> sentence = torch.tensor([[[1.0, 1.0]]])
    >>> def embed(perturbation):
    ...     return torch.nn.functional.normalize((sentence + perturbation)[:, 0] * torch.tensor([1.0, 2.0]))
    >>> start = torch.tensor([[[0.6, 0.8]]])
    >>> adversarial_perturbation(embed, embed(0.0), start, start="scaled")
    tensor([[[-0.0142,  0.0141]]])

    ```

    Reference: Wang et al., "MORE", ICASSP 2021, section 2.3; the power iteration is from Miyato et al., "Virtual
    Adversarial Training", TPAMI 2019, section 3.3.
    """
    check_adversarial_settings(epsilon, num_power_iterations, start)
    clean = clean.detach()
    direction = _unit_sentences(direction.detach().float())
    length = 1.0 if start == "unit" else epsilon
    for _ in range(num_power_iterations):
        with torch.enable_grad():
            trial = (direction * length).requires_grad_()
            distance = _distances(clean, embed(trial))
            # Only the way back to `trial` is walked: no gradient of a weight is computed or stored.
            (gradient,) = torch.autograd.grad(distance.sum(), trial)
        gradient = gradient * (direction != 0).any(dim=-1, keepdim=True)  # padding stays as it is
        found = _unit_sentences(gradient)
        direction = torch.where(found.flatten(1).any(dim=1)[:, None, None], found, direction)
    return (direction * epsilon).detach()


def virtual_adversarial_loss(
    embed: Embed,
    clean: Tensor,
    token_mask: Tensor,
    width: int,
    *,
    random_state: RandomState | None = None,
    epsilon: float = 0.02,
    num_power_iterations: int = 1,
    start: Start = "unit",
    detach_clean: bool = False,
    direction: Tensor | None = None,
) -> Tensor:
    r"""Mean distance between representations and those under the worst small change of the word embeddings.

    \\(L_{adv} = \\frac{1}{m} \\sum_i D(F(S_i), F(S_i + \\xi_i))\\) (equation 6), D the Euclidean distance and
    \\(\\xi_i\\) from [`adversarial_perturbation`]; no gradient flows into \\(\\xi_i\\).

    Args:
        embed (`Callable`): gives the representations, `(batch, d)`, for a perturbation of the word embeddings,
            `(batch, tokens, width)`.
        clean (`torch.Tensor` of shape `(batch, d)`): the representations without perturbation, with their graph.
        token_mask (`torch.Tensor` of shape `(batch, tokens)`): 1 for tokens, 0 for padding, which is not perturbed.
        width (`int`): width of the word embeddings.
        random_state (`RandomState`, *optional*): taken before the clean pass: every call of `embed` then draws the random
            numbers that the clean pass drew, so that clean and perturbed passes share one dropout mask. Without it the
            mask of each call is its own, and the distance measures dropout.
        epsilon (`float`, defaults to 0.02): norm of the perturbation of a sentence, above 0.
        num_power_iterations (`int`, defaults to 1): at least 1; each costs one pass forward and one back.
        start (`str`, defaults to `"unit"`): as in [`adversarial_perturbation`].
        detach_clean (`bool`, defaults to `False`): take the clean representation as a constant, as Miyato et al. do;
            equation 6 of MORE and its code pull both together.
        direction (`torch.Tensor` of shape `(batch, tokens, width)`, *optional*): start of the power iteration; by
            default normally distributed, drawn from torch's generator. (The authors' code draws from [0, 1), so that all
            its directions lie in one orthant, and normalises over the token axis.)

    Returns:
        `torch.Tensor`: scalar, at least 0; 0 for a batch of no rows.

    Raises:
        UsageError: a setting is out of its range.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.losses import virtual_adversarial_loss
    >>> sentence = torch.tensor([[[1.0, 1.0]]])
    >>> def embed(perturbation):
    ...     return torch.nn.functional.normalize((sentence + perturbation)[:, 0] * torch.tensor([1.0, 2.0]))
    >>> loss = virtual_adversarial_loss(embed, embed(0.0), torch.ones(1, 1), 2, start="scaled",
    ...                                 direction=torch.tensor([[[0.6, 0.8]]]))
    >>> round(loss.item(), 6)
    0.011218

    ```

    Reference: Wang et al., "MORE", ICASSP 2021, section 2.3, equations 6 and 7.
    """
    check_adversarial_settings(epsilon, num_power_iterations, start)
    if len(clean) == 0:
        return clean.float().sum()
    if direction is None:
        direction = torch.randn((*token_mask.shape, width), device=clean.device)
    direction = direction * token_mask.unsqueeze(-1).to(direction.dtype)

    def replayed(perturbation: Tensor) -> Tensor:
        if random_state is None:
            return embed(perturbation)
        with random_state.replayed():
            return embed(perturbation)

    perturbation = adversarial_perturbation(
        replayed, clean, direction, epsilon=epsilon, num_power_iterations=num_power_iterations, start=start
    )
    return _distances(clean.detach() if detach_clean else clean, replayed(perturbation)).mean()


class VirtualAdversarialLoss(nn.Module):
    """[`virtual_adversarial_loss`] as a module; see there for the settings, the equations and the reference.

    Args:
        epsilon (`float`, defaults to 0.02): norm of the perturbation of a sentence, above 0.
        num_power_iterations (`int`, defaults to 1): at least 1.
        start (`str`, defaults to `"unit"`): `"unit"` or `"scaled"`.
        detach_clean (`bool`, defaults to `False`): take the clean representation as a constant.

    Raises:
        UsageError: a setting is out of its range.

    Example:

    ```python
    >>> from hf_relation.losses import VirtualAdversarialLoss
    >>> VirtualAdversarialLoss(epsilon=0.5)
    VirtualAdversarialLoss(epsilon=0.5, num_power_iterations=1, start='unit', detach_clean=False)

    ```
    """

    def __init__(
        self,
        *,
        epsilon: float = 0.02,
        num_power_iterations: int = 1,
        start: Start = "unit",
        detach_clean: bool = False,
    ) -> None:
        super().__init__()
        check_adversarial_settings(epsilon, num_power_iterations, start)
        self.epsilon = epsilon
        self.num_power_iterations = num_power_iterations
        self.start: Start = start
        self.detach_clean = detach_clean

    def forward(
        self,
        embed: Embed,
        clean: Tensor,
        token_mask: Tensor,
        width: int,
        random_state: RandomState | None = None,
        direction: Tensor | None = None,
    ) -> Tensor:
        """Return the scalar loss; arguments as in [`virtual_adversarial_loss`]."""
        return virtual_adversarial_loss(
            embed,
            clean,
            token_mask,
            width,
            random_state=random_state,
            epsilon=self.epsilon,
            num_power_iterations=self.num_power_iterations,
            start=self.start,
            detach_clean=self.detach_clean,
            direction=direction,
        )

    def extra_repr(self) -> str:
        return (
            f"epsilon={self.epsilon}, num_power_iterations={self.num_power_iterations}, start={self.start!r}, "
            f"detach_clean={self.detach_clean}"
        )


def check_adversarial_settings(epsilon: float, num_power_iterations: int, start: str) -> None:
    """Refuse settings out of range.

    Raises:
        UsageError: names the setting, its value and what is allowed.
    """
    if isinstance(epsilon, bool) or not isinstance(epsilon, (int, float)) or not 0 < epsilon < math.inf:
        raise UsageError(f"`epsilon` must be a finite number above 0, got {epsilon!r}.")
    if isinstance(num_power_iterations, bool) or not isinstance(num_power_iterations, int) or num_power_iterations < 1:
        raise UsageError(f"`num_power_iterations` must be an integer of at least 1, got {num_power_iterations!r}.")
    if start not in STARTS:
        raise UsageError(f"`start` must be one of {', '.join(map(repr, STARTS))}, got {start!r}.")


def _distances(first: Tensor, second: Tensor) -> Tensor:
    # The derivative of the norm at zero is taken as zero.
    return torch.linalg.vector_norm(first.float() - second.float(), dim=-1)


def _unit_sentences(x: Tensor) -> Tensor:
    # Scaled by the largest entry first: gradients can be so small that their squares are zero.
    largest = x.abs().amax(dim=(1, 2), keepdim=True) if x.numel() else x.sum(dim=(1, 2), keepdim=True)
    x = x / torch.where(largest > 0, largest, 1)
    norm = torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True)
    return x / torch.where(norm > 0, norm, 1)
