"""Names in docstrings lead to where they are documented, from wherever they are written."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


griffe = pytest.importorskip("griffe", reason='needs the extra `docs`: pip install "hf_relation[docs]"')
sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "site"))

from docstrings import HuggingFaceDocstrings, link_target  # noqa: E402


FILES = {
    "__init__.py": "from pkg.room import Public\n\n__all__ = ['Public']\n",
    "room/__init__.py": "from pkg.room.file import Public\n\n__all__ = ['Public']\n",
    "room/file.py": '''
from pkg.room._hidden import Hidden


class Base:
    """Base."""

    def inherited(self):
        """Inherited."""


class Public(Base):
    """Calls [`method`] and [`~pkg.Public.method`], not [`nothing`] nor [`Hidden`]."""

    def method(self):
        """See [`helper`]."""

    def undocumented(self):
        return 1


def helper():
    """Helps [`Public`]."""
''',
    "room/_hidden.py": 'class Hidden:\n    """Hidden."""\n',
}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    root = tmp_path_factory.mktemp("source")
    for name, text in FILES.items():
        path = root / "pkg" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return griffe.load("pkg", search_paths=[str(root)], submodules=True, resolve_aliases=True)


@pytest.mark.parametrize(
    ("here", "name", "target"),
    [
        ("room.file.Public", "pkg.Public", "pkg.room.file.Public"),
        ("room.file.Public", "pkg.room.Public.method", "pkg.room.file.Public.method"),
        ("room.file.Public", "method", "pkg.room.file.Public.method"),
        ("room.file.Public.method", "helper", "pkg.room.file.helper"),
        ("room.file.helper", "Public.inherited", "pkg.room.file.Base.inherited"),
        ("room.file", "pkg.room", "pkg.room"),
        ("room.file.Public", "undocumented", None),
        ("room.file.Public", "Hidden", None),
        ("room.file.Public", "pkg.room._hidden.Hidden", None),
        ("room.file.Public", "elsewhere.Name", None),
    ],
)
def test_where_a_name_leads(package, here, name, target):
    assert link_target(package, package[here], name) == target


def test_all_docstrings_are_rewritten(package):
    HuggingFaceDocstrings().on_package(pkg=package)
    assert package["room.file.Public"].docstring.value == (
        "Calls [`method`][pkg.room.file.Public.method] and [`method`][pkg.room.file.Public.method], not `nothing` nor `Hidden`."
    )
    assert package["room.file.helper"].docstring.value == "Helps [`Public`][pkg.room.file.Public]."
