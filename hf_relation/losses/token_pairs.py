"""Losses over the probabilities that a relation holds between the tokens of two mentions, or between the mentions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from hf_relation.errors import UsageError


CELL_NORMALIZERS = ("positives", "mask", "none")


@dataclass(frozen=True)
class CellLoss:
    """How a loss over token cells is made.

    Args:
        normalizer (`str`, defaults to `"positives"`): what the sum over the cells of a text and a relation is divided by:
            `"positives"`: its positive cells (equation 9), at least 1; `"mask"`: all its cells (authors' code), at least 1;
            `"none"`: nothing.
        positive_weight (`float`, defaults to 1.0): what a positive cell counts, above 0.

    Raises:
        UsageError: an unknown name, or a weight out of range.
    """

    normalizer: str = "positives"
    positive_weight: float = 1.0

    def __post_init__(self) -> None:
        if self.normalizer not in CELL_NORMALIZERS:
            raise UsageError(f"`normalizer` must be one of {', '.join(CELL_NORMALIZERS)}; got {self.normalizer!r}.")
        check_positive_weight(self.positive_weight)


def check_positive_weight(value: float) -> None:
    """Refuse a weight of positives that is not a finite number above 0.

    Raises:
        UsageError: it is not.
    """
    if not 0 < value < float("inf"):
        raise UsageError(f"`positive_weight` must be a finite number above 0, got {value!r}.")


def cell_loss(scores: Tensor, targets: Tensor, mask: Tensor, settings: CellLoss | None = None) -> Tensor:
    r"""Binary cross entropy over the token cells of a text, for every relation.

    $L_i = -\frac{1}{n}\sum_{M=1} [Y \log P + (1 - Y) \log (1 - P)]$ with $P = \sigma(S)$; cells outside the mask add nothing.
    A relation without a positive cell has a finite loss: the paper's equation divides by zero there, here $n$ is at least 1.

    Args:
        scores (`torch.Tensor` of shape `(..., rows, columns)`): S, before the sigmoid.
        targets (`torch.Tensor` of the same shape): Y, 0 or 1.
        mask (`torch.Tensor`, broadcast to that shape): M, 0 or 1.
        settings ([`CellLoss`], *optional*): the divisor n and the weight of positives.

    Returns:
        `torch.Tensor` of shape `(...)`: one value a text and relation.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.losses import CellLoss, cell_loss
    >>> scores = torch.tensor([[2.0, 1.0, 0.0], [3.0, 1.0, 2.0], [5.0, 2.0, 2.0]])
    >>> first = torch.tensor([[0.0, 0, 1], [0, 0, 1], [0, 0, 0]])
    >>> mask = torch.tensor([[0.0, 0, 1], [0, 0, 1], [1, 1, 0]])
    >>> [round(cell_loss(scores, first, mask, CellLoss(name)).item(), 4) for name in ("none", "mask", "positives")]
    [7.9537, 1.9884, 3.9769]

    ```

    Reference: Li and Tian, 2020, equations 8 and 9 (whose minus sign is missing).
    """
    settings = settings or CellLoss()
    scores = _exact(scores)
    mask = mask.to(scores.dtype).expand_as(scores)
    targets = targets.to(scores.dtype) * mask
    weight = torch.as_tensor(settings.positive_weight, dtype=scores.dtype, device=scores.device)
    each = functional.binary_cross_entropy_with_logits(
        scores, targets, weight=mask, pos_weight=weight, reduction="none"
    )
    total = each.sum(dim=(-2, -1))
    if settings.normalizer == "none":
        return total
    counted = targets if settings.normalizer == "positives" else mask
    return total / counted.sum(dim=(-2, -1)).clamp(min=1)


def pair_loss(log_positive: Tensor, log_negative: Tensor, targets: Tensor, positive_weight: float = 1.0) -> Tensor:
    r"""Binary cross entropy of mention pairs, on the mean probability over their token rectangles.

    Args:
        log_positive (`torch.Tensor` of shape `(..., pairs, relations)`): logarithm of the mean probability.
        log_negative (`torch.Tensor` of the same shape): logarithm of one minus it.
        targets (`torch.Tensor` of the same shape): 0 or 1; rows of -100 are padding.
        positive_weight (`float`, defaults to 1.0): what a positive counts, above 0.

    Returns:
        `torch.Tensor` of shape `(..., pairs, relations)`: 0 in padding.

    Raises:
        UsageError: the weight is out of range.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.losses import pair_loss
    >>> p = torch.tensor([[0.75, 0.5]])
    >>> pair_loss(p.log(), (1 - p).log(), torch.tensor([[1.0, 0.0]]))
    tensor([[0.2877, 0.6931]])

    ```

    Reference: Li and Tian, 2020, section 3: "we use the average values in each area of P_i to compute a Binary Cross Entropy
    (BCE) loss".
    """
    check_positive_weight(positive_weight)
    real = targets >= 0
    log_positive, log_negative = _exact(log_positive), _exact(log_negative)
    targets = targets.to(log_positive.dtype).masked_fill(~real, 0.0)
    each = -(positive_weight * targets * log_positive + (1 - targets) * log_negative)
    return each.masked_fill(~real, 0.0)


def _exact(values: Tensor) -> Tensor:
    """Half precision in float32, other types as they are."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
