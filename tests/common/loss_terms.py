"""Losses that do not take `(embeddings, labels)`: how their inputs are made and how they are called. Register a new one once, in `TERMS`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hf_relation import losses
from hf_relation.losses import VirtualAdversarialLoss


@dataclass(frozen=True)
class Term:
    """A loss that does not take `(embeddings, labels)`: how to make its inputs, how to call it, what gets a gradient.

    Every input has one row per instance; those in `shared` belong to the batch as a whole. Inputs in `moved` must get a
    gradient, those in `constant` must not.
    """

    inputs: Callable[[int, torch.Generator], dict[str, Tensor]]
    value: Callable[..., Tensor]
    moved: tuple[str, ...]
    constant: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    least: float = 0.0  # the loss is never below


def normal(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def views(*names: str) -> Callable[[int, torch.Generator], dict[str, Tensor]]:
    return lambda n, generator: {name: normal(generator, n, 5) for name in names}


def rows_and_classes(n: int, generator: torch.Generator) -> dict[str, Tensor]:
    return {"rows": normal(generator, n, 5), "labels": torch.arange(n) % 4, "centroids": normal(generator, 4, 5)}


def adversarial(sentence: Tensor, scale: Tensor, direction: Tensor) -> Tensor:
    def embed(perturbation: Tensor) -> Tensor:
        return nn.functional.normalize((sentence.float() + perturbation).sum(1) * scale.float(), dim=-1)

    loss = VirtualAdversarialLoss(epsilon=0.3, start="scaled")
    return loss(embed, embed(torch.zeros_like(direction)), torch.ones(direction.shape[:2]), 3, direction=direction)


TERMS: dict[str, Term] = {
    "virtual_adversarial_loss": Term(
        lambda n, generator: {
            "sentence": normal(generator, n, 2, 3),
            "scale": torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64),
            "direction": normal(generator, n, 2, 3),
        },
        adversarial,
        moved=("sentence", "scale"),
        constant=("direction",),
        shared=("scale",),
    ),
    "reconstruction_loss": Term(
        views("reconstruction", "target"), losses.reconstruction_loss, ("reconstruction",), ("target",)
    ),
    "center_loss": Term(
        rows_and_classes,
        lambda rows, labels, centroids: losses.center_loss(rows, labels, centroids),
        moved=("rows",),
        constant=("centroids",),
        shared=("centroids",),
    ),
    "pairwise_kl_loss": Term(
        lambda n, generator: {
            "logits": normal(generator, n, 4),
            "pseudo_labels": torch.arange(n) % 3,
            "weights": torch.rand(n, generator=generator, dtype=torch.float64),
        },
        losses.pairwise_kl_loss,
        moved=("logits",),
        constant=("weights",),
    ),
    "symmetric_negative_cosine": Term(
        views("d", "d_other", "g", "g_other"),
        losses.symmetric_negative_cosine,
        moved=("d", "d_other"),
        constant=("g", "g_other"),
        least=-1.0,
    ),
    "scan_loss": Term(
        lambda n, generator: {"logits": normal(generator, n, 4), "neighbor_logits": normal(generator, n, 3, 4)},
        lambda **inputs: losses.scan_loss(**inputs).loss,
        moved=("logits", "neighbor_logits"),
        least=-math.log(4),
    ),
    "neighbor_cosine_loss": Term(
        views("h", "neighbor"), losses.neighbor_cosine_loss, moved=("h", "neighbor"), least=-1.0
    ),
    "adaptive_clustering_loss": Term(
        lambda n, generator: {
            "z": normal(generator, n, 3),
            "centers": normal(generator, 4, 3),
            "target": normal(generator, n, 4).softmax(1),
        },
        lambda z, centers, target: losses.adaptive_clustering_loss(losses.soft_assignment(z, centers), target),
        moved=("z", "centers"),
        constant=("target",),
        shared=("centers",),
    ),
    "crf_loss": Term(
        lambda n, generator: {
            "emissions": normal(generator, n, 4, 3),
            "tags": torch.arange(4 * n).reshape(n, 4) % 3,
            "transitions": normal(generator, 3, 3),
            "start": normal(generator, 3),
            "end": normal(generator, 3),
        },
        losses.crf_loss,
        moved=("emissions", "transitions", "start", "end"),
        shared=("transitions", "start", "end"),
    ),
}

TERMS |= {
    "cell_loss": Term(
        lambda n, generator: {
            "scores": normal(generator, n, 3, 4),
            "targets": torch.arange(12 * n).reshape(n, 3, 4) % 5 % 2,
            "mask": (torch.arange(12 * n).reshape(n, 3, 4) % 7 > 0).long(),
        },
        lambda scores, targets, mask: losses.cell_loss(scores, targets, mask).sum(),
        moved=("scores",),
    ),
    "pair_loss": Term(
        lambda n, generator: {
            "positive": normal(generator, n, 3, 2),
            "negative": normal(generator, n, 3, 2),
            "targets": torch.arange(6 * n).reshape(n, 3, 2) % 5 % 2,
        },
        lambda positive, negative, targets: losses.pair_loss(-positive.abs(), -negative.abs(), targets).sum(),
        moved=("positive", "negative"),
    ),
}

TERMS |= {
    "relation_discrimination_loss": Term(
        lambda n, generator: {
            "representations": normal(generator, n, 5),
            "labels": torch.arange(n) % 4,
            "weights": 1 + torch.rand(n, generator=generator, dtype=torch.float64),
        },
        lambda representations, labels, weights: losses.relation_discrimination_loss(
            representations, labels, weights, temperature=0.5
        ),
        moved=("representations",),
        constant=("weights",),
    ),
    "entity_discrimination_loss": Term(
        lambda n, generator: {
            "entities": normal(generator, n, 4, 5),
            "pairs": torch.tensor([[[0, 1], [2, 0], [-1, -1]]]).repeat(n, 1, 1),
        },
        lambda entities, pairs: losses.entity_discrimination_loss(entities, pairs, temperature=0.5),
        moved=("entities",),
    ),
}
