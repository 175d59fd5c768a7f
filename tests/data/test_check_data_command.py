from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from hf_relation.cli.check_data import command


Row = dict[str, Any]


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(command)
    return app


def write(path: Path, *rows: Row) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_good_rows_exit_with_0(app: typer.Typer, tmp_path: Path, row: Row) -> None:
    result = CliRunner().invoke(app, [write(tmp_path / "a.jsonl", row)])
    assert result.exit_code == 0
    assert "1 rows, 1 good, 0 bad; 1 labelled with 1 relations." in result.stdout


def test_bad_rows_are_listed_and_exit_with_1(app: typer.Typer, tmp_path: Path, row: Row) -> None:
    path = write(tmp_path / "a.jsonl", row, {"text": 5}, {"text": "[red]\x1b[31m"})
    result = CliRunner().invoke(app, [path])
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == "line 2: `text` must be a string, got 5 of type int."
    assert lines[1].startswith("line 3: `head` is missing")
    limited = CliRunner().invoke(app, [path, "--limit", "1"])
    assert limited.exit_code == 1 and "... and 1 more bad rows" in limited.stdout


def test_json_is_one_object_and_nothing_else(app: typer.Typer, tmp_path: Path, row: Row) -> None:
    result = CliRunner().invoke(app, [write(tmp_path / "a.jsonl", row | {"x": 1}, {"text": 5}), "--json"])
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert (report["rows"], report["ok"], report["bad"][0]["line"]) == (2, 1, 2)
    assert report["warnings"] == ["fields that are not read: 'x' (1 rows)."]


def test_documents(app: typer.Typer, tmp_path: Path, document: Row) -> None:
    path = write(tmp_path / "d.jsonl", document)
    assert CliRunner().invoke(app, [path, "--kind", "document"]).exit_code == 0
    assert "kind='document'" in CliRunner().invoke(app, [path]).stdout


def test_wrong_usage_exits_with_2(app: typer.Typer, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [str(tmp_path / "none.jsonl")])
    assert result.exit_code == 2
    assert "does not exist" in result.stderr and result.stdout == "" and "Traceback" not in result.stderr
