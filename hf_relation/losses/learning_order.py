"""What the learning order says of a label: the weights of FineCL."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hf_relation.errors import UsageError


NEVER_LEARNED = -1


def learning_order_weights(
    learning_order: Tensor,
    *,
    first: int,
    last: int,
    alpha: float = math.e,
    late_from: int | None = None,
    never_weight: float | None = None,
) -> Tensor:
    r"""Weigh instances by when a classifier learned their label: early ones, whose labels are more often right, weigh more.

        f(k) = alpha ** ((last - k) / (last - first))

    so that f goes from alpha, at the first epoch, to 1 at the last. Where both are the same f is 1: a learning order of one epoch
    tells nothing apart.

    Args:
        learning_order (`torch.Tensor` of any shape, integer): k, the epoch at which the label was learned, counted from 1; -1
            (`NEVER_LEARNED`) for an instance whose label never was.
        first (`int`): k_min, at least 1: the first epoch at which something was learned.
        last (`int`): k_max, at least `first`: the last one of the training; of the corpus, not of the batch.
        alpha (`float`, defaults to e): above 0; 1 weighs all the same.
        late_from (`int`, *optional*): instances learned in this epoch or later count as learned in the last one (5 in the
            authors' code).
        never_weight (`float`, *optional*): weight of instances never learned, at least 0; by default that of the last epoch, 1.

    Returns:
        `torch.Tensor` of the same shape, float32.

    Raises:
        TypeError: the learning order is not of integers.
        UsageError: a setting, or an epoch, is out of range.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.losses import learning_order_weights
    >>> weights = learning_order_weights(torch.tensor([1, 3, 5, -1]), first=1, last=5)
    >>> [round(weight, 4) for weight in weights.tolist()]
    [2.7183, 1.6487, 1.0, 1.0]

    ```

    Reference: Hogan, Li and Shang, "Fine-grained Contrastive Learning for Relation Extraction", EMNLP 2022, equation 5. The paper
    leaves open what never learned instances weigh; the authors' code counts them as learned last.
    """
    if learning_order.is_floating_point() or learning_order.is_complex() or learning_order.dtype == torch.bool:
        raise TypeError(f"`learning_order` must be an integer tensor of epochs, got {learning_order.dtype}.")
    if not 1 <= first <= last:
        raise UsageError(f"`first` and `last` must be epochs from 1 up, in this order, got {first} and {last}.")
    if not 0 < alpha < math.inf:
        raise UsageError(f"`alpha` must be a finite number above 0, got {alpha}.")
    if never_weight is not None and not 0 <= never_weight < math.inf:
        raise UsageError(f"`never_weight` must be a finite number of at least 0, got {never_weight}.")
    if late_from is not None and late_from < 1:
        raise UsageError(f"`late_from` must be an epoch, from 1 up, got {late_from}.")
    never = learning_order == NEVER_LEARNED
    outside = ~never & ((learning_order < first) | (learning_order > last))
    if outside.any():
        value = int(learning_order[outside].flatten()[0])
        raise UsageError(
            f"`learning_order` holds the epoch {value}; it goes from {first} to {last}, and {NEVER_LEARNED} is never learned."
        )
    late = never if late_from is None else never | (learning_order >= late_from)
    epochs = learning_order.float().masked_fill(late, float(last))
    share = (last - epochs) / (last - first) if last > first else torch.zeros_like(epochs)
    weights = alpha**share
    return weights if never_weight is None else weights.masked_fill(never, never_weight)
