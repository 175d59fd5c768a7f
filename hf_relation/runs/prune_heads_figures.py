"""Figures of a pruning run: means over seeds, tables, pictures."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.table import Table
from rich.text import Text

from hf_relation.heads import HeadCorrelation, HeadImportance
from hf_relation.plots import MAX_STYLES, Bar, Line, bar_chart, line_chart
from hf_relation.runs.records import mean_and_sd
from hf_relation.runs.task_runs import over_seeds


def summarize(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Average the figures of all training seeds.

    Args:
        runs (`Sequence[Mapping]`): one a seed, with `jobs`: what a job found.

    Returns:
        `dict`: job -> target -> `unpruned`, and for every ranking `pruned`, `gain` and `kept` (the share of the unpruned score
        that is left on average over the curve), each `{"mean", "sd"}`; job -> `num_heads`, `curves`.

    Example:

    ```python
    >>> from hf_relation.runs.prune_heads_figures import summarize
    >>> search = {"num_heads": 3, "test": {"de": 0.82}, "validation": 0.9}
    >>> job = {"name": "x", "unpruned": {"test": {"de": 0.8}}, "searches": {"lowest": search}, "curves": {"lowest": {}}}
    >>> round(summarize([{"jobs": [job]}])["x"]["targets"]["de"]["lowest"]["gain"]["mean"], 4)
    0.02

    ```
    """
    summary: dict[str, Any] = {}
    for place, first in enumerate(runs[0]["jobs"]):
        jobs = [run["jobs"][place] for run in runs]
        targets: dict[str, Any] = {}
        for target in first["unpruned"]["test"]:
            before = [job["unpruned"]["test"][target] for job in jobs]
            targets[target] = {"unpruned": mean_and_sd(before)}
            for ranking in first["searches"]:
                after = [job["searches"][ranking]["test"][target] for job in jobs]
                found = {
                    "pruned": mean_and_sd(after),
                    "gain": mean_and_sd([new - old for new, old in zip(after, before, strict=True)]),
                }
                curves = [job["curves"][ranking] for job in jobs]
                if all(curves):
                    shares = [
                        statistics.fmean(scores[target] for scores in curve.values()) / old if old else 0.0
                        for curve, old in zip(curves, before, strict=True)
                    ]
                    found["kept"] = mean_and_sd(shares)
                targets[target][ranking] = found
        numbers = first["searches"]
        summary[first["name"]] = {
            "targets": targets,
            "num_heads": {
                ranking: mean_and_sd([job["searches"][ranking]["num_heads"] for job in jobs]) for ranking in numbers
            },
            "curves": {ranking: _curves([job["curves"][ranking] for job in jobs]) for ranking in numbers},
        }
    return summary


def _curves(curves: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, dict[str, float]]]:
    return {
        number: {target: mean_and_sd([curve[number][target] for curve in curves]) for target in scores}
        for number, scores in curves[0].items()
    }


def shown(figure: Mapping[str, float], *, sign: bool = False) -> str:
    """A mean and its deviation in per cent."""
    return f"{100 * figure['mean']:{'+' if sign else ''}.2f} ± {100 * figure['sd']:.2f}"


def report_table(summary: Mapping[str, Any], metric: str, *, seeds: int, title: str) -> Table:
    """Lay out every target before and after pruning.

    Args:
        summary (`Mapping`): of [`summarize`].
        metric (`str`): what the figures are.
        seeds (`int`): training seeds.
        title (`str`): above the table.

    Returns:
        `rich.table.Table`: in per cent.
    """
    table = Table(title=title, box=box.SIMPLE, caption=f"Test, {metric}, in per cent: {over_seeds(seeds)}.")
    for name in ("language", "first", "heads", "unpruned", "pruned", "gain"):
        table.add_column(
            name, justify="left" if name in ("language", "first") else "right", no_wrap=name != "language"
        )
    for job in summary.values():
        for target, found in job["targets"].items():
            for ranking, number in job["num_heads"].items():
                table.add_row(
                    Text(target),
                    ranking,
                    f"{number['mean']:.1f}",
                    shown(found["unpruned"]),
                    shown(found[ranking]["pruned"]),
                    shown(found[ranking]["gain"], sign=True),
                )
    return table


