"""Where embeddings go as they are made: a new array, a given array or a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np

from hf_relation.embedding.npy_writer import NpyWriter, open_npy
from hf_relation.errors import UsageError


class EmbeddingSink(Protocol):
    """Takes rows in order and gives the whole back when it has been closed."""

    def append(self, rows: np.ndarray) -> None:
        """Take rows of shape `(m, d)`, float32."""

    def result(self) -> np.ndarray:
        """All rows, `(n, d)`."""


@contextmanager
def open_sink(out: np.ndarray | str | os.PathLike[str] | None, num_rows: int | None) -> Iterator[EmbeddingSink]:
    """Open the place that `out` names.

    Args:
        out (`np.ndarray` or path, *optional*): an array to fill, a `.npy` file to write, or `None` for a new array.
        num_rows (`int`, *optional*): how many rows there will be, when known.

    Returns:
        Context manager giving the sink; ask for its `result()` after the block.

    Raises:
        UsageError: an array of the wrong type or size, or a path that cannot be written.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.embedding.sinks import open_sink
    >>> with open_sink(None, None) as sink:
    ...     sink.append(np.ones((2, 3), dtype=np.float32))
    >>> sink.result().shape
    (2, 3)

    ```
    """
    if out is None:
        yield _NewArray()
    elif isinstance(out, np.ndarray):
        given = _GivenArray(out, num_rows)
        yield given
        given.finish()
    else:
        with open_npy(out) as writer:
            yield _File(writer, out)


class _NewArray:
    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []

    def append(self, rows: np.ndarray) -> None:
        self._parts.append(rows)

    def result(self) -> np.ndarray:
        return self._parts[0] if len(self._parts) == 1 else np.concatenate(self._parts)


class _GivenArray:
    def __init__(self, out: np.ndarray, num_rows: int | None) -> None:
        if out.dtype != np.float32 or out.ndim != 2:
            raise UsageError(f"`out` must be a float32 array of shape (n, d), got {out.dtype} of shape {out.shape}.")
        if not out.flags.writeable:
            raise UsageError("`out` is read-only. Pass an array that can be written.")
        if num_rows is not None and len(out) != num_rows:
            raise UsageError(f"`out` has {len(out)} rows for {num_rows} instances. Both must be equally many.")
        self._out = out
        self._filled = 0

    def append(self, rows: np.ndarray) -> None:
        if rows.shape[1] != self._out.shape[1]:
            raise UsageError(f"`out` has {self._out.shape[1]} columns, but the embeddings have {rows.shape[1]}.")
        if self._filled + len(rows) > len(self._out):
            raise UsageError(f"`out` has {len(self._out)} rows, but there are more instances.")
        self._out[self._filled : self._filled + len(rows)] = rows
        self._filled += len(rows)

    def finish(self) -> None:
        if self._filled != len(self._out):
            raise UsageError(f"`out` has {len(self._out)} rows, but there are only {self._filled} instances.")

    def result(self) -> np.ndarray:
        return self._out


class _File:
    def __init__(self, writer: NpyWriter, path: str | os.PathLike[str]) -> None:
        self._writer = writer
        self._path = path

    def append(self, rows: np.ndarray) -> None:
        self._writer.append(rows)

    def result(self) -> np.ndarray:
        array: np.ndarray = np.load(self._path, mmap_mode="r", allow_pickle=False)
        return array
