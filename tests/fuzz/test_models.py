"""Folders of models with damaged settings."""

from __future__ import annotations

from tests.fuzz.running import each_target, fuzz


@each_target("models")
def test_folders_are_loaded_or_damaged_checkpoints(name: str) -> None:
    fuzz("models", name, examples=10)
