"""examples/benchmarks/kernel_re.py: both forms compute the same, what is counted is right, and the script runs."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import torch

from hf_relation.errors import HfRelationError


FOLDER = Path(__file__).parents[2] / "examples" / "benchmarks"


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(FOLDER))
    threads, variables = torch.get_num_threads(), dict(os.environ)
    try:
        import kernel_re

        yield kernel_re
    finally:
        sys.path.remove(str(FOLDER))
        torch.set_num_threads(threads)
        os.environ.clear()
        os.environ.update(variables)


def test_quick_mode_writes_times_and_memory_of_both(script, tmp_path):
    output, markdown = tmp_path / "kernels.json", tmp_path / "kernels.md"
    sizes = "--relations 3 171 --lengths 24 --ranks 4 --rounds 2".split()
    script.main(["--quick", *sizes, "--output", str(output), "--markdown", str(markdown)])
    results = json.loads(output.read_text(encoding="utf-8"))
    assert set(results["cells"]) == {f"{relations} relations, 24 tokens, rank 4" for relations in (3, 171)}
    for raw in results["cells"].values():
        assert raw["difference"] < 1e-5 and len(raw["ratios"]) == 2 and raw["texts"] == 4
        assert raw["peak_bytes"]["dense"] > raw["peak_bytes"]["ours"] > 0
    text = markdown.read_text(encoding="utf-8")
    assert "not for quoting" in text and str(tmp_path) not in text and "(computed) |" not in text
    assert "Target at 171 relations" in text


def test_what_was_not_measured_is_marked(script, tmp_path):
    markdown = tmp_path / "kernels.md"
    sizes = "--relations 5 --lengths 24 --ranks 4 --most_gigabytes 1e-9".split()
    results = script.main(["--quick", *sizes, "--markdown", str(markdown)])
    (raw,) = results["cells"].values()
    assert raw["texts"] == 1 and set(raw["times"]) == {"ours", "dense", "ours whole"}
    assert markdown.read_text(encoding="utf-8").count("(computed) |") == 1


def test_the_dense_form_is_the_formula(script):
    batch = script.make_batch(2, 24, 3, 5, 2)
    loss, means = script.dense_form(batch)
    for text in range(2):
        for relation in range(2):
            scores = (batch.head[text] @ batch.kernels.head_weight[relation].T) @ (
                batch.tail[text] @ batch.kernels.tail_weight[relation].T
            ).T
            total, positives = 0.0, 0
            for i in range(4):
                for j in range(4):
                    if i == j:
                        continue
                    (a, b), (c, d) = batch.spans[text, i].tolist(), batch.spans[text, j].tolist()
                    p = torch.sigmoid(scores[a:b, c:d])
                    torch.testing.assert_close(means[text, i, j, relation], p.mean())
                    held = batch.targets[text, i, j, relation].item() == 1
                    total -= (p if held else 1 - p).log().sum()
                    positives += p.numel() if held else 0
            torch.testing.assert_close(loss[text, relation], total / max(positives, 1), rtol=1e-4, atol=1e-5)


def test_forms_that_differ_are_not_timed(script, monkeypatch):
    dense = script.dense_form
    monkeypatch.setattr(script, "dense_form", lambda batch: tuple(1.1 * part for part in dense(batch)))
    with pytest.raises(HfRelationError, match="do not compute the same"):
        script.main(["--quick"])


@pytest.mark.parametrize("options", ["--rounds 0", "--lengths 10", "--relations 0", "--most_gigabytes -1"])
def test_options_out_of_range_are_refused(script, options, capsys):
    with pytest.raises(SystemExit):
        script.main(["--quick", *options.split()])
    assert "must be" in capsys.readouterr().err
