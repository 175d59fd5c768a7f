"""Two folders change places in one step, where the operating system can do that."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path


_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h


def exchange(one: Path, other: Path) -> bool:
    """Let two files or folders of one file system change names, so that no moment lacks either name.

    Args:
        one, other (`Path`): both must exist.

    Returns:
        `bool`: whether it was done. `False` where the system or the file system cannot (Linux can, on nearly all).

    Example:

    ```python
    >>> import tempfile, pathlib
    >>> from hf_relation.data.exchange import exchange
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name in "ab":
    ...     _ = (folder / name).write_text(name)
    >>> done = exchange(folder / "a", folder / "b")
    >>> (folder / "a").read_text() == ("b" if done else "a")
    True

    ```
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):  # another C library
        return False
    paths = (os.fsencode(one), os.fsencode(other))
    done: int = rename(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE)
    return done == 0
