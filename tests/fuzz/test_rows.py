"""JSON lines: rows of the contract, or an error with the right line; no row is lost, and what is written comes back."""

from __future__ import annotations

from tests.fuzz.running import each_target, fuzz


@each_target("rows")
def test_lines_are_rows_or_errors_with_their_number(name: str) -> None:
    fuzz("rows", name, examples=80)
