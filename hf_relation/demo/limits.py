"""`DemoLimits`: how much a visitor may ask of the demo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from hf_relation.errors import InvalidRowError, UsageError


@dataclass(frozen=True)
class DemoLimits:
    """What one run of the demo may take. Nothing is cut to fit: what is over a limit is refused with a message.

    Args:
        max_rows (`int`, defaults to 2000): most rows of the input, and most instances of a run: texts can hold more pairs than
            there are texts. It is also the most mentions in one text.
        max_chars (`int`, defaults to 2000): most characters of an instance's text.
        max_text_chars (`int`, defaults to 20000): most characters of a text or document of which instances are made.
        max_bytes (`int`, defaults to 4194304): most bytes of the two text boxes, or of an uploaded file.
        timeout (`float`, defaults to 120): seconds after which a run is stopped. Loading the model does not count.
        max_queue (`int`, defaults to 8): most runs that wait; one runs at a time.

    Raises:
        UsageError: a limit below 1.

    Example:

    ```python
    >>> from hf_relation.demo import DemoLimits
    >>> DemoLimits(max_rows=500).max_chars
    2000

    ```
    """

    max_rows: int = 2000
    max_chars: int = 2000
    max_text_chars: int = 20_000
    max_bytes: int = 4 * 2**20
    timeout: float = 120
    max_queue: int = 8

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 1:
                raise UsageError(f"`{field.name}` must be a number from 1 up, got {value!r}.")

    def check_size(self, size: int, what: str) -> None:
        """Refuse an input that is too large, before it is read.

        Args:
            size (`int`): bytes.
            what (`str`): the input, for the message.

        Raises:
            UsageError: more bytes than allowed.
        """
        if size > self.max_bytes:
            raise UsageError(
                f"{what} has {size:,} bytes; this demo takes at most {self.max_bytes:,}. Use fewer rows, or the command "
                "`hf-relation discover`, which has no such limit."
            )

    def check_rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Refuse too many or too long rows, and none at all.

        Args:
            rows (`Sequence[Mapping]`): what was read: instances, documents and texts.

        Raises:
            UsageError: no row, or more than allowed.
            InvalidRowError: a text with more characters than allowed, with its position.
        """
        if not rows:
            raise UsageError("There is nothing to discover relations in: paste sentences or upload a file.")
        if len(rows) > self.max_rows:
            raise UsageError(
                f"There are more than {self.max_rows:,} rows, the most that this demo takes. Use fewer, or the command "
                "`hf-relation discover`, which has no such limit."
            )
        for index, row in enumerate(rows):
            most = self.max_chars if "head" in row else self.max_text_chars
            length = len(row["text"])
            if length > most:
                raise InvalidRowError(
                    f"the text has {length:,} characters; this demo takes at most {most:,}. Shorten it, or give it in parts.",
                    index=index,
                )
            if len(row.get("mentions", ())) > self.max_rows:
                raise InvalidRowError(
                    f"the document has {len(row['mentions']):,} mentions; this demo takes at most {self.max_rows:,}. Give it in parts.",
                    index=index,
                )
