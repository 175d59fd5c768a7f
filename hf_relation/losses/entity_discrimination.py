"""Entity discrimination: the tail of a triple stands out among the other entities of its text."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hf_relation.errors import UsageError
from hf_relation.losses._inputs import check_rows, unit_rows
from hf_relation.losses.relation_discrimination import REDUCTIONS, Reduction


def entity_discrimination_loss(
    entities: Tensor,
    pairs: Tensor,
    entity_mask: Tensor | None = None,
    *,
    temperature: float = 0.05,
    reduction: Reduction = "sum",
) -> Tensor:
    r"""Raise the similarity of head and tail of a triple against that of the head and every other entity of the text.

        loss = - sum over texts i, triples (j, k) of log( exp(cos(e_ij, e_ik) / T) / sum over l other than j of exp(cos(e_ij, e_il) / T) )

    A text with two entities gives 0: the tail stands alone. A batch without a triple gives 0, with a (zero) gradient. Computed
    in float32 (float64 for float64 input), also under autocast.

    Args:
        entities (`torch.Tensor` of shape `(batch, entities, d)`, floating): e, the representations; need not be normalised.
        pairs (`torch.Tensor` of shape `(batch, pairs, 2)`, integer): head and tail of every triple, as positions in
            `entities`; -1 in padding.
        entity_mask (`torch.Tensor` of shape `(batch, entities)`, bool, *optional*): which entities there are; all by default.
        temperature (`float`, defaults to 0.05): T, above 0.
        reduction (`str`, defaults to `"sum"`): over the triples, as printed; or `"mean"`, which is `"anchors"` as well: a triple
            has one positive.

    Returns:
        `torch.Tensor`: scalar, at least 0; float64 for float64 input, else float32.

    Raises:
        TypeError: entities are not floating, or pairs not integers.
        ValueError: shapes do not fit, a pair names an entity that is not there or one entity twice, or a setting is out of range.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.losses import entity_discrimination_loss
    >>> entities = torch.tensor([[[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]])
    >>> round(entity_discrimination_loss(entities, torch.tensor([[[0, 1]]]), temperature=0.5).item(), 6)
    0.263282

    ```

    Reference: Hogan, Li and Shang, "Fine-grained Contrastive Learning for Relation Extraction", EMNLP 2022 (E_D), after Qin et al.,
    "ERICA", ACL 2021.
    """
    if not 0 < temperature < math.inf:
        raise UsageError(f"`temperature` must be a finite number above 0, got {temperature}.")
    if reduction not in REDUCTIONS:
        raise UsageError(f"`reduction` must be one of {', '.join(map(repr, REDUCTIONS))}, got {reduction!r}.")
    with torch.autocast(entities.device.type, enabled=False):
        rows = check_rows(entities, "entities", "(batch, entities, d)")
        there = _checked_mask(entity_mask, rows)
        text, head, tail = _checked_pairs(pairs, there)
        z = unit_rows(rows)
        if len(text) == 0:
            return z.sum() * 0
        logits = (z[text] @ z[text, head].unsqueeze(-1)).squeeze(-1) / temperature  # (triples, entities)
        out = ~there[text]
        out[torch.arange(len(text), device=out.device), head] = True
        total = torch.logsumexp(logits.masked_fill(out, torch.finfo(z.dtype).min), 1)
        loss = total - logits.gather(1, tail[:, None]).squeeze(1)
        return loss.sum() if reduction == "sum" else loss.mean()


def _checked_mask(entity_mask: Tensor | None, rows: Tensor) -> Tensor:
    if entity_mask is None:
        return torch.ones(rows.shape[:2], dtype=torch.bool, device=rows.device)
    if entity_mask.shape != rows.shape[:2]:
        raise ValueError(
            f"`entity_mask` must have shape {tuple(rows.shape[:2])}, as `entities`, got {tuple(entity_mask.shape)}."
        )
    return entity_mask.bool()


def _checked_pairs(pairs: Tensor, there: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    if pairs.is_floating_point() or pairs.is_complex() or pairs.dtype == torch.bool:
        raise TypeError(f"`pairs` must be an integer tensor of positions, got {pairs.dtype}.")
    if pairs.ndim != 3 or pairs.shape[0] != there.shape[0] or pairs.shape[2] != 2:
        raise ValueError(f"`pairs` must have shape ({there.shape[0]}, pairs, 2), got {tuple(pairs.shape)}.")
    text, place = (pairs != -1).any(2).nonzero(as_tuple=True)
    head, tail = pairs[text, place].long().unbind(1)
    for name, entity in (("head", head), ("tail", tail)):
        outside = (entity < 0) | (entity >= there.shape[1])
        missing = outside | ~there[text, entity.clamp(0, max(there.shape[1] - 1, 0))] if len(text) else outside
        if missing.any():
            at = int(missing.nonzero()[0])
            raise UsageError(
                f"Pair {int(place[at])} of text {int(text[at])} has the {name} {int(entity[at])}, which is no entity of that text."
            )
    if (head == tail).any():
        at = int((head == tail).nonzero()[0])
        raise UsageError(
            f"Pair {int(place[at])} of text {int(text[at])} has one entity, {int(head[at])}, as head and tail."
        )
    return text, head, tail
