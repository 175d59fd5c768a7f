"""examples/benchmarks/kmeans_starts.py: all ways run, and the ceiling is one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest


FOLDER = Path(__file__).parents[2] / "examples" / "benchmarks"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import kmeans_starts

    yield kmeans_starts
    sys.modules.pop("kmeans_starts")


def test_every_way_is_measured_and_none_is_better_than_the_ceiling(script, tmp_path, capsys):
    written = [tmp_path / "a.json", tmp_path / "a.md"]
    found = script.main(["--quick", "--noise", "0.05", "--output", str(written[0]), "--markdown", str(written[1])])
    assert json.loads(written[0].read_text())["runs"] == json.loads(json.dumps(found["runs"]))
    assert list(found["runs"]) == ["4", "100"]
    for ways in found["runs"].values():
        assert list(ways) == ["ceiling", "KMeans, 2 starts", "cluster, 2 starts"]
        indices = [runs[0][0] for runs in ways.values()]
        assert indices[0] == max(indices) > 0.99 and all(runs[0][1] > 0 for runs in ways.values())
    assert (
        "| 100 | cluster, 2 starts |" in written[1].read_text() and "quick: not for quoting" in written[1].read_text()
    )
    assert "cluster, 2 starts" in capsys.readouterr().out


def test_more_relations_than_rows_are_refused(script, capsys):
    with pytest.raises(SystemExit):
        script.main(["--rows", "10", "--relations", "11"])
    assert "--rows at least the number of relations" in capsys.readouterr().err
