"""Least-squares loss of an autoencoder."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from hf_relation.errors import UsageError
from hf_relation.losses._inputs import check_rows, check_same_shape


ReconstructionReduction = Literal["paper", "mean_all"]
REDUCTIONS: tuple[str, ...] = get_args(ReconstructionReduction)


def reconstruction_loss(
    reconstruction: Tensor,
    target: Tensor,
    *,
    reduction: ReconstructionReduction = "paper",
    detach_target: bool = True,
) -> Tensor:
    r"""Squared distance between what an autoencoder gives back and what it was given.

    \\(\\frac{1}{2N} \\sum_i \\lVert d(g(h_i)) - h_i \\rVert^2\\). Computed in float32 (float64 for float64 input), also
    under autocast.

    Args:
        reconstruction (`torch.Tensor` of shape `(n, d)`, floating): d(g(h)).
        target (`torch.Tensor` of shape `(n, d)`, floating): h.
        reduction (`str`, defaults to `"paper"`): `"paper"`: half the sum over the dimensions, averaged over the rows;
            `"mean_all"`: the mean over rows and dimensions, as in the authors' code, which is smaller by d / 2. A term
            of weight w beside `"mean_all"` is therefore one of weight w d / 2 beside `"paper"`: at d = 1536 the
            authors' 0.005 for the centre loss is 3.84, and their 0.001 is 0.768.
        detach_target (`bool`, defaults to `True`): take h as a constant, so that the loss moves the autoencoder and
            not the encoder under it, as in algorithm 1 of the paper.

    Returns:
        `torch.Tensor`: scalar, at least 0; 0 for a batch of no rows.

    Raises:
        TypeError: a tensor is not floating.
        ValueError: shapes do not fit, or `reduction` is unknown.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.losses import reconstruction_loss
    >>> h = torch.tensor([[1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 0.0, -1.0]])
    >>> given_back = torch.tensor([[1.5, 2.0, 2.0, 4.0], [0.0, 0.0, 0.0, 0.0]])
    >>> reconstruction_loss(given_back, h).item(), reconstruction_loss(given_back, h, reduction="mean_all").item()
    (0.8125, 0.40625)

    ```

    Reference: Zhao et al., "A Relation-Oriented Clustering Method for Open Relation Extraction" (RoCORE), EMNLP 2021,
    first term of equation 6.
    """
    _check_reduction(reduction)
    with torch.autocast(reconstruction.device.type, enabled=False):
        given_back = check_rows(reconstruction, "reconstruction")
        h = check_rows(target.detach() if detach_target else target, "target")
        check_same_shape(given_back, h, ("reconstruction", "target"))
        squares = (given_back - h).square().sum()
        if reduction == "mean_all":
            return squares / max(given_back.numel(), 1)
        return squares / (2 * max(len(given_back), 1))


class ReconstructionLoss(nn.Module):
    """[`reconstruction_loss`] as a module; see there for the equation and the reference.

    Args:
        reduction (`str`, defaults to `"paper"`): `"paper"` or `"mean_all"`.
        detach_target (`bool`, defaults to `True`): take the target as a constant.

    Raises:
        ValueError: `reduction` is unknown.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.losses import ReconstructionLoss
    >>> ReconstructionLoss(reduction="mean_all")(torch.ones(2, 4), torch.zeros(2, 4)).item()
    1.0

    ```
    """

    def __init__(self, *, reduction: ReconstructionReduction = "paper", detach_target: bool = True) -> None:
        super().__init__()
        _check_reduction(reduction)
        self.reduction: ReconstructionReduction = reduction
        self.detach_target = detach_target

    def forward(self, reconstruction: Tensor, target: Tensor) -> Tensor:
        """Return the scalar loss of `reconstruction` `(n, d)` against `target` `(n, d)`."""
        return reconstruction_loss(reconstruction, target, reduction=self.reduction, detach_target=self.detach_target)

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}, detach_target={self.detach_target}"


def _check_reduction(reduction: str) -> None:
    if reduction not in REDUCTIONS:
        raise UsageError(f"`reduction` must be one of {', '.join(map(repr, REDUCTIONS))}, got {reduction!r}.")
