"""`histogram`: how often values fall into equal steps."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import InvalidRowError, UsageError
from .canvas import PLAIN, check_path, new_figure, plain_text, save_figure


def histogram(
    values: Sequence[float] | np.ndarray,
    path: str | os.PathLike[str],
    *,
    limits: tuple[float, float] = (0.0, 1.0),
    bins: int = 25,
    title: str | None = None,
    x_axis: str = "",
    y_axis: str = "",
    note: str = "",
) -> Path:
    """Draw how many values fall into each of `bins` equal steps between two limits.

    Args:
        values (`Sequence[float]`): at least one, all within the limits.
        path (`str` or `PathLike`): the file: `.png`, `.svg` or `.pdf`.
        limits (`tuple[float, float]`, defaults to 0 and 1): first and last edge.
        bins (`int`, defaults to 25): number of steps.
        title (`str`, *optional*): above the bars.
        x_axis, y_axis (`str`, default to none): what the values are, and what is counted.
        note (`str`, defaults to none): a line at the foot.

    Returns:
        `Path`: the file, written whole or not at all.

    Raises:
        UsageError: no values, or a bad file name.
        InvalidRowError: a value outside the limits, or not finite; `.index` is its position.
        ImportError: matplotlib is not installed.

    Example:

    ```python
    >>> import tempfile
    >>> from hf_relation.plots.histograms import histogram
    >>> histogram([0.1, 0.4, 0.45], tempfile.mkdtemp() + "/scores.svg", x_axis="score").name
    'scores.svg'

    ```
    """
    target = check_path(path)
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or not len(numbers):
        raise UsageError(f"`values` must be a list of at least one number, got shape {numbers.shape}.")
    wrong = np.flatnonzero(~((numbers >= limits[0]) & (numbers <= limits[1])))
    if len(wrong):
        raise InvalidRowError(
            f"A value must be from {limits[0]} to {limits[1]}, got {numbers[wrong[0]]}.", index=int(wrong[0])
        )
    width, height = 6.4, 3.6
    figure = new_figure(width, height)
    foot, top = (0.76 if note else 0.55), (0.42 if title else 0.14)
    axes = figure.add_axes((0.75 / width, foot / height, 5.5 / width, 1 - (foot + top) / height))
    axes.hist(numbers, bins=bins, range=limits, color="#0072B2", edgecolor="white", linewidth=0.8)
    axes.set_xlim(*limits)
    axes.tick_params(labelsize=8)
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.set_xlabel(plain_text(x_axis, width=80, lines=1), fontsize=9, **PLAIN)
    axes.set_ylabel(plain_text(y_axis, width=40, lines=1), fontsize=9, **PLAIN)
    if title:
        shown = plain_text(title, width=56, lines=1)
        figure.text(0.14 / width, 1 - 0.3 / height, shown, fontsize=11.5, fontweight="bold", **PLAIN)
    if note:
        figure.text(0.14 / width, 0.1 / height, plain_text(note, width=104, lines=1), fontsize=8, **PLAIN)
    save_figure(figure, target)
    return target
