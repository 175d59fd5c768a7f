"""The loss of a large batch of FineCL with the graph of a few documents in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from hf_relation.models.finecl import FineCLForPreTraining
from hf_relation.training.gradient_cache import part_seeds, seeded


_LABELS = frozenset({"labels", "learning_order", "pair_weights", "mlm_labels"})


def cached_pretraining_loss(
    model: nn.Module,
    plain: FineCLForPreTraining,
    batch: Mapping[str, Tensor],
    rows: int,
    *,
    backward: Callable[[Tensor], None],
    no_sync: Callable[[], AbstractContextManager[None]],
) -> tuple[Tensor, dict[str, Tensor], Tensor]:
    r"""Add the gradient of a batch's loss to the weights, with the graph of `rows` documents in memory at a time.

    Relation discrimination compares the pairs of all documents. It is a function of their representations alone: these are computed
    without a graph first, then its gradient with respect to them, and with it document after document is gone through again
    (see [`~hf_relation.training.gradient_cache.cached_loss`]). The other two losses are sums over documents, and join the second pass.

    Args:
        model (`nn.Module`): what is called: the model, or the wrapper that accelerate put around it.
        plain ([`~hf_relation.FineCLForPreTraining`]): the model inside `model`.
        batch (`Mapping[str, Tensor]`): the columns of [`~hf_relation.training.PretrainingCollator`].
        rows (`int`): documents in memory at a time, at least 1.
        backward (`Callable[[Tensor], None]`): walks back from the scalar of a part, scaled as the caller scales the loss.
        no_sync (`Callable[[], ContextManager]`): keeps the gradients of a part in this process.

    Returns:
        `tuple`: the loss, with the value for the whole batch and the graph of its last part; its parts by name, without a graph; and which
        documents have finite representations, `(documents,)`, bool.

    Reference: Gao et al., "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup", RepL4NLP 2021, section 3.2.
    """
    config = plain.config
    parts = [_cut(batch, start, start + rows) for start in range(0, len(batch["input_ids"]), rows)]
    device = batch["input_ids"].device
    seeds = part_seeds(len(parts))
    labels, pairs, order = batch["labels"], batch["pairs"], batch.get("learning_order")
    first = plain.first_mentions(batch["mention_spans"], batch.get("mention_entities"))
    with torch.no_grad():
        found = []
        for part, seed in zip(parts, seeds, strict=True):
            with seeded(seed, device):
                found.append(model(**_inputs(part)).relations)
    with torch.enable_grad():
        relations = torch.cat(found).requires_grad_()  # (documents, pairs, 2 * hidden)
        relation = (
            plain.relation_loss(relations, pairs, labels, order, first, batch.get("pair_weights"))
            if config.relation_weight
            else None
        )
        shares = (
            None if relation is None else torch.autograd.grad(relation, relations)[0].split([len(x) for x in found])
        )
    triples = plain.triples(pairs, labels, first)[0].sum()
    masked = batch["mlm_labels"].ne(-100).sum() if "mlm_labels" in batch else None
    terms: dict[str, Tensor] = {} if relation is None else {"relation_loss": relation.detach()}
    surrogate = relations.new_zeros(())
    for number, (part, seed) in enumerate(zip(parts, seeds, strict=True)):
        last = number == len(parts) - 1
        with nullcontext() if last else no_sync():
            with seeded(seed, device):
                output = model(**part)
            losses = [] if shares is None else [config.relation_weight * (output.relations * shares[number]).sum()]
            if output.entity_loss is not None:
                here = plain.triples(part["pairs"], part["labels"], _of(first, number, rows))[0].sum()
                weight = 1.0 if config.reduction == "sum" else here / triples.clamp_min(1)
                losses.append(config.entity_weight * _noted(terms, "entity_loss", output.entity_loss * weight))
            if output.mlm_loss is not None and masked is not None:
                weight = part["mlm_labels"].ne(-100).sum() / masked.clamp_min(1)
                losses.append(config.mlm_weight * _noted(terms, "mlm_loss", output.mlm_loss * weight))
            surrogate = torch.stack(losses).sum()
            if not last:
                backward(surrogate)
    factors = {
        "relation_loss": config.relation_weight,
        "entity_loss": config.entity_weight,
        "mlm_loss": config.mlm_weight,
    }
    value = torch.stack([factors[name] * term for name, term in terms.items()]).sum()
    finite = relations.detach().isfinite().flatten(1).all(1)
    return value + (surrogate - surrogate.detach()), terms, finite


def _cut(batch: Mapping[str, Tensor], start: int, end: int) -> dict[str, Tensor]:
    return {name: column[start:end] for name, column in batch.items()}


def _inputs(part: Mapping[str, Tensor]) -> dict[str, Any]:
    return {name: column for name, column in part.items() if name not in _LABELS}


def _of(first: Tensor, number: int, rows: int) -> Tensor:
    return first[number * rows : (number + 1) * rows]


def _noted(terms: dict[str, Tensor], name: str, value: Tensor) -> Tensor:
    terms[name] = terms[name] + value.detach() if name in terms else value.detach()
    return value
