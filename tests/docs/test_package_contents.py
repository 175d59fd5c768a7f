"""The check of wheel and sdist sees what is missing and what is too much."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("package_contents", ROOT / ".ci" / "package_contents.py")
package_contents = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package_contents)

TRACKED = {f"hf_relation/{name}" for name in (*package_contents.NEEDED, "__init__.py", "discovery/result.py")}
GOOD = TRACKED | {"hf_relation-1.dist-info/METADATA", "hf_relation-1.dist-info/licenses/LICENSE"}


def found(names, tracked=TRACKED):
    return package_contents.problems(set(names), set(tracked), {"hf_relation-1.dist-info"})


def test_a_good_one_has_no_problem():
    assert found(GOOD) == []


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("tests/test_import.py", "holds tests/test_import.py, which does not belong there"),
        ("examples/data/sample.jsonl", "holds examples/data/sample.jsonl, which does not belong there"),
        ("hf_relation/notes.txt", "holds hf_relation/notes.txt, which is not under version control"),
    ],
)
def test_what_is_too_much_is_found(name, problem):
    assert found(GOOD | {name}) == [problem]


def test_what_is_missing_is_found():
    assert found(GOOD - {"hf_relation/discovery/result.py"}) == ["lacks hf_relation/discovery/result.py"]


@pytest.mark.parametrize("name", package_contents.NEEDED)
def test_data_is_needed_even_where_version_control_forgot_it(name):
    assert found(GOOD - {f"hf_relation/{name}"}, TRACKED - {f"hf_relation/{name}"}) == [f"lacks hf_relation/{name}"]


def test_what_is_needed_is_in_this_repository():
    for name in package_contents.NEEDED:
        assert (ROOT / "hf_relation" / name).is_file(), name
