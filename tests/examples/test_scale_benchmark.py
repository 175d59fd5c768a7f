"""examples/benchmarks/scale.py: what is planted, what is watched and computed, and that all parts run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hf_relation.data import read_jsonl
from hf_relation.errors import HfRelationError


FOLDER = Path(__file__).parents[2] / "examples" / "benchmarks"
# 40 MB here and 60 MB in a child, both touched; each says when it holds them.
HOLDS = """
import subprocess, sys
held = bytearray(b"x") * (int(sys.argv[1]) * 10**6)
child = subprocess.Popen([sys.executable, *sys.argv[2:]], stdin=subprocess.PIPE) if sys.argv[2:] else None
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def modules():
    sys.path.insert(0, str(FOLDER))
    try:
        import scale
        import scale_data
        import scale_jobs
        import scale_run
        import tree_memory

        yield scale, scale_data, scale_jobs, scale_run, tree_memory
    finally:
        sys.path.remove(str(FOLDER))


def test_planted_files(modules, tmp_path):
    data = modules[1]
    data.write_rows(tmp_path, 500, 6)
    data.write_embeddings(tmp_path, 500, 6, columns=20, noise=0.05, inner=8)
    labels = data.planted_labels(500, 6)
    rows = list(read_jsonl(tmp_path / "rows.jsonl"))
    for row, label in zip(rows, labels.tolist(), strict=True):
        between = row["text"][row["head"]["end"] : row["tail"]["start"]]
        assert between == f" {data.word_of(label)} "
    assert "relation" not in (tmp_path / "rows.jsonl").read_text(encoding="utf-8")
    assert len({data.word_of(relation) for relation in range(200)}) == 200
    embeddings = np.load(tmp_path / "rows.npy")
    means = np.stack([embeddings[labels == relation].mean(axis=0) for relation in range(6)])
    nearest = ((embeddings[:, None] - means[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert embeddings.shape == (500, 20) and (nearest == labels).all()
    sizes = np.bincount(labels)
    assert sizes[0] > 2 * sizes[5]


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux")
def test_memory_is_that_of_a_process_and_its_children(modules):
    code = [sys.executable, "-c", HOLDS, "40", "-c", HOLDS, "60"]
    with subprocess.Popen(code, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        memory = modules[4].TreeMemory(process.pid, interval=0.01)
        assert [process.stdout.readline() for _ in range(2)] == ["held\n"] * 2
        memory.look()
        process.kill()
    assert memory.processes == 2
    assert 100e6 < memory.peak < 140e6


def test_scaling_exponent(modules):
    exponent = modules[0].exponent
    assert exponent([10, 100, 1000], [3.0, 30.0, 300.0]) == pytest.approx(1.0)
    assert exponent([10, 1000], [5.0, 50.0]) == pytest.approx(0.5)


def test_a_run_that_fails_is_an_error_with_its_message(modules, tmp_path):
    with pytest.raises(HfRelationError, match="(?s)failed with 1: .*KeyError: 'nothing'"):
        modules[2].run_child(tmp_path, {"kind": "nothing"})


def test_all_parts_that_need_no_encoder_run(modules, tmp_path, monkeypatch, capsys):
    scale, _, jobs, run, _ = modules

    def here(folder, job):
        """In this process, where everything is imported."""
        result = run.KINDS[job["kind"]](job | ({"workers": 0} if "workers" in job else {}))
        return result | {"cpu_seconds": 1.0, "peak_bytes": 10**9, "processes": 1}

    monkeypatch.setattr(jobs, "run_child", here)
    monkeypatch.setattr(jobs, "has_datatrove", lambda: False)
    monkeypatch.setattr(scale, "has_datatrove", lambda: False)
    output, markdown = tmp_path / "scale.json", tmp_path / "scale.md"
    where = ["--work", str(tmp_path / "work"), "--output", str(output), "--markdown", str(markdown)]
    results = scale.main(["--quick", "--parts", "rows", "workers", "overhead", *where])
    assert list(results["runs"]) == [300, 600] and results["memory_growth"] == 1.0
    for rows, found in results["runs"].items():
        assert found["planted"] > 0.9 and found["named"] == 4
        assert {"fit", "label"} <= set(found["stage_seconds"])
        assert results["whole"][rows]["agreement"] > 0.9 and results["whole"][rows]["planted"] > 0.9
    assert [[run["rows"] for run in done] for done in results["workers"].values()] == [[600] * 3] * 2
    slept = results["overhead"][0]
    assert slept["rows"] == 100 and slept["seconds"] >= 0.2  # 2 ms a row
    text = markdown.read_text(encoding="utf-8")
    assert (
        str(tmp_path) not in text
        and "quick: not for quoting" in text
        and " | yes |" in text
        and "Scaling exponent: 0.00 by" in text
    )
    assert "datatrove is not installed" in text
    assert json.loads(output.read_text(encoding="utf-8"))["quick"] is True
    capsys.readouterr()

    # What is done is not done again.
    monkeypatch.setattr(jobs, "run_child", None)
    again = scale.main(["--quick", "--parts", "rows", "--work", str(tmp_path / "work")])
    assert again["runs"].keys() == results["runs"].keys()


def test_numbers_out_of_range_are_refused(modules, capsys):
    with pytest.raises(SystemExit):
        modules[0].main(["--rows", "0"])
    assert "numbers must be at least 1" in capsys.readouterr().err
