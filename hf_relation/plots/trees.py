"""`tree_chart`: a dendrogram, leaves at the left."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..compat import import_optional
from ..errors import UsageError
from .canvas import PLAIN, check_path, new_figure, plain_text, save_figure


_MOST = 300
_WIDE = 5.0  # inches


def tree_chart(
    linkage: np.ndarray,
    names: Sequence[str],
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    axis: str = "",
    note: str = "",
) -> Path:
    """Draw a tree of things that were joined two by two.

    Args:
        linkage (`np.ndarray` of shape `(n - 1, 4)`): as scipy's `linkage` gives.
        names (`Sequence[str]`): of the `n` leaves, 2 to 300.
        path (`str` or `PathLike`): the file: `.png`, `.svg` or `.pdf`.
        title (`str`, *optional*): above the tree.
        axis (`str`, defaults to none): what the heights are.
        note (`str`, defaults to none): a line at the foot.

    Returns:
        `Path`: the file, written whole or not at all.

    Raises:
        UsageError: too few or too many leaves, a linkage of another shape, or a bad file name.
        ImportError: matplotlib is not installed.

    Example:

    ```python
    >>> import tempfile
    >>> import numpy as np
    >>> from hf_relation.plots.trees import tree_chart
    >>> tree_chart(np.array([[0, 1, 0.5, 2]]), ["born in", "lives in"], tempfile.mkdtemp() + "/tree.svg").name
    'tree.svg'

    ```
    """
    target = check_path(path)
    if not 2 <= len(names) <= _MOST:
        raise UsageError(f"`names` must hold 2 to {_MOST} leaves, got {len(names)}.")
    if np.shape(linkage) != (len(names) - 1, 4):
        raise UsageError(
            f"`linkage` must have shape ({len(names) - 1}, 4) for {len(names)} leaves, got {np.shape(linkage)}."
        )
    collections = import_optional("matplotlib.collections", extra="viz")
    from scipy.cluster.hierarchy import dendrogram

    tree = dendrogram(np.asarray(linkage, dtype=np.float64), no_plot=True)
    top, bottom = 0.14 + (0.36 if title else 0), 0.55 + (0.22 if note else 0)
    width, height = 8.4, 0.24 * len(names) + top + bottom
    figure = new_figure(width, height)
    left = 3.1
    axes = figure.add_axes((left / width, bottom / height, _WIDE / width, 1 - (top + bottom) / height))
    lines = [
        np.column_stack([heights, places]) for heights, places in zip(tree["dcoord"], tree["icoord"], strict=True)
    ]
    axes.add_collection(collections.LineCollection(lines, colors="#0072B2", linewidths=1.3))
    axes.set_xlim(0, 1.04 * float(np.max(tree["dcoord"])) or 1.0)
    axes.set_ylim(10 * len(names) + 1, -1)
    axes.set_yticks([])
    beside = axes.get_yaxis_transform()
    for place, leaf in enumerate(tree["leaves"]):
        shown = plain_text(names[leaf], width=42, lines=1)
        axes.text(-0.012, 5 + 10 * place, shown, transform=beside, ha="right", va="center", fontsize=8.5, **PLAIN)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.set_xlabel(plain_text(axis, width=80, lines=1), fontsize=9, **PLAIN)
    if title:
        shown = plain_text(title, width=80, lines=1)
        figure.text(0.14 / width, 1 - 0.3 / height, shown, fontsize=12, fontweight="bold", **PLAIN)
    if note:
        figure.text(0.14 / width, 0.1 / height, plain_text(note, width=130, lines=1), fontsize=8, **PLAIN)
    save_figure(figure, target)
    return target
