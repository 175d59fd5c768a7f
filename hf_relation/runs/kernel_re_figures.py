"""The figures of a KernelRE run as tables and pictures: means over the training seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from hf_relation.plots import Bar, bar_chart, reliability_plot
from hf_relation.runs.records import mean_and_sd


MODE_NAMES = {
    "all_pairs": "all pairs of the given entities",
    "gold_pairs": "gold pairs given (as the authors' code)",
}
ONE_PAIR_NAMES = {
    "all_pairs": "the marked pair of every text",
    "gold_pairs": "marked pairs that have a relation, alone",
}
SHORT_NAMES = {"all_pairs": "all pairs", "gold_pairs": "gold pairs"}
RULE_NAMES = {"paper": "threshold 0.5", "fitted": "fitted on validation"}
SECTIONS = ("all", "overlap", "number", "count")
_FIGURES = ("precision", "recall", "f1")


def summarize(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Average the figures of all training seeds.

    Args:
        runs (`Sequence[Mapping]`): with `scores`: part -> mode -> rules -> report; and possibly `semeval`, `joint`,
            `calibration`.

    Returns:
        `dict`: the same nesting, with `{"mean", "sd"}` for every figure of several seeds (of one seed: the figure); counts of
        documents and triples as they are.
    """

    def average(values: list[Any]) -> Any:
        first = values[0]
        if isinstance(first, Mapping):
            keys = [key for key in first if all(isinstance(v, Mapping) and key in v for v in values)]
            return {key: average([value[key] for value in values]) for key in keys}
        if isinstance(first, bool) or not isinstance(first, (int, float)):
            return first
        if isinstance(first, int) and all(value == first for value in values):
            return first
        return mean_and_sd([float(value) for value in values]) if len(values) > 1 else float(first)

    summary: dict[str, Any] = {}
    for key in ("scores", "semeval", "joint", "calibration"):
        found = [run[key] for run in runs if key in run]
        if len(found) == len(runs) and found:
            summary[key] = average(found)
    for part in summary.get("scores", {}).values():
        for mode in part.values():
            for report in mode.values():
                report.pop("relations", None)  # many, and not all in every seed: they stand in the runs
    return summary


def report_table(summary: Mapping[str, Any], part: str, *, one_pair: bool, title: str) -> Table:
    """Lay out precision, recall and F1 of one part, by mode, rules and kind of text.

    Args:
        summary (`Mapping`): of [`summarize`].
        part (`str`): `"validation"` or `"test"`.
        one_pair (`bool`): the corpus has one marked pair a text.
        title (`str`): above the table.

    Returns:
        `rich.table.Table`: means and standard deviations, in per cent.
    """
    table = Table(
        title=title,
        box=box.SIMPLE,
        caption="Micro precision, recall and F1 of triples, in per cent: mean ± standard deviation over training seeds, if several.",
    )
    table.add_column("candidate pairs, rules, texts")
    table.add_column("texts", justify="right")
    for name in ("P", "R", "F1"):
        table.add_column(name, justify="right", no_wrap=True)
    names = ONE_PAIR_NAMES if one_pair else MODE_NAMES
    for mode, of_mode in summary["scores"][part].items():
        for rules, report in of_mode.items():
            table.add_row(f"{names[mode]}; {RULE_NAMES[rules]}", style="bold")
            for label, figures, size in rows_of(report):
                table.add_row(f"  {label}", size, *(shown(figures[f"triple_{key}"]) for key in _FIGURES))
    return table


def rows_of(report: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any], str]]:
    """The lines of a report: label, figures, number of texts; kinds of text that do not occur are left out."""
    found = [("all", report["all"], "")]
    for section in SECTIONS[1:]:
        for name, figures in report.get(section, {}).items():
            size = figures.get("num_documents", 0)
            if size:
                label = f"{name} triple(s)" if section == "count" else name
                found.append((label, figures, f"{size:.0f}" if isinstance(size, (int, float)) else ""))
    return found


def shown(figure: Any) -> str:
    """A mean and its deviation in per cent."""
    if isinstance(figure, Mapping):
        return f"{100 * figure['mean']:.1f} ± {100 * figure['sd']:.1f}"
    return f"{100 * figure:.1f}"


def draw_figures(summary: Mapping[str, Any], folder: Path, corpus: str, seeds: int) -> list[Path]:
    """Draw F1 by kind of overlap and by number of triples, and how reliable the probabilities are.

    Args:
        summary (`Mapping`): of [`summarize`].
        folder (`Path`): where to write the pictures.
        corpus (`str`): its name, for the titles.
        seeds (`int`): number of training seeds.

    Returns:
        `list[Path]`: `f1_by_overlap.png`, `f1_by_number.png`, `reliability.png`.

    Raises:
        ImportError: matplotlib is not installed.
    """
    note = "Test, entities given, rules fitted on validation; "
    note += f"error bars: standard deviation over {seeds} training seeds." if seeds > 1 else "one training seed."
    written = []
    of_test = summary["scores"]["test"]
    for section, name, title in (
        ("overlap", "f1_by_overlap.png", "F1 by kind of overlap"),
        ("count", "f1_by_number.png", "F1 by number of triples in a text"),
    ):
        bars = [
            Bar(
                f"{label}{_triples(label) if section == 'count' else ''}",
                _mean(figures),
                _sd(figures) if seeds > 1 else None,
                SHORT_NAMES[mode],
            )
            for mode in of_test
            for label, figures in of_test[mode]["fitted"].get(section, {}).items()
            if figures.get("num_documents", 0)
        ]
        if bars:
            written.append(bar_chart(bars, folder / name, title=f"{corpus}: {title}", axis="micro F1", note=note))
    return written


def draw_reliability(run: Mapping[str, Any], folder: Path, corpus: str) -> list[Path]:
    """Draw the reliability of one seed's probabilities on the test."""
    curves = {
        name: SimpleNamespace(
            **{key: np.array([np.nan if v is None else v for v in values]) for key, values in curve.items()}
        )
        for name, curve in run.get("calibration", {}).get("reliability", {}).items()
    }
    if not curves:
        return []
    named = {f"{name} calibration": curve for name, curve in curves.items()}
    note = f"Test, candidates with a probability of at least 0.05 before calibration; training seed {run['seed']}."
    return [reliability_plot(named, folder / "reliability.png", title=f"{corpus}: reliability", note=note)]


def _triples(label: str) -> str:
    return " triple" if label == "1" else " triples"


def _mean(figures: Mapping[str, Any]) -> float:
    value = figures["triple_f1"]
    return float(value["mean"] if isinstance(value, Mapping) else value)


def _sd(figures: Mapping[str, Any]) -> float | None:
    value = figures["triple_f1"]
    return float(value["sd"]) if isinstance(value, Mapping) else None
