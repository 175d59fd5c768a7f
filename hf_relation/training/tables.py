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
_PARTS = {"validation": "held-out known", "test": "novel (test)"}


def scores_table(summary: Mapping[str, Any], title: str = "") -> Table:
    """Lay out what [`summarize_runs`] gives: a row for every part and variant, the chosen variant in bold.

    Args:
        summary (`Mapping`): with `"chosen"` and `"scores"`.
        title (`str`, defaults to none): above the table.

    Returns:
        `rich.table.Table`: each cell `mean ± standard deviation`.
    """
    from rich.table import Table

    table = Table(
        title=title or None, caption="± standard deviation over training seeds x cluster seeds; bold: chosen"
    )
    table.add_column("relations", no_wrap=True)
    table.add_column("embeddings", no_wrap=True)
    for name in COLUMNS.values():
        table.add_column(name, justify="right", no_wrap=True)
    for part, variants in summary["scores"].items():
        for variant, figures in variants.items():
            cells = [f"{figures[key]:.3f} ± {figures[f'{key}_sd']:.3f}" for key in COLUMNS]
            style = "bold" if variant == summary["chosen"] else None
            table.add_row(_PARTS.get(part, part), variant, *cells, style=style)
        table.add_section()
    return table
