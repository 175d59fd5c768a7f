"""What the commands print: results on stdout, everything else on stderr, and nothing a corpus could inject."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Sequence

from rich.console import Console

from hf_relation.errors import InvalidRowError


_BAD_ROWS_SHOWN = 10


def messages() -> Console:
    """Console for messages and progress, on stderr."""
    return Console(stderr=True)


def results(*, width: int = 120) -> Console:
    """Console for results, on stdout.

    Args:
        width (`int`, defaults to 120): columns where stdout is a file or a pipe; a terminal has its own.
    """
    console = Console()
    return console if console.is_terminal else Console(width=width)


def printable(text: str) -> str:
    """Make text from a corpus safe to print: control and direction characters become spaces.

    Args:
        text (`str`): any text.

    Returns:
        `str`: one line that cannot move the cursor, colour the terminal or reorder what follows.

    Example:

    ```python
    >>> from hf_relation.cli.console import printable
    >>> printable("Zoë\\x1b[31m\\nred")
    'Zoë [31m red'

    ```
    """
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character in "\u200c\u200d":  # joiners inside words and emoji
        return character
    return " " if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") else character


def report_bad_rows(bad: Sequence[InvalidRowError], *, quiet: bool) -> None:
    """Say how many rows were skipped, and list the first of them, on stderr.

    Args:
        bad (`Sequence[InvalidRowError]`): the rows.
        quiet (`bool`): the number alone.
    """
    if not bad:
        return
    console = messages()
    console.print(f"Skipped {len(bad)} bad rows.", style="yellow", markup=False)
    for error in [] if quiet else bad[:_BAD_ROWS_SHOWN]:
        console.print(f"  {printable(str(error))}", markup=False, highlight=False, soft_wrap=True)
    if not quiet and len(bad) > _BAD_ROWS_SHOWN:
        console.print(f"  and {len(bad) - _BAD_ROWS_SHOWN} more; hf-relation check-data lists them all.", markup=False)


def is_utf8(stream: object) -> bool:
    """Whether a text stream writes UTF-8."""
    encoding = getattr(stream, "encoding", None) or sys.getdefaultencoding()
    return encoding.lower().replace("-", "").replace("_", "") == "utf8"


def write_what_the_terminal_can() -> None:
    """Escape characters that stdout and stderr cannot write (in the C locale, say) instead of failing at the first."""
    for stream in (sys.stdout, sys.stderr):
        if not is_utf8(stream) and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
