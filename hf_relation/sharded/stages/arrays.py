"""Arrays to `.npy` files."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy_format


def save_npy(path: Path, array: np.ndarray) -> None:
    """Write an array, as `numpy.save` does, but with an error that says so where the disk is full.

    Args:
        path (`Path`): a new file.
        array (`np.ndarray`): of numbers.

    Raises:
        OSError: the file cannot be written, as the operating system says it.
    """
    with open(path, "xb") as stream:
        npy_format.write_array(_Stream(stream), array, allow_pickle=False)


class _Stream:
    """Only `write`: of a real file numpy writes past Python, and does not learn what went wrong."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, content: bytes) -> int:
        return self._stream.write(content)
