"""Sharded discovery against the unsharded one on the same rows."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from hf_relation import RelationDiscovery
from hf_relation.sharded import discover_sharded
from tests.common.planted import PLANTED_WORDS
from tests.sharded.planted_files import settings, write_planted


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("agreement")
    inputs, arrays, instances, embeddings, gold = write_planted(folder / "in", parts=(30,))
    sharded = discover_sharded(inputs, folder / "work", settings=settings(), embeddings=arrays, workers=0)
    whole = RelationDiscovery(num_relations=3, n_init=3).fit_predict(instances, embeddings)
    return sharded, whole, gold, folder


def test_labels_are_those_of_the_unsharded_run_and_of_the_planting(both):
    sharded, whole, gold, _ = both
    assert adjusted_rand_score(gold, sharded.labels()) == 1.0
    # ids too: by size, then by the smallest id
    assert sharded.labels().tolist() == whole.labels.tolist() == gold.tolist()
    np.testing.assert_allclose(sharded.scores(), whole.scores, atol=1e-5)


def test_relations_are_described_as_in_the_unsharded_run(both):
    sharded, whole, _, _ = both
    for ours, theirs in zip(sharded.relations, whole.relations, strict=True):
        assert (ours.id, ours.name, ours.size, ours.keywords) == (theirs.id, theirs.name, theirs.size, theirs.keywords)
        assert ours.patterns == theirs.patterns and ours.signature == theirs.signature
        assert ours.inverse_of == theirs.inverse_of
        assert [example["id"] for example in ours.examples] == [example["id"] for example in theirs.examples]
        assert ours.cohesion == pytest.approx(theirs.cohesion, abs=1e-6)


def test_saved_files_are_those_of_the_unsharded_result(both):
    sharded, whole, _, folder = both
    sharded.save(folder / "ours")
    whole.save(folder / "theirs")
    rows, others = (
        [json.loads(line) for line in (folder / name / "instances.jsonl").read_text().splitlines()]
        for name in ("ours", "theirs")
    )
    assert [(row["id"], row["label"]) for row in rows] == [(row["id"], row["label"]) for row in others]
    assert [row.keys() for row in rows] == [row.keys() for row in others]
    ours, theirs = (json.loads((folder / name / "relations.json").read_text()) for name in ("ours", "theirs"))
    assert ours["num_relations"] == theirs["num_relations"]
    assert (folder / "ours/relations.csv").read_text() == (folder / "theirs/relations.csv").read_text()
    assert list(sharded.instance_rows()) == rows


@pytest.mark.parametrize("algorithm", ["kmeans", "agglomerative"])
def test_overlapping_relations_of_very_different_size_are_found_on_a_sample(tmp_path, algorithm):
    sizes = (900, 300, 120, 60, 20)
    inputs, arrays, instances, embeddings, gold = write_planted(tmp_path, sizes, dim=16, noise=0.12)
    chosen = settings(
        num_relations=5,
        shard_rows=150,
        sample_rows=600,
        num_centers=None,
        described_rows=30,
        algorithm=algorithm,
        n_init=20,
    )
    found = discover_sharded(inputs, tmp_path / "work", settings=chosen, embeddings=arrays, workers=0)
    whole = RelationDiscovery(num_relations=5, n_init=20, algorithm=algorithm).fit_predict(instances, embeddings)
    assert adjusted_rand_score(whole.labels, found.labels()) >= 0.98
    assert adjusted_rand_score(gold, found.labels()) >= 0.98
    counted = np.bincount(found.labels())
    assert [relation.size for relation in found.relations] == counted.tolist()
    # names are made from 30 rows of each relation, and say what was planted
    assert all(word in relation.keywords for relation, word in zip(found.relations, PLANTED_WORDS, strict=True))


def test_the_result_does_not_depend_on_how_the_input_is_cut(tmp_path):
    inputs, arrays, *_ = write_planted(tmp_path / "one")
    others, more, *_ = write_planted(tmp_path / "many", parts=(1, 40, 90))
    chosen = settings(sample_rows=60, described_rows=10)
    one = discover_sharded(inputs, tmp_path / "w1", settings=chosen, embeddings=arrays, workers=0)
    changed = settings(sample_rows=60, described_rows=10, shard_rows=7)
    many = discover_sharded(others, tmp_path / "w2", settings=changed, embeddings=more, workers=0)
    assert one.labels().tolist() == many.labels().tolist()
    assert [(r.name, r.keywords, r.size) for r in one.relations] == [
        (r.name, r.keywords, r.size) for r in many.relations
    ]
    assert [[e["id"] for e in r.examples] for r in one.relations] == [
        [e["id"] for e in r.examples] for r in many.relations
    ]


def test_gold_labels_are_never_read(tmp_path):
    inputs, arrays, instances, *_ = write_planted(tmp_path / "in")
    first = discover_sharded(inputs, tmp_path / "w1", settings=settings(), embeddings=arrays, workers=0)
    lines = [json.dumps({key: row[key] for key in row if key != "relations"}) for row in instances]
    inputs[0].write_text("\n".join(lines) + "\n")
    second = discover_sharded(inputs, tmp_path / "w2", settings=settings(), embeddings=arrays, workers=0)
    assert first.labels().tolist() == second.labels().tolist() and first.relations == second.relations
    for path in (tmp_path / "w1").glob("[rl]*/*.jsonl"):  # read and label; split holds the lines as they came
        assert '"r0"' not in path.read_text() and '"r1"' not in path.read_text()
