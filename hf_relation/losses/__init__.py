"""Training losses: pure functions of tensors, those with settings also as a thin module.

The losses over `(embeddings, labels)` are in `LOSSES` and can be built by name; the terms of the larger objectives take
other inputs and are called directly.
"""

from __future__ import annotations

import inspect
from typing import Any

from torch import nn

from hf_relation.errors import UsageError
from hf_relation.losses._random_state import RandomState
from hf_relation.losses.adaptive import adaptive_clustering_loss, soft_assignment, target_distribution
from hf_relation.losses.center import center_loss, class_centroids
from hf_relation.losses.crf import LinearChainCRF, crf_loss
from hf_relation.losses.entity_discrimination import entity_discrimination_loss
from hf_relation.losses.learning_order import NEVER_LEARNED, learning_order_weights
from hf_relation.losses.negative_cosine import symmetric_negative_cosine
from hf_relation.losses.pairwise_kl import PairwiseKLLoss, pairwise_kl_loss
from hf_relation.losses.rampup import sigmoid_rampup
from hf_relation.losses.ranked_list import RankedListLoss, ranked_list_loss
from hf_relation.losses.reconstruction import ReconstructionLoss, reconstruction_loss
from hf_relation.losses.relation_discrimination import relation_discrimination_loss
from hf_relation.losses.scan import ScanLoss, ScanOutput, neighbor_cosine_loss, scan_loss
from hf_relation.losses.sup_con import SupConLoss, sup_con_loss
from hf_relation.losses.token_pairs import CELL_NORMALIZERS, CellLoss, cell_loss, pair_loss
from hf_relation.losses.virtual_adversarial import (
    VirtualAdversarialLoss,
    adversarial_perturbation,
    virtual_adversarial_loss,
)


__all__ = [
    "CELL_NORMALIZERS",
    "CellLoss",
    "LOSSES",
    "LinearChainCRF",
    "NEVER_LEARNED",
    "PairwiseKLLoss",
    "RandomState",
    "RankedListLoss",
    "ReconstructionLoss",
    "ScanLoss",
    "ScanOutput",
    "SupConLoss",
    "VirtualAdversarialLoss",
    "adaptive_clustering_loss",
    "adversarial_perturbation",
    "build_loss",
    "cell_loss",
    "center_loss",
    "class_centroids",
    "crf_loss",
    "entity_discrimination_loss",
    "learning_order_weights",
    "neighbor_cosine_loss",
    "pair_loss",
    "pairwise_kl_loss",
    "ranked_list_loss",
    "reconstruction_loss",
    "relation_discrimination_loss",
    "scan_loss",
    "sigmoid_rampup",
    "soft_assignment",
    "sup_con_loss",
    "symmetric_negative_cosine",
    "target_distribution",
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
