"""Figures of learning orders: how much was learned by every epoch, and how far two models agree on it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UsageError
from .lines import Line, line_chart


def learned_by_epoch_plot(
    shares: Mapping[str, Sequence[float] | np.ndarray],
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    note: str = "",
) -> Path:
    """Draw the percentage of all instances that was learned by the end of every epoch, one line a learning order.

    Lines may be of several models, or of parts of the instances, such as those with right and with corrupted labels.

    Args:
        shares (`Mapping[str, array-like of shape (epochs,)]`): by name, one or more; in [0, 1], from epoch 1, see
            [`~hf_relation.metrics.learned_by_epoch`]. They may be of different numbers of epochs.
        path (`str` or `PathLike`): the file: `.png`, `.svg` or `.pdf`.
        title (`str`, *optional*): above the lines.
        note (`str`, defaults to none): a line at the foot.

    Returns:
        `Path`: the file, written whole or not at all.

    Raises:
        UsageError: no line, too many, one without an epoch, a share outside [0, 1], or a bad file name.
        ImportError: matplotlib is not installed.

    Example:

    ```python
    >>> import tempfile
    >>> from hf_relation.metrics import learned_by_epoch
    >>> from hf_relation.plots import learned_by_epoch_plot
    >>> orders = {"right labels": [1, 1, 2, 3], "corrupted labels": [3, -1, -1, -1]}
    >>> shares = {name: learned_by_epoch(order, num_epochs=3) for name, order in orders.items()}
    >>> learned_by_epoch_plot(shares, tempfile.mkdtemp() + "/learned.svg").name
    'learned.svg'

    ```

    Reference: Hogan, Li and Shang, "Fine-grained Contrastive Learning for Relation Extraction", EMNLP 2022, figure 2.
    """
    lines = []
    for name, share in shares.items():
        values = _column(share, f"The shares of {name!r}")
        if np.isnan(values).any():
            raise UsageError(f"The shares of {name!r} hold NaN.")
        lines.append(Line(name, [(epoch, 100 * value) for epoch, value in enumerate(values.tolist(), 1)]))
    return line_chart(
        lines,
        path,
        title=title,
        x_axis="epoch",
        y_axis="learned by the end of the epoch (% of instances)",
        note=note,
        y_range=(0.0, 100.0),
    )


def learned_jaccard_plot(
    overlaps: Mapping[str, Sequence[float] | np.ndarray],
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    note: str = "",
) -> Path:
    """Draw how far two models have learned the same instances by the end of every epoch: their Jaccard overlap.

    Epochs by whose end neither has learned anything have NaN, and no point.

    Args:
        overlaps (`Mapping[str, array-like of shape (epochs,)]`): by name of the two models, such as `"BERT, MiniLM"`, one or more;
            in [0, 1] or NaN, from epoch 1, see [`~hf_relation.metrics.learned_jaccard`].
        path (`str` or `PathLike`): the file: `.png`, `.svg` or `.pdf`.
        title (`str`, *optional*): above the lines.
        note (`str`, defaults to none): a line at the foot.

    Returns:
        `Path`: the file, written whole or not at all.

    Raises:
        UsageError: no line, too many, one that is all NaN, an overlap outside [0, 1], or a bad file name.
        ImportError: matplotlib is not installed.

    Example:

    ```python
    >>> import tempfile
    >>> from hf_relation.metrics import learned_jaccard
    >>> from hf_relation.plots import learned_jaccard_plot
    >>> overlap = learned_jaccard([2, 2, 3, -1], [2, 3, 3, 3], num_epochs=3)
    >>> learned_jaccard_plot({"BERT, MiniLM": overlap}, tempfile.mkdtemp() + "/overlap.svg").name
    'overlap.svg'

    ```

    Reference: Hogan, Li and Shang, "Fine-grained Contrastive Learning for Relation Extraction", EMNLP 2022, figure 3.
    """
    lines, last = [], 1
    for name, overlap in overlaps.items():
        values = _column(overlap, f"The overlaps of {name!r}")
        last = max(last, len(values))
        points = [(epoch, value) for epoch, value in enumerate(values.tolist(), 1) if value == value]
        if not points:
            raise UsageError(f"The overlaps of {name!r} are all NaN: neither has learned anything.")
        lines.append(Line(name, points))
    return line_chart(
        lines,
        path,
        title=title,
        x_axis="epoch",
        y_axis="learned by both / learned by either",
        note=note,
        x_range=(1.0, float(last)) if last > 1 else None,
        y_range=(0.0, 1.0),
    )


def _column(values: Any, what: str) -> np.ndarray:
    column = np.asarray(values, dtype=np.float64)
    if column.ndim != 1 or not len(column):
        raise UsageError(f"{what} must have one number for every epoch, got an array of shape {column.shape}.")
    if ((column < 0) | (column > 1)).any():
        wrong = int(((column < 0) | (column > 1)).argmax())
        raise UsageError(f"{what} must be in [0, 1], got {column[wrong]} at epoch {wrong + 1}.")
    return column
