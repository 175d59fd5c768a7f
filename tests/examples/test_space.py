"""The Hub Space is ready to be uploaded."""

from __future__ import annotations

import importlib.util
import re
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from hf_relation.demo import DemoLimits


SPACE = Path(__file__).parents[2] / "examples" / "space"


def test_the_header_is_what_the_hub_asks_for() -> None:
    text = (SPACE / "README.md").read_text(encoding="utf-8")
    header = yaml.safe_load(text.split("---\n")[1])
    assert header["sdk"] == "gradio" and header["app_file"] == "app.py" and (SPACE / header["app_file"]).is_file()
    assert header["license"] == "apache-2.0" and len(header["short_description"]) <= 60
    assert header["python_version"] == "3.11"
    assert re.fullmatch(r"\d+\.\d+\.\d+", header["sdk_version"])
    colors = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {header["colorFrom"], header["colorTo"]} <= colors
    assert "hf_relation[demo,minilm]" in (SPACE / "requirements.txt").read_text().splitlines()


def test_the_pinned_gradio_is_one_the_package_allows() -> None:
    pytest.importorskip("gradio", reason="needs the extra `demo`")
    header = yaml.safe_load((SPACE / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    pinned = tuple(map(int, header["sdk_version"].split(".")))
    assert pinned >= (6, 31, 0) and pinned <= tuple(map(int, version("gradio").split(".")))


def test_the_app_builds_without_starting_anything() -> None:
    gradio = pytest.importorskip("gradio", reason="needs the extra `demo`")
    pytest.importorskip("plotly", reason="needs the extra `demo`")
    spec = importlib.util.spec_from_file_location("space_app", SPACE / "app.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert isinstance(module.demo, gradio.Blocks) and not module.demo.is_running
    assert module.limits == DemoLimits(max_rows=1000, timeout=180)
    text = (SPACE / "README.md").read_text(encoding="utf-8")
    assert "At most 1,000 sentences of 2,000 characters; a run is stopped after three minutes" in text
