"""Run numpy and scikit-learn in one thread: threads add up sums in varying order, and labels must not vary."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import RLock

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]


_LOCK = RLock()


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit the linear algebra and OpenMP libraries loaded so far to one thread while the context lasts.

    The limit belongs to the process, so callers in different Python threads take turns.

    Example:

    ```python
    >>> from hf_relation.clustering.threads import one_thread
    >>> with one_thread():
    ...     total = sum([1, 2])
    >>> total
    3

    ```
    """
    with _LOCK, _controller().limit(limits=1):
        yield


@cache
def _controller() -> ThreadpoolController:
    # Finding the loaded libraries reads files, so it is done once; clustering loads everything it uses on import.
    return ThreadpoolController()
