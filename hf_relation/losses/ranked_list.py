"""Ranked list loss, the loss of MORE."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from hf_relation.errors import UsageError
from hf_relation.losses._inputs import prepare, prepare_weights
from hf_relation.losses._ranked_list_kernel import (
    CODE_EPSILON,
    RankedListFunction,
    RankedListSettings,
    value_and_gradient,
)


Reduction = Literal["sum", "mean_informative", "mean_all"]
REDUCTIONS: tuple[Reduction, ...] = ("sum", "mean_informative", "mean_all")

# Sums of exp(temperature * negative_margin) stay far from the largest float32 below this.
_LARGEST_EXPONENT = 40


def ranked_list_loss(
    embeddings: Tensor,
    labels: Tensor,
    weights: Tensor | None = None,
    *,
    positive_margin: float = 0.8,
    negative_margin: float = 1.2,
    temperature: float = 10.0,
    balance: float = 0.5,
    reduction: Reduction = "sum",
    detach_weights: bool = False,
) -> Tensor:
    r"""Pull rows of one class within a margin of each other and push rows of other classes beyond a larger one.

    With \\(d_{ij}\\) the Euclidean distance of rows i and j, an anchor i has the informative positives
    \\(P_i = \{j \ne i : y_j = y_i, d_{ij} > \alpha_P\}\\) and the informative negatives
    \\(N_i = \{j : y_j \ne y_i, d_{ij} < \alpha_N\}\\), and

        L_P(i) = sum over P_i of (d_ij - alpha_P)                                                    (equation 2)
        L_N(i) = sum over N_i of w_ij (alpha_N - d_ij),   w_i = softmax of T (alpha_N - d_ij) over N_i   (4, 5)
        loss   = sum over anchors of (1 - balance) L_P(i) + balance L_N(i)                               (3)

    Distances and weights are computed in float32 (float64 for float64 input), also under autocast. Two rows at the same
    place (in float32: nearer than a thousandth of their length) have distance 0 and pass no gradient to each other. A row
    without an informative pair adds zero; when no row has one the loss is 0 and still has a (zero) gradient.

    With `weights`, such as those of labels that may be wrong, \\(f_j\\) is what row j counts wherever it occurs: the term of anchor
    j, what others are pulled to it, and what they are pushed from it,

        L_P(i) = sum over P_i of f_j (d_ij - alpha_P)
        L_N(i) = sum over N_i of w_ij (alpha_N - d_ij),   w_ij = f_j exp(T (alpha_N - d_ij)) / sum over N_i of f_k exp(...)
        loss   = sum over anchors of f_i [(1 - balance) L_P(i) + balance L_N(i)]

    and the averages of the other reductions are weighted ones, by f. So a row of weight 2 counts as two equal rows (but for
    `"mean_all"`, where the other of the two would be a positive), one of weight 0 as none, and in averages only ratios
    matter. Weighting anchors alone would not do: a right label would still be pulled to each wrong one of its class.

    The gradient is analytic and computed together with the value: nothing of shape (n, n) is kept between the passes, and
    differentiating the gradient once more raises `RuntimeError`. Above `temperature * negative_margin` = 40 a slower way
    is taken that no temperature makes overflow. `examples/benchmarks/speed.py` measures speed and memory.

    Args:
        embeddings (`torch.Tensor` of shape `(n, d)`, floating):
            One row per mention pair. Rows are used as given; the default margins are for rows of unit length.
        labels (`torch.Tensor` of shape `(n,)`, integer): class ids from 0. Rows with label -100 are left out.
        weights (`torch.Tensor` of shape `(n,)`, floating, *optional*): f, finite and at least 0; constants. Default: all 1.
        positive_margin (`float`, defaults to 0.8): alpha_P, at least 0; positives nearer than this cost nothing.
        negative_margin (`float`, defaults to 1.2): alpha_N, at least `positive_margin`; negatives farther away than
            this cost nothing.
        temperature (`float`, defaults to 10.0): T, at least 0; 0 weighs the informative negatives equally, larger
            values weigh the nearest ones more.
        balance (`float`, defaults to 0.5): lambda, in [0, 1], the share of the negatives. Must stay 0.5 with
            `reduction="mean_all"`, which has none.
        reduction (`str`, defaults to `"sum"`):
            - `"sum"`: the equations above: a sum over positives and over anchors. It grows with the batch.
            - `"mean_informative"`: L_P(i) averaged over P_i, the loss averaged over all anchors.
            - `"mean_all"`: the authors' code: L_P(i) divided by (number of all positives + 1e-5), 1e-5 added to the
              denominator of the softmax, L_P + L_N without `balance`, averaged over all anchors.
        detach_weights (`bool`, defaults to `False`): take the weights w as constants. The authors' code does not.

    Returns:
        `torch.Tensor`: scalar, at least 0; float64 for float64 input, else float32. Not a number if a row is.

    Raises:
        TypeError: embeddings are not floating, or labels are not integers.
        ValueError: shapes do not fit, a label is negative and not -100, a weight is negative or not finite, or a setting is
            out of its range.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.losses import ranked_list_loss
    >>> rows = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [-1.0, 0.0]])
    >>> classes = torch.tensor([0, 0, 1, 1])
    >>> round(ranked_list_loss(rows, classes).item(), 5)
    2.31451
    >>> round(ranked_list_loss(rows, classes, reduction="mean_all").item(), 5)
    1.15725

    ```

    Reference:
        Wang et al., "MORE: A Metric Learning Based Framework for Open-domain Relation Extraction", ICASSP 2021,
        equations 2-5; the loss is from Wang et al., "Ranked List Loss for Deep Metric Learning", CVPR 2019. The paper
        writes alpha for alpha_N in equation 4.
    """
    _check_settings(positive_margin, negative_margin, temperature, balance, reduction)
    settings = RankedListSettings(positive_margin, negative_margin, temperature, balance, reduction, detach_weights)
    with torch.autocast(embeddings.device.type, enabled=False):
        x, y = prepare(embeddings, labels)
        f = prepare_weights(weights, labels, x)
        if f is not None and bool((f == 0).any()):
            x, y, f = x[f > 0], y[f > 0], f[f > 0]
        if len(x) == 0:
            return x.sum()  # zero, with a gradient
        if temperature * negative_margin > _LARGEST_EXPONENT:
            return _loss_by_autograd(x, y, f, settings)
        if torch.is_grad_enabled() and x.requires_grad:
            loss: Tensor = RankedListFunction.apply(x, y, f, settings)
            return loss
        return value_and_gradient(x, y, settings, f, with_gradient=False)[0]


class RankedListLoss(nn.Module):
    """[`ranked_list_loss`] as a module; see there for the settings, the equations and the reference.

    Args:
        positive_margin (`float`, defaults to 0.8): alpha_P.
        negative_margin (`float`, defaults to 1.2): alpha_N.
        temperature (`float`, defaults to 10.0): T.
        balance (`float`, defaults to 0.5): lambda.
        reduction (`str`, defaults to `"sum"`): `"sum"`, `"mean_informative"` or `"mean_all"`.
        detach_weights (`bool`, defaults to `False`): take the weights of the negatives as constants.

    Raises:
        ValueError: a setting is out of its range.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.losses import RankedListLoss
    >>> loss = RankedListLoss(reduction="mean_informative")
    >>> loss(torch.eye(3), torch.tensor([0, 1, 2])).item()  # every pair is farther apart than 1.2
    0.0

    ```
    """

    def __init__(
        self,
        *,
        positive_margin: float = 0.8,
        negative_margin: float = 1.2,
        temperature: float = 10.0,
        balance: float = 0.5,
        reduction: Reduction = "sum",
        detach_weights: bool = False,
    ) -> None:
        super().__init__()
        _check_settings(positive_margin, negative_margin, temperature, balance, reduction)
        self.positive_margin = positive_margin
        self.negative_margin = negative_margin
        self.temperature = temperature
        self.balance = balance
        self.reduction: Reduction = reduction
        self.detach_weights = detach_weights

    def forward(self, embeddings: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return the scalar loss of `embeddings` `(n, d)` with class ids `labels` `(n,)`, and `weights` `(n,)` if they have any."""
        return ranked_list_loss(
            embeddings,
            labels,
            weights,
            positive_margin=self.positive_margin,
            negative_margin=self.negative_margin,
            temperature=self.temperature,
            balance=self.balance,
            reduction=self.reduction,
            detach_weights=self.detach_weights,
        )

    def extra_repr(self) -> str:
        return (
            f"positive_margin={self.positive_margin}, negative_margin={self.negative_margin}, "
            f"temperature={self.temperature}, balance={self.balance}, reduction={self.reduction!r}, "
            f"detach_weights={self.detach_weights}"
        )


