"""Published formats: rows of the contract, or an error that says where."""

from __future__ import annotations

from tests.fuzz.running import each_target, fuzz


@each_target("readers")
def test_files_are_rows_or_errors_that_say_where(name: str) -> None:
    fuzz("readers", name, examples=60)
