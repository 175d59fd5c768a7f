"""examples/benchmarks/instance_importance.py in quick mode: what is timed gives the right scores, and the ratio is that of the times."""

from __future__ import annotations

import json
import statistics
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
        import instance_importance

        yield instance_importance
    finally:
        sys.path.remove(str(FOLDER))
        for name in ("instance_importance", "head_importance"):
            sys.modules.pop(name, None)
        torch.set_num_threads(threads)
        transformers.logging.set_verbosity(verbosity)


def test_the_loop_scores_every_example_by_its_own_gradients(script, tmp_path):
    args = script.parse(["--quick", "--output", str(tmp_path), "--batch_size", "2", "--num_batches", "1"])
    model, (batch,) = script.make_inputs(args)
    alone = [{name: column[row : row + 1] for name, column in batch.items()} for row in range(2)]
    rows = script.weight_loop(model, alone)
    model(**alone[1]).loss.backward()
    attention = model.bert.encoder.layer[1].attention.self
    size = attention.attention_head_size
    for head in range(attention.num_attention_heads):
        own = slice(head * size, (head + 1) * size)
        expected = sum(linear.weight.grad[own].abs().mean() for linear in (attention.key, attention.value))
        assert rows[1, 1, head] == pytest.approx(expected.item(), rel=1e-5)


def test_quick_mode_measures_all(script, tmp_path):
    script.main(["--quick", "--output", str(tmp_path / "out"), "--batch_size", "4", "--rounds", "2"])
    results = json.loads((tmp_path / "out" / "instance_importance.json").read_text(encoding="utf-8"))
    assert results["num_heads"] == 8 and results["num_examples"] == 8 and results["largest_difference"] < 1e-6
    fast, alone, slow = (sample["cpu_seconds"] for sample in results["times"].values())
    assert results["ratios"] == pytest.approx([one / all_ for one, all_ in zip(slow, fast, strict=True)])
    assert results["target"]["value"] == pytest.approx(statistics.median(results["ratios"]))
    assert "not for quoting" in (tmp_path / "out" / "instance_importance.md").read_text(encoding="utf-8")


def test_bad_options_are_told(script, tmp_path, capsys):
    with pytest.raises(SystemExit):
        script.main(["--output", str(tmp_path), "--batch_size", "0"])
    assert "--batch_size must be at least 1" in capsys.readouterr().err
