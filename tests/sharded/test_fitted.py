"""A sharded discovery as an estimator: it labels its own rows as the run did, and others by the same centres."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hf_relation import RelationDiscovery
from hf_relation.errors import CheckpointError, UsageError
from hf_relation.sharded import ShardedSettings, discover_sharded
from hf_relation.sharded.fitted import _tree
from tests.common.planted import planted_corpus
from tests.common.tiny_checkpoints import save_tiny_checkpoint
from tests.common.tiny_tokenizers import sample_instances
from tests.sharded.planted_files import settings, write_planted


@pytest.mark.parametrize(("algorithm", "rounds"), [("kmeans", 0), ("kmeans", 2), ("agglomerative", 0)])
def test_predict_of_the_rows_gives_their_labels_also_after_saving(tmp_path, algorithm, rounds):
    # So much noise that many rows lie between two relations, and a sample of less than half of them.
    sizes = (150, 90, 60)
    inputs, arrays, instances, embeddings, _ = write_planted(
        tmp_path / "in", sizes, parts=(70,), dim=6, noise=0.3, seed=3
    )
    of_sample = {"sample_rows": 120, "num_centers": 25, "pca_components": 5, "kmeans_rounds": rounds}
    chosen = settings(algorithm=algorithm, shard_rows=50, **of_sample)
    found = discover_sharded(inputs, tmp_path / "work", settings=chosen, embeddings=arrays, workers=0)
    discovery = found.to_discovery()
    assert discovery.labels_.tolist() == found.labels().tolist()
    discovery.save_pretrained(tmp_path / "saved")
    for fitted in (discovery, RelationDiscovery.from_pretrained(tmp_path / "saved")):
        again = fitted.predict(instances, embeddings)
        assert again.labels.tolist() == found.labels().tolist()
        np.testing.assert_allclose(again.scores, found.scores(), rtol=1e-5)
        assert [relation.name for relation in again.relations] == [relation.name for relation in found.relations]
    # Of other rows the planting says what they are.
    others, vectors, gold = planted_corpus((9, 7, 5), dim=6, noise=0.05, seed=4)
    assert fitted.predict(others, vectors).labels.tolist() == gold.tolist()
    assert fitted.get_params()["num_relations"] == 3 and fitted.get_params()["algorithm"] == algorithm


def test_what_needs_the_corpus_says_so_and_names_are_shared(tmp_path):
    inputs, arrays, *_ = write_planted(tmp_path / "in")
    chosen = settings(num_relations="auto", num_centers=20)
    found = discover_sharded(inputs, tmp_path / "work", settings=chosen, embeddings=arrays, workers=0)
    discovery = found.to_discovery()
    with pytest.raises(UsageError, match="or is a sharded one"):
        discovery.merge([[0, 1]])
    estimate = discovery.estimate_
    assert estimate is not None and estimate.best == len(found.relations)
    assert list(estimate.scores) == found.num_relations["scores"] and estimate.low == found.num_relations["low"]
    discovery.set_names({0: "birth"})
    assert found.relations[0].name == "birth"


def test_centres_without_rows_stand_for_what_is_next_to_them(tmp_path):
    from safetensors.numpy import save_file

    for number, counts in enumerate(([5, 0, 0, 2, 0], [1, 0, 3, 0, 0])):
        save_file({"counts": np.array(counts)}, tmp_path / f"{number}.safetensors")
    points = np.array([[1, 0, 0], [0.9, 0.1, 0], [0, 1, 0], [0, 0, 1], [0, 0.9, 0.1]], dtype=np.float32)
    # The third has rows, and was left out by the algorithm: what is next to it is left out, too.
    tree = _tree(points, np.array([0, -1, -1, 1, -1]), [tmp_path / "0.safetensors", tmp_path / "1.safetensors"])
    assert tree.targets.tolist() == [0, 0, -1, 1, -1]


def test_encoder_and_whitening_come_along_and_must_be_those_of_the_run(tmp_path):
    save_tiny_checkpoint(tmp_path / "model")
    instances = sample_instances(20)
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, instances)))
    chosen = ShardedSettings(
        model=str(tmp_path / "model"), whitening=True, num_relations=3, shard_rows=8, num_centers=20
    )
    found = discover_sharded([tmp_path / "rows.jsonl"], tmp_path / "work", settings=chosen, workers=0)
    whole = RelationDiscovery.from_pretrained(tmp_path / "model")
    made = np.concatenate([np.load(path) for path in sorted((tmp_path / "work/embed").iterdir())])
    np.testing.assert_allclose(made, whole.embed(instances), atol=1e-5)
    # Every distinct row is a centre here, so that nothing is lost by the sample.
    assert found.labels().tolist() == whole.set_params(n_init=20).fit_predict(instances, made).labels.tolist()
    found.to_discovery().save_pretrained(tmp_path / "saved")
    loaded = RelationDiscovery.from_pretrained(tmp_path / "saved")
    assert loaded.transform == "whitening"
    assert loaded.predict(instances).labels.tolist() == found.labels().tolist()

    config = json.loads((tmp_path / "model/config.json").read_text())
    (tmp_path / "model/config.json").write_text(json.dumps(config | {"note": "changed"}))
    with pytest.raises(CheckpointError, match="is not what it was when this discovery was made"):
        found.to_discovery()
