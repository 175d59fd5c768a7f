"""What visitors of the demo give, and what is written for people."""

from __future__ import annotations

from tests.fuzz.running import each_target, fuzz


@each_target("demo")
def test_input_is_read_or_refused_and_output_is_plain(name: str) -> None:
    fuzz("demo", name, examples=60)
