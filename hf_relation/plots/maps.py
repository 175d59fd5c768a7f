"""`embedding_map`: points in two dimensions, coloured by class, in panels side by side."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidRowError, UsageError
from .canvas import PLAIN, check_path, name_legend, new_figure, plain_text, save_figure
from .palette import REST_COLOR, Style, styles


MAX_PANELS = 4
# Inches.
_SIDE, _GAP, _EDGE = 4.3, 0.22, 0.16
_TOP, _SUBTITLE, _FOOT = 0.36, 0.34, 0.3
_COLUMN_ROWS = 25
# Lines of the legend beside a panel; with more, names get one line each.
_COLUMN_LINES = 26
_NAME_WIDTH = 36
# A class is drawn in this many turns, so that none covers the others where they meet.
_ROUNDS = 8

_LEFT_OUT = Style(REST_COLOR, "o")


@dataclass(frozen=True)
class MapPanel:
    """One panel of a map.

    Args:
        title (`str`): above the panel.
        points (array-like of shape `(n, 2)`): one finite row per instance, `n` at least 1.
        labels (array-like of shape `(n,)`, integers): class of each row, an index of `names`; -1 for "left out".
        names (`Sequence[str]`): names of the classes, all different.
    """

    title: str
    points: Any
    labels: Any
    names: Sequence[str]


def embedding_map(
    panels: Sequence[MapPanel],
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    max_points: int = 5000,
    seed: int = 0,
) -> Path:
    """Draw one to four scatter panels side by side with one legend for all of them.

    A class has the same colour and marker in every panel, by its name. The axes carry no ticks: in t-SNE and UMAP maps
    neither directions nor distances between far points mean anything. Names may hold any characters; long ones are
    shortened in the legend, and a script that no installed font has shows as boxes (matplotlib warns). No setting of the running program (backend, open figures) is touched.

    Args:
        panels (`Sequence[MapPanel]`): what to draw, from left to right.
        path (`str` or `PathLike`): the file: `.png`, `.svg` or `.pdf`.
        title (`str`, *optional*): above all panels.
        max_points (`int`, defaults to 5000): a panel with more rows shows this many, chosen at random; the figure then
            says so. Panels with equally many rows show the same ones.
        seed (`int`, defaults to 0): which ones, and what lies on top.

    Returns:
        `Path`: the file, written whole or not at all.

    Raises:
        UsageError: no panel or too many, an empty panel, arrays that do not fit each other, more than 48 classes, or a
            bad file name.
        InvalidRowError: a point is NaN or infinite.
        ImportError: matplotlib is not installed.

    Example:

    ```python
    >>> import tempfile
    >>> from hf_relation.plots import MapPanel, embedding_map
    >>> panel = MapPanel("before", [[0.0, 0.0], [1.0, 1.0], [0.9, 1.0]], [0, 1, 1], ["born in", "works_for"])
    >>> embedding_map([panel], tempfile.mkdtemp() + "/map.png").name
    'map.png'

    ```
    """
    target = check_path(path)
    if not 1 <= len(panels) <= MAX_PANELS:
        raise UsageError(f"`panels` must hold 1 to {MAX_PANELS} panels, got {len(panels)}.")
    if max_points < 1:
        raise UsageError(f"`max_points` must be at least 1, got {max_points}.")
    arrays = [_check(panel) for panel in panels]
    names: list[str] = []
    for panel, (_, labels) in zip(panels, arrays, strict=True):
        names += [name for i, name in enumerate(panel.names) if name not in names and (labels == i).any()]
    style_of = dict(zip(names, styles(len(names)), strict=True))
    left_out = any((labels == -1).any() for _, labels in arrays)
    figure = _Layout(len(panels), title, len(names) + left_out).figure
    notes = []
    for number, (panel, (points, labels)) in enumerate(zip(panels, arrays, strict=True)):
        rows = np.random.default_rng(seed).permutation(len(points))[:max_points]
        if len(rows) < len(points):
            notes.append(f"{plain_text(panel.title, lines=1)}: {len(rows):,} of {len(points):,} points, at random")
        _draw(figure.axes[number], panel, points[rows], labels[rows], style_of)
    if notes:
        figure.text(
            _EDGE / figure.get_figwidth(), 0.09 / figure.get_figheight(), "; ".join(notes), fontsize=8, **PLAIN
        )
    _legend(figure, style_of, left_out)
    save_figure(figure, target)
    return target


class _Layout:
    """A figure with square panels from left to right and room for the legend to their right; sizes in inches."""

    def __init__(self, panels: int, title: str | None, entries: int) -> None:
        columns = max(1, -(-entries // _COLUMN_ROWS))
        legend = 2.55 * columns if entries else 0.0
        top = _SUBTITLE + (_TOP if title else 0.0)
        width = 2 * _EDGE + panels * _SIDE + (panels - 1) * _GAP + legend
        height = _FOOT + _SIDE + top
        self.figure = new_figure(width, height)
        for number in range(panels):
            left = _EDGE + number * (_SIDE + _GAP)
            self.figure.add_axes((left / width, _FOOT / height, _SIDE / width, _SIDE / height))
        if title:
            text = plain_text(title, width=int(width * 9), lines=1)
            self.figure.text(_EDGE / width, 1 - 0.3 / height, text, fontsize=13, fontweight="bold", **PLAIN)


def _check(panel: MapPanel) -> tuple[np.ndarray, np.ndarray]:
    where = f"panel {plain_text(panel.title, lines=1)!r}"
    points, labels = np.asarray(panel.points), np.asarray(panel.labels)
    if points.ndim != 2 or points.shape[1] != 2 or points.dtype.kind not in "fiu":
        raise UsageError(f"{where}: `points` must be real numbers of shape (n, 2), got {points.dtype} {points.shape}.")
    if not len(points):
        raise UsageError(f"{where} has no points. Leave it out or give it some.")
    if labels.shape != (len(points),) or labels.dtype.kind not in "iu":
        raise UsageError(
            f"{where}: `labels` must be {len(points)} integers, one per point, got {labels.dtype} {labels.shape}."
        )
    wrong = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if len(wrong):
        raise InvalidRowError(
            f"{where}: {len(wrong)} of {len(points)} points are NaN or infinite. Remove them first.",
            index=int(wrong[0]),
        )
    outside = np.flatnonzero((labels < -1) | (labels >= len(panel.names)))
    if len(outside):
        raise InvalidRowError(
            f"{where}: label {labels[outside[0]]} has no name; labels are -1 or 0 to {len(panel.names) - 1}.",
            index=int(outside[0]),
        )
    repeated = sorted({name for name in panel.names if list(panel.names).count(name) > 1})
    if repeated:
        raise UsageError(f"{where}: the name {repeated[0]!r} stands for several classes. Make `names` different.")
    return points.astype(np.float64), labels.astype(np.int64)


def _draw(axes: Any, panel: MapPanel, points: np.ndarray, labels: np.ndarray, style_of: dict[str, Style]) -> None:
    size = float(np.clip(14000 / len(points), 5, 26))  # square points
    drawn = [(-1, _LEFT_OUT)] + [
        (label, style_of[name]) for label, name in enumerate(panel.names) if (labels == label).any()
    ]
    for part in np.array_split(np.arange(len(points)), _ROUNDS):
        for label, style in drawn:
            rows = part[labels[part] == label]
            axes.scatter(
                points[rows, 0],
                points[rows, 1],
                s=size,
                c=style.color,
                marker=style.marker,
                alpha=0.85,
                linewidths=0.25,
                edgecolors="white",
            )
    center = (points.min(axis=0) + points.max(axis=0)) / 2
    half = 0.54 * max(float(np.ptp(points, axis=0).max()), 1e-9)
    axes.set_xlim(center[0] - half, center[0] + half)
    axes.set_ylim(center[1] - half, center[1] + half)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_facecolor("white")
    for spine in axes.spines.values():
        spine.set_color("#999999")
        spine.set_linewidth(0.7)
    axes.set_title(plain_text(panel.title, width=60, lines=1), loc="left", fontsize=10.5, color="black", **PLAIN)


def _legend(figure: Any, style_of: dict[str, Style], left_out: bool) -> None:
    entries = list(style_of.items()) + ([("(left out)", _LEFT_OUT)] if left_out else [])
    if not entries:
        return
    columns = -(-len(entries) // _COLUMN_ROWS)
    shown = [plain_text(name, width=_NAME_WIDTH) for name, _ in entries]
    roomy = columns == 1 and sum(name.count("\n") + 1 for name in shown) <= _COLUMN_LINES
    axes = figure.axes[-1]
    handles = [
        axes.scatter([], [], s=38, c=style.color, marker=style.marker, linewidths=0.25, edgecolors="white")
        for _, style in entries
    ]
    legend = axes.legend(
        handles,
        ["name"] * len(entries),  # matplotlib leaves out names that start with an underscore; the real ones come below
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        ncols=columns,
        fontsize=8.5,
        frameon=False,
        borderaxespad=0.35,
        handletextpad=0.25,
        labelspacing=0.42 if roomy else 0.2,
        labelcolor="black",
    )
    name_legend(legend, shown if roomy else [plain_text(full, width=_NAME_WIDTH, lines=1) for full, _ in entries])
