"""Batches of thousands of rows with the memory of a few: the loss over all of them, the graph of one part at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn

from hf_relation.models.more import MOREModel
from hf_relation.training.batch_loss import BatchLoss, finite_rows


def cached_loss(
    model: nn.Module,
    plain: MOREModel,
    parts: Sequence[Mapping[str, Tensor]],
    order: Tensor,
    labels: Tensor,
    weights: Tensor | None = None,
    *,
    backward: Callable[[Tensor], None],
    no_sync: Callable[[], AbstractContextManager[None]],
) -> BatchLoss:
    r"""Add the gradient of a batch's loss to the weights, with the graph of one part of the batch in memory at a time.

    The loss of a batch is a function of its embeddings alone, \\(L(z_1, ..., z_n)\\), so that its gradient is
    \\(\\sum_i \\frac{\\partial L}{\\partial z_i} \\frac{\\partial z_i}{\\partial \\theta}\\). Three steps: embed all parts
    without a graph; compute the loss and its gradient with respect to the embeddings; embed part after part again, with
    its graph, and walk back from \\(\\langle z_i, \\partial L / \\partial z_i \\rangle\\). Every part draws its dropout
    masks from a seed of its own, the same in both passes, so that the result is the gradient of the loss whose value is
    returned. The price is one forward pass more. The virtual adversarial loss is a mean over rows; each part adds its
    share in the second pass.

    The gradient of the last part is left to the caller, whose backward pass over the returned `loss` completes the
    gradient of the batch (and, in several processes, joins it with the others').

    Args:
        model (`nn.Module`): what is called: the model, or the wrapper that accelerate put around it.
        plain ([`MOREModel`]): the model inside `model`.
        parts (`Sequence[Mapping[str, Tensor]]`): the columns of each part, as
            [`~hf_relation.training.length_chunks.split_by_length`] gives them; at least one part.
        order (`torch.Tensor` of shape `(rows,)`): position in the batch of every row of the joined parts.
        labels (`torch.Tensor` of shape `(rows,)`): relation numbers in the order of the batch.
        weights (`torch.Tensor` of shape `(rows,)`, *optional*): how much every row counts in the relation loss, in the same order.
        backward (`Callable[[Tensor], None]`): walks back from the scalar of a part, scaled as the caller scales `loss`.
        no_sync (`Callable[[], ContextManager]`): keeps the gradients of a part in this process.

    Returns:
        [`BatchLoss`]: `loss` has the value for the whole batch and the graph of the last part.

    Reference: Gao et al., "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup", RepL4NLP 2021,
    section 3.2.
    """
    seeds = part_seeds(len(parts))
    with torch.no_grad():
        found = []
        for part, seed in zip(parts, seeds, strict=True):
            with seeded(seed, labels.device):
                found.append(model(**part).embeddings)
    with torch.enable_grad():
        embeddings = torch.cat(found).requires_grad_()  # (rows, d)
        relation = plain.compute_loss(embeddings, labels[order], None if weights is None else weights[order])
        (gradient,) = torch.autograd.grad(relation, embeddings)
    adversarial: Tensor | None = None
    for number, (part, seed, share) in enumerate(
        zip(parts, seeds, gradient.split([len(rows) for rows in found]), strict=True), start=1
    ):
        last = number == len(parts)
        with nullcontext() if last else no_sync():
            with seeded(seed, labels.device):
                output = model(**part)
            surrogate = (output.embeddings * share).sum()
            if output.adversarial_loss is not None:
                weighted = output.adversarial_loss * (len(share) / len(gradient))
                surrogate = surrogate + plain.adversarial_factor * weighted
                adversarial = weighted.detach() if adversarial is None else adversarial + weighted.detach()
            if not last:
                backward(surrogate)
    relation = relation.detach()
    value = relation if adversarial is None else relation + plain.adversarial_factor * adversarial
    return BatchLoss(
        loss=value + (surrogate - surrogate.detach()),
        value=value,
        relation=relation,
        adversarial=adversarial,
        finite_rows=finite_rows(embeddings, order),
    )


def part_seeds(number: int) -> list[int]:
    """Draw the seeds of the parts of a batch from torch's generator.

    Args:
        number (`int`): how many parts.

    Returns:
        `list[int]`: one seed each; the same after the same state of the generator.
    """
    return torch.randint(2**62, (number,)).tolist()


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Inside, draw random numbers from `seed`; afterwards go on as if nothing had been drawn.

    Args:
        seed (`int`): at least 0.
        device (`torch.device`): where the model computes; its generator is seeded beside the CPU's.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.training.gradient_cache import seeded
    >>> with seeded(3, torch.device("cpu")):
    ...     first = torch.rand(2)
    >>> with seeded(3, torch.device("cpu")):
    ...     again = torch.rand(2)
    >>> torch.equal(first, again)
    True

    ```
    """
    if device.type == "cpu":
        fork = torch.random.fork_rng(devices=[])
    else:
        index = device.index if device.index is not None else torch.accelerator.current_device_index()
        fork = torch.random.fork_rng(devices=[index], device_type=device.type)
    with fork:
        torch.manual_seed(seed)
        yield
