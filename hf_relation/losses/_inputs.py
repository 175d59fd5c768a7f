"""What every loss over `(embeddings, labels)` checks and does to its inputs first."""

from __future__ import annotations

import torch
from torch import Tensor


IGNORED_LABEL = -100


def prepare(embeddings: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Check a batch, drop the rows without a label and leave half precision.

    Args:
        embeddings (`torch.Tensor` of shape `(n, d)`, floating): one row per mention pair.
        labels (`torch.Tensor` of shape `(n,)`, integer): class ids from 0; -100 marks a row to leave out.

    Returns:
        `tuple[torch.Tensor, torch.Tensor]`: the labelled rows, `(m, d)` in float32 (float64 stays float64), and their
        labels, `(m,)`. Both may be the inputs themselves; not to be written to.

    Raises:
        TypeError: embeddings are not floating, or labels are not integers.
        ValueError: shapes do not fit, or a label is negative and not -100.

    Example:

    ```python
    >>> import torch
    >>> rows, classes = prepare(torch.eye(3, dtype=torch.bfloat16), torch.tensor([4, -100, 0]))
    >>> rows.shape, rows.dtype, classes.tolist()
    (torch.Size([2, 3]), torch.float32, [4, 0])

    ```
    """
    if not embeddings.is_floating_point():
        raise TypeError(f"`embeddings` must be a floating tensor, got {embeddings.dtype}.")
    if embeddings.ndim != 2:
        raise ValueError(f"`embeddings` must have shape (n, d), got {tuple(embeddings.shape)}.")
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise TypeError(f"`labels` must be an integer tensor of class ids, got {labels.dtype}.")
    if labels.ndim != 1 or len(labels) != len(embeddings):
        raise ValueError(
            f"`labels` must have shape ({len(embeddings)},), one class id per row of `embeddings`, "
            f"got {tuple(labels.shape)}."
        )
    if embeddings.dtype in (torch.float16, torch.bfloat16):
        embeddings = embeddings.float()
    if len(labels) and int(labels.min()) >= 0:
        return embeddings, labels
    labelled = labels != IGNORED_LABEL
    wrong = labelled & (labels < 0)
    if wrong.any():
        row = int(wrong.nonzero()[0])
        raise ValueError(
            f"`labels` must be class ids from 0, or {IGNORED_LABEL} for a row to leave out; got {int(labels[row])} "
            f"in row {row}. Number the classes from 0, or replace the value by {IGNORED_LABEL}."
        )
    return embeddings[labelled], labels[labelled]
