"""Training losses over `(embeddings, labels)`: pure functions of tensors, each with a thin module."""

from __future__ import annotations

import inspect
from typing import Any

from torch import nn

from hf_relation.errors import UsageError
from hf_relation.losses._random_state import RandomState
from hf_relation.losses.ranked_list import RankedListLoss, ranked_list_loss
from hf_relation.losses.sup_con import SupConLoss, sup_con_loss
from hf_relation.losses.virtual_adversarial import (
    VirtualAdversarialLoss,
    adversarial_perturbation,
    virtual_adversarial_loss,
)


__all__ = [
    "LOSSES",
    "RandomState",
    "RankedListLoss",
    "SupConLoss",
    "VirtualAdversarialLoss",
    "adversarial_perturbation",
    "build_loss",
    "ranked_list_loss",
    "sup_con_loss",
    "virtual_adversarial_loss",
]

LOSSES: dict[str, type[nn.Module]] = {"ranked_list": RankedListLoss, "sup_con": SupConLoss}


def build_loss(name: str, **kwargs: Any) -> nn.Module:
    """Make a loss from its name and settings, as they stand in a model config.

    Args:
        name (`str`): `"ranked_list"` or `"sup_con"`.
        **kwargs: settings of that loss.

    Returns:
        `torch.nn.Module`: called as `loss(embeddings, labels)`; returns a scalar.

    Raises:
        UsageError: unknown name, unknown setting, or a value out of range (also a `ValueError`).

    Example:

    ```python
    >>> from hf_relation.losses import build_loss
    >>> build_loss("sup_con", temperature=0.2)
    SupConLoss(temperature=0.2)

    ```
    """
    if name not in LOSSES:
        raise UsageError(f"Unknown loss {name!r}. Choose one of {', '.join(map(repr, LOSSES))}.")
    allowed = list(inspect.signature(LOSSES[name]).parameters)
    unknown = sorted(set(kwargs) - set(allowed))
    if unknown:
        raise UsageError(
            f"The loss {name!r} has no setting {', '.join(map(repr, unknown))}. It has {', '.join(allowed)}."
        )
    return LOSSES[name](**kwargs)
