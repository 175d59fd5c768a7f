"""`network_chart`: named nodes joined by coloured arrows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..compat import import_optional
from ..errors import UsageError
from .canvas import PLAIN, check_path, name_legend, new_figure, plain_text, save_figure
from .palette import COLORS


_DASHES = ("solid", "dashed", "dotted")
_MOST_KINDS = len(COLORS) * len(_DASHES)
_SIDE, _LEGEND, _EDGE = 7.2, 2.7, 0.14  # inches


def network_chart(
    names: Sequence[str],
    places: Sequence[tuple[float, float]],
    edges: Sequence[tuple[int, int, str]],
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    note: str = "",
) -> Path:
    """Draw a graph whose nodes have their places already.

    Args:
        names (`Sequence[str]`): one for each node, shown beside it; none where it is blank.
        places (`Sequence[tuple[float, float]]`): one for each node.
        edges (`Sequence[tuple[int, int, str]]`): from which node, to which, and the kind; at least one. The first 24 kinds have
            a colour and dash each, the others are grey and named "other" together.
        path (`str` or `PathLike`): the file: `.png`, `.svg` or `.pdf`.
        title (`str`, *optional*): above the graph.
        note (`str`, defaults to none): a line at the foot.

    Returns:
        `Path`: the file, written whole or not at all.

    Raises:
        UsageError: no edge, an edge to a node that is not there, other than one place per name, or a bad file name.
        ImportError: matplotlib is not installed.

    Example:

    ```python
    >>> import tempfile
    >>> from hf_relation.plots.networks import network_chart
    >>> network_chart(["Ada", "Rome"], [(0, 0), (1, 1)], [(0, 1, "born in")], tempfile.mkdtemp() + "/graph.svg").name
    'graph.svg'

    ```
    """
    target = check_path(path)
    points = np.asarray(places, dtype=np.float64).reshape(-1, 2)
    if len(points) != len(names):
        raise UsageError(f"`places` must have one entry per name ({len(names)}), got {len(points)}.")
    if not edges or not all(0 <= node < len(names) for edge in edges for node in edge[:2]):
        raise UsageError(f"`edges` must hold at least one edge, between nodes 0 to {len(names) - 1}.")
    lines = import_optional("matplotlib.lines", extra="viz")
    kinds = list(dict.fromkeys(kind for _, _, kind in edges))
    look = {kind: (COLORS[i % 8], _DASHES[i // 8]) for i, kind in enumerate(kinds[:_MOST_KINDS])}
    top, foot = (0.42 if title else 0.12), (0.36 if note else 0.12)
    width, height = _SIDE + _LEGEND + 2 * _EDGE, _SIDE * 0.8 + top + foot
    figure = new_figure(width, height)
    axes = figure.add_axes((_EDGE / width, foot / height, _SIDE / width, _SIDE * 0.8 / height))
    for head, tail, kind in edges:
        color, dash = look.get(kind, ("#999999", "solid"))
        arrow = {"arrowstyle": "-|>", "color": color, "linewidth": 1.1, "linestyle": dash, "shrinkA": 3, "shrinkB": 4}
        axes.annotate("", points[tail], points[head], arrowprops=arrow | {"connectionstyle": "arc3,rad=0.06"})
    axes.scatter(points[:, 0], points[:, 1], s=16, c="white", edgecolors="#444444", linewidths=0.9, zorder=3)
    halo = {"boxstyle": "square,pad=0.06", "facecolor": "white", "edgecolor": "none", "alpha": 0.75}
    beside = {"textcoords": "offset points", "ha": "center", "fontsize": 7.5, "zorder": 4, **PLAIN}
    for (x, y), name in zip(points, names, strict=True):
        axes.annotate(plain_text(name, width=22, lines=1), (x, y), (0, 4.5), bbox=halo, **beside)
    axes.margins(0.08)
    axes.set_axis_off()
    handles = [lines.Line2D([], [], color=color, linestyle=dash, linewidth=1.4) for color, dash in look.values()]
    shown_names = [plain_text(kind, width=36, lines=1) for kind in look]
    if len(kinds) > len(look):
        handles.append(lines.Line2D([], [], color="#999999", linewidth=1.4))
        shown_names.append(f"other ({len(kinds) - len(look)} more)")
    legend = axes.legend(
        handles,
        ["name"] * len(handles),
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        fontsize=8.5,
        frameon=False,
        labelcolor="black",
    )
    name_legend(legend, shown_names)
    if title:
        shown = plain_text(title, width=80, lines=1)
        figure.text(_EDGE / width, 1 - 0.3 / height, shown, fontsize=12, fontweight="bold", **PLAIN)
    if note:
        figure.text(_EDGE / width, 0.1 / height, plain_text(note, width=150, lines=1), fontsize=8, **PLAIN)
    save_figure(figure, target)
    return target
