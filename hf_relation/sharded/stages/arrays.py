"""Arrays to and from `.npy` files."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy_format


_SMALL = 2**16


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


def map_npy(path: Path) -> np.ndarray:
    """An array read-only, of which only what is used takes memory; small ones, and empty ones, which cannot be mapped, are read.

    Args:
        path (`Path`): what [`save_npy`] wrote.
    """
    small = path.stat().st_size <= _SMALL
    array: np.ndarray = np.load(path, mmap_mode=None if small else "r", allow_pickle=False)
    return array


class _Stream:
    """Only `write`: of a real file numpy writes past Python, and does not learn what went wrong."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, content: bytes) -> int:
        return self._stream.write(content)
