"""`line_chart`: figures against a number, one line a method."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..compat import import_optional
from ..errors import InvalidRowError, UsageError
from .canvas import PLAIN, check_path, name_legend, new_figure, plain_text, save_figure
from .palette import MAX_STYLES, styles


_APART = 0.07  # inches


@dataclass(frozen=True)
class Line:
    """One line.

    Args:
        name (`str`): in the legend.
        points (`Sequence[tuple[float, float]]`): at least one; finite, in the order in which they are joined.
        errors (`Sequence[float]`, *optional*): half the length of each point's error bar.
    """

    name: str
    points: Sequence[tuple[float, float]]
    errors: Sequence[float] | None = None


def line_chart(
    lines: Sequence[Line],
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    x_axis: str = "",
    y_axis: str = "",
    note: str = "",
    side_by_side: bool = False,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
) -> Path:
    """Draw lines with a marker at every point and a legend below the title.

    Where all numbers across are whole, so are the ticks.

    Args:
        lines (`Sequence[Line]`): what to draw; at least one.
        path (`str` or `PathLike`): the file: `.png`, `.svg` or `.pdf`.
        title (`str`, *optional*): above the lines.
        x_axis, y_axis (`str`, default to none): what the numbers are.
        note (`str`, defaults to none): a line at the foot, for instance what the error bars are.
        side_by_side (`bool`, defaults to `False`): draw every line a little to the right of the one before, or error bars of
            points with one number across would hide one another.
        x_range, y_range (`tuple[float, float]`, *optional*): what the axes show at least, for instance 0 to 100 for percentages; by
            default what the points need.

    Returns:
        `Path`: the file, written whole or not at all.

    Raises:
        UsageError: no line, too many, a line without points, other than one error per point, a bad range, or a bad file name.
        InvalidRowError: a number is not finite, or an error is negative; `.index` is the line's position.
        ImportError: matplotlib is not installed.

    Example:

    ```python
    >>> import tempfile
    >>> from hf_relation.plots import Line, line_chart
    >>> lines = [Line("before", [(1, 0.8), (20, 0.7)]), Line("after", [(1, 0.82), (20, 0.75)], [0.01, 0.01])]
    >>> line_chart(lines, tempfile.mkdtemp() + "/accuracy.svg", x_axis="K", y_axis="accuracy").name
    'accuracy.svg'

    ```
    """
    target = check_path(path)
    if not 1 <= len(lines) <= MAX_STYLES:
        raise UsageError(f"`lines` must hold 1 to {MAX_STYLES} lines, got {len(lines)}.")
    for index, line in enumerate(lines):
        _check(line, index)
    for name, extent in (("x_range", x_range), ("y_range", y_range)):
        if extent is not None and not (len(extent) == 2 and -math.inf < extent[0] < extent[1] < math.inf):
            raise UsageError(f"`{name}` must be two finite numbers, the smaller one first, got {extent}.")
    width, height = 6.4, 4.4
    figure = new_figure(width, height)
    foot, top = (0.72 if note else 0.55), (0.42 if title else 0.14)
    axes = figure.add_axes((0.75 / width, foot / height, 5.5 / width, 1 - (foot + top) / height))
    moving, ticking = (import_optional(f"matplotlib.{name}", extra="viz") for name in ("transforms", "ticker"))
    for place, (line, style) in enumerate(zip(lines, styles(len(lines)), strict=True)):
        x, y = zip(*line.points, strict=True)
        drawn = axes.errorbar(
            x, y, yerr=line.errors, color=style.color, marker=style.marker, markersize=5, linewidth=1.4, capsize=2.5
        )
        if (
            side_by_side
        ):  # moved once it is drawn: what has a transform of its own is not seen when the axes are scaled
            right = _APART * (place - (len(lines) - 1) / 2)
            for artist in drawn.get_children():
                artist.set_transform(axes.transData + moving.ScaledTranslation(right, 0.0, figure.dpi_scale_trans))
    for extent, place, show in ((x_range, 0, axes.set_xlim), (y_range, 1, axes.set_ylim)):
        if extent is not None:
            reach = [*extent, *(point[place] for line in lines for point in line.points)]
            edge = 0.02 * (max(reach) - min(reach))  # for markers on the border
            show(min(reach) - edge, max(reach) + edge)
    if all(float(x).is_integer() for line in lines for x, _ in line.points):
        axes.xaxis.set_major_locator(ticking.MaxNLocator(integer=True))
    axes.set_xlabel(plain_text(x_axis, width=80, lines=1), fontsize=9, **PLAIN)
    axes.set_ylabel(plain_text(y_axis, width=60, lines=1), fontsize=9, **PLAIN)
    axes.tick_params(labelsize=8)
    axes.grid(color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    handles = [axes.plot([], [], color=style.color, marker=style.marker)[0] for style in styles(len(lines))]
    legend = axes.legend(handles, ["name"] * len(lines), fontsize=8, frameon=False)
    name_legend(legend, (plain_text(line.name, width=40, lines=1) for line in lines))
    if title:
        shown = plain_text(title, width=56, lines=1)
        figure.text(0.14 / width, 1 - 0.3 / height, shown, fontsize=11.5, fontweight="bold", **PLAIN)
    if note:
        figure.text(0.14 / width, 0.08 / height, plain_text(note, width=110, lines=1), fontsize=8, **PLAIN)
    save_figure(figure, target)
    return target


def _check(line: Line, index: int) -> None:
    if not line.points:
        raise UsageError(f"The line {line.name!r} has no points.")
    if line.errors is not None and len(line.errors) != len(line.points):
        raise UsageError(f"The line {line.name!r} has {len(line.points)} points and {len(line.errors)} errors.")
    if not all(math.isfinite(value) for point in line.points for value in point):
        raise InvalidRowError(f"The line {line.name!r} has a point that is not finite.", index=index)
    if not all(math.isfinite(error) and error >= 0 for error in line.errors or ()):
        raise InvalidRowError(
            f"The errors of the line {line.name!r} must be finite numbers of at least 0.", index=index
        )
