"""Settings of models from files."""

from __future__ import annotations

from tests.fuzz.running import each_target, fuzz


@each_target("configs")
def test_settings_are_taken_or_refused_by_name(name: str) -> None:
    fuzz("configs", name, examples=50)
