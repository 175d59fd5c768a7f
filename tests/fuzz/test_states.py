"""JSON files beside weights."""

from __future__ import annotations

from tests.fuzz.running import each_target, fuzz


@each_target("states")
def test_files_are_usable_or_damaged_checkpoints(name: str) -> None:
    fuzz("states", name, examples=30)
