"""examples/benchmarks/num_relations_small.py: the subsets it draws and the figures of its table."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest


FOLDER = Path(__file__).parents[3] / "examples" / "benchmarks"


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module("num_relations_small")
    sys.path.remove(str(FOLDER))
    for name in ("num_relations_small", "num_relations", "reporting"):
        sys.modules.pop(name, None)


def test_subsets_have_the_sizes_asked_for(script):
    relations = np.random.default_rng(0).permutation(np.repeat([f"r{i}" for i in range(6)], 40))
    rows = script.subset(relations, 4, 8, 15, np.random.default_rng(1))
    names, counts = np.unique(relations[rows], return_counts=True)
    assert len(names) == 4 and len(set(rows.tolist())) == len(rows)
    assert counts.min() >= 8 and counts.max() <= 15


def test_figures_by_hand(script):
    numbers = dict.fromkeys(script.CRITERIA, 4)
    found = [(100, 4, numbers | {"modularity": 8}), (110, 4, numbers | {"modularity": 5}), (700, 2, numbers)]
    lines = script.table(found).splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["60 to 119", "500 to 799"]
    cells = [cell.strip() for cell in lines[2].split("|")]
    # log 2 = 0.69 and log 1.25 = 0.22, of which the mean is 0.46
    assert cells[2:] == [
        "2",
        "100% (0.00, +0.00)",
        "100% (0.00, +0.00)",
        "50% (0.46, +0.46)",
        "100% (0.00, +0.00)",
        "",
    ]