def curve_table(summary: Mapping[str, Any], metric: str) -> Table | None:
    """Lay out the scores with more and more heads masked; `None` without `--curve`."""
    numbers = list(next(iter(next(iter(summary.values()))["curves"].values()), {}))
    if not numbers:
        return None
    table = Table(
        title="Heads masked, no training", box=box.SIMPLE, caption=f"Test, {metric}, in per cent: means over seeds."
    )
    for name in ("language", "first", *numbers, "mean share kept"):
        table.add_column(name, justify="left" if name in ("language", "first") else "right")
    for job in summary.values():
        for target, found in job["targets"].items():
            for ranking, curve in job["curves"].items():
                cells = [f"{100 * curve[number][target]['mean']:.1f}" for number in numbers]
                table.add_row(Text(target), ranking, *cells, shown(found[ranking]["kept"]))
    return table


def draw(
    folder: Path, runs: Sequence[Mapping[str, Any]], summary: Mapping[str, Any], *, metric: str, title: str
) -> list[Path]:
    """Draw heads, correlations between sources, gains, and curves.

    Args:
        folder (`Path`): of the run; importance files lie in its seeds' folders.
        runs, summary: as [`summarize`] takes and gives them.
        metric (`str`): what the figures are.
        title (`str`): what was done, for titles.

    Returns:
        `list[Path]`: what was written.

    Raises:
        ImportError: matplotlib is not installed.
    """
    written = []
    for file in sorted(folder.glob("seed-*/*/importance_*.json")):
        target = file.with_suffix(".png")
        # The name that tells pictures apart comes first: it is the end of a long title that is cut off.
        heads = f"{file.stem.partition('_')[2]}: importance of heads, {file.parent.name}"
        written.append(HeadImportance.load(file).plot(target, title=heads))
    note = f"error bars: standard deviation over {len(runs)} training seeds" if len(runs) > 1 else "one training seed"
    first = runs[0]["jobs"][0]
    if "correlation" in first:
        matrices = np.array([run["jobs"][0]["correlation"]["spearman"] for run in runs])
        correlation = HeadCorrelation(tuple(first["correlation"]["names"]), matrices.mean(axis=0), "spearman")
        written.append(correlation.plot(folder / "correlation.png", title="Heads of the sources"))
    written += _draw_scores(folder, summary, metric=metric, title=title, note=note, errors=len(runs) > 1)
    for name, job in summary.items():
        if any(job["curves"].values()):
            for target in job["targets"]:
                file = folder / f"curve_{name}_{target}.png".replace("/", "-")
                written.append(_draw_curves(job, target, file, metric=metric, title=f"{target}: {title}", note=note))
    return written


def _draw_scores(
    folder: Path, summary: Mapping[str, Any], *, metric: str, title: str, note: str, errors: bool
) -> list[Path]:
    """Bars of every target before and after pruning; of many targets in several pictures."""
    charts: list[list[Bar]] = [[]]
    for job in summary.values():
        for target, found in job["targets"].items():
            figures = {"unpruned": found["unpruned"]}
            figures |= {f"{ranking} first": found[ranking]["pruned"] for ranking in job["num_heads"]}
            if len(charts[-1]) + len(figures) > MAX_STYLES:
                charts.append([])
            for group, figure in figures.items():
                # A correlation may be negative; a bar may not.
                length, error = 100 * max(0.0, figure["mean"]), 100 * figure["sd"] if errors else None
                charts[-1].append(Bar(target if group == "unpruned" else "", length, error, group))
    axis = f"test {metric}, per cent, before and after pruning"
    files = [folder / f"scores{f'_{number}' if number > 1 else ''}.png" for number in range(1, len(charts) + 1)]
    return [bar_chart(bars, file, title=title, axis=axis, note=note) for bars, file in zip(charts, files, strict=True)]


def _draw_curves(job: Mapping[str, Any], target: str, file: Path, *, metric: str, title: str, note: str) -> Path:
    unpruned, lines = job["targets"][target]["unpruned"], []
    for ranking, curve in job["curves"].items():
        scores = [unpruned, *(found[target] for found in curve.values())]
        points = [(number, 100 * score["mean"]) for number, score in zip([0, *map(int, curve)], scores, strict=True)]
        lines.append(Line(f"{ranking} first", points, [100 * score["sd"] for score in scores]))
    x_axis, y_axis = "heads masked, no training", f"test {metric}, per cent"
    return line_chart(lines, file, title=title, note=note, side_by_side=True, x_axis=x_axis, y_axis=y_axis)
