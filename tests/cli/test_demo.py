from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from hf_relation.cli import app
from hf_relation.demo import DemoLimits


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["hf-relation", "demo", *arguments])
    with pytest.raises(SystemExit) as stop:
        app.main()
    return int(stop.value.code or 0)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the command asks of the room; nothing is built or served."""
    made: list[Any] = []
    demo = SimpleNamespace(block_thread=lambda: made.append("served"))

    def build(model: str | None, *, limits: DemoLimits) -> Any:
        made.append((model, limits))
        return demo

    def launch(given: Any, **options: Any) -> str:
        assert given is demo
        made.append(options)
        return "http://127.0.0.1:7860/"

    monkeypatch.setattr("hf_relation.demo.build_demo", build)
    monkeypatch.setattr("hf_relation.demo.launch_demo", launch)
    return made


def test_defaults_are_this_machine_alone_and_the_limits_of_the_room(
    calls: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch) == 0
    options = {"limits": DemoLimits(), "host": "127.0.0.1", "port": None, "open_browser": False, "block": False}
    assert calls == [(None, DemoLimits()), options, "served"]
    assert "Serving at http://127.0.0.1:7860/" in capsys.readouterr().err


def test_options_reach_the_room(calls: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    limits = ["--max-rows", "5", "--max-chars", "6", "--max-bytes", "7", "--timeout", "8", "--max-text-chars", "9"]
    assert run(monkeypatch, "--host", "0.0.0.0", "--port", "9000", "--model", "mine", "--open", *limits) == 0
    expected = DemoLimits(max_rows=5, max_chars=6, max_bytes=7, timeout=8, max_text_chars=9)
    assert calls[0] == ("mine", expected)
    assert calls[1] == {"limits": expected, "host": "0.0.0.0", "port": 9000, "open_browser": True, "block": False}


@pytest.mark.parametrize("arguments", [["--share"], ["--port", "0"], ["--max-rows", "0"], ["--timeout", "0"]])
def test_no_sharing_and_no_senseless_limits(
    arguments: list[str], calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, *arguments) == 2 and calls == []


def test_without_gradio_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert run(monkeypatch) == 2
    assert 'pip install "hf_relation[demo]"' in capsys.readouterr().err
