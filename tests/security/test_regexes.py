"""Every regular expression of the package is linear: a megabyte of anything takes seconds at most."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.security.conftest import REPOSITORY, run_module


FOLDERS = ("hf_relation", "examples", "dataset_scripts", "metrics")
CALLS = {"compile", "match", "search", "fullmatch", "sub", "subn", "split", "findall", "finditer"}
# Patterns that are made at run time, each of escaped text.
MADE = {
    "hf_relation/data/surface.py": 1,  # tested through `locate_strings`
    "hf_relation/models/safe_loading.py": 1,  # the names of weights, with the pattern of the caller
}


def regexes() -> Iterator[tuple[str, str | None, int, bool]]:
    """Where, the pattern (`None` where it is no literal), its flags, and whether it is tried at the start of texts only."""
    for folder in FOLDERS:
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            name = str(path.relative_to(REPOSITORY))
            for node in ast.walk(tree):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                    continue
                owner = node.func.value
                if node.func.attr in CALLS and isinstance(owner, ast.Name) and owner.id in ("re", "regex"):
                    yield name, _literal(node), _flags(node), _uses(tree, node) <= {"match", "fullmatch"}


def _uses(tree: ast.AST, call: ast.Call) -> set[str]:
    """The methods of a pattern that are called; of one that is compiled, those of the name that it is given in the file."""
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if method != "compile":
        return {method}
    names = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and node.value is call
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names
    }
    return used or {"finditer"}


def _literal(call: ast.Call) -> str | None:
    try:
        found = ast.literal_eval(call.args[0])
    except (ValueError, IndexError):
        return None
    return found if isinstance(found, str) else None


def _flags(call: ast.Call) -> int:
    named = [part.attr for part in ast.walk(call) if isinstance(part, ast.Attribute) and part.attr.isupper()]
    return sum({int(getattr(re, name)) for name in named if hasattr(re, name)})


def test_no_pattern_is_imported_under_another_name() -> None:
    for folder in FOLDERS:
        for path in (REPOSITORY / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert "import re as" not in text and "from re import" not in text and "import regex" not in text, path


def test_patterns_made_at_run_time_are_few_and_known() -> None:
    made: dict[str, int] = {}
    for where, pattern, *_ in regexes():
        if pattern is None:
            made[where] = made.get(where, 0) + 1
    assert made == MADE


@pytest.mark.timeout(600)
def test_fault_16_patterns_and_readers_of_texts_are_linear(tmp_path: Path) -> None:
    found = [row for row in regexes() if row[1] is not None]
    assert len(found) > 15
    file = tmp_path / "patterns.json"
    file.write_text(json.dumps(found), encoding="utf-8")
    done: Any = run_module("tests.security.regex_child", str(file), timeout=500)
    assert done == {"slow": [], "patterns": len(found)}


@pytest.mark.timeout(300)
def test_a_slow_pattern_would_be_found(tmp_path: Path) -> None:
    """The check itself, on a pattern whose time grows with the square of the text."""
    file = tmp_path / "patterns.json"
    file.write_text(json.dumps([("planted", "a+b", 0, False)]), encoding="utf-8")
    found = run_module("tests.security.regex_child", str(file), "3", timeout=280)["slow"]
    assert ["planted", "a+b", "a" * 20] in found
