"""Starting a linear classifier at groups of rows that are at hand, in the place of random weights."""

from __future__ import annotations

import torch
from torch.nn import functional

from hf_relation.errors import UsageError


def head_at_groups(
    h: torch.Tensor, labels: torch.Tensor, number: int, *, sharpness: float = 10.0
) -> tuple[torch.Tensor, torch.Tensor]:
    r"""Give weight and bias of a linear layer that puts every row into the group whose centre lies in its direction.

    With m the mean of all rows, s the root mean square of |h - m| and c the centre of a group, its logit is
    `sharpness * <c - m, h - m> / (|c - m| s)`: `sharpness` times about the cosine.

    Args:
        h (`torch.Tensor` of shape `(n, d)`): rows, not scaled to unit length.
        labels (`torch.Tensor` of shape `(n,)`, int64): group of every row, from 0; all `number` groups occur.
        number (`int`): how many groups.
        sharpness (`float`, defaults to 10.0): above 0; a larger one makes the first predictions more certain.

    Returns:
        `tuple[torch.Tensor, torch.Tensor]`: weight `(number, d)` and bias `(number,)`, float64.

    Raises:
        UsageError: not one label per row, a group without a row, or a label out of range.

    Example:

    ```python
    >>> import torch
    >>> from hf_relation.models.cluster_head import head_at_groups
    >>> h = torch.tensor([[3.0, 1.0], [3.2, 1.0], [1.0, 2.0]])
    >>> weight, bias = head_at_groups(h, torch.tensor([1, 1, 0]), 2)
    >>> (h.double() @ weight.T + bias).argmax(dim=1).tolist()
    [1, 1, 0]

    ```
    """
    if labels.shape != (len(h),) or len(h) == 0 or labels.unique().tolist() != list(range(number)):
        raise UsageError(
            f"`labels` must give every row of `h` one of {number} clusters, and every cluster a row; got shape "
            f"{tuple(labels.shape)} for {len(h)} rows, and {labels.unique().numel()} different labels."
        )
    rows = h.double()
    mean = rows.mean(dim=0)
    rows = rows - mean
    centers = torch.stack([rows[labels == group].mean(dim=0) for group in range(number)])
    spread = rows.square().sum(dim=1).mean().sqrt().clamp(min=1e-12)
    weight = sharpness / spread * functional.normalize(centers, dim=1)
    return weight, -weight @ mean
