"""The check of the built pages sees what is wrong with them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "site"))

from check import leftovers, problems, public_modules  # noqa: E402


@pytest.fixture
def site(tmp_path):
    """A site of one page, and the package that it documents."""
    package = tmp_path / "pkg"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "shown.py").write_text('def public():\n    """Said."""\n', encoding="utf-8")
    (package / "silent.py").write_text("def public():\n    return 1\n", encoding="utf-8")
    (package / "_private.py").write_text('def public():\n    """Said."""\n', encoding="utf-8")
    pages = tmp_path / "site" / "api" / "pkg"
    pages.mkdir(parents=True)
    for name in ("index", "shown"):
        (pages / f"{name}.html").write_text(
            '<script src="../a.js"></script><article><p>Fine: <code>[`x`] **y**</code> <a href="https://example.org">out</a></p></article>',
            encoding="utf-8",
        )
    return tmp_path / "site", package


def test_a_good_site_has_no_problem(site):
    assert public_modules(site[1]) == ["pkg.__init__", "pkg.shown"]
    assert problems(*site) == []


@pytest.mark.parametrize(
    "markup",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example/css">',
        "<img alt='' src='http://example.org/a.png'>",
        '<iframe src="https://example.org/"></iframe>',
    ],
)
def test_what_is_fetched_from_elsewhere_is_found(site, markup):
    (site[0] / "index.html").write_text(f"<article>{markup}</article>", encoding="utf-8")
    (found,) = problems(*site)
    assert found.startswith("index.html fetches ")


def test_style_sheets_are_read_too(site):
    (site[0] / "a.css").write_text("@font-face { src: url(https://fonts.example/a.woff) }", encoding="utf-8")
    assert problems(*site) == ["a.css fetches https://fonts.example/a.woff"]


@pytest.mark.parametrize(
    "text", ["[`~pkg.x`]", "**bold**", "a `code", "[a][b]", r"\(x\)", "::: pkg", "{: .doc-part }"]
)
def test_markup_left_as_text_is_found(text):
    assert leftovers(f"<article><p>\n{text}</p></article>")
    assert not leftovers(f"<article><pre>\n{text}</pre></article>")


def test_a_module_without_a_page_is_found(site):
    (site[0] / "api" / "pkg" / "shown.html").unlink()
    assert problems(*site) == ["pkg.shown has no page"]
