"""The table of faults in README.md names tests that exist, for every row of the plan."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest


TESTS = Path(__file__).parent
ROWS = 54


def fault_table(text: str) -> dict[int, list[str]]:
    """The named tests of every row, `file::test`."""
    rows: dict[int, list[str]] = {}
    for line in text.partition("## Faults")[2].splitlines():
        cells = re.split(r"(?<!\\)\|", line.strip()[1:-1])
        if cells[0].strip().isdigit():
            assert len(cells) == 4, f"row {cells[0].strip()} has {len(cells)} cells"
            assert int(cells[0]) not in rows, f"row {cells[0].strip()} is there twice"
            rows[int(cells[0])] = re.findall(r"`([^`]+::[^`]+)`", cells[3])
    return rows


def missing(rows: dict[int, list[str]]) -> list[str]:
    """What is wrong with a table: rows that are not there or name no test, and tests that do not exist."""
    problems = [f"row {number}: no test" for number in range(1, ROWS + 1) if not rows.get(number)]
    problems += [f"row {number}: there is no such row in the plan" for number in rows if not 1 <= number <= ROWS]
    for number, names in rows.items():
        for name in names:
            file, _, test = name.partition("::")
            if test not in named_in(TESTS / file):
                problems.append(f"row {number}: {name} does not exist")
    return problems


@functools.cache
def named_in(file: Path) -> set[str]:
    if not file.is_file():
        return set()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return {function.name for function in functions if function.name.startswith("test_")}


def test_every_row_of_the_plan_names_tests_that_exist() -> None:
    assert missing(fault_table((TESTS / "README.md").read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("pattern", "replacement", "problem"),
    [
        (r"\n\| 17 \|[^\n]*", "", "row 17: no test"),
        (
            r"::test_fault_39_down_to_one_row",
            "::test_fault_39_gone",
            "row 39: embedding/test_embed.py::test_fault_39_gone",
        ),
        (r"`training/test_kill.py", "`training/test_gone.py", "row 34: training/test_gone.py"),
        (r"\n(\| 54 \|[^\n]*)", r"\n\1\n| 55 | a | b | `c::d` |", "row 55: there is no such row"),
    ],
)
def test_a_table_that_lacks_something_is_noticed(pattern: str, replacement: str, problem: str) -> None:
    text = (TESTS / "README.md").read_text(encoding="utf-8")
    changed = re.sub(pattern, replacement, text, count=1)
    assert changed != text
    assert any(found.startswith(problem) for found in missing(fault_table(changed)))


def test_fault_44_nothing_here_unpacks_an_archive() -> None:
    package = TESTS.parent / "hf_relation"
    calls = re.compile(
        r"extractall|unpack_archive|import tarfile|\.extract\(.*(zip|tar)|ZipFile\([^)]*\)\.(open|read)"
    )
    found = [path.name for path in package.rglob("*.py") if calls.search(path.read_text(encoding="utf-8"))]
    assert found == []
