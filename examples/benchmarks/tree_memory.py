"""The memory of a process and of all that it started, watched from outside while it runs."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import psutil


class TreeMemory:
    """Watch the proportional memory (PSS) of a process and its descendants: pages that several share count once.

    Args:
        process (`int`): its number.
        interval (`float`): seconds between two looks; a shorter peak is not seen.

    Attributes:
        peak (`int` or `None`): most bytes at one look; `None` where the system does not say (only Linux does).
        processes (`int`): most processes at one look.
        looks (`int`): how often was looked.
    """

    def __init__(self, process: int, *, interval: float = 0.2) -> None:
        self.peak: int | None = None
        self.processes = 0
        self.looks = 0
        self._root, self._interval = psutil.Process(process), interval
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> TreeMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.is_set():
            before = time.perf_counter()
            self.look()
            # Counting pages holds the process up, so most of the time nobody looks.
            self._ended.wait(max(self._interval, 20 * (time.perf_counter() - before)))

    def look(self) -> None:
        """Look once."""
        try:
            tree = [self._root, *self._root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        total = counted = 0
        for process in tree:
            memory = _proportional(process.pid)
            if memory is not None:
                total, counted = total + memory, counted + 1
        if counted:
            self.peak = max(self.peak or 0, total)
            self.processes = max(self.processes, counted)
            self.looks += 1


def _proportional(process: int) -> int | None:
    try:
        for line in Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):  # it ended in the meantime, or this is not Linux
        return None
    return None
