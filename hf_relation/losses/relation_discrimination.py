"""Relation discrimination: contrastive learning of pairs, each weighted by how far its label is trusted."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from hf_relation.errors import UsageError
from hf_relation.losses._inputs import check_rows, labelled_rows, unit_rows


Reduction = Literal["sum", "mean", "anchors"]
REDUCTIONS = ("sum", "mean", "anchors")


def relation_discrimination_loss(
    representations: Tensor,
    labels: Tensor,
    weights: Tensor | None = None,
    *,
    apart: Tensor | None = None,
    temperature: float = 0.05,
    na_label: int | None = None,
    weighted_positive: bool = True,
    num_negatives: int | None = None,
    generator: torch.Generator | None = None,
    reduction: Reduction = "sum",
) -> Tensor:
    r"""Pull pairs of one relation together, those whose label is trusted most, and push them from all others.

    With cosine similarities s and f the weight of a row,

        loss = - sum over A, B of one relation of f(A) log( exp(s(A, B) / T) / Z(A) )
        Z(A) = sum over C other than A of f(C) exp(s(A, C) / T)

    With weights of 1 it is InfoNCE over all positives; with weights of at least 1 the loss is at least 0. A batch without two
    rows of one relation has the loss 0, with a (zero) gradient. Computed in float32 (float64 for float64 input), also under
    autocast.

    Args:
        representations (`torch.Tensor` of shape `(n, d)`, floating): r, one row per pair of mentions; need not be normalised.
        labels (`torch.Tensor` of shape `(n,)`, integer): class ids from 0. Rows with label -100 are left out.
        weights (`torch.Tensor` of shape `(n,)`, floating, *optional*): f, above 0, see [`learning_order_weights`]; 1 by default.
            They get no gradient.
        apart (`torch.Tensor` of shape `(n, n)`, bool, symmetric, *optional*): rows that do not meet, neither as positives nor in
            Z: one pair under several relations, say, or pairs of a text that share an entity (authors' code).
        temperature (`float`, defaults to 0.05): T, above 0.
        na_label (`int`, *optional*): the class "no relation": its rows are alike in nothing, and stand in Z alone.
        weighted_positive (`bool`, defaults to `True`): as printed. `False`: the positive B has weight 1 in the denominator, as in
            the authors' code.
        num_negatives (`int`, *optional*): sample as many rows of other relations for every A, in the place of all; Z then is the
            sum over B and these (64 in the authors' code). Rows with fewer have all of them.
        generator (`torch.Generator`, *optional*): what sampling draws from.
        reduction (`str`, defaults to `"sum"`): over the positive pairs, as printed; or `"mean"`; or `"anchors"`: the mean over
            the positives of every A, then over all A that have one (as supervised contrastive learning has it), with which a relation
            counts by its rows, and not by their square.

    Returns:
        `torch.Tensor`: scalar; float64 for float64 input, else float32.

    Raises:
        TypeError: representations or weights are not floating, or labels are not integers.
        ValueError: shapes do not fit, a label is negative and not -100, or a setting or weight is out of range.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.losses import learning_order_weights, relation_discrimination_loss
    >>> rows = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [-1.0, 0.0]])
    >>> f = learning_order_weights(torch.tensor([1, 3, 2, 5]), first=1, last=5, alpha=2)
    >>> loss = relation_discrimination_loss(rows, torch.tensor([0, 0, 1, 2]), f, temperature=0.5)
    >>> round(loss.item(), 3)  # A, B = 0, 1 and 1, 0
    2.785

    ```

    Reference: Hogan, Li and Shang, "Fine-grained Contrastive Learning for Relation Extraction", EMNLP 2022, equation 6 (R_D).
    """
    if not 0 < temperature < math.inf:
        raise UsageError(f"`temperature` must be a finite number above 0, got {temperature}.")
    if num_negatives is not None and num_negatives < 1:
        raise UsageError(f"`num_negatives` must be at least 1, or None for all, got {num_negatives}.")
    if reduction not in REDUCTIONS:
        raise UsageError(f"`reduction` must be one of {', '.join(map(repr, REDUCTIONS))}, got {reduction!r}.")
    with torch.autocast(representations.device.type, enabled=False):
        rows = check_rows(representations, "representations")
        labelled = labelled_rows(labels, len(rows), name="representations", labels_name="labels")
        f = _checked_weights(weights, rows)
        alone = _checked_apart(apart, rows)
        if labelled is not None:
            rows, labels, f, alone = rows[labelled], labels[labelled], f[labelled], alone[labelled][:, labelled]
        if len(rows) == 0:
            return rows.sum()  # zero, with a gradient
        z = unit_rows(rows)
        logits = z @ z.T / temperature  # (n, n)
        same = labels[:, None] == labels[None, :]
        alone = alone | torch.eye(len(z), dtype=torch.bool, device=z.device)
        positive = same & ~alone
        if na_label is not None:
            positive &= (labels != na_label)[:, None]
            same = same & (labels != na_label)[:, None]
        a, b = positive.nonzero(as_tuple=True)
        if len(a) == 0:
            return z.sum() * 0
        of_pair = logits[a, b]
        log_f = f.log()
        weighed = logits + log_f  # (n, n), f of the column
        nothing = torch.finfo(z.dtype).min
        if num_negatives is None:
            total = torch.logsumexp(weighed.masked_fill(alone, nothing), 1)[a]
            if not weighted_positive:
                # The positive's own share is taken out and put in again with weight 1; in float32 that is exact enough, as the
                # weights are of one size.
                share = (weighed[a, b] - total).exp()
                total = total + torch.log1p(share * ((-log_f[b]).exp() - 1))
        else:
            negative = _sampled(~same & ~alone, num_negatives, generator)
            others = torch.logsumexp(weighed.masked_fill(~negative, nothing), 1)[a]
            total = torch.logaddexp(others, weighed[a, b] if weighted_positive else of_pair)
        loss = f[a] * (total - of_pair)
        if reduction == "anchors":
            number = positive.sum(1)
            return (loss / number[a]).sum() / (number > 0).sum()
        return loss.sum() if reduction == "sum" else loss.mean()


def _checked_weights(weights: Tensor | None, rows: Tensor) -> Tensor:
    if weights is None:
        return rows.new_ones(len(rows))
    if not weights.is_floating_point():
        raise TypeError(f"`weights` must be a floating tensor, got {weights.dtype}.")
    if weights.shape != (len(rows),):
        raise ValueError(f"`weights` must have shape ({len(rows)},), one a row, got {tuple(weights.shape)}.")
    found = weights.detach().to(rows.dtype)
    wrong = ~((found > 0) & torch.isfinite(found))
    if wrong.any():
        row = int(wrong.nonzero()[0])
        raise UsageError(
            f"`weights` must be finite and above 0, got {found[row].item()} in row {row}. Leave a row out by its label, -100."
        )
    return found


def _checked_apart(apart: Tensor | None, rows: Tensor) -> Tensor:
    if apart is None:
        return torch.zeros((len(rows), len(rows)), dtype=torch.bool, device=rows.device)
    if apart.shape != (len(rows), len(rows)) or apart.dtype != torch.bool:
        raise ValueError(
            f"`apart` must be a bool tensor of shape ({len(rows)}, {len(rows)}), got {tuple(apart.shape)} of {apart.dtype}."
        )
    return apart


def _sampled(allowed: Tensor, number: int, generator: torch.Generator | None) -> Tensor:
    """At most `number` of the allowed columns of every row, drawn without replacement."""
    if number >= allowed.shape[1]:
        return allowed
    keys = torch.rand(allowed.shape, generator=generator, device=allowed.device).masked_fill(~allowed, -1)
    chosen = torch.zeros_like(allowed).scatter_(1, keys.topk(number, 1).indices, True)
    return chosen & allowed
