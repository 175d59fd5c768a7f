"""Strings from data in Markdown: a parser must see nothing but their text."""

import re

from hypothesis import example, given, settings

from hf_relation.data.markdown import escape_markdown, one_line, table_row
from tests.cards.markdown_reader import hostile_strings, plain_text, tables


JOINER = "\u2060"


@settings(max_examples=250, deadline=None)
@given(hostile_strings)
@example("&amp;lt;")
@example("a\\")
@example("+ x")
@example("= ")
@example("2) x")
@example("xhttp://e.example")
def test_a_parser_sees_the_text_and_nothing_else(value: str) -> None:
    shown = one_line(value)
    escaped = escape_markdown(value)
    assert "\n" not in escaped
    escaped.encode("utf-8")
    seen = plain_text(f"x {escaped} y")
    assert seen.replace(JOINER, "").split() == f"x {shown} y".split()
    if shown:
        # At the start of a line, too, where lists, headings and rules begin.
        assert plain_text(escaped).replace(JOINER, "").split() == shown.split()
    # No bare address is left that GitHub's or the Hub's reader would turn into a link.
    assert not re.search(r"(?i)https?://|ftp://|\bwww\.|[\w.+-]@\w", seen)


@settings(max_examples=100, deadline=None)
@given(hostile_strings, hostile_strings)
def test_a_row_has_its_cells_and_they_hold_the_text(first: str, second: str) -> None:
    text = "\n".join([table_row(["a", "b", "c"]), "|---|---|---|", table_row([first, second, 3])])
    ((_, row),) = tables(text)
    assert [cell.replace(JOINER, "").split() for cell in row] == [
        one_line(first).split(),
        one_line(second).split(),
        ["3"],
    ]