def _loss_by_autograd(x: Tensor, y: Tensor, f: Tensor | None, settings: RankedListSettings) -> Tensor:
    """The same loss with a maximum subtracted from each row's exponents: slower, for any temperature."""
    distance = _pairwise_distances(x)  # (n, n)
    same = y[:, None] == y[None, :]
    # Written with "not above" so that a distance that is not a number stays in the loss instead of vanishing.
    near_negative = ~same & ~(distance >= settings.negative_margin)
    positive = same.fill_diagonal_(False)
    excess = (distance - settings.positive_margin).clamp_min(0).masked_fill(~positive, 0)  # (n, n)
    each = x.new_ones(len(x)) if f is None else f
    loss_positive = (excess * each).sum(1)
    if settings.reduction == "mean_informative":
        seen = ((excess > 0) * each).sum(1)
        loss_positive = loss_positive / seen.masked_fill(seen == 0, 1)
    elif settings.reduction == "mean_all":
        loss_positive = loss_positive / ((positive * each).sum(1) + CODE_EPSILON)

    shortfall = (settings.negative_margin - distance).masked_fill(~near_negative, 0)  # (n, n)
    logits = (settings.temperature * shortfall + each.log()).masked_fill(~near_negative, torch.finfo(x.dtype).min)
    # A row without negatives gets weights that meet only zeros.
    log_total = torch.logsumexp(logits, 1, keepdim=True)
    if settings.reduction == "mean_all":
        log_total = torch.logaddexp(log_total, log_total.new_tensor(math.log(CODE_EPSILON)))
    weights = (logits - log_total).exp()
    if settings.detach_weights:
        weights = weights.detach()
    loss_negative = (weights * shortfall).sum(1)
    positive_weight, negative_weight = settings.term_weights(float(each.sum()))
    return (each * (positive_weight * loss_positive + negative_weight * loss_negative)).sum()


