"""A program that never imports the package, with `trust_remote_code=True` and the one file beside the weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import pipeline

import hf_relation
from hf_relation.discovery import RelationDiscovery
from hf_relation.extraction import RelationExtractor
from hf_relation.pipelines import EXTRACTION_TASK, TASK
from tests.common.tiny_checkpoints import save_tiny_checkpoint, save_tiny_extractor
from tests.common.tiny_documents import sample_documents
from tests.common.tiny_tokenizers import sample_instances


# One process imports transformers; every check is a fork of it that has not met hf_relation.
CHILD = """
import importlib.abc, json, os, sys
from pathlib import Path
from transformers import AutoConfig, AutoProcessor, pipeline

rows, documents = json.load(open("rows.json")), json.load(open("documents.json"))
outcomes = {}

def check(function):
    read, write = os.pipe()
    if os.fork() == 0:
        try:
            assert not any(name.startswith("hf_relation") for name in sys.modules)
            outcome = function()
        except BaseException as error:
            outcome = f"{type(error).__name__}: {error}"
        os.write(write, json.dumps(outcome).encode())
        os._exit(0)
    os.close(write)
    outcomes[function.__name__] = json.loads(os.fdopen(read).read())
    os.wait()

def saved(part, name):
    part.save_pretrained(name)
    texts = "".join(path.read_text() for path in Path(name).glob("*.json"))
    return [sorted(path.name for path in Path(name).glob("*.py")), "auto_map" in texts, "custom_pipelines" in texts]

@check
def discovery():
    found = pipeline("open-relation-discovery", model="discovery", trust_remote_code=True, device="cpu")
    again = [found(rows), saved(found, "again"), saved(found.model, "model")]
    extract = pipeline("relation-extraction", model="extraction", trust_remote_code=True, device="cpu")
    return [*again, extract(documents)]

@check
def processor_first():
    part = AutoProcessor.from_pretrained("extraction", trust_remote_code=True)
    return [type(part).__name__, saved(part, "processor")]

@check
def not_trusted():
    AutoConfig.from_pretrained("discovery", trust_remote_code=False)

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "hf_relation":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

@check
def without_the_package():
    sys.meta_path.insert(0, Absent())
    pipeline("open-relation-discovery", model="discovery", trust_remote_code=True, device="cpu")

@check
def processor_without_the_package():
    sys.meta_path.insert(0, Absent())
    AutoProcessor.from_pretrained("extraction", trust_remote_code=True)

json.dump(outcomes, open("outcomes.json", "w"))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("plain")
    save_tiny_checkpoint(root / "source")
    RelationDiscovery.from_pretrained(root / "source").save_pretrained(root / "discovery", remote_code=True)
    save_tiny_extractor(root / "other", entity_types=["PERSON", "PLACE"])
    RelationExtractor.from_pretrained(root / "other").save_pretrained(root / "extraction", remote_code=True)
    (root / "rows.json").write_text(json.dumps(sample_instances()))
    (root / "documents.json").write_text(json.dumps(sample_documents()))
    package = str(Path(hf_relation.__file__).parents[1])
    environment = dict(os.environ, PYTHONPATH=package, HF_HUB_OFFLINE="1", HF_HOME=str(root / "hf"))
    found = subprocess.run(
        [sys.executable, "-c", CHILD], cwd=root, env=environment, capture_output=True, text=True, timeout=240
    )
    assert found.returncode == 0, found.stderr
    return root


def test_tasks_models_and_processors_are_found(folder: Path) -> None:
    outcomes = json.loads((folder / "outcomes.json").read_text())
    expected = pipeline(TASK, model=str(folder / "source"), device="cpu")(sample_instances())
    triples = pipeline(EXTRACTION_TASK, model=str(folder / "other"), device="cpu")(sample_documents())
    # Nothing but data is saved again: transformers would copy the files of classes that it found through code.
    data = [[], False, False]
    assert outcomes["discovery"] == [expected, data, data, triples]
    assert outcomes["processor_first"] == ["DocumentProcessor", data]


def test_without_the_package_the_error_says_what_to_install(folder: Path) -> None:
    outcomes = json.loads((folder / "outcomes.json").read_text())
    for name in ("without_the_package", "processor_without_the_package"):
        assert outcomes[name].startswith("ImportError") and "pip install hf_relation" in outcomes[name], outcomes[name]
    assert "trust_remote_code=True" in outcomes["not_trusted"]
