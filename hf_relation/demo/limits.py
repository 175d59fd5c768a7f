"""`DemoLimits`: how much a visitor may ask of the demo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from hf_relation.data.schema import Instance
from hf_relation.errors import InvalidRowError, UsageError


@dataclass(frozen=True)
class DemoLimits:
    """What one run of the demo may take. Nothing is cut to fit: what is over a limit is refused with a message.

    Args:
        max_rows (`int`, defaults to 2000): most instances of a run.
        max_chars (`int`, defaults to 2000): most characters of one text.
        max_bytes (`int`, defaults to 4194304): most bytes of the text box, or of an uploaded file.
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

    def check_rows(self, instances: Sequence[Instance]) -> None:
        """Refuse too many or too long instances, and none at all.

        Args:
            instances (`Sequence[Instance]`): what was read.

        Raises:
            UsageError: no instance, or more than allowed.
            InvalidRowError: a text with more characters than allowed, with its position.
        """
        if not instances:
            raise UsageError("There is nothing to discover relations in: paste sentences or upload a file.")
        if len(instances) > self.max_rows:
            raise UsageError(
                f"There are {len(instances):,} instances; this demo takes at most {self.max_rows:,}. Use fewer, or the command "
                "`hf-relation discover`, which has no such limit."
            )
        for index, instance in enumerate(instances):
            length = len(instance["text"])
            if length > self.max_chars:
                raise InvalidRowError(
                    f"the text has {length:,} characters; this demo takes at most {self.max_chars:,}. Shorten it.",
                    index=index,
                )
