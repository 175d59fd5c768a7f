from __future__ import annotations

from pathlib import Path

import pytest

from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.plots import histogram


def test_it_is_drawn(tmp_path: Path) -> None:
    path = histogram([0.0, 0.5, 1.0], tmp_path / "a.png", title="t", x_axis="score", y_axis="instances", note="n")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_bad_values(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        histogram([], tmp_path / "a.png")
    for bad in (1.5, -0.1, float("nan")):
        with pytest.raises(InvalidRowError) as caught:
            histogram([0.5, bad], tmp_path / "a.png")
        assert caught.value.index == 1
