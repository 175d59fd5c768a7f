"""Value and gradient of the ranked list loss, tile by tile, without autograd."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor


# The authors' code adds this to the denominators of both terms (reduction "mean_all").
CODE_EPSILON = 1e-5

# Bytes of one (rows, n) buffer: on a CPU about five of them are in use at once and should stay in its caches.
_CPU_TILE_BYTES = 2**20
_DEVICE_TILE_BYTES = 2**26


class RankedListSettings(NamedTuple):
    """The settings of [`~hf_relation.losses.ranked_list_loss`], already checked."""

    positive_margin: float
    negative_margin: float
    temperature: float
    balance: float
    reduction: str
    detach_weights: bool

    def term_weights(self, num_rows: float) -> tuple[float, float]:
        """What an anchor's positive and negative term count in the loss, of so many rows or rows of so much weight."""
        if self.reduction == "mean_all":
            return 1 / num_rows, 1 / num_rows
        share = 1 if self.reduction == "sum" else 1 / num_rows
        return (1 - self.balance) * share, self.balance * share


class RankedListFunction(torch.autograd.Function):
    """The loss with its analytic gradient, which is computed together with the value: only `(n, d)` numbers are kept."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, f: Tensor | None, settings: RankedListSettings) -> Tensor:
        loss, gradient = value_and_gradient(x, y, settings, f, with_gradient=True)
        ctx.save_for_backward(x, gradient)
        return loss

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None, None, None]:
        x, gradient = ctx.saved_tensors
        return _NoSecondDerivative.apply(gradient * grad_output, x), None, None, None


class _NoSecondDerivative(torch.autograd.Function):
    """Ties a gradient to the rows it was taken at, so that differentiating it raises instead of giving zero."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, x: Tensor) -> Tensor:
        return gradient.view_as(gradient)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        raise RuntimeError(
            "The ranked list loss cannot be differentiated twice: its gradient is computed in closed form. Leave the term "
            "with the second derivative (a gradient penalty, say) out, or take it of another loss."
        )


def value_and_gradient(
    x: Tensor, y: Tensor, settings: RankedListSettings, f: Tensor | None = None, *, with_gradient: bool
) -> tuple[Tensor, Tensor | None]:
    r"""The loss and its derivative by the rows.

    With \\(c_{ij}\\) the derivative of the loss by \\(d_{ij}\\), counted for both anchors, row i has the gradient

        sum over j of g_ij (x_i - x_j),   g_ij = c_ij / d_ij

    which is one matrix product with the symmetric matrix g. For the negatives, with s_ij = alpha_N - d_ij and
    e_ij = exp(T s_ij) on the informative pairs, Z_i the sum of e_ij and L_i = L_N(i),

        c_ij = - e_ij [(1 + T (s_ij - L_i)) / Z_i + (1 + T (s_ij - L_j)) / Z_j]

    e is symmetric, so half of the pairs are enough: tiles of some rows i against the columns j >= i. With weights of the rows
    f, what i sees of j counts f_j in all sums, and the terms of i count f_i; 1 / Z_i above becomes f_i f_j / Z_i.

    Args:
        x (`torch.Tensor` of shape `(n, d)`, float32 or float64): the rows, at least one.
        y (`torch.Tensor` of shape `(n,)`, integer): class ids.
        settings (`RankedListSettings`): `exp(temperature * negative_margin)` must be far from the largest float.
        f (`torch.Tensor` of shape `(n,)`, *optional*): weights of the rows, not all 0; `None` for all 1.
        with_gradient (`bool`): otherwise only the value is computed.

    Returns:
        `tuple[Tensor, Tensor | None]`: the loss, a scalar, and its gradient, `(n, d)`.
    """
    _, codes, class_sizes = torch.unique(y, return_inverse=True, return_counts=True)
    squares = (x * x).sum(1)  # (n,)
    # Squared distances carry a rounding error of this order: nothing below it tells two rows apart.
    limits = torch.finfo(x.dtype)
    coincident = max(8 * limits.eps * float(squares.min()), limits.tiny)
    gradient = torch.zeros_like(x) if with_gradient else None
    positive_weight, negative_weight = settings.term_weights(len(x) if f is None else float(f.sum()))
    positives = _positive_term(x, squares, codes, class_sizes, coincident, settings, positive_weight, f, gradient)
    negatives = _negative_term(x, squares, codes, coincident, settings, negative_weight, f, gradient)
    return positives + negatives, gradient


