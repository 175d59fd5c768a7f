"""`hf-relation heads compare`: the matrix as a table, as JSON and as a figure; exit codes."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from hf_relation.cli import app
from hf_relation.heads import HeadImportance


# dossier 9.8: Spearman .828571, Kendall .6
RAW = {"en": [[0.9, 0.1, 0.4], [0.6, 0.3, 0.8]], "de": [[0.7, 0.2, 0.6], [0.5, 0.1, 0.9]]}


@pytest.fixture
def files(tmp_path):
    for name, raw in RAW.items():
        HeadImportance(np.array(raw), "gate", 5, normalize=None).save(tmp_path / f"{name}.json")
    return [str(tmp_path / f"{name}.json") for name in RAW]


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["hf-relation", "heads", "compare", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            app.main()
        return caught.value.code or 0, *capsys.readouterr()

    return call


@pytest.mark.parametrize(("method", "expected"), [("spearman", 0.828571), ("kendall", 0.6)])
def test_the_matrix_as_json(run, files, method, expected):
    code, out, _ = run(*files, "--method", method, "--json")
    found = json.loads(out)
    assert code == 0 and found["names"] == ["en", "de"] and found["method"] == method
    np.testing.assert_allclose(found["matrix"], [[1, expected], [expected, 1]], atol=1e-6)


def test_a_table_and_a_figure(run, files, tmp_path):
    code, out, _ = run(*files, "--plot", tmp_path / "heads.png")
    assert code == 0 and "0.829" in out and "de" in out
    assert (tmp_path / "heads.png").read_bytes().startswith(b"\x89PNG")


def test_bad_files_are_told(run, files, tmp_path):
    assert run(files[0])[0] == 2
    code, _, err = run(files[0], files[0])
    assert code == 2 and "given twice" in err
    (tmp_path / "bad.json").write_text("{")
    code, out, err = run(files[0], tmp_path / "bad.json")
    assert code == 1 and not out and "damaged" in err


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("search", "hf-relation heads search --task pos"),
        ("select-tasks", "hf-relation heads select-tasks --primary cola"),
    ],
)
def test_runs_teach_and_refuse(monkeypatch, capsys, command, shown):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["hf-relation", "heads", command, *arguments])
        with pytest.raises(SystemExit) as caught:
            app.main()
        return caught.value.code or 0, *capsys.readouterr()

    code, out, _ = call("--help")
    assert code == 0 and shown in out and "--preset" in out
    code, _, err = call("--no_such_option", "1")
    assert code == 2 and "no option '--no_such_option'" in err
