"""A `.npy` file that grows row by row and appears under its name only when it is whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy_format

from hf_relation.data.atomic import atomic_file
from hf_relation.errors import UsageError


class NpyWriter:
    """Append rows to an open `.npy` stream; get one from `open_npy`.

    Args:
        stream (`BinaryIO`): an empty binary stream that can seek.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._num_rows = 0
        self._dim: int | None = None
        self._data_start = 0

    def append(self, rows: np.ndarray) -> None:
        """Add rows at the end.

        Args:
            rows (`np.ndarray` of shape `(m, d)`): converted to float32; `d` must be the same every time. `m` may be 0.

        Raises:
            ValueError: another shape than before.
        """
        if rows.ndim != 2 or (self._dim is not None and rows.shape[1] != self._dim):
            wanted = "d" if self._dim is None else self._dim
            raise ValueError(f"Rows of shape (m, {wanted}) are needed, got {rows.shape}.")
        if self._dim is None:
            self._dim = rows.shape[1]
            self._data_start = self._write_header()
        self._stream.write(np.ascontiguousarray(rows, dtype="<f4").tobytes())
        self._num_rows += len(rows)

    def finish(self) -> None:
        """Write the final row count into the header.

        Raises:
            ValueError: nothing was appended, so the dimension is not known.
        """
        if self._dim is None:
            raise ValueError("No rows were appended: the dimension of the array is not known.")
        self._stream.seek(0)
        # numpy pads the header for a first axis of up to 21 digits, made for exactly this.
        if self._write_header() != self._data_start:
            raise RuntimeError("The header of the .npy file has changed its length; the file would be damaged.")

    def _write_header(self) -> int:
        header = {"descr": "<f4", "fortran_order": False, "shape": (self._num_rows, self._dim)}
        npy_format.write_array_header_1_0(self._stream, header)
        return self._stream.tell()


@contextmanager
def open_npy(path: str | os.PathLike[str]) -> Iterator[NpyWriter]:
    """Write a float32 array of shape `(n, d)` whose number of rows is not known in advance.

    Rows go to a temporary file in the same folder. When the `with` block ends well the file takes its name; when it ends
    with an exception the temporary file is removed, and whatever had the name before is untouched.

    Args:
        path (`str` or `os.PathLike`): the file; must end in `.npy`, and its folder must exist.

    Returns:
        Context manager giving the `NpyWriter`.

    Raises:
        UsageError: another ending, a folder of that name, or no folder to put it in.

    Example:

    ```python
    >>> import tempfile
    >>> import numpy as np
    >>> from hf_relation.embedding.npy_writer import open_npy
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with open_npy(f"{folder}/rows.npy") as writer:
    ...         writer.append(np.ones((2, 3), dtype=np.float32))
    ...         writer.append(np.zeros((1, 3), dtype=np.float32))
    ...     np.load(f"{folder}/rows.npy").sum(axis=1).tolist()
    [3.0, 3.0, 0.0]

    ```
    """
    if Path(path).suffix != ".npy":
        raise UsageError(f"The file for the embeddings must end in '.npy', got {str(path)!r}.")
    with atomic_file(path) as stream:
        writer = NpyWriter(stream)
        yield writer
        writer.finish()
