"""`hf-relation discover` with a tiny model, and a small corpus, for the tests of the command."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hf_relation.cli import app
from hf_relation.data import write_jsonl
from tests.common.tiny_checkpoints import save_tiny_checkpoint
from tests.common.tiny_tokenizers import sample_instances


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def discover_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not to be altered."""
    path = tmp_path_factory.mktemp("checkpoint")
    save_tiny_checkpoint(path)
    return path


@pytest.fixture
def discover_corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.jsonl"
    write_jsonl(path, sample_instances())
    return path


@pytest.fixture
def run_discover(discover_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Exit code, standard output and standard error of a call."""

    def call(*arguments: object, model: object = discover_model) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["hf-relation", "discover", "--model", str(model), *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            app.main()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return call
