"""The page of the command line: what every command says of itself, as Markdown on stdout."""

from __future__ import annotations

import os
import subprocess
import sys
from textwrap import indent
from typing import Any

import typer
from typer.testing import CliRunner


PROGRAM = "hf-relation"
MODULE = "hf_relation.cli.app"


def page() -> str:
    """Typer's own Markdown; and for commands that hand all options on to a parser of their own, the help of that one."""
    command = [sys.executable, "-m", "typer", MODULE, "utils", "docs", "--name", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    parts = []
    for part in done.stdout.replace(f"# `{PROGRAM}`", "# Command line", 1).split("\n#"):
        title = part.partition("`")[2].partition("`")[0]
        parts.append(part.rstrip() + "\n" + _handed_on(title.split()[1:]))
    return "\n#".join(parts)


def _handed_on(words: list[str]) -> str:
    from hf_relation.cli.app import app

    place: Any = typer.main.get_command(app)
    for word in words:
        place = place.commands[word]
    if getattr(place, "add_help_option", True):
        return ""
    shown = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "110"})
    if shown.exit_code:
        raise SystemExit(f"{PROGRAM} {' '.join(words)} --help ended with {shown.exit_code}: {shown.output}")
    block = indent(f"```text\n{shown.output.strip()}\n```", "    ")
    return f'\n??? quote "All options"\n\n{block}\n'


if __name__ == "__main__":
    os.environ["COLUMNS"] = "110"
    print(page())
