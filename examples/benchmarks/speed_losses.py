"""Part of speed.py: the ranked list loss, forward and backward, beside pytorch-metric-learning's."""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Callable
from typing import NamedTuple

import torch
from timing import Part, interleave, peak_allocated, ratios, shown_ratio, shown_time
from torch import Tensor
from torch.nn import functional

from hf_relation.compat import import_optional
from hf_relation.errors import HfRelationError
from hf_relation.losses import RankedListLoss


POSITIVE_MARGIN, NEGATIVE_MARGIN, TEMPERATURE, BALANCE = 0.8, 1.2, 10.0, 0.5
THEIR_EPSILON = 1e-5  # added to each of the n entries of both denominators


class Batch(NamedTuple):
    """A batch to time: balanced classes of unit-length rows.

    Args:
        classes (`int`), per_class (`int`), dim (`int`): its size.
        state (`str`): `"trained"`: class centres all over the sphere, each row off its centre by a vector of the same
            length, so that few pairs of different classes are informative; `"untrained"`: all rows in one narrow cone, as
            a new encoder gives them, so that all of them are.
        target (`float` or `None`): how many times as fast ours has to be.
    """

    classes: int
    per_class: int
    dim: int
    state: str
    target: float | None = None

    @property
    def name(self) -> str:
        return f"{self.classes * self.per_class:,} x {self.dim}, {self.state}"

    def rows(self) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(0)
        labels = torch.arange(self.classes).repeat_interleave(self.per_class)
        noise = functional.normalize(torch.randn(len(labels), self.dim, generator=generator), dim=1)
        centres = functional.normalize(torch.randn(self.classes, self.dim, generator=generator), dim=1)
        middle = centres[labels] if self.state == "trained" else 2 * centres[:1]
        return functional.normalize(middle + noise, dim=1), labels


BATCHES = [
    Batch(24, 10, 64, "trained", 2.0),
    Batch(24, 10, 64, "untrained", 2.0),
    Batch(192, 10, 64, "trained", 5.0),
    Batch(192, 10, 64, "untrained", 5.0),
    Batch(24, 10, 1152, "trained"),
    Batch(192, 10, 1152, "trained"),
]
QUICK_BATCHES = [Batch(12, 5, 16, "trained"), Batch(12, 5, 16, "untrained")]


def measure_losses(*, quick: bool, rounds: int, clock: str) -> Part:
    """Check that both compute the same, then time them in turn."""
    part = Part(
        "Ranked list loss, forward + backward, beside pytorch-metric-learning (PML)",
        [
            "rows x dim",
            "rows",
            "informative",
            "hf_relation",
            "PML",
            "times as fast",
            "target",
            "memory",
            "PML's memory",
        ],
        text_columns=2,
    )
    try:
        theirs = their_loss()
    except ImportError as error:
        part.notes.append(f"Left out: {error}")
        return part
    ours = RankedListLoss(reduction="mean_informative", temperature=TEMPERATURE, balance=BALANCE)
    worst = 0.0
    for batch in QUICK_BATCHES if quick else BATCHES:
        rows, labels = batch.rows()
        check = compare(ours, theirs, rows, labels)
        worst = max(worst, check["formula_difference"])
        if worst > 1e-6:
            raise HfRelationError(f"The two losses do not compute the same on {batch.name}: {check}.")
        calls: dict[str, Callable[[], object]] = {
            "ours": lambda rows=rows, labels=labels: _forward_backward(ours, rows, labels),
            "theirs": lambda rows=rows, labels=labels: _forward_backward(theirs, rows, labels),
        }
        samples = interleave(calls, rounds)
        factor = ratios(samples["theirs"].seconds(clock), samples["ours"].seconds(clock))
        memory = {name: peak_allocated(call) for name, call in calls.items()}
        reached = (
            ""
            if batch.target is None
            else f"{batch.target:g}x: " + ("reached" if statistics.median(factor) >= batch.target else "MISSED")
        )
        part.rows.append(
            [
                f"{len(rows):,} x {batch.dim}",
                batch.state,
                f"{check['informative_negatives']:.1%}",
                shown_time(samples["ours"].seconds(clock)),
                shown_time(samples["theirs"].seconds(clock)),
                shown_ratio(factor),
                "" if batch.target is None else f"{batch.target:g}x {'reached' if reached else 'MISSED'}",
                f"{memory['ours'] / 1e6:.3g} MB",
                f"{memory['theirs'] / 1e6:.3g} MB",
            ]
        )
        part.raw[batch.name] = {
            **batch._asdict(),
            "check": check,
            "times": {name: sample.to_dict() for name, sample in samples.items()},
            "ratios": factor,
            "peak_bytes": memory,
        }
    apart = {
        key: max(raw["check"][key] for raw in part.raw.values()) for key in ("loss_difference", "gradient_difference")
    }
    part.notes += [
        f"Both compute the same: with {THEIR_EPSILON:g} x rows added to the denominators, as pytorch-metric-learning does, "
        f"the formula of ours gives its value and gradient, without them that of ours, in float64 to {worst:.0e} (checked "
        f"before timing, on these batches). As they stand (float32) the losses differ by up to "
        f"{apart['loss_difference']:.2%}, the gradients by {apart['gradient_difference']:.2%}, for that term.",
        f"Margins {POSITIVE_MARGIN} and {NEGATIVE_MARGIN}, temperature {TEMPERATURE:g}, positives averaged, float32.",
        "`trained`: classes all over the sphere, few negatives informative (share of all pairs); `untrained`: all rows in one "
        "cone, all negatives informative.",
        "Memory: the most that torch's tensors took at one time, beyond the input (torch.profiler).",
    ]
    return part


