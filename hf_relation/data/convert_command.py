"""The command lines of the converters: those in `dataset_scripts/`, and `hf-relation convert`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ..errors import HfRelationError, UsageError
from .convert import ConvertedSplit, convert_and_push
from .kinds import Kind
from .recipe import Recipe, jsonl_recipe
from .recipes import RECIPES


DataDirOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder with the upstream files, or with a folder of the corpus' name. Default: $HF_RELATION_DATA."
    ),
]
OutputOption = Annotated[
    Path | None, typer.Option("--output-dir", "-o", help="Folder to make; it appears whole or not at all.")
]
PushOption = Annotated[
    str | None, typer.Option(metavar="USER/NAME", help="Upload to this dataset repository on the Hub as well.")
]
PrivateOption = Annotated[bool, typer.Option("--private", help="Make a new repository private.")]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace an output folder that is not empty.")]


def run_converter(name: str, *, example: str) -> None:
    """Run the command line of one converter and leave with exit code 0 (done), 1 (failed) or 2 (wrong usage).

    Args:
        name (`str`): one of `RECIPES`, or `"jsonl"`.
        example (`str`): a command to show in the help, which can be pasted.
    """
    try:
        converter(name, example=example)()
    except HfRelationError as error:
        Console(stderr=True).print(f"Error: {error}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)


def converter(name: str, *, example: str) -> typer.Typer:
    """Make the command line of one converter; errors made for the user pass through it.

    Args:
        name (`str`): one of `RECIPES`, or `"jsonl"`.
        example (`str`): a command to show in the help, which can be pasted.

    Returns:
        `typer.Typer`: called with a list of arguments, or without for those of the process.
    """
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    if name == "jsonl":
        _add_jsonl_command(app, example)
    else:
        _add_corpus_command(app, RECIPES[name], example)
    return app


def _add_corpus_command(app: typer.Typer, recipe: Recipe, example: str) -> None:
    shown = "\n\n".join(f"  {name}: {content.about}" for name, content in recipe.configurations.items())

    @app.command(
        help=f"Convert {recipe.title} to Parquet and a dataset card.\n\n{recipe.about}\n\n"
        f"Files: {recipe.source}. Nothing is downloaded. Licence: {recipe.licence_text}.\n\n"
        f"Configurations:\n\n{shown}\n\nExample:\n\n  {example}"
    )
    def main(
        data_dir: DataDirOption = None,
        output_dir: OutputOption = None,
        config: Annotated[
            list[str] | None, typer.Option(help="A configuration; may be given several times. Default: all.")
        ] = None,
        push: PushOption = None,
        private: PrivateOption = False,
        overwrite: OverwriteOption = False,
    ) -> None:
        _run(recipe, output_dir, push, private, overwrite, data_dir=data_dir, configurations=config or None)


def _add_jsonl_command(app: typer.Typer, example: str) -> None:
    @app.command(
        help="Convert JSONL files of your own to Parquet and a dataset card. Every row is checked first; "
        f"`hf-relation check-data FILE` lists all bad ones.\n\nExample:\n\n  {example}"
    )
    def main(
        files: Annotated[list[str], typer.Argument(metavar="SPLIT=FILE...", help="For instance train=rows.jsonl.")],
        output_dir: OutputOption = None,
        kind: Annotated[Kind, typer.Option(help="What a row is.")] = "instance",
        push: PushOption = None,
        private: PrivateOption = False,
        overwrite: OverwriteOption = False,
    ) -> None:
        _run(lambda: jsonl_recipe(_data_files(files), kind=kind), output_dir, push, private, overwrite)


def _data_files(files: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in files:
        split, equals, path = item.partition("=")
        if not equals or not path or not split.isidentifier():
            raise UsageError(f"data files are given as SPLIT=FILE, for instance train=rows.jsonl, got {item!r}.")
        if split in found:
            raise UsageError(f"the split {split!r} is given twice.")
        found[split] = path
    return found


def _run(
    recipe: Recipe | Callable[[], Recipe],
    output_dir: Path | None,
    push: str | None,
    private: bool,
    overwrite: bool,
    *,
    data_dir: Path | None = None,
    configurations: list[str] | None = None,
) -> None:
    written, commit = convert_and_push(
        recipe if isinstance(recipe, Recipe) else recipe(),
        output_dir=output_dir,
        push_to=push,
        private=private,
        data_dir=data_dir,
        configurations=configurations,
        overwrite=overwrite,
    )
    messages = Console(stderr=True)
    Console().print(_table(written))
    for place in (output_dir, commit):
        if place is not None:
            messages.print(f"Written to {place}", markup=False, highlight=False, soft_wrap=True)


def _table(written: list[ConvertedSplit]) -> Table:
    table = Table("configuration", "split", "rows", "labels")
    for part in written:
        table.add_row(part.configuration, part.split, f"{part.rows:,}", f"{len(part.relations):,}")
    return table
