"""Files that commands are given: every row is there, or named as bad."""

from __future__ import annotations

from tests.fuzz.running import each_target, fuzz


@each_target("inputs")
def test_every_row_is_read_or_named(name: str) -> None:
    fuzz("inputs", name, examples=60)
