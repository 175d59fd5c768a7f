"""Putting strings that come from data into Markdown without letting them become markup."""

from __future__ import annotations

import re
from collections.abc import Iterable


_MARKUP = re.compile(r"([\\`*_\[\]|~$])")
# What is markup at the start of a line only: lists, headings, rules.
_START = re.compile(r"^(\d*)([-+](?=\s|$)|[-=]{2,}|=$|#|(?<=\d)[.)](?=\s|$))")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
# Bare addresses become links where Markdown is read as on the Hub and on GitHub. Entities do not stop all readers from that, some
# look at the text once more when they are decoded; an invisible word joiner in the middle of an address does.
_ADDRESS = re.compile(r"(?i)((?:https?|ftp|mailto|xmpp):|www(?=\.)|(?<=[\w.+-])@(?=\w))")
_JOINER = "\u2060"
_FILLER = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")


def one_line(value: object) -> str:
    """Show any value on one line: white space, line breaks, control and direction characters become single spaces.

    Args:
        value (`object`): shown as `str(value)`.

    Returns:
        `str`: valid UTF-8 on one line, markup not escaped.

    Example:

    ```python
    >>> from hf_relation.data.markdown import one_line
    >>> one_line("a\\n---\\n b")
    'a --- b'

    ```
    """
    text = _FILLER.sub(" ", str(value)).strip()
    return text.encode("utf-8", errors="replace").decode("utf-8")


def escape_markdown(value: object) -> str:
    """Turn any value into one line of Markdown that shows it as plain text.

    White space, line breaks, control and direction characters become single spaces; characters with a meaning in
    Markdown get a backslash, those with a meaning in HTML become entities, and addresses get an invisible word joiner
    (U+2060) so that they are not turned into links.

    Args:
        value (`object`): shown as `str(value)`.

    Returns:
        `str`: one line, safe in a paragraph, a list item or a table cell.

    Example:

    ```python
    >>> from hf_relation.data.markdown import escape_markdown
    >>> print(escape_markdown("a|b <i>`x`\\nnew"))
    a\\|b &lt;i&gt;\\`x\\` new

    ```
    """
    text = _START.sub(r"\1\\\2", _MARKUP.sub(r"\\\1", one_line(value)))
    text = "".join(_ENTITIES.get(character, character) for character in text)
    return _ADDRESS.sub(rf"\1{_JOINER}", text)


def table_row(cells: Iterable[object]) -> str:
    """Make one row of a Markdown table, every cell escaped.

    Args:
        cells (`Iterable`): values of the cells.

    Returns:
        `str`: the row, without a line break.

    Example:

    ```python
    >>> from hf_relation.data.markdown import table_row
    >>> print(table_row(["a|b", 0.5]))
    | a\\|b | 0.5 |

    ```
    """
    return "| " + " | ".join(escape_markdown(cell) for cell in cells) + " |"
