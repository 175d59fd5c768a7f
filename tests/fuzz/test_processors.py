"""Tokens of mentions in any text; settings of processors."""

from __future__ import annotations

from tests.fuzz.running import each_target, fuzz


@each_target("processors")
def test_tokens_are_those_of_the_mention(name: str) -> None:
    fuzz("processors", name, examples=40)
