"""`hf-relation check-data FILE`: every bad row of a JSONL file with its line number and reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer


if TYPE_CHECKING:
    from hf_relation.data.report import FileReport


def check_data(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines, plain or .gz.", show_default=False)],
    kind: Annotated[Literal["instance", "document"], typer.Option(help="What a row is.")] = "instance",
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole report as one JSON object.")] = False,
    limit: Annotated[int, typer.Option(min=0, help="Show at most so many bad rows; 0 shows all.")] = 0,
) -> None:
    """Check a JSONL file row by row; list every bad row with its line number and reason.

    Exit code 0: all rows are good. 1: there are bad rows. 2: wrong usage.

    Example: hf-relation check-data corpus.jsonl
    """
    from rich.console import Console

    from hf_relation.data.report import check_file
    from hf_relation.errors import UsageError

    try:
        report = check_file(file, kind=kind)
    except UsageError as error:
        Console(stderr=True).print(f"Error: {error}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(json.dumps(report.to_dict()))
    else:
        for text in _lines(report, limit):
            typer.echo(text)
    if report.bad:
        raise typer.Exit(1)


def _lines(report: FileReport, limit: int) -> list[str]:
    shown = report.bad[:limit] if limit else report.bad
    lines = [f"line {row.line}: {row.reason}" for row in shown]
    if len(shown) < len(report.bad):
        lines.append(f"... and {len(report.bad) - len(shown):,} more bad rows; --limit 0 shows all.")
    lines += [f"warning: {warning}" for warning in report.warnings]
    lines.append(
        f"{report.path}: {report.rows:,} rows, {report.ok:,} good, {len(report.bad):,} bad; "
        f"{report.labelled:,} labelled with {len(report.relations):,} relations."
    )
    return lines


command = check_data
