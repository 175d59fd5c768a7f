"""examples/benchmarks/head_importance.py in quick mode: every contestant is timed, and ratios are those of the times."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
import transformers


FOLDER = Path(__file__).parents[2] / "examples" / "benchmarks"


@pytest.fixture
def script():
    sys.path.insert(0, str(FOLDER))
    threads, verbosity = torch.get_num_threads(), transformers.logging.get_verbosity()
    try:
        import head_importance

        yield head_importance
    finally:
        sys.path.remove(str(FOLDER))
        sys.modules.pop("head_importance", None)
        torch.set_num_threads(threads)
        transformers.logging.set_verbosity(verbosity)


def test_quick_mode_measures_all(script, tmp_path):
    script.main(["--quick", "--output", str(tmp_path / "out"), "--batch_size", "2"])
    results = json.loads((tmp_path / "out" / "head_importance.json").read_text(encoding="utf-8"))
    assert results["num_heads"] == 8 and len(results["ratios"]) == 7
    times = {name: sample["cpu_seconds"] for name, sample in results["times"].items()}
    gate, ablating = times["importance, gate"], times["ablating head by head"]
    assert len(gate) == 2
    expected = [slow / fast for slow, fast in zip(ablating, gate, strict=True)]
    assert results["ratios"]["importance, gate"]["ablating"] == pytest.approx(expected)
    assert results["ablating_target"]["target"] == 20
    markdown = (tmp_path / "out" / "head_importance.md").read_text(encoding="utf-8")
    assert "not for quoting" in markdown and str(tmp_path) not in markdown and "| importance, relevance |" in markdown


def test_bad_options_are_told(script, tmp_path, capsys):
    with pytest.raises(SystemExit):
        script.main(["--output", str(tmp_path), "--rounds", "0"])
    assert "--rounds must be at least 1" in capsys.readouterr().err
