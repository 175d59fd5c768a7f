"""Several checks in one child process, each with an outcome of its own."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def write_outcomes(checks: Mapping[str, Callable[[], Any]], path: Path) -> None:
    """Run every check, and write what it returned (JSON-able), or the traceback of what it raised.

    Args:
        checks: by name.
        path: the JSON file to write.
    """
    found = {}
    for name, check in checks.items():
        try:
            found[name] = {"value": check()}
        except Exception:
            found[name] = {"error": traceback.format_exc()}
    path.write_text(json.dumps(found), encoding="utf-8")


class Outcomes:
    """What [`write_outcomes`] wrote: `outcomes["name"]` is the value, or fails with the child's traceback."""

    def __init__(self, path: Path) -> None:
        self._found = json.loads(path.read_text(encoding="utf-8"))

    def __getitem__(self, name: str) -> Any:
        found = self._found[name]
        if "error" in found:
            raise AssertionError(f"in the child process:\n{found['error']}")
        return found["value"]
