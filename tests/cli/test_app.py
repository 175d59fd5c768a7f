from __future__ import annotations

import json
import subprocess
import sys

import pytest

import hf_relation
from hf_relation.cli import app
from hf_relation.cli.console import is_utf8, printable


HEAVY = ("transformers", "torch", "sklearn", "datasets", "evaluate", "scipy", "pandas", "numpy")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["hf-relation", *arguments])
    with pytest.raises(SystemExit) as stop:
        app.main()
    return int(stop.value.code or 0)


# In a process of its own, run after run: the exit code and the heavy libraries that are imported by then.
LIGHT = f"""
import json, sys
import typer
from hf_relation import _registration
from hf_relation.cli.app import app, main

def helps(command, words):
    if command.get_help_option_names(command.make_context(words[-1], [], resilient_parsing=True)):
        yield [*words[1:], "--help"]
    for name, below in getattr(command, "commands", {{}}).items():
        yield from helps(below, [*words, name])

found = []
for arguments in [["--version"], *helps(typer.main.get_command(app), ["hf-relation"])]:
    sys.argv = ["hf-relation", *arguments]
    try:
        main()
    except SystemExit as stop:
        found.append([arguments, stop.code or 0, [name for name in {HEAVY} if name in sys.modules]])
waiting = any(isinstance(finder, _registration._AfterTransformers) for finder in sys.meta_path)
print(json.dumps([found, waiting]), file=sys.stderr)
"""


def test_version_and_every_help_import_no_heavy_library_and_register_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, timeout=120, check=True)
    found, waiting = json.loads(done.stderr)
    assert waiting
    assert [arguments for arguments, code, heavy in found if code or heavy] == []
    asked = [arguments for arguments, *_ in found]
    for arguments in (
        ["--version"],
        ["--help"],
        ["discover", "--help"],
        ["train", "--help"],
        ["heads", "rank", "--help"],
    ):
        assert arguments in asked
    assert "hf-relation discover examples/data/sample.jsonl --output out/" in done.stdout
    assert f"hf-relation {hf_relation.__version__}\n" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["-h"],
        ["discover", "--help"],
        ["extract", "-h"],
        ["label", "-h"],
        ["evaluate", "-h"],
        ["check-data", "-h"],
    ],
)
def test_help_of_every_command_shows_an_example(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *arguments) == 0
    shown = capsys.readouterr().out
    assert "Example: hf-relation" in " ".join(shown.split())
    assert "Traceback" not in shown


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"hf-relation {hf_relation.__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["--nonsense"], ["nonsense"], ["discover"], ["discover", "x.jsonl", "--nonsense"]]
)
def test_wrong_usage_is_exit_code_two(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and "Traceback" not in captured.err and captured.err


def test_printable_leaves_letters_and_removes_controls() -> None:
    assert printable("می‌خواهم 👩‍🚀 Zoë") == "می‌خواهم 👩‍🚀 Zoë"
    assert printable("a\x1b[2Jb\u202ec\u2028d\x00\x9b") == "a [2Jb c d  "


def test_is_utf8() -> None:
    class Stream:
        encoding = "UTF_8"

    assert is_utf8(Stream())
    Stream.encoding = "latin-1"
    assert not is_utf8(Stream())
