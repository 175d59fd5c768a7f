"""The converters as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import datasets
import pytest


REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((REPOSITORY / "dataset_scripts").glob("*.py"))
ROW = {
    "id": "a",
    "text": "Ada met Bob.",
    "head": {"start": 0, "end": 3, "type": None},
    "tail": {"start": 8, "end": 11, "type": "PERSON"},
    "relations": ["met"],
}


def run(name: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "HF_RELATION_DATA"}
    environment |= {"PYTHONPATH": str(REPOSITORY), "COLUMNS": "200", "NO_COLOR": "1"}
    command = [sys.executable, str(REPOSITORY / "dataset_scripts" / f"{name}.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=200)


def test_there_is_one_script_per_corpus() -> None:
    assert [path.stem for path in SCRIPTS] == [
        "cola",
        "conll_slots",
        "fewrel",
        "iob2corpus",
        "jsonl",
        "meld",
        "nyt_fb",
        "nyt_triples",
        "qnli",
        "redocred",
        "semeval2010_task8",
        "snips",
        "sst2",
        "stsb",
        "tacred",
        "ud",
        "webnlg",
        "webnlg_star",
        "weibo_ner",
        "wiki80",
        "wnli",
        "wnut17",
    ]


@pytest.mark.parametrize("name", [path.stem for path in SCRIPTS])
def test_help_teaches(tmp_path: Path, name: str) -> None:
    result = run(name, "--help", cwd=tmp_path)
    assert result.returncode == 0 and result.stderr == ""
    assert f"python dataset_scripts/{name}.py" in result.stdout
    assert "--output-dir" in result.stdout and "--push" in result.stdout
    assert name == "jsonl" or ("Licence" in result.stdout and "Nothing is downloaded" in result.stdout)


def test_absent_files_are_a_clear_error(tmp_path: Path) -> None:
    result = run("semeval2010_task8", "--data-dir", ".", "--output-dir", "out", cwd=tmp_path)
    assert result.returncode == 2
    assert "TRAIN_FILE.TXT[.gz] is not in" in result.stderr and "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_jsonl_becomes_a_dataset_and_bad_rows_stop_it(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(json.dumps(ROW))
    result = run("jsonl", "train=train.jsonl", "--output-dir", "out", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "Written to out" in result.stderr
    loaded = datasets.load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded.to_list() == [ROW]
    (tmp_path / "train.jsonl").write_text('{"text": 5}')
    result = run("jsonl", "train=train.jsonl", "--output-dir", "out2", cwd=tmp_path)
    assert result.returncode == 1 and "line 1: `text` must be a string" in result.stderr
    assert not (tmp_path / "out2").exists()
    assert run("jsonl", "train.jsonl", "--output-dir", "out2", cwd=tmp_path).returncode == 2