def _pairwise_distances(x: Tensor) -> Tensor:
    squares = (x * x).sum(1)
    squared = torch.addmm(squares[:, None] + squares[None, :], x, x.T, alpha=-2)  # (n, n)
    # The square root has no finite derivative at 0 (the diagonal, equal rows), so 0 never reaches it.
    coincident = squared <= torch.finfo(x.dtype).tiny
    coincident.fill_diagonal_(True)
    return squared.masked_fill(coincident, 1).sqrt().masked_fill(coincident, 0)


def _check_settings(
    positive_margin: float, negative_margin: float, temperature: float, balance: float, reduction: str
) -> None:
    if not 0 <= positive_margin <= negative_margin < math.inf:
        raise UsageError(
            "`positive_margin` and `negative_margin` must satisfy 0 <= positive_margin <= negative_margin, "
            f"got {positive_margin} and {negative_margin}."
        )
    if not 0 <= temperature < math.inf:
        raise UsageError(f"`temperature` must be a finite number of at least 0, got {temperature}.")
    if not 0 <= balance <= 1:
        raise UsageError(f"`balance` must be between 0 and 1, got {balance}.")
    if reduction not in REDUCTIONS:
        raise UsageError(f"`reduction` must be one of {', '.join(map(repr, REDUCTIONS))}, got {reduction!r}.")
    if reduction == "mean_all" and balance != 0.5:
        raise UsageError(
            f"`reduction='mean_all'` adds both terms without a balance, got balance={balance}. "
            "Leave `balance` at 0.5 or choose another reduction."
        )
