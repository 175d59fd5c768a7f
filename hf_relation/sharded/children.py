"""Processes that end with the one that started them, also where that is killed and can tell nobody."""

from __future__ import annotations

import os
import sys
import threading
from multiprocessing import connection
from typing import Any


_PAUSE = 1.0
_watching: int | None = None


def end_with_parent() -> None:
    """Let this process end when the one that started it does.

    It does something in processes of `multiprocessing` and of `multiprocess`, whichever way they were started, and nothing in others.
    Calling it again does no harm.

    Example:

    ```python
    >>> from hf_relation.sharded.children import end_with_parent
    >>> end_with_parent()  # nothing started this process by multiprocessing

    ```
    """
    global _watching
    if _watching == os.getpid():  # a fork inherits the variable, and not the thread
        return
    for name in ("multiprocessing", "multiprocess"):
        module = sys.modules.get(name)
        parent = None if module is None else module.parent_process()
        if parent is not None:
            _watching = os.getpid()
            threading.Thread(target=_end_with, args=(parent.sentinel, os.getppid()), daemon=True).start()
            return


def _end_with(sentinel: Any, parent: int) -> None:
    # The parent holds a pipe open. A forked sibling may hold it too; but a forked process sees its parent change.
    while not connection.wait([sentinel], timeout=_PAUSE) and os.getppid() == parent:
        pass
    os._exit(1)