def _positive_term(
    x: Tensor,
    squares: Tensor,
    codes: Tensor,
    class_sizes: Tensor,
    coincident: float,
    settings: RankedListSettings,
    weight: float,
    f: Tensor | None,
    gradient: Tensor | None,
) -> Tensor:
    """The sum of the weighted L_P; adds its derivative to `gradient`. Classes of one size go together."""
    terms = x.new_zeros(len(x))
    order = torch.argsort(codes, stable=True)
    starts = class_sizes.cumsum(0) - class_sizes
    for size in torch.unique(class_sizes).tolist():
        if size == 1:
            continue
        rows = order[starts[class_sizes == size][:, None] + torch.arange(size, device=x.device)]  # (classes, size)
        members, lengths = x[rows], squares[rows]
        squared = torch.baddbmm(lengths[:, :, None] + lengths[:, None, :], members, members.mT, alpha=-2)
        squared.diagonal(dim1=1, dim2=2).zero_()
        inverse = torch.threshold(squared, coincident, math.inf).rsqrt_()  # 1 / distance; 0 at distance 0
        excess = squared.mul_(inverse).sub_(settings.positive_margin).clamp_min_(0)  # (classes, size, size)
        informative = excess.sign()
        share = torch.full_like(lengths, weight)  # (classes, size)
        if f is not None:
            _weigh_positives(f[rows], informative, excess, share, settings)
        elif settings.reduction == "mean_informative":
            share /= informative.sum(2).clamp_min_(1)
        elif settings.reduction == "mean_all":
            share /= size - 1 + CODE_EPSILON
        terms[rows] = excess.sum(2) * share
        if gradient is not None:
            if f is None:
                g = (share[:, :, None] + share[:, None, :]).mul_(informative).mul_(inverse)
            else:
                one_way = share[:, :, None] * informative
                g = (one_way + one_way.mT).mul_(inverse)
            gradient[rows] += torch.baddbmm(g.sum(2, keepdim=True) * members, g, members, alpha=-1)
    return terms.sum()


def _weigh_positives(
    f: Tensor, informative: Tensor, excess: Tensor, share: Tensor, settings: RankedListSettings
) -> None:
    """Multiply what anchors see of their positives, `(classes, size, size)`, and their shares by the weights; in place."""
    excess.mul_(f[:, None, :])
    informative.mul_(f[:, None, :])
    share.mul_(f)
    if settings.reduction == "mean_informative":
        seen = informative.sum(2)
        share.div_(seen.masked_fill_(seen == 0, 1))
    elif settings.reduction == "mean_all":
        share.div_(f.sum(1, keepdim=True) - f + CODE_EPSILON)


def _negative_term(
    x: Tensor,
    squares: Tensor,
    codes: Tensor,
    coincident: float,
    settings: RankedListSettings,
    weight: float,
    f: Tensor | None,
    gradient: Tensor | None,
) -> Tensor:
    """The sum of the weighted L_N; adds its derivative to `gradient`."""
    n, temperature = len(x), settings.temperature
    class_numbers = codes.to(x.dtype)
    tile_bytes = _CPU_TILE_BYTES if x.device.type == "cpu" else _DEVICE_TILE_BYTES
    height = max(tile_bytes // (n * x.element_size()), 1)
    tiles = [(start, min(start + height, n)) for start in range(0, n, height)]
    totals, weighted = x.new_zeros(n), x.new_zeros(n)  # of e_ij, of e_ij s_ij
    kept: list[tuple[Tensor, Tensor]] = []
    for start, end in tiles:
        # Columns from `start` on; those from `end` on also stand for the mirrored pairs (j, i).
        squared = torch.addmm(squares[start:], x[start:end], x[start:].T, alpha=-2).add_(squares[start:end, None])
        inverse = torch.threshold(squared, coincident, math.inf).rsqrt_()  # 1 / distance; 0 at distance 0
        shortfall = squared.mul_(inverse).neg_().add_(settings.negative_margin)
        # 1 for different classes, else 0: as numbers, which is several times faster than boolean masks on a CPU, and
        # lets a distance that is not a number stay one.
        differ = class_numbers[start:end, None] - class_numbers[start:]
        shortfall.mul_(differ.square_().clamp_max_(1)).clamp_min_(0)
        e = torch.mul(shortfall, temperature, out=differ).exp_().mul_(shortfall.sign())
        _add_sums(totals, e, start, end, f)
        if gradient is not None:
            kept.append((inverse.mul_(e), shortfall))
        _add_sums(weighted, e.mul_(shortfall), start, end, f)
    if settings.reduction == "mean_all":
        totals += CODE_EPSILON
    totals.masked_fill_(totals == 0, 1)  # rows without informative negatives
    terms = weighted / totals
    loss: Tensor = weight * (terms if f is None else f * terms).sum()
    if gradient is None:
        return loss

    slope = -weight / totals
    constant = slope if settings.detach_weights else slope * (1 - temperature * terms)
    slope = slope * temperature
    row_sums = x.new_zeros(n)
    for (start, end), (scaled_inverse, shortfall) in zip(tiles, kept, strict=True):
        g = constant[start:end, None] + constant[start:]
        if not settings.detach_weights:
            g += shortfall.mul_(slope[start:end, None] + slope[start:])
        g *= scaled_inverse
        if f is not None:
            g *= f[start:end, None]
            g *= f[start:]
        gradient[start:end].addmm_(g, x[start:], alpha=-1)
        gradient[end:].addmm_(g[:, end - start :].T, x[start:end], alpha=-1)
        _add_sums(row_sums, g, start, end)
    gradient.addcmul_(row_sums[:, None], x)
    return loss


def _add_sums(totals: Tensor, tile: Tensor, start: int, end: int, f: Tensor | None = None) -> None:
    """Add the sums over all columns to the rows `start` to `end`, and those over the mirrored pairs to later rows.

    With weights of the rows, `f`, what a row sees of another counts the weight of the other.
    """
    if f is None:
        totals[start:end] += tile.sum(1)
        totals[end:] += tile[:, end - start :].sum(0)
    else:
        totals[start:end] += tile @ f[start:]
        totals[end:] += f[start:end] @ tile[:, end - start :]
