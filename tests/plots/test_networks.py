from __future__ import annotations

from pathlib import Path

import pytest

from hf_relation.errors import UsageError
from hf_relation.plots import network_chart


def test_names_and_kinds_are_plain_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib as mpl

    monkeypatch.setitem(mpl.rcParams, "svg.fonttype", "none")
    edges = [(0, 1, f"kind_{i} $") for i in range(26)]
    svg = network_chart(
        ["Ada $", "<Rome>"], [(0, 0), (1, 1)], edges, tmp_path / "a.svg", title="t", note="n"
    ).read_text()
    assert "Ada $" in svg and "&lt;Rome&gt;" in svg and "kind_23 $" in svg
    assert "kind_24 $" not in svg and "other (2 more)" in svg


def test_bad_input(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="edges"):
        network_chart(["a"], [(0, 0)], [], tmp_path / "a.svg")
    with pytest.raises(UsageError, match="edges"):
        network_chart(["a"], [(0, 0)], [(0, 1, "k")], tmp_path / "a.svg")
    with pytest.raises(UsageError, match="places"):
        network_chart(["a", "b"], [(0, 0)], [(0, 1, "k")], tmp_path / "a.svg")
