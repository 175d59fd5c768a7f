"""The small network of [`~hf_relation.baselines.RelationalSiameseNetwork`]: its weights, and how they are trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True)
class SiameseWeights:
    """Weights of the network, as arrays.

    Args:
        projection (`np.ndarray` of shape `(d, h)`, float32), bias (`np.ndarray` of shape `(h,)`): of the layer.
        distance (`np.ndarray` of shape `(h,)`): weight of the difference in each column of z.
        offset (`float`): logit of two equal rows.
    """

    projection: np.ndarray
    bias: np.ndarray
    distance: np.ndarray
    offset: float

    def project(self, rows: np.ndarray) -> np.ndarray:
        """Give z, of shape `(n, h)`."""
        return np.tanh(rows @ self.projection + self.bias)

    def similarity(self, hidden: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Give the probabilities, of shape `(n, m)`, from two sets of z."""
        logits = np.empty((len(hidden), len(others)), dtype=np.float32)
        for row, z in enumerate(hidden):
            logits[row] = self.offset - np.abs(others - z) @ self.distance
        return 1 / (1 + np.exp(-np.clip(logits, -60, 60)))


def train_siamese(
    rows: np.ndarray,
    labels: np.ndarray,
    *,
    hidden_size: int,
    num_steps: int,
    relations_per_step: int,
    instances_per_relation: int,
    same_share: float,
    learning_rate: float,
    weight_decay: float,
    dropout: float,
    seed: int,
) -> tuple[SiameseWeights, list[float]]:
    """Learn the weights from labelled rows, in one thread.

    Args:
        rows (`np.ndarray` of shape `(n, d)`, float32): features; their order matters.
        labels (`np.ndarray` of shape `(n,)`, integer): their relations, from 0 without gaps.
        hidden_size, num_steps, relations_per_step, instances_per_relation, same_share, learning_rate, weight_decay, dropout,
            seed: as in [`~hf_relation.baselines.RelationalSiameseNetwork`], checked.

    Returns:
        `tuple[SiameseWeights, list[float]]`: the weights, and the loss of every step.
    """
    random = np.random.default_rng(seed)
    members = [np.flatnonzero(labels == relation) for relation in range(labels.max() + 1)]
    features = torch.from_numpy(rows)
    history = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(seed)
            layer = nn.Linear(rows.shape[1], hidden_size)
            # Rows of length one have small entries; the gain brings z to about one half.
            nn.init.normal_(layer.weight, std=0.5)
            nn.init.zeros_(layer.bias)
            distance = nn.Parameter(torch.full((hidden_size,), 4.0 / hidden_size))
            offset = nn.Parameter(torch.zeros(()))
            weights = [*layer.parameters(), distance, offset]
            optimizer = torch.optim.AdamW(weights, lr=learning_rate, weight_decay=weight_decay)
            for _ in range(num_steps):
                batch = _batch(members, relations_per_step, instances_per_relation, random)
                z = torch.tanh(layer(F.dropout(features[batch], dropout)))
                loss = _pair_loss(z, torch.from_numpy(labels[batch]), distance, offset, same_share)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                history.append(loss.item())
    finally:
        torch.set_num_threads(threads)
    arrays = (layer.weight.detach().numpy().T.copy(), layer.bias.detach().numpy(), distance.detach().numpy())
    return SiameseWeights(*arrays, offset=float(offset.detach())), history


def _batch(
    members: list[np.ndarray], num_relations: int, num_instances: int, random: np.random.Generator
) -> np.ndarray:
    """Rows of some relations, some of each; at least one relation with two rows, so that there is a pair of the same."""
    chosen = random.permutation(len(members))[:num_relations]
    if max(len(members[relation]) for relation in chosen) < 2:
        chosen[0] = max(range(len(members)), key=lambda relation: len(members[relation]))
    return np.concatenate([random.permutation(members[relation])[:num_instances] for relation in chosen])


def _pair_loss(
    z: torch.Tensor, labels: torch.Tensor, distance: torch.Tensor, offset: torch.Tensor, same_share: float
) -> torch.Tensor:
    """Cross-entropy of all pairs, with the pairs of one relation weighing `same_share` of the whole."""
    first, second = torch.triu_indices(len(z), len(z), offset=1)
    logits = offset - (z[first] - z[second]).abs() @ distance
    same = labels[first] == labels[second]
    losses = F.binary_cross_entropy_with_logits(logits, same.to(logits.dtype), reduction="none")
    return same_share * losses[same].mean() + (1 - same_share) * losses[~same].mean()
