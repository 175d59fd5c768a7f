"""`heatmap`: a matrix as coloured cells."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import UsageError
from .canvas import PLAIN, check_path, new_figure, plain_text, save_figure


_LARGEST = 256
_WRITTEN = 12  # more rows or columns than this, and the numbers in the cells cannot be read
_LABELS = 32
_NAME = {"va": "center", "fontsize": 8, **PLAIN}


def heatmap(
    values: np.ndarray,
    path: str | os.PathLike[str],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    limits: tuple[float, float] | None = None,
    title: str | None = None,
    x_axis: str = "",
    y_axis: str = "",
    note: str = "",
) -> Path:
    """Draw a matrix: the larger a value, the darker its cell. Row 0 is at the top.

    Up to 12 rows and columns have their values written in the cells. Cells without a value (NaN) are crossed out.

    Args:
        values (`np.ndarray` of shape `(rows, columns)`): finite numbers, or NaN for "none"; at most 256 x 256.
        path (`str` or `PathLike`): the file: `.png`, `.svg` or `.pdf`.
        rows, columns (`Sequence[str]`): names of rows and columns.
        limits (`tuple[float, float]`, *optional*): values of the lightest and the darkest colour; with limits on either side
            of zero, negative values are red. Default: smallest and largest value.
        title (`str`, *optional*): above the cells.
        x_axis, y_axis (`str`, default to none): what columns and rows are.
        note (`str`, defaults to none): a line at the foot.

    Returns:
        `Path`: the file, written whole or not at all.

    Raises:
        UsageError: no matrix, an infinite value, other than one name per row and column, bad limits or a bad file name.
        ImportError: matplotlib is not installed.

    Example:

    ```python
    >>> import tempfile
    >>> import numpy as np
    >>> from hf_relation.plots import heatmap
    >>> values = np.array([[0.1, 0.9, 0.4], [1.0, 0.0, 0.3]])
    >>> heatmap(values, tempfile.mkdtemp() + "/heads.svg", rows=["0", "1"], columns=["0", "1", "2"]).name
    'heads.svg'

    ```
    """
    target = check_path(path)
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or not 1 <= min(array.shape) <= max(array.shape) <= _LARGEST or np.isinf(array).any():
        raise UsageError(
            f"`values` must be a matrix of finite numbers of at most {_LARGEST} x {_LARGEST}, got shape {array.shape}"
            f"{' with infinite values' if np.isinf(array).any() else ''}."
        )
    if (len(rows), len(columns)) != array.shape:
        raise UsageError(
            f"`values` has shape {array.shape}, with {len(rows)} names of rows, {len(columns)} of columns."
        )
    low, high = limits if limits is not None else _own_limits(array)
    if not -np.inf < low < high < np.inf:
        raise UsageError(f"`limits` must be two finite numbers, the smaller first, got {limits}.")

    row_names, column_names = ([plain_text(name, width=24, lines=1) for name in names] for names in (rows, columns))
    turned = max(map(len, column_names)) > 4
    cell = min(max(0.46 if max(array.shape) <= _WRITTEN else 0.3, 4 / max(array.shape)), 24 / max(array.shape))
    left = 0.3 + (0.25 if y_axis else 0) + 0.08 * max(map(len, row_names))
    names_below = 0.12 + (0.08 * max(map(len, column_names)) if turned else 0.14)
    bottom = 0.12 + names_below + (0.25 if x_axis else 0) + (0.25 if note else 0)
    top, right = (0.5 if title else 0.2), 1.15
    width = max(left + cell * array.shape[1] + right, 4.0)
    height = bottom + cell * array.shape[0] + top
    figure = new_figure(width, height)
    inner = (left / width, bottom / height, cell * array.shape[1] / width, cell * array.shape[0] / height)
    axes = figure.add_axes(inner)
    colors = "RdBu" if low < 0 < high else "Blues"
    image = axes.imshow(array, cmap=colors, vmin=low, vmax=high, aspect="auto", interpolation="nearest")
    middle = (low + high) / 2
    for row, column in np.argwhere(np.isnan(array)):
        axes.text(column, row, "×", ha="center", va="center", fontsize=9, color="#888888")
    if max(array.shape) <= _WRITTEN:
        for row, column in np.argwhere(~np.isnan(array)):
            value = array[row, column]
            dark = abs(value) > 0.6 * max(abs(low), abs(high)) if low < 0 < high else value > middle
            shown = f"{value:.2f}".replace("-0.00", "0.00")
            axes.text(column, row, shown, ha="center", va="center", fontsize=7, color="white" if dark else "black")
    axes.set_xticks([])
    axes.set_yticks([])
    step = -(-max(array.shape) // _LABELS)
    for row in range(0, array.shape[0], step):
        axes.text(
            -0.08 / (cell * array.shape[1]),
            row,
            row_names[row],
            transform=axes.get_yaxis_transform(),
            ha="right",
            **_NAME,
        )
    for column in range(0, array.shape[1], step):
        place = {"rotation": 90, "ha": "center", "va": "top"} if turned else {"ha": "center", "va": "top"}
        below = -0.06 / (cell * array.shape[0])
        axes.text(column, below, column_names[column], transform=axes.get_xaxis_transform(), **(_NAME | place))
    for side in axes.spines.values():
        side.set_visible(False)
    x, y = inner[0] + inner[2] / 2, inner[1] + inner[3] / 2
    lowest = (bottom - names_below - 0.1) / height
    figure.text(x, lowest, plain_text(x_axis, width=60, lines=1), ha="center", va="top", fontsize=9, **PLAIN)
    shown = plain_text(y_axis, width=60, lines=1)
    figure.text(0.12 / width, y, shown, rotation=90, ha="left", va="center", fontsize=9, **PLAIN)
    bar = figure.colorbar(
        image, cax=figure.add_axes((inner[0] + inner[2] + 0.2 / width, inner[1], 0.16 / width, inner[3]))
    )
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    if title:
        shown = plain_text(title, width=int((width - 0.3) * 9), lines=1)
        figure.text(0.14 / width, 1 - 0.3 / height, shown, fontsize=11.5, fontweight="bold", **PLAIN)
    if note:
        figure.text(0.14 / width, 0.08 / height, plain_text(note, width=int(width * 16), lines=1), fontsize=8, **PLAIN)
    save_figure(figure, target)
    return target


def _own_limits(array: np.ndarray) -> tuple[float, float]:
    there = array[~np.isnan(array)]
    if not there.size:
        return 0.0, 1.0
    low, high = float(there.min()), float(there.max())
    return (low, high) if low < high else (low - 0.5, high + 0.5)
