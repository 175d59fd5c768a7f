"""`hf-relation train`: the same run as the example script, by the rules of the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hf_relation.cli import app
from tests.common.tiny_runs import save_tiny_encoder, tiny_options, write_tiny_corpus


REPOSITORY = Path(__file__).resolve().parents[2]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["hf-relation", *arguments])
    with pytest.raises(SystemExit) as stop:
        app.main()
    return int(stop.value.code or 0)


def test_command_and_script_give_the_same_files_and_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "encoder").mkdir()
    encoder, files = save_tiny_encoder(tmp_path / "encoder"), write_tiny_corpus(tmp_path)
    options = ["--num_seeds", "1", "--num_threads", "1"]
    assert run(monkeypatch, "train", "more", *tiny_options(encoder, files, tmp_path / "a" / "run", *options)) == 0
    script = [sys.executable, str(REPOSITORY / "examples" / "train_more.py")]
    done = subprocess.run(
        [*script, *tiny_options(encoder, files, tmp_path / "b" / "run", *options)],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr

    def names(folder: Path) -> list[str]:
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())

    assert names(tmp_path / "a") == names(tmp_path / "b")
    command, example = (json.loads((tmp_path / side / "run" / "results.json").read_text()) for side in "ab")
    for results in (command, example):
        for entry in results["runs"][0].pop("history"):
            assert "step" in entry  # also holds seconds, which differ
    assert command == example


def test_wrong_use_is_exit_code_two_without_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (["--nonsense", "1"], ["--preset", "nope"], ["--dataset", "nope"], ["--loss_kwargs", "{"]):
        assert run(monkeypatch, "train", "more", *arguments, "--output_dir", str(tmp_path / "run")) == 2
        captured = capsys.readouterr()
        assert captured.out == "" and captured.err and "Traceback" not in captured.err
    assert not (tmp_path / "run").exists()


def test_a_bad_row_is_exit_code_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "known.jsonl").write_text('{"text": 5}\n')
    (tmp_path / "novel.jsonl").write_text('{"text": 5}\n')
    assert run(monkeypatch, "train", "more", *tiny_options(None, tmp_path, tmp_path / "run")) == 1
    assert "known.jsonl, line 1: `text` must be a string" in capsys.readouterr().err


def test_help_is_that_of_the_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, shown in (
        (["train", "--help"], "Example: hf-relation train more"),
        (["train", "more", "--help"], "hf-relation train more --dataset jsonl"),
    ):
        assert run(monkeypatch, *arguments) == 0
        assert shown in " ".join(capsys.readouterr().out.split())
