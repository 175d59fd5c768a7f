"""`hf-relation convert`: the same converters as the scripts, for every corpus."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hf_relation.cli import app
from hf_relation.cli.convert import CORPORA
from hf_relation.data.recipes import RECIPES


REPOSITORY = Path(__file__).resolve().parents[2]
ROW = {
    "id": "a",
    "text": "Ada met Bob.",
    "head": {"start": 0, "end": 3, "type": None},
    "tail": {"start": 8, "end": 11, "type": "PERSON"},
    "relations": ["met"],
}


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["hf-relation", *arguments])
    with pytest.raises(SystemExit) as stop:
        app.main()
    return int(stop.value.code or 0)


def test_help_lists_every_corpus_with_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(CORPORA) == [*RECIPES, "jsonl"]
    assert run(monkeypatch, "convert", "--help") == 0
    shown = capsys.readouterr().out
    for name, (about, _) in CORPORA.items():
        assert name in shown and about.split()[0] in shown


@pytest.mark.parametrize("name", CORPORA)
def test_help_of_every_corpus_has_a_command_to_paste(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "convert", name, "--help") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"hf-relation convert {name} {CORPORA[name][1]}" in shown
    assert "--output-dir" in shown and "dataset_scripts" not in shown


@pytest.mark.parametrize("name", CORPORA)
def test_the_pasted_options_are_understood(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "convert", name, *CORPORA[name][1].split()) == 2  # the files are not there
    captured = capsys.readouterr()
    assert captured.err.startswith("Error: ") and "No such option" not in captured.err
    assert list(tmp_path.iterdir()) == []


def test_command_and_script_write_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "train.jsonl").write_text(json.dumps(ROW))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    assert run(monkeypatch, "convert", "jsonl", "train=train.jsonl", "--output-dir", "a/out") == 0
    script = str(REPOSITORY / "dataset_scripts" / "jsonl.py")
    subprocess.run(
        [sys.executable, script, "train=train.jsonl", "--output-dir", "b/out"],
        check=True,
        capture_output=True,
        timeout=120,
    )
    files = [
        sorted(str(path.relative_to(tmp_path / side)) for path in (tmp_path / side).rglob("*") if path.is_file())
        for side in "ab"
    ]
    assert files[0] == files[1]
    assert (tmp_path / "a/out/README.md").read_bytes() == (tmp_path / "b/out/README.md").read_bytes()
    name = next(path for path in files[0] if path.endswith(".parquet"))
    tables = [pq.read_table(tmp_path / side / name) for side in "ab"]
    assert tables[0].equals(tables[1]) and tables[0].to_pylist() == [ROW]


def test_exit_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.jsonl").write_text('{"text": 5}')
    assert run(monkeypatch, "convert", "jsonl", "train=bad.jsonl", "-o", "out") == 1
    assert "line 1: `text` must be a string" in capsys.readouterr().err
    for arguments in (["jsonl", "bad.jsonl", "-o", "out"], ["jsonl"], ["nope"], ["fewrel", "--nonsense"]):
        assert run(monkeypatch, "convert", *arguments) == 2
        captured = capsys.readouterr()
        assert captured.err and "Traceback" not in captured.err
    assert not (tmp_path / "out").exists()
