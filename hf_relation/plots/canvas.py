"""A matplotlib figure without pyplot: no global state, no window, any text as plain text."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..compat import import_optional
from ..data.atomic import atomic_file
from ..errors import UsageError


FORMATS = (".png", ".svg", ".pdf")
# Neither TeX nor the small mathematics language of matplotlib: `$` and `_` in names are characters.
PLAIN = {"parse_math": False, "usetex": False}


def check_path(path: str | os.PathLike[str]) -> Path:
    """Refuse, before any work, a file that a figure cannot be written to.

    Args:
        path (`str` or `PathLike`): ends in `.png`, `.svg` or `.pdf`; its folder exists.

    Returns:
        `Path`.

    Raises:
        UsageError: another ending, or no such folder.
    """
    target = Path(path)
    if target.suffix.lower() not in FORMATS:
        raise UsageError(f"A figure's file must end in {', '.join(FORMATS)}, got {str(target)!r}.")
    if not target.parent.is_dir():
        raise UsageError(f"cannot write {target}: the folder {target.parent} does not exist. Create it first.")
    return target


def new_figure(width: float, height: float) -> Any:
    """Make a white figure of a size in inches that belongs to nobody else.

    Args:
        width, height (`float`): inches.

    Returns:
        `matplotlib.figure.Figure`: drawn by Agg, whatever backend the program uses.

    Raises:
        ImportError: matplotlib is not installed; the message says how to get it.
    """
    figure_module = import_optional("matplotlib.figure", extra="viz")
    agg = import_optional("matplotlib.backends.backend_agg", extra="viz")
    figure = figure_module.Figure(figsize=(width, height), facecolor="white")
    agg.FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Any, path: Path, *, dpi: int = 160) -> None:
    """Write a figure whole or not at all, without a time stamp.

    Args:
        figure (`matplotlib.figure.Figure`): what [`new_figure`] made.
        path (`Path`): the suffix is the format.
        dpi (`int`, defaults to 160): pixels an inch in a PNG.
    """
    kind = path.suffix.lower().lstrip(".")
    metadata = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
    with atomic_file(path) as stream:
        figure.savefig(stream, format=kind, dpi=dpi, facecolor="white", metadata=metadata)


def name_legend(legend: Any, names: Iterable[str]) -> None:
    """Write names into a legend as plain text; labels given to matplotlib could be taken for mathematics, or be left out.

    Args:
        legend (`matplotlib.legend.Legend`): as many entries as names.
        names (`Iterable[str]`): what to write, see [`plain_text`].
    """
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_text(name)
        text.set_parse_math(False)
        text.set_usetex(False)


def plain_text(value: object, *, width: int = 30, lines: int = 2) -> str:
    """Make any text fit a figure: few short lines, nothing that is not shown.

    White space becomes single spaces, invisible formatting characters go, control characters and lone surrogates become
    the replacement character; what does not fit ends in "…".

    Args:
        value (`object`): shown as `str(value)`.
        width (`int`, defaults to 30): longest line, in Latin letters; at least 2.
        lines (`int`, defaults to 2): most lines.

    Returns:
        `str`.

    Example:

    ```python
    >>> from hf_relation.plots.canvas import plain_text
    >>> plain_text("original language of a film or television show and more", width=20)
    'original language of\\na film or…'

    ```
    """
    shown = " ".join(str(value).split())
    shown = "".join(
        "\ufffd" if unicodedata.category(character) in ("Cc", "Cs", "Cn", "Co") else character
        for character in shown
        if unicodedata.category(character) != "Cf"
    )
    done: list[str] = []
    words = shown.split(" ")
    while words and len(done) < lines:
        line = words.pop(0)
        if _cells(line) > width:  # a word longer than a line is cut into pieces
            line, rest = _cut(line, width)
            words.insert(0, rest)
        else:
            while words and _cells(line) + 1 + _cells(words[0]) <= width:
                line += " " + words.pop(0)
        done.append(line)
    if words:
        last = done[-1]
        if _cells(last) >= width:  # make room for the ellipsis, at a word's end where there is one
            last = _cut(last, width - 1)[0].rsplit(" ", 1)[0]
        done[-1] = last.rstrip() + "…"
    return "\n".join(done)


def _cells(text: str) -> int:
    """Width of a text in Latin letters: Chinese, Japanese and Korean characters and emoji take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _cut(text: str, width: int) -> tuple[str, str]:
    end = 0
    while end < len(text) and _cells(text[: end + 1]) <= width:
        end += 1
    end = max(end, 1)
    return text[:end], text[end:]
