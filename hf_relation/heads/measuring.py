"""Ways to score heads: by gates on their contexts, and by the gradients of their weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from hf_relation.errors import TrainingError, UsageError
from hf_relation.heads.batches import BatchLoss
from hf_relation.models.head_gates import changed_contexts
from hf_relation.models.model_heads import ModelHeads, Part


class Measure(ABC):
    """Scores of all heads, summed over batches.

    Inside [`watching`] a batch goes through the model; [`add`] then adds its scores.

    Args:
        heads ([`ModelHeads`]): of the model.
    """

    def __init__(self, heads: ModelHeads) -> None:
        self.heads = heads
        self.sums = np.zeros((heads.num_layers, heads.num_heads))
        self.num_examples = 0
        self.num_tokens = 0

    @abstractmethod
    def watching(self) -> AbstractContextManager[None]:
        """Hooks, or flags of weights, that are as before at the end; one batch goes through inside."""

    @abstractmethod
    def scores(self, done: BatchLoss) -> list[Tensor]:
        """For every layer the scores of the heads left, `(heads left,)`."""

    def add(self, done: BatchLoss, number: int) -> None:
        """Add the scores of a batch, to be called inside [`watching`].

        Raises:
            TrainingError: the loss or a gradient is not finite; the message names the batch.
        """
        if not torch.isfinite(done.loss).all():
            raise TrainingError(
                f"The loss of batch {number} is {done.loss.detach().tolist()}, so that no head can be scored. Look for NaN in "
                "the model's weights, for rows without any label, or for float16 overflow.",
                step=number,
            )
        added = np.zeros_like(self.sums)
        for layer, scores in enumerate(self.scores(done)):
            added[layer, list(self.heads.kept[layer])] = scores.double().cpu().numpy()
        if not np.isfinite(added).all():
            raise TrainingError(
                f"A gradient of batch {number} is not finite, though its loss is. Try float32 in the place of float16.",
                step=number,
            )
        self.sums += added
        self.num_examples += done.num_examples

    def result(self, sums: np.ndarray, num_tokens: int) -> np.ndarray:
        """The raw scores from sums over all batches."""
        return sums


class GateMeasure(Measure):
    """Gates of one on every head at every token: their gradients are context times gradient, summed over a head's width.

    Args:
        heads ([`ModelHeads`]): of the model.
        per_token (`bool`): absolute values of tokens (Michel et al.'s code) instead of examples (the paper).
    """

    def __init__(self, heads: ModelHeads, *, per_token: bool) -> None:
        super().__init__(heads)
        self.per_token = per_token
        self._gates: list[tuple[int, Tensor]] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        self._gates = []
        with changed_contexts(self.heads, self._gated):
            yield
        self._gates = []

    def _gated(self, layer: int, context: Tensor) -> Tensor:
        # float32 at least: a sum over many tokens and examples would be lost in bfloat16. (rows, tokens, heads left)
        exact = torch.promote_types(context.dtype, torch.float32)
        gate = torch.ones(context.shape[:-1], dtype=exact, device=context.device, requires_grad=True)
        self._gates.append((layer, gate))
        return context * gate.to(context.dtype).unsqueeze(-1)

    def scores(self, done: BatchLoss) -> list[Tensor]:
        gates = [gate for _, gate in self._gates]
        gradients = torch.autograd.grad(done.total, gates, allow_unused=True)
        if all(gradient is None for gradient in gradients):
            raise UsageError("The loss does not depend on any attention head of the model.")
        factors, num_tokens = done.factors, None
        per_layer: list[list[Tensor]] = [[] for _ in self.heads.kept]
        for (layer, gate), gradient in zip(self._gates, gradients, strict=True):
            if gate.ndim != 3:
                raise UsageError(
                    f"Contexts must have shape (rows, tokens, width), got {tuple(gate.shape[:-1])} and width."
                )
            if num_tokens is None:
                num_tokens = done.num_tokens(*gate.shape[:2])
            values = torch.zeros_like(gate) if gradient is None else gradient
            own = factors.repeat_interleave(done.texts_each(len(gate)))
            values = values.double() * own.to(values.device)[:, None, None]
            # (heads left,) for tokens, (examples, heads left) for examples, whose parts are summed before the absolute value
            per_layer[layer].append(values.abs().sum((0, 1)) if self.per_token else done.per_example(values.sum(1)))
        self.num_tokens += num_tokens or 0
        summed = [torch.stack(values).sum(0) if values else None for values in per_layer]
        rows = () if self.per_token else (done.num_examples,)
        found = [
            torch.zeros(*rows, len(kept), dtype=torch.float64, device=factors.device) if values is None else values
            for values, kept in zip(summed, self.heads.kept, strict=True)
        ]
        return found if self.per_token else self.of_examples([values.abs() for values in found])

    def of_examples(self, values: list[Tensor]) -> list[Tensor]:
        """Join the scores of a batch's examples: for every layer `(examples, heads left)` to `(heads left,)`."""
        return [scores.sum(0) for scores in values]

    def result(self, sums: np.ndarray, num_tokens: int) -> np.ndarray:
        return sums / max(num_tokens, 1) if self.per_token else sums


class WeightMeasure(Measure):
    """Absolute gradients of each head's rows in the projections, by the loss summed over a batch's examples.

    Args:
        heads ([`ModelHeads`]): of the model.
        parts (`Sequence[str]`): projections: of `"query"`, `"key"` and `"value"`, at least one.
    """

    def __init__(self, heads: ModelHeads, *, parts: Sequence[Part]) -> None:
        super().__init__(heads)
        if (
            isinstance(parts, str)
            or not parts
            or not set(parts) <= {"query", "key", "value"}
            or len(set(parts)) < len(parts)
        ):
            raise UsageError(f"`weight_parts` must be one or more of 'query', 'key' and 'value', got {parts!r}.")
        self.parts = list(parts)
        layers = [layer for layer in range(heads.num_layers) if heads.kept[layer]]
        self._linears: dict[tuple[int, Part], nn.Linear] = {
            (layer, part): heads.linear(layer, part) for layer in layers for part in self.parts
        }

    @contextmanager
    def watching(self) -> Iterator[None]:
        weights = {id(linear.weight): linear.weight for linear in self._linears.values()}.values()
        flags = [(weight, weight.requires_grad) for weight in weights]
        try:
            for weight in weights:
                weight.requires_grad_(True)
            yield
        finally:
            for weight, flag in flags:
                weight.requires_grad_(flag)

    def scores(self, done: BatchLoss) -> list[Tensor]:
        weights = [linear.weight for linear in self._linears.values()]
        unique = list({id(weight): weight for weight in weights}.values())
        gradients = torch.autograd.grad(done.total, unique, allow_unused=True)
        found = {id(weight): gradient for weight, gradient in zip(unique, gradients, strict=True)}
        factor = 1 if done.loss.ndim else done.num_examples
        scores = [torch.zeros(len(kept), dtype=torch.float64, device=done.loss.device) for kept in self.heads.kept]
        for (layer, part), weight in zip(self._linears, weights, strict=True):
            gradient = found[id(weight)]
            if gradient is None:
                continue
            rows = head_rows(gradient, self.heads, layer, part)  # (heads left, head_dim, inputs)
            scores[layer] += rows.double().abs().mean((1, 2)).to(scores[layer].device) * factor / len(self.parts)
        return scores


def head_rows(matrix: Tensor, heads: ModelHeads, layer: int, part: Part) -> Tensor:
    """The rows of a projection's weight (or its gradient) that belong to each head.

    Args:
        matrix (`torch.Tensor` of shape `(outputs, inputs)`): laid out as the weight of an `nn.Linear`.
        heads ([`ModelHeads`]): of the model.
        layer (`int`), part (`str`): which projection.

    Returns:
        `torch.Tensor` of shape `(heads left, head_dim, inputs)`: query heads that share a key head have its rows each.
    """
    kept = heads.kept[layer]
    if heads.layout.fused:
        matrix = matrix.chunk(3)[("query", "key", "value").index(part)]
    rows = matrix.unflatten(0, (-1, heads.head_dim))
    if part == "query" or heads.num_key_heads == heads.num_heads:
        return rows
    there = sorted({heads.key_head(head) for head in kept})
    return rows[[there.index(heads.key_head(head)) for head in kept]]
