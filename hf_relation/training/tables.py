"""Figures of a run as a table for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from rich.table import Table


COLUMNS = {
    "bcubed_precision": "B³ P",
    "bcubed_recall": "B³ R",
    "bcubed_f1": "B³ F1",
    "v_measure": "V",
    "homogeneity": "H",
    "completeness": "C",
    "ari": "ARI",
}
_NUMBER = "num_clusters"
_PARTS = {"validation": "known", "test": "novel"}


def scores_table(summary: Mapping[str, Any], title: str = "") -> Table:
    """Lay out what [`summarize_runs`] gives: a row for every part and variant, the chosen variant in bold.

    Args:
        summary (`Mapping`): with `"chosen"` and `"scores"`; and `"given"`, true where nothing chose it.
        title (`str`, defaults to none): above the table.

    Returns:
        `rich.table.Table`: each cell the mean above the standard deviation; at most 80 characters wide.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    # Only algorithms that find the number of clusters themselves report it.
    given = bool(summary.get("given"))
    finds_number = any(_NUMBER in figures for variants in summary["scores"].values() for figures in variants.values())
    table = Table(
        title=title or None,
        box=box.SIMPLE,
        padding=(0, 1, 0, 0) if finds_number else (0, 1),
        caption=f"known: held-out known relations{'' if given else ', the choice is made there'}; novel: test. Mean and standard "
        f"deviation over training seeds x cluster seeds. Bold: {'what the run was told to quote' if given else 'chosen'}."
        + (" k: clusters found." if finds_number else ""),
    )
    table.add_column("relations, embeddings", max_width=13 if finds_number else 20)
    for name in COLUMNS.values():
        table.add_column(name, justify="right", no_wrap=True)
    if finds_number:
        table.add_column("k", justify="right", no_wrap=True)
    for part, variants in summary["scores"].items():
        for variant, figures in variants.items():
            cells = [f"{figures[key]:.3f}\n±{figures[f'{key}_sd']:.3f}" for key in COLUMNS]
            if finds_number:
                cells.append(f"{figures[_NUMBER]:.0f}\n±{figures[f'{_NUMBER}_sd']:.0f}")
            style = "bold" if variant == summary["chosen"] else None
            table.add_row(Text(f"{_PARTS.get(part, part)} {variant}"), *cells, style=style)
    return table
