"""Supervised contrastive loss."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from hf_relation.errors import UsageError
from hf_relation.losses._inputs import prepare, prepare_weights, unit_rows


def sup_con_loss(
    embeddings: Tensor, labels: Tensor, weights: Tensor | None = None, *, temperature: float = 0.1
) -> Tensor:
    r"""Raise the similarity of rows of one class against that of all other rows of the batch.

    With \\(z_i\\) the rows scaled to unit length and \\(P(i)\\) the other rows of the class of i,

        loss(i) = -1/|P(i)| * sum over p in P(i) of log( exp(z_i z_p / T) / sum over a != i of exp(z_i z_a / T) )

    averaged over the rows that have at least one positive. A batch without a positive pair has the loss 0, with a
    (zero) gradient. Computed in float32 (float64 for float64 input), also under autocast.

    With `weights`, such as those of labels that may be wrong, \\(f_j\\) is what row j counts wherever it occurs: as an anchor, as a
    positive and in the denominator,

        loss(i) = - sum over p in P(i) of f_p/F(i) * log( f_p exp(z_i z_p / T) / sum over a != i of f_a exp(z_i z_a / T) )

    with F(i) the sum of f over P(i), and the average over rows i is weighted by f_i. A positive is weighted too, since a wrong
    label would otherwise pull every right one of its class with full force. Only ratios matter: weights that are all the
    same are none, and a row of weight 0 is as if it were not there.

    Args:
        embeddings (`torch.Tensor` of shape `(n, d)`, floating): one row per mention pair; rows need not be normalised.
            A row of zeros has similarity 0 to every other.
        labels (`torch.Tensor` of shape `(n,)`, integer): class ids from 0. Rows with label -100 are left out.
        weights (`torch.Tensor` of shape `(n,)`, floating, *optional*): f, finite and at least 0; constants. Default: all 1.
        temperature (`float`, defaults to 0.1): T, above 0.

    Returns:
        `torch.Tensor`: scalar, at least 0; float64 for float64 input, else float32.

    Raises:
        TypeError: embeddings are not floating, or labels are not integers.
        ValueError: shapes do not fit, a label is negative and not -100, a weight is negative or not finite, or `temperature` is
            not above 0.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.losses import sup_con_loss
    >>> rows = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [-0.6, 0.8]])
    >>> round(sup_con_loss(rows, torch.tensor([0, 0, 1, 1]), temperature=0.5).item(), 5)
    0.43019

    ```

    Reference:
        Khosla et al., "Supervised Contrastive Learning", NeurIPS 2020, equation 2 (L_out), without the factor
        T / T_base of the authors' code. Rows without a positive, for which the equation is undefined, are left out of
        the average.
    """
    _check_temperature(temperature)
    with torch.autocast(embeddings.device.type, enabled=False):
        x, y = prepare(embeddings, labels)
        f = prepare_weights(weights, labels, x)
        if len(x) == 0:
            return x.sum()  # zero, with a gradient
        z = unit_rows(x)
        positive = y[:, None] == y[None, :]
        positive.fill_diagonal_(False)
        logits = z @ z.T / temperature  # (n, n)
        itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
        if f is not None:
            return _weighted(logits, positive, itself, f)
        log_total = torch.logsumexp(logits.masked_fill(itself, torch.finfo(z.dtype).min), 1)
        num_positive = positive.sum(1)
        # mean over P(i) of (log_total - logit), without an (n, n) table of log-probabilities
        attraction = logits.masked_fill(~positive, 0).sum(1) / num_positive.clamp_min(1)
        per_anchor = (log_total - attraction).masked_fill(num_positive == 0, 0)
        return per_anchor.sum() / (num_positive > 0).sum().clamp_min(1)


def _weighted(logits: Tensor, positive: Tensor, itself: Tensor, f: Tensor) -> Tensor:
    logits = logits + f.masked_fill(f == 0, 1).log()  # (n, n), of every column its weight inside the exponent
    absent = f == 0
    log_total = torch.logsumexp(logits.masked_fill(itself | absent, torch.finfo(logits.dtype).min), 1)
    shares = positive * f
    mass = shares.sum(1)
    attraction = (logits * shares).sum(1) / mass.masked_fill(mass == 0, 1)
    per_anchor = (log_total - attraction).masked_fill(mass == 0, 0)
    counted = f.masked_fill(mass == 0, 0).sum()
    return (f * per_anchor).sum() / counted.masked_fill(counted == 0, 1)


class SupConLoss(nn.Module):
    """[`sup_con_loss`] as a module; see there for the equation and the reference.

    Args:
        temperature (`float`, defaults to 0.1): above 0.

    Raises:
        ValueError: `temperature` is not above 0.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.losses import SupConLoss
    >>> SupConLoss(temperature=0.5)(torch.eye(2), torch.tensor([0, 1])).item()  # no positive pair
    0.0

    ```
    """

    def __init__(self, *, temperature: float = 0.1) -> None:
        super().__init__()
        _check_temperature(temperature)
        self.temperature = temperature

    def forward(self, embeddings: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return the scalar loss of `embeddings` `(n, d)` with class ids `labels` `(n,)`, and `weights` `(n,)` if they have any."""
        return sup_con_loss(embeddings, labels, weights, temperature=self.temperature)

    def extra_repr(self) -> str:
        return f"temperature={self.temperature}"


def _check_temperature(temperature: float) -> None:
    if not 0 < temperature < math.inf:
        raise UsageError(f"`temperature` must be a finite number above 0, got {temperature}.")
