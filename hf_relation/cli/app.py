"""`hf-relation`: the console entry point. Importing this module imports no model library, so that `--help` is quick."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from hf_relation.cli import check_data, convert, demo, discover, env, evaluate, extract, heads, label, push, train
from hf_relation.cli.console import write_what_the_terminal_can
from hf_relation.cli.errors import ended_in_order, reported_errors


app = typer.Typer(
    name="hf-relation",
    help="Discover and extract relations in text, train on known ones, convert and check data, score labels.",
    epilog="Example: hf-relation discover examples/data/sample.jsonl --output out/",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:
    if value:
        from hf_relation.version import __version__

        typer.echo(f"hf-relation {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Discover and extract relations in text, train on known ones, convert and check data, score labels."""


app.command("discover", epilog="Example: hf-relation discover examples/data/sample.jsonl --output out/")(
    discover.command
)
app.command("extract", epilog="Example: hf-relation extract documents.jsonl --model runs/mine --output out/")(
    extract.command
)
app.command(
    "label",
    epilog="Example: hf-relation label examples/data/sample.jsonl --facts examples/data/sample_facts.tsv -o labelled.jsonl",
)(label.command)
app.command("demo", epilog="Example: hf-relation demo --open")(demo.command)
app.command("evaluate")(evaluate.command)
app.command("check-data")(check_data.command)
app.command("push", epilog="Example: hf-relation push runs/mine/seed-0 USER/NAME --dry-run")(push.push_command)
app.command("pull", epilog="Example: hf-relation pull USER/NAME --output models/mine")(push.pull_command)
app.command("env")(env.command)
app.add_typer(train.app)
app.add_typer(convert.app)
app.add_typer(heads.app)


def main() -> None:
    """Run the command line; errors made for the user become one line on stderr and exit code 1 or 2."""
    write_what_the_terminal_can()
    with reported_errors(debug="--debug" in sys.argv[1:]), ended_in_order():
        app()
