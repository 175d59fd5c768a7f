"""`reliability_plot`: what probabilities say against how often they are right, and how many there are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..errors import InvalidRowError, UsageError
from .canvas import PLAIN, check_path, name_legend, new_figure, plain_text, save_figure
from .palette import COLORS, Style, styles


class ReliabilityBins(Protocol):
    """What is drawn of one method; [`~hf_relation.extraction.ReliabilityCurve`] is one.

    Attributes:
        edges (`np.ndarray` of shape `(b + 1,)`): ends of the bins, rising, in [0, 1].
        counts (`np.ndarray` of shape `(b,)`): scores in each bin.
        predicted (`np.ndarray` of shape `(b,)`): mean probability in the bin; not read where it is empty.
        observed (`np.ndarray` of shape `(b,)`): share that is true; not read where it is empty.
    """

    @property
    def edges(self) -> np.ndarray: ...
    @property
    def counts(self) -> np.ndarray: ...
    @property
    def predicted(self) -> np.ndarray: ...
    @property
    def observed(self) -> np.ndarray: ...


def reliability_plot(
    curves: Mapping[str, ReliabilityBins],
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    note: str = "",
) -> Path:
    """Draw reliability curves beside the diagonal, where probabilities are right, over a histogram of the scores.

    The histogram has a logarithmic scale: nearly all pairs of a text are unrelated, and score near 0.

    Args:
        curves (`Mapping[str, ReliabilityBins]`): by name, for instance `{"before": ..., "after": ...}`; one to eight.
        path (`str` or `PathLike`): the file: `.png`, `.svg` or `.pdf`.
        title (`str`, *optional*): above the curves.
        note (`str`, defaults to none): a line at the foot, for instance on which pairs.

    Returns:
        `Path`: the file, written whole or not at all.

    Raises:
        UsageError: no curve, more than eight, or a bad file name.
        InvalidRowError: a curve whose arrays do not fit one another, or are out of range; `.index` is its position.
        ImportError: matplotlib is not installed.

    Example:

    ```python
    >>> import tempfile
    >>> from hf_relation.extraction import reliability_curve
    >>> from hf_relation.plots import reliability_plot
    >>> curve = reliability_curve([0.1, 0.3, 0.9, 0.9], [0, 0, 1, 0], num_bins=2)
    >>> reliability_plot({"uncalibrated": curve}, tempfile.mkdtemp() + "/reliability.svg").name
    'reliability.svg'

    ```

    Reference: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, figure 1.
    """
    target = check_path(path)
    if not 1 <= len(curves) <= len(COLORS):
        raise UsageError(f"`curves` must hold 1 to {len(COLORS)} curves, got {len(curves)}.")
    for index, (name, curve) in enumerate(curves.items()):
        _check(name, curve, index)
    width, height = 5.4, 6.0
    figure = new_figure(width, height)
    foot, top, lower = (0.72 if note else 0.55), (0.42 if title else 0.14), 1.1
    left, inner = 0.85 / width, 4.4 / width
    upper_foot = foot + lower + 0.18
    axes = figure.add_axes((left, upper_foot / height, inner, 1 - (upper_foot + top) / height))
    histogram = figure.add_axes((left, foot / height, inner, lower / height), sharex=axes)
    axes.plot([0, 1], [0, 1], color="#777777", linewidth=1.0, linestyle="--")
    chosen = styles(len(curves))
    handles = [_draw(axes, histogram, curve, style) for curve, style in zip(curves.values(), chosen, strict=True)]
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.tick_params(labelsize=8, labelbottom=False)
    histogram.tick_params(labelsize=8)
    histogram.set_yscale("log")
    histogram.set_ylim(bottom=0.7)
    axes.set_ylabel("share that is true", fontsize=9)
    histogram.set_ylabel("scores", fontsize=9)
    histogram.set_xlabel("predicted probability", fontsize=9)
    for part in (axes, histogram):
        part.grid(color="#DDDDDD", linewidth=0.6)
        part.set_axisbelow(True)
        for side in ("top", "right"):
            part.spines[side].set_visible(False)
    legend = axes.legend(handles, ["name"] * len(curves), fontsize=8, frameon=False, loc="upper left")
    name_legend(legend, (plain_text(name, width=40, lines=1) for name in curves))
    if title:
        shown = plain_text(title, width=58, lines=1)
        figure.text(0.14 / width, 1 - 0.3 / height, shown, fontsize=11.5, fontweight="bold", **PLAIN)
    if note:
        figure.text(0.14 / width, 0.08 / height, plain_text(note, width=92, lines=1), fontsize=8, **PLAIN)
    save_figure(figure, target)
    return target


def _draw(axes: Any, histogram: Any, curve: ReliabilityBins, style: Style) -> Any:
    filled = np.asarray(curve.counts) > 0
    (line,) = axes.plot(
        np.asarray(curve.predicted)[filled],
        np.asarray(curve.observed)[filled],
        color=style.color,
        marker=style.marker,
        markersize=5,
        linewidth=1.4,
    )
    histogram.stairs(curve.counts, curve.edges, color=style.color, linewidth=1.4, baseline=0.5)
    return line


def _check(name: str, curve: ReliabilityBins, index: int) -> None:
    edges, counts, predicted, observed = (
        np.asarray(values, dtype=np.float64) for values in (curve.edges, curve.counts, curve.predicted, curve.observed)
    )
    shape = counts.shape
    if len(shape) != 1 or edges.shape != (shape[0] + 1,) or predicted.shape != shape or observed.shape != shape:
        raise InvalidRowError(
            f"The curve {name!r} must have one edge more than bins, and one number a bin.", index=index
        )
    shown = np.concatenate([edges, predicted[counts > 0], observed[counts > 0]])
    if not (counts >= 0).all() or not counts.any() or not ((shown >= 0) & (shown <= 1)).all():
        raise InvalidRowError(
            f"The curve {name!r} must have counts of at least 0, not all 0, and edges and shares in [0, 1].",
            index=index,
        )
    if (np.diff(edges) < 0).any():
        raise InvalidRowError(f"The edges of the curve {name!r} must rise.", index=index)
