"""What the losses check and do to their inputs first."""

from __future__ import annotations

import torch
from torch import Tensor


IGNORED_LABEL = -100


def prepare(
    embeddings: Tensor, labels: Tensor, *, name: str = "embeddings", labels_name: str = "labels"
) -> tuple[Tensor, Tensor]:
    """Check a batch, drop the rows without a label and leave half precision.

    Args:
        embeddings (`torch.Tensor` of shape `(n, d)`, floating): one row per mention pair.
        labels (`torch.Tensor` of shape `(n,)`, integer): class ids from 0; -100 marks a row to leave out.
        name, labels_name (`str`): how the error messages call them.

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
    embeddings = check_rows(embeddings, name)
    labelled = labelled_rows(labels, len(embeddings), name=name, labels_name=labels_name)
    if labelled is None:
        return embeddings, labels
    return embeddings[labelled], labels[labelled]


def check_rows(rows: Tensor, name: str, shape: str = "(n, d)") -> Tensor:
    """Check that a tensor is floating and has the dimensions of `shape`, and leave half precision.

    Args:
        rows (`torch.Tensor`): any tensor.
        name (`str`): how the error messages call it.
        shape (`str`, defaults to `"(n, d)"`): one letter per dimension.

    Returns:
        `torch.Tensor`: float32 for float16 and bfloat16, else as it came.

    Raises:
        TypeError: the tensor is not floating.
        ValueError: it has another number of dimensions.
    """
    if not rows.is_floating_point():
        raise TypeError(f"`{name}` must be a floating tensor, got {rows.dtype}.")
    if rows.ndim != shape.count(",") + 1:
        raise ValueError(f"`{name}` must have shape {shape}, got {tuple(rows.shape)}.")
    return rows.float() if rows.dtype in (torch.float16, torch.bfloat16) else rows


def check_same_shape(first: Tensor, second: Tensor, names: tuple[str, str]) -> None:
    """Raise `ValueError` unless two tensors have one shape; `names` is what the message calls them."""
    if first.shape != second.shape:
        raise ValueError(
            f"`{names[1]}` must have the shape of `{names[0]}`, {tuple(first.shape)}, got {tuple(second.shape)}."
        )


def labelled_rows(labels: Tensor, num_rows: int, *, name: str, labels_name: str) -> Tensor | None:
    """Check class ids and tell which rows have one.

    Args:
        labels (`torch.Tensor` of shape `(n,)`, integer): class ids from 0, or -100.
        num_rows (`int`): n.
        name, labels_name (`str`): how the error messages call the rows and the labels.

    Returns:
        `torch.Tensor` of shape `(n,)`, bool, or `None` where every row has a class.

    Raises:
        TypeError: labels are not integers.
        ValueError: not one label a row, or a label is negative and not -100.
    """
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise TypeError(f"`{labels_name}` must be an integer tensor of class ids, got {labels.dtype}.")
    if labels.ndim != 1 or len(labels) != num_rows:
        raise ValueError(
            f"`{labels_name}` must have shape ({num_rows},), one class id per row of `{name}`, "
            f"got {tuple(labels.shape)}."
        )
    if len(labels) and int(labels.min()) >= 0:
        return None
    labelled = labels != IGNORED_LABEL
    wrong = labelled & (labels < 0)
    if wrong.any():
        row = int(wrong.nonzero()[0])
        raise ValueError(
            f"`{labels_name}` must be class ids from 0, or {IGNORED_LABEL} for a row to leave out; got "
            f"{int(labels[row])} in row {row}. Number the classes from 0, or replace the value by {IGNORED_LABEL}."
        )
    return labelled


def unit_rows(x: Tensor) -> Tensor:
    """Scale rows, the last dimension, to length one; a row of zeros stays zero."""
    squares = (x * x).sum(-1, keepdim=True)
    # Neither 0/0 nor the enormous gradient of a division by a small constant for a row of zeros.
    return x * squares.masked_fill(squares <= torch.finfo(x.dtype).tiny, 1).rsqrt()