def their_loss() -> Callable[[Tensor, Tensor], Tensor]:
    """pytorch-metric-learning's loss with the same margins, on rows as they are given."""
    losses = import_optional("pytorch_metric_learning.losses", extra="benchmark")
    distances = import_optional("pytorch_metric_learning.distances", extra="benchmark")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Values of Tp or Tn are too high")
        loss: Callable[[Tensor, Tensor], Tensor] = losses.RankedListLoss(
            margin=NEGATIVE_MARGIN - POSITIVE_MARGIN,
            Tn=TEMPERATURE,
            imbalance=BALANCE,
            alpha=NEGATIVE_MARGIN,
            distance=distances.LpDistance(normalize_embeddings=False),
        )
    return loss


def compare(
    ours: Callable[[Tensor, Tensor], Tensor], theirs: Callable[[Tensor, Tensor], Tensor], rows: Tensor, labels: Tensor
) -> dict[str, float]:
    """How far the two are apart, as they stand and but for the term that only theirs has.

    Returns:
        `dict[str, float]`: relative differences. `loss_difference` and `gradient_difference` as they stand, in float32;
        `formula_difference` the largest of value and gradient in float64 between each of them and the plain formula with
        its own epsilon. Also the share of `informative_negatives` among all pairs.
    """
    exact = rows.double()
    formula_difference = 0.0
    for loss, epsilon in ((ours, 0.0), (theirs, THEIR_EPSILON * len(rows))):
        value, gradient = _forward_backward(loss, exact, labels)
        expected, expected_gradient = _forward_backward(lambda x, y, e=epsilon: plain_loss(x, y, e), exact, labels)
        formula_difference = max(
            formula_difference, _relative(value, expected), _relative(gradient, expected_gradient)
        )
    our_value, our_gradient = _forward_backward(ours, rows, labels)
    their_value, their_gradient = _forward_backward(theirs, rows, labels)
    near = (torch.cdist(rows, rows) < NEGATIVE_MARGIN) & (labels[:, None] != labels[None, :])
    return {
        "formula_difference": formula_difference,
        "loss_difference": _relative(their_value, our_value),
        "gradient_difference": _relative(their_gradient, our_gradient),
        "informative_negatives": near.double().mean().item(),
    }


def plain_loss(rows: Tensor, labels: Tensor, epsilon: float) -> Tensor:
    """The loss with averaged positives as its equations read, `epsilon` added to both denominators; slow, for checking."""
    squares = rows.square().sum(1)
    same, itself = labels[:, None] == labels[None, :], torch.eye(len(rows), dtype=torch.bool)
    distance = (squares[:, None] + squares[None, :] - 2 * rows @ rows.T).masked_fill(itself, 1).sqrt()
    positive = same & ~itself & (distance > POSITIVE_MARGIN)
    negative = ~same & (distance < NEGATIVE_MARGIN)
    pulls = ((distance - POSITIVE_MARGIN) * positive).sum(1) / (positive.sum(1) + epsilon).clamp_min(1e-12)
    gap = (NEGATIVE_MARGIN - distance) * negative
    weights = (TEMPERATURE * gap).exp() * negative
    pushes = (weights * gap).sum(1) / (weights.sum(1) + epsilon).clamp_min(1e-12)
    return ((1 - BALANCE) * pulls + BALANCE * pushes).mean()


def _forward_backward(loss: Callable[[Tensor, Tensor], Tensor], rows: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    leaf = rows.clone().requires_grad_()
    value = loss(leaf, labels)
    (gradient,) = torch.autograd.grad(value, leaf)
    return value.detach(), gradient


def _relative(one: Tensor, other: Tensor) -> float:
    return ((one - other).norm() / other.norm().clamp_min(1e-30)).item()
