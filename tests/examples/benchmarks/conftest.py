"""The benchmark scripts, a tiny encoder and sentences of our own."""

import importlib
import sys
from types import SimpleNamespace

import pytest

from hf_relation.data import write_jsonl
from tests.common.tiny_benchmarks import FOLDER
from tests.common.tiny_runs import save_tiny_encoder
from tests.common.tiny_tokenizers import sample_instances


NAMES = (
    "adversarial",
    "baseline_rows",
    "cross_domain",
    "experiment",
    "frozen",
    "methods",
    "name_matching",
    "name_quality",
    "noisy_labels",
    "open_world",
    "open_world_methods",
    "openre",
    "pooling_loss",
    "published",
    "scale",
    "quick",
    "relation_names",
    "reporting",
    "rows",
    "scoring",
)


@pytest.fixture(scope="module")
def scripts():
    """The modules of the folder, as the scripts themselves import them."""
    sys.path.insert(0, str(FOLDER))
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in NAMES})
    sys.path.remove(str(FOLDER))
    for name in NAMES:
        sys.modules.pop(name)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    # Wider than the 50 dimensions of the CNN rows.
    return save_tiny_encoder(tmp_path_factory.mktemp("tiny-encoder"), hidden_size=64)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Six known relations and two novel ones, made of twenty sentences of our own."""
    folder = tmp_path_factory.mktemp("data")
    known, novel = [], []
    for copy in range(2):
        for row in sample_instances(20):
            row = row | {"id": f"{row['id']}-{copy}", "text": row["text"] + f" It was so in {1900 + copy}."}
            row = row | {"relations": [f"{row['relations'][0]}_{copy}"]}
            (novel if row["relations"][0].startswith("spouse_of") else known).append(row)
    write_jsonl(folder / "known.jsonl", known)
    write_jsonl(folder / "novel.jsonl", novel)
    return folder
