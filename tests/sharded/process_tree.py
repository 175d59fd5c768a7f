"""Processes of a session, as `/proc` shows them."""

from __future__ import annotations

import time
from pathlib import Path


def members(session: int) -> list[int]:
    """Processes of a session that are alive, also those whose parent is gone."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(path.name))
    return found


def wait_for(condition, seconds: float = 120, pause: float = 0.005):
    """What a condition gives as soon as it gives anything."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come to it"
        time.sleep(pause)
    return found
