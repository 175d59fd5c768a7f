"""The errors this package raises on purpose; each says what was wrong, where, what is allowed and what to do."""

from __future__ import annotations

from collections.abc import Sequence


class HfRelationError(Exception):
    """Base class of every error raised on purpose by hf_relation."""


class InvalidRowError(HfRelationError, ValueError):
    """One row of the input breaks the data contract.

    Args:
        reason (`str`): what is wrong, what is allowed and what to do.
        index (`int`, *optional*): zero-based position of the row in a list.
        line (`int`, *optional*): one-based line number in a file; shown instead of `index` when both are known.
        file (`str`, *optional*): the file, where several are read.

    Example:

    ```python
    >>> from hf_relation.errors import InvalidRowError
    >>> str(InvalidRowError("`text` must be a string, got NoneType.", index=3))
    'row 3: `text` must be a string, got NoneType.'

    ```
    """

    def __init__(
        self, reason: str, *, index: int | None = None, line: int | None = None, file: str | None = None
    ) -> None:
        self.reason = reason
        self.index = index
        self.line = line
        self.file = file
        place = f"line {line}" if line is not None else f"row {index}" if index is not None else None
        where = ", ".join(part for part in (file, place) if part is not None)
        super().__init__(f"{where}: {reason}" if where else reason)

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions with keyword-only arguments do not survive a process pool by themselves.
        return (_rebuild_invalid_row, (self.reason, self.index, self.line, self.file))


def _rebuild_invalid_row(reason: str, index: int | None, line: int | None, file: str | None) -> InvalidRowError:
    return InvalidRowError(reason, index=index, line=line, file=file)


class CheckpointError(HfRelationError, OSError):
    """A checkpoint is missing, incomplete, altered or from a newer version."""


class MissingPackageError(HfRelationError, ImportError):
    """An optional package is not installed; the message holds the `pip install` line."""


class UsageError(HfRelationError, ValueError):
    """An argument has a value that is not allowed, or arguments contradict one another."""


class TrainingError(HfRelationError, RuntimeError):
    """Training cannot go on: the loss, or its gradient, is not a finite number.

    Args:
        message (`str`): at which step, with which rows, what is and what is not finite, and what to try.
        step (`int`): number of the step that was not made.
        instance_ids (`Sequence[str]`): ids of all instances in the step's batches, of all processes.
    """

    def __init__(self, message: str, *, step: int = 0, instance_ids: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.step = step
        self.instance_ids = list(instance_ids)
