"""examples/benchmarks/num_relations.py on planted vectors: the subsets it draws, the threshold it chooses, the table it prints."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from hf_relation.discovery.steps import EmbeddingSteps


FOLDER = Path(__file__).parents[3] / "examples" / "benchmarks"


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module("num_relations")
    sys.path.remove(str(FOLDER))
    for name in ("num_relations", "reporting"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def corpus(script):
    random = np.random.default_rng(0)
    relations = np.repeat([f"r{i}" for i in range(8)], 160)
    vectors = np.repeat(np.eye(16)[:8], 160, axis=0) + 0.05 * random.normal(size=(1280, 16))
    order = random.permutation(1280)
    return script.Corpus("planted", relations[order], vectors[order].astype(np.float32), lambda: EmbeddingSteps())


def sizes(corpus, rows):
    return np.unique(corpus.relations[rows], return_counts=True)[1]


def test_subsets_hold_what_they_say(corpus):
    assert sizes(corpus, corpus.subset(None, (0,))).tolist() == [160] * 8
    assert sizes(corpus, corpus.subset(3, (0,))).tolist() == [160] * 3
    equal = sizes(corpus, corpus.subset(5, (1,), cut=True))
    assert len(equal) == 5 and len(set(equal.tolist())) == 1 and 30 <= equal[0] <= 150
    zipf = sorted(sizes(corpus, corpus.subset(8, (2,), zipf=True)).tolist(), reverse=True)
    assert zipf == [max(30, int(150 / rank**0.7)) for rank in range(1, 9)]
    assert np.array_equal(corpus.subset(5, (1,), cut=True), corpus.subset(5, (1,), cut=True))
    assert not np.array_equal(corpus.subset(5, (1,), cut=True), corpus.subset(5, (3,), cut=True))


def test_threshold_is_the_one_that_tells_the_relations_apart(script):
    strengths = [np.array([5.0, 4.0, 1.0, 0.5]), np.array([6.0, 0.9]), np.array([4.5, 4.2, 3.9, 1.1])]
    threshold, loss = script.chosen_threshold(strengths, np.array([3, 2, 4]))
    assert 1.1 <= threshold < 3.9 and loss == 0
    assert [script.count(strength, threshold) for strength in strengths] == [3, 2, 4]


def test_criteria_find_planted_relations_and_the_table_says_how_far_off(script, corpus):
    subset = script.Subset("planted", 4, True, True, corpus.vectors(corpus.subset(4, (5,), cut=True)))
    found = {title: criterion(subset) for title, criterion in script.LABEL_FREE.items()}
    assert found["modularity"] == found["Calinski-Harabasz"] == found["silhouette of Ward cuts"] == 4
    row = script.summary("x", np.array([4, 6, 3]), [subset] * 3)
    assert row[:5] == ["x", 3, "0.25", "67%", "+0.08"]
    assert row[5:] == ["67%", "", "", "67%", ""]


def test_choose_needs_a_checkpoint(script, capsys):
    with pytest.raises(SystemExit):
        script.main(["choose"])
    assert "--checkpoint" in capsys.readouterr().err
