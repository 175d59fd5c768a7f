"""Putting strings that come from data into Markdown without letting them become markup."""

from __future__ import annotations

import re
from collections.abc import Iterable


_MARKUP = re.compile(r"([\\`*_\[\]|~$])")
# What is markup at the start of a line only: lists, headings, rules.
_START = re.compile(r"^(\d*)([-+](?=\s|$)|[-=]{2,}|=$|#|(?<=\d)[.)](?=\s|$))")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
# A dot or colon after these would make a link of bare text.
_LINK = re.compile(r"(?i)\b(https?|ftp|mailto|www)([.:])")
_FILLER = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")


def one_line(value: object) -> str:
    """Show any value on one line: white space, line breaks, control and direction characters become single spaces.

    Args:
        value (`object`): shown as `str(value)`.

    Returns:
        `str`: valid UTF-8 on one line, markup not escaped.

    Example:

    ```python
    >>> from hf_relation.cards.escaping import one_line
    >>> one_line("a\\n---\\n b")
    'a --- b'

    ```
    """
    text = _FILLER.sub(" ", str(value)).strip()
    return text.encode("utf-8", errors="replace").decode("utf-8")


def escape_markdown(value: object) -> str:
    """Turn any value into one line of Markdown that shows it as plain text.

    White space, line breaks, control and direction characters become single spaces; characters with a meaning in
    Markdown get a backslash, those with a meaning in HTML become entities, and addresses are not turned into links.

    Args:
        value (`object`): shown as `str(value)`.

    Returns:
        `str`: one line, safe in a paragraph, a list item or a table cell.

    Example:

    ```python
    >>> from hf_relation.cards import escape_markdown
    >>> print(escape_markdown("a|b <i>`x`\\nnew"))
    a\\|b &lt;i&gt;\\`x\\` new

    ```
    """
    text = _START.sub(r"\1\\\2", _MARKUP.sub(r"\\\1", one_line(value)))
    text = "".join(_ENTITIES.get(character, character) for character in text)
    return _LINK.sub(lambda match: f"{match[1]}{'&#46;' if match[2] == '.' else '&#58;'}", text)


def table_row(cells: Iterable[object]) -> str:
    """Make one row of a Markdown table, every cell escaped.

    Args:
        cells (`Iterable`): values of the cells.

    Returns:
        `str`: the row, without a line break.

    Example:

    ```python
    >>> from hf_relation.cards import table_row
    >>> print(table_row(["a|b", 0.5]))
    | a\\|b | 0.5 |

    ```
    """
    return "| " + " | ".join(escape_markdown(cell) for cell in cells) + " |"
