"""`hf-relation heads`: rank and prune attention heads; `compare FILE FILE ...`: do two tasks need the same ones?"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hf_relation.cli import heads_prune, heads_rank


if TYPE_CHECKING:
    from hf_relation.heads import HeadCorrelation


app = typer.Typer(name="heads", help="Rank, prune and compare attention heads.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Rank, prune and compare attention heads: how much each matters, and a smaller model without those that do not."""


app.command("rank", epilog=heads_rank.EPILOG)(heads_rank.command)
app.command("prune", epilog=heads_prune.EPILOG)(heads_prune.command)


# Everything after the name is for the parser of the run, which knows some 200 options; --help as well.
_OF_A_RUN = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.command("search", context_settings=_OF_A_RUN, add_help_option=False)
def search(context: typer.Context) -> None:
    """Fine-tune on corpora, rank, and prune as long as no score falls; a table over languages. As examples/prune_heads.py."""
    from hf_relation.runs.prune_heads import main

    main(context.args, command="hf-relation heads search")


@app.command("select-tasks", context_settings=_OF_A_RUN, add_help_option=False)
def select_tasks(context: typer.Context) -> None:
    """Choose auxiliary tasks by the heads that they need (GradTS). As examples/select_auxiliary_tasks.py."""
    from hf_relation.runs.select_tasks import main

    main(context.args, command="hf-relation heads select-tasks")


@app.command("compare", epilog="Example: hf-relation heads compare en.json de.json zh.json --plot heads.png")
def compare(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILES", help="Two or more files of HeadImportance.save.", show_default=False),
    ],
    method: Annotated[Literal["spearman", "kendall"], typer.Option(help="Rank correlation.")] = "spearman",
    plot: Annotated[Path | None, typer.Option(help="Also draw a heatmap: .png, .svg or .pdf.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the rank correlation between the head importances in several files."""
    from hf_relation.errors import UsageError
    from hf_relation.heads import HeadImportance, compare_heads

    names = names_of(files)
    if len(names) < 2:
        raise UsageError("At least two files are needed to compare.")
    found = compare_heads(
        {name: HeadImportance.load(file) for name, file in zip(names, files, strict=True)}, method=method
    )
    if plot is not None:
        found.plot(plot)
    if as_json:
        content = {"method": found.method, "names": list(found.names), "matrix": found.matrix.tolist()}
        typer.echo(json.dumps(content, ensure_ascii=False))
    else:
        _print(found)


def names_of(files: list[Path]) -> list[str]:
    """What the files are called: their names without ending, or their paths where two have the same.

    Raises:
        UsageError: a file is given twice.

    Example:

    ```python
    >>> from pathlib import Path
    >>> from hf_relation.cli.heads import names_of
    >>> names_of([Path("a/en.json"), Path("b/de.json")])
    ['en', 'de']

    ```
    """
    from hf_relation.errors import UsageError

    twice = [str(file) for file, number in Counter(files).items() if number > 1]
    if twice:
        raise UsageError(f"{twice[0]} is given twice.")
    stems = [file.stem for file in files]
    return stems if len(set(stems)) == len(stems) else [str(file) for file in files]


def _print(found: HeadCorrelation) -> None:
    from rich.table import Table
    from rich.text import Text

    from hf_relation.cli.console import printable, results

    table = Table(title=f"{found.method} correlation of heads")
    for name in ("", *found.names):
        table.add_column(Text(printable(name)))
    for name, row in zip(found.names, found.matrix, strict=True):
        table.add_row(Text(printable(name)), *(f"{value:.3f}" for value in row))
    results().print(table)
