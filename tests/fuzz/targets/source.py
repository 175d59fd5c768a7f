"""From bytes to what a target needs: numbers, choices and text that is hard on programs."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar


T = TypeVar("T")

# Marks, joiners, surrogates' neighbours, spaces of all kinds, both directions, letters that grow when their case changes.
_CHARACTERS = (
    "ab cde. AB\u0301\u0323\u200d\u200c\u00e9\u00df\u0130\u0149\ufb01\ufb03\U0001f680\U0001f469\U0001f1e9\U0001f1ea北京\uac00\u1100\u1161\u11a8\u05d0\u0645\u064b\u0e01\u0e33"
    "\n\r\t\x00\x1c\x85\xa0\u2028\u3000\ufeff\u202e\u2066\u0300\u0344\u212b\u1e9b\u0958\U0001d15e\ufffd\uffff\U0010ffff,;:!?'\"-<>&|[]()0123456789_"
)


class Source:
    """Reads bytes from the front; after the last one everything is zero."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def byte(self) -> int:
        self.place += 1
        return self.data[self.place - 1] if self.place <= len(self.data) else 0

    def number(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        span, value = high - low + 1, self.byte()
        if span > 256:
            value = value * 256 + self.byte()
        return low + value % span

    def choice(self, values: Sequence[T]) -> T:
        return values[self.number(0, len(values) - 1)]

    def flag(self) -> bool:
        return bool(self.byte() % 2)

    def character(self) -> str:
        """One of a list of hard ones, or any code point that is no surrogate."""
        first = self.byte()
        if first < 200:
            return _CHARACTERS[first % len(_CHARACTERS)]
        code = (self.byte() << 12 | self.byte() << 4 | first % 16) % 0x110000
        return chr(code) if not 0xD800 <= code <= 0xDFFF else "?"

    def text(self, most: int) -> str:
        return "".join(self.character() for _ in range(self.number(0, most)))

    def span(self, length: int) -> tuple[int, int]:
        """Two offsets in order, the second above the first; `length` is at least 1."""
        start = self.number(0, length - 1)
        return start, self.number(start + 1, length)


@cache
def _folder() -> Path:
    # In memory where that is possible: thousands of files are written to the disk and waited for.
    shared = Path("/dev/shm")
    place = shared if shared.is_dir() and os.access(shared, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="hf-relation-fuzz-", dir=place))
    maker = os.getpid()
    atexit.register(lambda: shutil.rmtree(folder, ignore_errors=True) if os.getpid() == maker else None)
    return folder


def file_of(content: bytes, name: str) -> Path:
    """A file of that content; the next call with this name replaces it."""
    path = _folder() / name
    path.write_bytes(content)
    return path


def folder_of(files: dict[str, Any], name: str) -> Path:
    """A folder with those files and no others."""
    folder = _folder() / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for file, content in files.items():
        (folder / file).write_bytes(content)
    return folder
