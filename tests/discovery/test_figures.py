from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from hf_relation.discovery import DiscoveryResult
from hf_relation.discovery.figures import FigureKind, check_figure, plot_result
from hf_relation.errors import UsageError
from tests.common.tiny_reports import bare_result, planted_result


KINDS = get_args(FigureKind)
STARTS = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_whatever_the_names(kind: FigureKind, tmp_path: Path) -> None:
    for ending, start in STARTS.items():
        path = planted_result(hostile=True).plot(kind, tmp_path / "new" / f"figure{ending}", title="A $ title_")
        assert path.read_bytes().startswith(start)


def test_the_figure_goes_to_a_file_named_after_the_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert plot_result(planted_result(), "sizes") == Path("sizes.png") and Path("sizes.png").exists()


def test_more_relations_than_can_be_told_apart(tmp_path: Path) -> None:
    result = planted_result(sizes=(2,) * 60, left_out=0)
    for kind in ("map", "sizes"):
        assert plot_result(result, kind, tmp_path / f"{kind}.svg").exists()


@pytest.mark.parametrize("kind", ["map", "curve", "dendrogram", "graph"])
def test_what_is_missing_is_named(kind: FigureKind, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        plot_result(bare_result(), kind, tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()


def test_all_left_out_and_empty(tmp_path: Path) -> None:
    none = DiscoveryResult([{"id": "a"}], np.array([-1]), np.array([0.0]), [])
    for kind in ("sizes", "confidence"):
        with pytest.raises(UsageError):
            plot_result(none, kind, tmp_path / "a.png")
    with pytest.raises(UsageError, match="empty"):
        plot_result(DiscoveryResult([], np.array([]), np.array([]), []), "map", tmp_path / "a.png")


def test_bad_kinds_and_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="kind"):
        check_figure("pie")
    with pytest.raises(UsageError, match="end in"):
        check_figure("map", "map.jpg")
    (tmp_path / "a.png").mkdir()
    with pytest.raises(UsageError, match="folder"):
        check_figure("map", tmp_path / "a.png")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=re.escape('pip install "hf_relation[viz]"')):
        check_figure("map")
