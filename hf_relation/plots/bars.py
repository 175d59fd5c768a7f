"""`bar_chart`: one horizontal bar per row of a table, with its error."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InvalidRowError, UsageError
from .canvas import PLAIN, check_path, name_legend, new_figure, plain_text, save_figure
from .palette import COLORS, MAX_STYLES


_BARS_WIDE = 5.3  # inches


@dataclass(frozen=True)
class Bar:
    """One bar.

    Args:
        name (`str`): beside the bar.
        value (`float`): its length, finite and not negative.
        error (`float`, *optional*): half the length of the error bar, for instance a standard deviation.
        group (`str`, defaults to none): bars of one group have one colour, named in the legend.
    """

    name: str
    value: float
    error: float | None = None
    group: str = ""


def bar_chart(
    bars: Sequence[Bar],
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    axis: str = "",
    note: str = "",
    digits: int = 3,
) -> Path:
    """Draw horizontal bars from top to bottom, each with its value written beside it.

    Args:
        bars (`Sequence[Bar]`): at least one; at most eight different groups.
        path (`str` or `PathLike`): the file: `.png`, `.svg` or `.pdf`.
        title (`str`, *optional*): above the bars.
        axis (`str`, defaults to none): what the values are.
        note (`str`, defaults to none): a line below, for instance what the error bars are.
        digits (`int`, defaults to 3): decimal places of the values beside the bars.

    Returns:
        `Path`: the file, written whole or not at all.

    Raises:
        UsageError: no bar, more than eight groups, or a bad file name.
        InvalidRowError: a value that is negative or not finite.
        ImportError: matplotlib is not installed.

    Example:

    ```python
    >>> import tempfile
    >>> from hf_relation.plots import Bar, bar_chart
    >>> rows = [Bar("frozen", 0.646, 0.008), Bar("MORE", 0.738, 0.017, group="trained")]
    >>> bar_chart(rows, tempfile.mkdtemp() + "/bars.svg", axis="B-cubed F1").name
    'bars.svg'

    ```
    """
    target = check_path(path)
    if not 1 <= len(bars) <= MAX_STYLES:
        raise UsageError(f"`bars` must hold 1 to {MAX_STYLES} bars, got {len(bars)}.")
    for index, bar in enumerate(bars):
        for name, value in (("value", bar.value), ("error", bar.error or 0.0)):
            if not math.isfinite(value) or value < 0:
                raise InvalidRowError(f"`{name}` must be a finite number of at least 0, got {value}.", index=index)
    groups = list(dict.fromkeys(bar.group for bar in bars))
    if len(groups) > len(COLORS):
        raise UsageError(f"At most {len(COLORS)} groups of bars can be told apart, got {len(groups)}.")
    color_of = dict(zip(groups, COLORS, strict=False))
    named = groups != [""]
    group_names = [plain_text(group or "other", lines=1) for group in groups]
    widths = [0.7 + 0.048 * len(name) for name in group_names]  # of colour and name, in inches
    columns = len(groups) if sum(widths) <= _BARS_WIDE else max(1, int(_BARS_WIDE / max(widths)))
    legend_rows = -(-len(groups) // columns)
    top = 0.14 + (0.36 if title else 0) + (0.1 + 0.2 * legend_rows if named else 0)
    bottom = 0.6 + (0.22 if note else 0)
    width, height = 8.4, 0.34 * len(bars) + top + bottom
    figure = new_figure(width, height)
    axes = figure.add_axes((2.9 / width, bottom / height, _BARS_WIDE / width, 1 - (top + bottom) / height))
    for position, bar in enumerate(bars):
        axes.barh(position, bar.value, height=0.66, color=color_of[bar.group], alpha=0.85)
        if bar.error:
            axes.errorbar(bar.value, position, xerr=bar.error, color="#333333", capsize=2.5, linewidth=1.0)
    longest = max(bar.value + (bar.error or 0.0) for bar in bars) or 1.0
    for position, bar in enumerate(bars):
        text = f"{bar.value:,.{digits}f}" + (f" ± {bar.error:,.{digits}f}" if bar.error else "")
        axes.text(bar.value + (bar.error or 0.0) + 0.015 * longest, position, text, va="center", fontsize=8, **PLAIN)
    axes.set_xlim(0, 1.24 * longest)
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.set_yticks([])
    names_left = axes.get_yaxis_transform()
    for position, bar in enumerate(bars):
        shown = plain_text(bar.name, width=40, lines=1)
        axes.text(-0.012, position, shown, transform=names_left, ha="right", va="center", fontsize=8.5, **PLAIN)
    axes.tick_params(axis="x", labelsize=8)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.set_xlabel(plain_text(axis, width=80, lines=1), fontsize=9, **PLAIN)
    if title:
        shown = plain_text(title, width=80, lines=1)
        figure.text(0.14 / width, 1 - 0.3 / height, shown, fontsize=12, fontweight="bold", **PLAIN)
    if note:
        figure.text(0.14 / width, 0.1 / height, plain_text(note, width=140, lines=1), fontsize=8, **PLAIN)
    if named:
        handles = [axes.barh([0], [0], color=color_of[group], alpha=0.85) for group in groups]
        legend = axes.legend(
            handles,
            ["group"] * len(groups),
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            borderaxespad=0.1,
            ncols=columns,
            fontsize=8,
            frameon=False,
        )
        name_legend(legend, group_names)
    save_figure(figure, target)
    return target
