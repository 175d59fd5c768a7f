"""`RelationStream`: shards of embeddings one after the other."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import IncrementalPCA
from sklearn.metrics import adjusted_rand_score

from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.sharded import RelationStream
from tests.common.planted import planted_corpus


@pytest.mark.parametrize("pca_components", [None, 6])
def test_planted_relations_are_found_and_numbered_by_size(pca_components):
    _, embeddings, gold = planted_corpus((900, 500, 300, 200, 100), dim=24, noise=0.12)
    stream = RelationStream(5, pca_components=pca_components, first_rows=400)
    for start in range(0, len(gold), 70):
        assert stream.partial_fit(embeddings[start : start + 70]) is stream
    assert stream.rows_ == 2000 and stream.counts_.sum() == 2000
    labels = stream.predict(embeddings)
    assert adjusted_rand_score(gold, labels) >= 0.98
    assert np.mean(labels == gold) >= 0.98
    assert stream.predict(embeddings[:0]).shape == (0,)


def test_centres_are_those_of_scikit_learn_fed_by_hand():
    _, embeddings, _ = planted_corpus((300, 200, 100), dim=10, noise=0.2)
    stream = RelationStream(3, num_centers=8, pca_components=4, first_rows=100)
    shards = [embeddings[start : start + 50] for start in range(0, 600, 50)]
    for shard in shards[:2]:
        stream.partial_fit(shard)
    start = stream._kmeans.init
    for shard in shards[2:]:
        stream.partial_fit(shard)
    pca = IncrementalPCA(4).fit(embeddings[:100])
    kmeans = MiniBatchKMeans(
        8, init=start, n_init=1, reassignment_ratio=0
    )  # so few rows give no cause to replace a centre
    for shard in shards:
        rows = pca.transform(shard)
        kmeans.partial_fit((rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32))
    np.testing.assert_allclose(stream._kmeans.cluster_centers_, kmeans.cluster_centers_, atol=1e-5)


def test_only_the_first_rows_are_held_and_bad_shards_change_nothing():
    generator = np.random.default_rng(0)
    stream = RelationStream(2, first_rows=30)
    shard = generator.normal(size=(20, 3)).astype(np.float32)
    stream.partial_fit(shard)
    shard[:] = np.nan  # the caller's own array
    assert sum(map(len, stream._held)) == 20
    with pytest.raises(InvalidRowError, match="row 1: "):
        stream.partial_fit(np.array([[0.0, 0, 0], [0, np.inf, 0]]))
    with pytest.raises(UsageError, match="must have 3 columns"):
        stream.partial_fit(np.zeros((2, 4)))
    assert stream.rows_ == 20
    stream.partial_fit(generator.normal(size=(20, 3)))
    assert not stream._held and stream.rows_ == 40 == stream.counts_.sum()


def test_what_cannot_be_answered_is_said():
    with pytest.raises(UsageError, match="No rows were seen"):
        RelationStream(2).predict(np.eye(2))
    with pytest.raises(UsageError, match="the first 3 rows hold 1 distinct ones"):
        RelationStream(2).partial_fit(np.ones((3, 2))).predict(np.eye(2))
    for name in ("num_relations", "num_centers", "pca_components", "first_rows", "n_init"):
        with pytest.raises(UsageError, match=f"`{name}` must be an integer from 1 up, got 0"):
            RelationStream(**({"num_relations": 2} | {name: 0}))
    with pytest.raises(UsageError, match="`num_centers` .1. must be at least"):
        RelationStream(2, num_centers=1)
