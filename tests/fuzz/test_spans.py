"""Offsets mark the same mention whatever is done to a text."""

from __future__ import annotations

from tests.fuzz.running import each_target, fuzz


@each_target("spans")
def test_offsets_mark_the_same_mention(name: str) -> None:
    fuzz("spans", name, examples=120)
