"""Colours and markers that stay apart for colour-blind readers."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import UsageError


COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#882255")
"""Okabe and Ito's colours, with wine in the place of their yellow, which is too light for points on white."""

MARKERS = ("o", "^", "s", "D", "X", "v")
"""Filled matplotlib markers, in the order of use."""

MAX_STYLES = len(COLORS) * len(MARKERS)
"""How many pairs of colour and marker there are."""

REST_COLOR = "#B0B0B0"
"""For points that belong to no class."""


@dataclass(frozen=True)
class Style:
    """How the points of one class look.

    Args:
        color (`str`): `"#rrggbb"`.
        marker (`str`): a matplotlib marker.
    """

    color: str
    marker: str


def styles(number: int) -> list[Style]:
    """Give as many pairs of colour and marker, all different.

    The first eight differ in colour; then the colours come again with another marker.

    Args:
        number (`int`): how many, 0 to 48.

    Returns:
        `list[Style]`: the first `number` of one fixed list.

    Raises:
        UsageError: more than there are.

    Example:

    ```python
    >>> from hf_relation.plots import styles
    >>> [(style.color, style.marker) for style in styles(9)][::8]
    [('#0072B2', 'o'), ('#0072B2', '^')]

    ```

    Reference: Okabe and Ito, "Color Universal Design", 2008.
    """
    if not 0 <= number <= MAX_STYLES:
        raise UsageError(
            f"A figure shows at most {MAX_STYLES} classes (more cannot be told apart), got {number}. "
            "Draw a selection, or give the rest the label -1."
        )
    return [Style(COLORS[i % len(COLORS)], MARKERS[i // len(COLORS)]) for i in range(number)]
