"""What prune_relation_heads.py shows of its figures: pictures, a table, and what was found in words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from hf_relation.heads import HeadImportance
from hf_relation.plots import Line, heatmap, line_chart


ORDERS = {"lowest": "lowest first", "highest": "highest first", "random": "random"}
WHITENING = {"stored": "whitening as stored", "refit": "whitening fitted again"}


def draw_importance(importances: Sequence[HeadImportance], path: Path) -> None:
    """The mean scores of several rankings as a heatmap."""
    first = importances[0]
    scores = np.mean([each.scores for each in importances], axis=0)
    heatmap(
        np.where(first.kept, scores, np.nan),
        path,
        rows=first.layers,
        columns=first.heads,
        limits=(0.0, 1.0),
        title="Importance of heads",
        x_axis="head",
        y_axis="layer",
        note=f"{first.method}; rankings: {len(importances)} (mean), on {first.num_examples:,} examples each",
    )


def draw(results: dict[str, Any], output: Path) -> None:
    """The two line charts."""
    shown = [("stored", order, "novel") for order in ORDERS] + [("stored", "lowest", "known")]
    shown += [("refit", "lowest", part) for part in ("novel", "known") if "refit" in results["summary"]]
    lines = []
    for name, order, part in shown:
        cells = results["summary"][name][order]
        lines.append(
            Line(
                f"{part}, {ORDERS[order]}{', refitted' if name == 'refit' else ''}",
                [(number, cell[part]["bcubed_f1"]) for number, cell in cells.items()],
                [cell[part]["bcubed_f1_sd"] for cell in cells.values()],
            )
        )
    total, settings = results["total_heads"], results["settings"]
    seeds = f"rankings ({settings['num_seeds']}) x cluster seeds ({settings['num_cluster_seeds']})"
    line_chart(
        lines,
        output / "f1_by_heads.png",
        title=f"{settings['model']}: B-cubed F1 without attention heads",
        x_axis=f"heads pruned, of {total}",
        y_axis="B-cubed F1",
        note=f"no training after pruning; error bars: standard deviation over {seeds}",
    )
    speed = results["speed"]
    line_chart(
        [Line("lowest first", [(number, cell["ratio"]) for number, cell in speed["by_heads"].items()])],
        output / "speed_by_heads.png",
        title=f"{settings['model']}: speed of encoding without attention heads",
        x_axis=f"heads pruned, of {total}",
        y_axis="times as fast as unpruned",
        note=f"{speed['clock']}, threads: {speed['threads']}, sentences: {speed['num_sentences']}, rounds: "
        f"{settings['rounds']} (median)",
    )


def table(results: dict[str, Any]) -> Table:
    """The figures for the console."""
    title = f"{results['settings']['model']}: mean ± sd over rankings x cluster seeds, gold number of relations"
    shown = Table(title=title)
    columns = ("whitening", "order", "heads", "known B-cubed F1", "novel B-cubed F1", "novel V", "novel ARI")
    for column in (*columns, "speed", "parameters"):
        shown.add_column(column, justify="left" if column in columns[:2] else "right")
    for name, orders in results["summary"].items():
        for order, cells in orders.items():
            for number, cell in cells.items():
                if order != "lowest" and number == 0:
                    continue
                found = [("known", "bcubed_f1"), *(("novel", key) for key in ("bcubed_f1", "v_measure", "ari"))]
                figures = [f"{cell[part][key]:.3f} ± {cell[part][key + '_sd']:.3f}" for part, key in found]
                speed = results["speed"]["by_heads"][number] if order == "lowest" else None
                last = ["", ""] if speed is None else [f"{speed['ratio']:.2f}x", f"{speed['num_parameters']:,}"]
                shown.add_row(name, ORDERS[order] if number else "unpruned", str(number), *figures, *last)
        shown.add_section()
    return shown


def findings(results: dict[str, Any]) -> list[str]:
    """What was found, in words; and what to bear in mind."""
    lines = [
        f"{part}: {counts['rows']:,} instances of {counts['relations']} relations"
        for part, counts in results["data"].items()
    ]
    if results["ranking_agreement"] is not None:
        lines.append(f"Spearman's rho between the rankings: {results['ranking_agreement']:.2f} (mean).")
    lines.append(
        "The relations of `known` were held aside from ranking; the checkpoint, and its whitening, may have learned from them."
    )
    for name, free in results["free"].items():
        known, novel = free["known_bcubed_f1"], free["novel_bcubed_f1"]
        spread = ", ".join(map(str, free["by_ranking_seed"].values()))
        speed = results["speed"]["by_heads"][free["num_heads"]]["ratio"]
        lines.append(
            f"{WHITENING[name]}: {free['num_heads']} of {results['total_heads']} heads are free on known relations (by single "
            f"rankings: {spread}), B-cubed F1 {known['unpruned']:.3f} -> {known['pruned']:.3f}; on novel ones it goes "
            f"{novel['unpruned']:.3f} -> {novel['pruned']:.3f}, and encoding is {speed:.2f} times as fast."
        )
    return lines
