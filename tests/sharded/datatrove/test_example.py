"""examples/discover_cluster.py."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from tests.sharded.planted_files import SMALL, write_planted


pytest.importorskip("datatrove", reason="needs the extra `scale`")
SCRIPT = Path(__file__).parents[3] / "examples/discover_cluster.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("discover_cluster", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_options_as_datatrove_takes_them(example):
    assert example.named(["time=01:00:00", "mem_per_cpu_gb=4", "requeue=false", "qos=", "venv_path=a=b"]) == {
        "time": "01:00:00",
        "mem_per_cpu_gb": 4,
        "requeue": False,
        "qos": "",
        "venv_path": "a=b",
    }
    assert example.named_by_stage(["embed.gpus_per_task=1", "embed.partition=gpu", "fit.cpus_per_task=8"]) == {
        "embed": {"gpus_per_task": 1, "partition": "gpu"},
        "fit": {"cpus_per_task": 8},
    }


def test_a_run_its_result_and_what_is_wrong(example, tmp_path, capsys):
    inputs, arrays, *_ = write_planted(tmp_path / "in", parts=(30,))
    more = {name: value for name, value in SMALL.items() if name != "num_relations"}
    command = [
        *map(str, inputs),
        "--embeddings",
        *map(str, arrays),
        "--workdir",
        str(tmp_path / "work"),
        "--tasks",
        "2",
    ]
    command += ["--workers", "1", "--settings", json.dumps(more), "--num_relations"]
    assert example.main([*command, "3"]) == 0
    capsys.readouterr()
    assert example.main(["--workdir", str(tmp_path / "work"), "--save", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.startswith("110 instances, 3 relations")
    assert len((tmp_path / "out/instances.jsonl").read_text().splitlines()) == 110
    for arguments, message in (
        ([*command, "2"], "num_relations 3, now 2"),
        ([*command, "3", "--option", "speed"], "speed: NAME=VALUE is needed"),
        ([*command, "3", "--stage_option", "speed=1"], "speed: STAGE.NAME=VALUE is needed"),
        (["--workdir", str(tmp_path / "work")], "Name the inputs; or --save"),
        (["--workdir", str(tmp_path / "none"), "--save", str(tmp_path / "o2")], "No sharded discovery was begun in"),
    ):
        assert example.main(arguments) == 1
        assert message in capsys.readouterr().err
