"""What the losses check and do to their inputs first."""

from __future__ import annotations

import torch
from torch import Tensor

from hf_relation.errors import UsageError


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


def prepare_weights(weights: Tensor | None, labels: Tensor, rows: Tensor) -> Tensor | None:
    """Check the weights of a batch, and drop those of the rows without a label.

    Args:
        weights (`torch.Tensor` of shape `(n,)`, floating, *optional*): finite and at least 0.
        labels (`torch.Tensor` of shape `(n,)`): class ids, as [`prepare`] has checked them.
        rows (`torch.Tensor` of shape `(m, d)`): the rows that [`prepare`] has kept.

    Returns:
        `torch.Tensor` of shape `(m,)`, in the type of the rows and without a gradient; `None` where there are no weights, or all
        are 1.

    Raises:
        TypeError: the weights are not floating.
        ValueError: another shape.
        UsageError: a weight that is negative or not finite.

    Example:

    ```python
    >>> import torch
    >>> prepare_weights(torch.tensor([0.5, 2.0, 1.0]), torch.tensor([4, -100, 0]), torch.zeros(2, 3)).tolist()
    [0.5, 1.0]

    ```
    """
    if weights is None:
        return None
    if not weights.is_floating_point():
        raise TypeError(f"`weights` must be a floating tensor, got {weights.dtype}.")
    if weights.shape != labels.shape:
        raise ValueError(f"`weights` must have shape {tuple(labels.shape)}, one a row, got {tuple(weights.shape)}.")
    kept = weights.detach()[labels != IGNORED_LABEL].to(rows.device, rows.dtype)
    wrong = ~(kept.isfinite() & (kept >= 0))
    if bool(wrong.any()):
        raise UsageError(f"`weights` must be finite and at least 0, got {float(kept[wrong][0])}.")
    return None if bool((kept == 1).all()) else kept


def unit_rows(x: Tensor) -> Tensor:
    """Scale rows, the last dimension, to length one; a row of zeros stays zero."""
    squares = (x * x).sum(-1, keepdim=True)
    # Neither 0/0 nor the enormous gradient of a division by a small constant for a row of zeros.
    return x * squares.masked_fill(squares <= torch.finfo(x.dtype).tiny, 1).rsqrt()
