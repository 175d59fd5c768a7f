from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.cluster.hierarchy import linkage

from hf_relation.errors import UsageError
from hf_relation.plots import tree_chart


def test_every_leaf_is_named_and_long_names_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib as mpl

    monkeypatch.setitem(mpl.rcParams, "svg.fonttype", "none")
    names = ["born in", "a_b $x$ <b>", "word " * 30]
    svg = tree_chart(linkage(np.eye(3)), names, tmp_path / "a.svg", title="t", axis="x", note="n").read_text()
    assert "born in" in svg and "a_b $x$ &lt;b&gt;" in svg and "word…" in svg and "word " * 10 not in svg


def test_bad_input(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="names"):
        tree_chart(np.zeros((0, 4)), ["a"], tmp_path / "a.svg")
    with pytest.raises(UsageError, match="linkage"):
        tree_chart(np.zeros((3, 4)), ["a", "b"], tmp_path / "a.svg")
