"""One batch through a model: its loss, how many examples it has, and what each counts in the loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hf_relation.errors import UsageError


LossFunction = Callable[[nn.Module, Any], Tensor]


@dataclass
class BatchLoss:
    """A batch that went through the model.

    Args:
        loss (`torch.Tensor` of shape `()` or `(examples,)`): with a graph.
        output: what the model returned; `None` where a loss function called it.
        batch: what was given to it.
        num_examples (`int`): rows of the batch.
        factors (`torch.Tensor` of shape `(examples,)`): what a gradient of the batch's loss by something of one example is
            multiplied with to be the gradient of that example's own loss.
    """

    loss: Tensor
    output: Any
    batch: Any
    num_examples: int
    factors: Tensor

    @property
    def total(self) -> Tensor:
        """What is differentiated: the loss, or the sum of the examples' losses."""
        return self.loss.sum()

    def num_tokens(self, rows: int, length: int) -> int:
        """Tokens of the batch; without an attention mask, all of its `rows * length`."""
        mask = self.batch.get("attention_mask") if isinstance(self.batch, Mapping) else None
        return int((mask != 0).sum()) if isinstance(mask, Tensor) else rows * length

    def per_example(self, values: Tensor) -> Tensor:
        """Sum rows of the encoder that belong to one example (several texts of one, as neighbours are).

        Args:
            values (`torch.Tensor` of shape `(rows, ...)`): rows of one example stand together.

        Returns:
            `torch.Tensor` of shape `(examples, ...)`.
        """
        return values.unflatten(0, (self.num_examples, self.texts_each(len(values)))).sum(1)

    def texts_each(self, rows: int) -> int:
        """How many rows of the encoder belong to an example.

        Raises:
            UsageError: no whole number.
        """
        if rows % self.num_examples:
            raise UsageError(
                f"The encoder was given {rows} rows for a batch of {self.num_examples} examples, so that what belongs to which "
                "example cannot be told. Encode a whole batch at once, without packing texts into one row."
            )
        return rows // self.num_examples


def run_batch(model: nn.Module, batch: Any, loss_fn: LossFunction | None, number: int) -> BatchLoss:
    """Run a batch through a model and find its loss.

    Args:
        model (`nn.Module`): in evaluation mode.
        batch: columns by name, on the model's device; or anything that `loss_fn` takes.
        loss_fn (`Callable`, *optional*): takes model and batch, gives the loss.
        number (`int`): of the batch, from 0, for messages.

    Raises:
        UsageError: no loss, for instance since the batch has no labels, or one of another shape.
    """
    output: Any = None
    loss: Any
    if loss_fn is not None:
        loss = loss_fn(model, batch)
    elif isinstance(batch, Mapping):
        output = model(**batch)
        loss = getattr(output, "loss", None)
    else:
        raise UsageError(
            f"Batch {number} is a {type(batch).__name__}, not a dictionary of columns. Pass `loss_fn(model, batch)`, which "
            "knows what to do with it."
        )
    if not isinstance(loss, Tensor):
        columns = f" (it has {', '.join(map(str, batch))})" if isinstance(batch, Mapping) else ""
        raise UsageError(
            f"Batch {number} gave no loss: head importance needs labelled examples{columns}. Give the batches `labels`, or "
            "pass `loss_fn(model, batch)`; a model without a task head has no loss of its own."
        )
    examples = _num_examples(batch, loss)
    if loss.ndim > 1 or (loss.ndim == 1 and len(loss) != examples):
        raise UsageError(
            f"The loss of batch {number} has shape {tuple(loss.shape)}; it must be one number, or one for each of its "
            f"{examples} examples."
        )
    if not loss.requires_grad and loss_fn is not None:
        raise UsageError(
            "What `loss_fn` returned does not depend on the model: it must not detach or convert the loss."
        )
    return BatchLoss(loss, output, batch, examples, _factors(model, batch, loss, examples, own=loss_fn is None))


def _num_examples(batch: Any, loss: Tensor) -> int:
    columns: Iterable[Any] = ()
    if isinstance(batch, Mapping):
        columns = [batch.get("input_ids"), batch.get("inputs_embeds"), *batch.values()]
    elif isinstance(batch, (list, tuple)):
        columns = batch
    elif isinstance(batch, Tensor):
        columns = [batch]
    for column in columns:
        if isinstance(column, Tensor) and column.ndim:
            return len(column)
    if loss.ndim == 1:
        return len(loss)
    raise UsageError(
        "The batch has no tensor to count its examples by. Let `loss_fn` return one loss for each example."
    )


def _factors(model: nn.Module, batch: Any, loss: Tensor, examples: int, *, own: bool) -> Tensor:
    device = loss.device
    if loss.ndim == 1:
        return torch.ones(examples, device=device)
    labels = batch.get("labels") if own and isinstance(batch, Mapping) else None
    if not isinstance(labels, Tensor) or labels.is_floating_point() or len(labels) != examples:
        return torch.full((examples,), float(examples), device=device)
    there = labels != -100
    if labels.ndim == 1:  # a mean over the examples that have a label
        return there.sum().expand(examples).to(device, torch.float64)
    if getattr(model, "loss_type", None) == "ForCausalLM":  # the first word is predicted from nothing
        there = there[:, 1:]
    counts = there.flatten(1).sum(1).to(device, torch.float64)  # a mean over all labelled tokens of the batch
    return torch.where(counts > 0, counts.sum() / counts.clamp_min(1), torch.zeros_like(counts))
