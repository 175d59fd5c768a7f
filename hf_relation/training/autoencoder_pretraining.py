"""Training RoCORE's autoencoder on representations that do not change."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from hf_relation.errors import TrainingError
from hf_relation.losses import reconstruction_loss
from hf_relation.models.rocore import RoCOREModel


def pretrain_autoencoder(
    model: RoCOREModel,
    rows: np.ndarray,
    *,
    epochs: int,
    batch_size: int = 100,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> list[float]:
    """Minimise the reconstruction loss of g and d over fixed representations, lines 1 to 3 of algorithm 1.

    The encoder does not move in these epochs anyway; embedding all rows once saves running it in each of them. (What
    differs from running it: its dropout.) Adam, batches of a random order; a function of the arguments alone.

    Args:
        model ([`RoCOREModel`]): its autoencoder is changed in place.
        rows (`np.ndarray` of shape `(n, pooled_dim)`, float32): h of all training rows.
        epochs (`int`): passes over the rows, at least 0.
        batch_size (`int`, defaults to 100), learning_rate (`float`, defaults to 1e-3), seed (`int`, defaults to 0).

    Returns:
        `list[float]`: mean reconstruction loss of every epoch.

    Raises:
        TrainingError: the loss is not finite.

    Reference: Zhao et al., EMNLP 2021, algorithm 1.
    """
    parts = autoencoder_of(model)
    weights = list(parts.parameters())
    device = weights[0].device
    data = torch.from_numpy(rows).to(device)
    optimizer = torch.optim.Adam(weights, lr=learning_rate)
    rng = np.random.default_rng(seed)
    history = []
    moved = [weight.requires_grad for weight in weights]
    parts.requires_grad_(True)
    with torch.enable_grad():
        for epoch in range(epochs):
            total = torch.zeros((), device=device)
            for batch in np.array_split(rng.permutation(len(rows)), max(1, -(-len(rows) // batch_size))):
                h = data[torch.from_numpy(batch).to(device)]
                loss = reconstruction_loss(
                    model.autoencoder_decoder(model.latent(h)),
                    h,
                    reduction=model.config.reconstruction_reduction,
                )
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.detach() * len(batch)
            history.append(float(total) / len(rows))
            if not np.isfinite(history[-1]):
                raise TrainingError(
                    f"The reconstruction loss of pre-training is {history[-1]} in epoch {epoch} (from 0). Lower "
                    "`pretraining_learning_rate`, or look at the representations: they should have no values of thousands."
                )
    optimizer.zero_grad()
    for weight, flag in zip(weights, moved, strict=True):
        weight.requires_grad_(flag)
    return history


def autoencoder_of(model: RoCOREModel) -> nn.ModuleDict:
    """g and d of a model, under the names they have there."""
    return nn.ModuleDict({name: getattr(model, name) for name in ("autoencoder_encoder", "autoencoder_decoder")})


def load_autoencoder(model: RoCOREModel, state: Mapping[str, np.ndarray]) -> None:
    """Give a model the autoencoder of another process.

    Args:
        model ([`RoCOREModel`]): changed in place.
        state (`Mapping[str, np.ndarray]`): the weights, by the names of [`autoencoder_of`].
    """
    autoencoder_of(model).load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
