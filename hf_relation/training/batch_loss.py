"""The loss of a batch that goes through the encoder whole or in parts, and what it is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hf_relation.models.more import MOREModel


@dataclass
class BatchLoss:
    """The loss of a batch and its terms.

    Args:
        loss (`torch.Tensor` of shape `()`): what to walk back from.
        value (`torch.Tensor` of shape `()`): what is minimised, `relation + factor * adversarial`, without a graph.
        relation (`torch.Tensor` of shape `()`): the metric loss over all rows, without a graph.
        adversarial (`torch.Tensor` of shape `()`, *optional*): the virtual adversarial loss, mean over the rows and
            unweighted, without a graph; `None` when it was not computed.
        finite_rows (`torch.Tensor` of shape `(rows,)`, bool): rows of the batch whose embedding is finite, in order.
    """

    loss: Tensor
    value: Tensor
    relation: Tensor
    adversarial: Tensor | None
    finite_rows: Tensor


@dataclass
class NamedTerms:
    """The terms of a loss that a model computed by itself.

    Args:
        values (`dict[str, torch.Tensor]`): name -> scalar, without a graph.
        finite_rows (`torch.Tensor` of shape `(rows,)`, bool): rows of the batch whose embedding is finite.
    """

    values: dict[str, Tensor]
    finite_rows: Tensor


def chunked_loss(
    model: nn.Module,
    plain: MOREModel,
    parts: Sequence[Mapping[str, Tensor]],
    order: Tensor,
    labels: Tensor,
    weights: Tensor | None = None,
) -> BatchLoss:
    """Embed the parts of a batch one by one, with their graphs, and take the loss over all rows.

    Args:
        model (`nn.Module`): what is called: the model, or the wrapper that accelerate put around it.
        plain ([`MOREModel`]): the model inside `model`.
        parts (`Sequence[Mapping[str, Tensor]]`): the columns of each part, as
            [`~hf_relation.training.length_chunks.split_by_length`] gives them.
        order (`torch.Tensor` of shape `(rows,)`): position in the batch of every row of the joined parts.
        labels (`torch.Tensor` of shape `(rows,)`): relation numbers in the order of the batch.
        weights (`torch.Tensor` of shape `(rows,)`, *optional*): how much every row counts in the relation loss, in the same order.

    Returns:
        [`BatchLoss`].
    """
    outputs = [model(**part) for part in parts]
    embeddings = torch.cat([output.embeddings for output in outputs])
    relation = plain.compute_loss(embeddings, labels[order], None if weights is None else weights[order])
    shares = [len(output.embeddings) / len(embeddings) for output in outputs]
    terms = [output.adversarial_loss for output in outputs]
    adversarial = None if terms[0] is None else torch.stack([w * t for w, t in zip(shares, terms, strict=True)]).sum()
    loss = relation if adversarial is None else relation + plain.adversarial_factor * adversarial
    return BatchLoss(
        loss=loss,
        value=loss.detach(),
        relation=relation.detach(),
        adversarial=None if adversarial is None else adversarial.detach(),
        finite_rows=finite_rows(embeddings, order),
    )


def finite_rows(embeddings: Tensor, order: Tensor) -> Tensor:
    """Tell which rows of a batch have a finite embedding.

    Args:
        embeddings (`torch.Tensor` of shape `(rows, d)`): of the joined parts.
        order (`torch.Tensor` of shape `(rows,)`): position in the batch of every row of the joined parts.

    Returns:
        `torch.Tensor` of shape `(rows,)`, bool, in the order of the batch.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.training.batch_loss import finite_rows
    >>> finite_rows(torch.tensor([[0.0, 1.0], [float("nan"), 1.0]]), torch.tensor([1, 0])).tolist()
    [False, True]

    ```
    """
    finite = torch.empty(len(embeddings), dtype=torch.bool, device=embeddings.device)
    finite[order] = embeddings.detach().isfinite().all(dim=1)
    return finite
