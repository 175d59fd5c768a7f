"""`import hf_relation` is light, and registers with transformers whichever is imported first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import hf_relation


CHECK = """
from transformers import AutoConfig, AutoModel
from transformers.pipelines import PIPELINE_REGISTRY
assert AutoConfig.for_model("more").model_type == "more"
assert "open-relation-discovery" in PIPELINE_REGISTRY.get_supported_tasks()
assert AutoModel._model_mapping[type(AutoConfig.for_model("more"))].__name__ == "MOREModel"
print("registered")
"""
LIGHT = """
import sys
import hf_relation
import hf_relation.discovery
heavy = {"torch", "transformers", "datasets", "sklearn", "numpy", "pandas"} & set(sys.modules)
assert not heavy, heavy
"""
LOOKED_FOR = """
import importlib.util
assert importlib.util.find_spec("transformers") is not None
assert "transformers" not in sys.modules
"""
NOTHING_ELSE = """
import sys
import transformers.pipelines
before = set(sys.modules)
import hf_relation
added = {name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)
assert added == {"hf_relation"}, added
"""


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_is_light_and_registers_once_transformers_is_there():
    assert "registered" in run(LIGHT + LOOKED_FOR + CHECK)


def test_importing_transformers_first_works_too_and_loads_no_other_package():
    assert "registered" in run("import transformers\n" + NOTHING_ELSE + CHECK)


# Children of one process that has imported what is slow and is not transformers: each room is the first of this package in its own.
ROOMS = ["models.more", "processing", "discovery.relation_discovery", "training", "losses", "selection"]
FORKED = """
import json, os, sys
import datasets, scipy.stats, sklearn.cluster, torch
assert not {"transformers", "hf_relation"} & set(sys.modules)
for room in json.loads(sys.argv[1]):
    child = os.fork()
    if not child:
        try:
            exec(compile(sys.argv[2].format(room=room), room, "exec"), {})
            sys.stdout.flush()
            os._exit(0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
            os._exit(1)
    print(room, "failed" if os.waitpid(child, 0)[1] else "passed", flush=True)
"""
SAME = """
import sys
import hf_relation.{room} as room
assert sys.modules["hf_relation.{room}"] is room
import hf_relation.models.more, hf_relation.processing
from transformers import AutoConfig
assert type(AutoConfig.for_model("more")) is hf_relation.models.more.MOREConfig
assert room.__spec__.name == "hf_relation.{room}"
"""


@pytest.fixture(scope="module")
def rooms_first() -> tuple[dict[str, str], str]:
    """Room: whether it passed when it was imported first; and what went wrong."""
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    command = [sys.executable, "-c", FORKED, json.dumps(ROOMS), SAME + CHECK.replace('print("registered")', "")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250)
    return dict(line.split() for line in done.stdout.splitlines()), done.stderr


@pytest.mark.parametrize("room", ROOMS)
def test_any_room_may_be_imported_first(room: str, rooms_first: tuple[dict[str, str], str]) -> None:
    assert rooms_first[0].get(room) == "passed", rooms_first[1]


@pytest.mark.parametrize("name", sorted(set(hf_relation.__all__) - {"__version__"}))
def test_every_public_name_is_there_and_documented(name):
    value = getattr(hf_relation, name)
    assert value.__doc__ and name in dir(hf_relation)


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        hf_relation.nothing  # noqa: B018


def test_dependencies_of_the_core_are_few_and_bounded_below():
    root = Path(__file__).parent.parent
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert all(">=" in requirement for requirement in project["dependencies"])
    assert len(project["dependencies"]) <= 16
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in (root / "constraints.txt").read_text().split()}
    for requirement in project["dependencies"]:
        assert requirement.split(">=")[0].lower() in pinned, requirement
    assert not [name for name in pinned if name.startswith(("nvidia", "triton", "cuda"))]
