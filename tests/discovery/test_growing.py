from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hf_relation.discovery import RelationDiscovery
from hf_relation.errors import HfRelationError, InvalidRowError, UsageError
from tests.common.planted import planted_corpus


ALGORITHMS: dict[str, dict[str, Any]] = {
    "kmeans": {"num_relations": 3, "n_init": 3},
    "agglomerative": {"num_relations": 3},
    "hdbscan": {"algorithm_kwargs": {"min_cluster_size": 5}},
}


def draw(seed: int, sizes: dict[int, int], noise: float = 0.15, dim: int = 32) -> np.ndarray:
    """Rows around axes: relation `a` is axis `a`."""
    rng = np.random.default_rng(seed)
    axes = np.repeat(list(sizes), list(sizes.values()))
    return (np.eye(dim)[axes] + noise * rng.normal(size=(len(axes), dim))).astype(np.float32)


def fitted(algorithm: str = "kmeans", **settings: Any) -> RelationDiscovery:
    model = RelationDiscovery(algorithm=algorithm, **(ALGORITHMS[algorithm] | settings))  # type: ignore[arg-type]
    return model.fit(draw(0, {0: 60, 1: 50, 2: 40}))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("noise", [0.02, 0.15])
def test_rows_of_the_same_distribution_open_nothing(algorithm: str, noise: float) -> None:
    # One in twenty lies outside the radius of its relation: 15 a batch here, more than a new relation takes.
    model = RelationDiscovery(algorithm=algorithm, **ALGORITHMS[algorithm])  # type: ignore[arg-type]
    model.fit(draw(0, {0: 60, 1: 50, 2: 40}, noise))
    for seed in range(1, 4):
        model.partial_fit(draw(seed, {0: 100, 1: 100, 2: 100}, noise))
    assert [relation.id for relation in model.relations_] == [0, 1, 2] and model.events_ == []
    assert len(model.labels_) == 150 + 3 * 300


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_unlike_rows_open_a_relation_that_is_reported(algorithm: str, caplog: pytest.LogCaptureFixture) -> None:
    model = fitted(algorithm)
    before = model.labels_.copy()
    with caplog.at_level(logging.WARNING, logger="hf_relation"):
        model.partial_fit(draw(1, {0: 10, 7: 14, 1: 5}))
    assert model.labels_[:150].tolist() == before.tolist()
    assert set(model.labels_[160:174].tolist()) == {3} and not (model.labels_[174:] == 3).any()
    assert [(e.kind, e.relation, e.size, e.moved) for e in model.events_] == [("new_relation", 3, 14, 0)]
    assert "Opened relation 3" in caplog.text
    assert set(model.predict(draw(2, {7: 8})).labels.tolist()) == {3}


def test_unlike_rows_wait_over_batches_until_there_are_enough() -> None:
    model, rows = fitted(), draw(1, {7: 12})
    for start in range(0, 12, 4):
        assert model.events_ == []
        model.partial_fit(rows[start : start + 4], min_new_relation=11)
    assert [(e.relation, e.size, e.moved) for e in model.events_] == [(3, 12, 8)]
    # The same row many times is one.
    model = fitted().partial_fit(np.repeat(rows[:1], 40, axis=0), min_new_relation=11)
    assert model.events_ == []


def test_two_relations_can_open_at_once_the_larger_first() -> None:
    model = fitted().partial_fit(draw(1, {7: 12, 8: 20}))
    assert [(e.relation, e.size) for e in model.events_] == [(3, 20), (4, 12)]
    assert len(set(model.labels_[150:162].tolist())) == len(set(model.labels_[162:].tolist())) == 1


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("size", [1, 7, 40])
def test_batches_of_any_size_give_known_rows_the_same_labels(algorithm: str, size: int) -> None:
    rows = draw(1, {0: 14, 1: 13, 2: 13})
    whole = fitted(algorithm).partial_fit(rows)
    parts = fitted(algorithm)
    for start in range(0, 40, size):
        parts.partial_fit(rows[start : start + size])
    assert parts.labels_.tolist() == whole.labels_.tolist()
    assert parts.labels_[150:].tolist() == fitted(algorithm).predict(rows).labels.tolist()
    np.testing.assert_allclose(parts.scores_, whole.scores_, atol=1e-6)


def test_the_first_call_is_a_fit_and_an_empty_list_changes_nothing() -> None:
    instances, embeddings, _ = planted_corpus()
    model = RelationDiscovery(num_relations=3, n_init=3).partial_fit(instances, embeddings)
    expected = RelationDiscovery(num_relations=3, n_init=3).fit(instances, embeddings)
    assert model.result().to_dict() == expected.result().to_dict()
    assert model.partial_fit([]) is model and model.partial_fit([], np.empty((0, 12))) is model
    assert model.result().to_dict() == expected.result().to_dict() and model.events_ == []
    with pytest.raises(UsageError, match="at least 1 instance"):
        RelationDiscovery().partial_fit([])


def test_what_does_not_fit_is_refused_and_changes_nothing() -> None:
    instances, embeddings, _ = planted_corpus()
    model = RelationDiscovery(num_relations=3, n_init=3).fit(instances[:15], embeddings[:15])
    state = model.result().to_dict()
    more, vectors = instances[15:], embeddings[15:]
    bad = vectors.copy()
    bad[2, 1] = np.nan
    cases: list[tuple[Any, Any, dict[str, Any], type[Exception], str]] = [
        ([*more, instances[3]], np.concatenate([vectors, embeddings[:1]]), {}, UsageError, "Row 6 has the id 'i03'"),
        ([more[0], more[0]], vectors[:2], {}, HfRelationError, "id"),
        (None, vectors, {}, UsageError, "fitted on instances, but `partial_fit` got embeddings alone"),
        (more, vectors[:, :5], {}, UsageError, "12 columns"),
        (more, vectors[:2], {}, UsageError, "one row per instance"),
        (more, bad, {}, InvalidRowError, "row 2"),
        ([{"id": "z", "text": 3}], vectors[:1], {}, InvalidRowError, "row 0"),
        (more, vectors, {"min_new_relation": 1}, UsageError, "from 2 up, got 1"),
        (more, vectors, {"min_new_relation": True}, UsageError, "from 2 up, got True"),
        (more, vectors, {"min_new_relation": 2.5}, UsageError, "from 2 up, got 2.5"),
    ]
    for rows, matrix, options, error, message in cases:
        with pytest.raises(error, match=message):
            model.partial_fit(rows, matrix, **options)
        assert model.result().to_dict() == state
    bare = RelationDiscovery(num_relations=3, n_init=3).fit(embeddings)
    with pytest.raises(UsageError, match="embeddings alone, but `partial_fit` got instances"):
        bare.partial_fit(more, vectors)
    assert bare.partial_fit(embeddings[:2]).result().ids[-2:] == ["21", "22"]


def test_names_of_ones_own_and_old_centres_stay(tmp_path: Path) -> None:
    model = fitted().set_names({1: "mine"})
    centers = model.centers_.copy()
    model.partial_fit(draw(1, {1: 30, 7: 15}))
    assert np.array_equal(model.centers_[:3], centers)
    assert [(r.id, r.size) for r in model.relations_] == [(0, 60), (1, 80), (2, 40), (3, 15)]
    assert model.relations_[1].name == "mine"
    model.save_pretrained(tmp_path)
    loaded = RelationDiscovery.from_pretrained(tmp_path)
    assert loaded.events_ == [] and loaded.relations_ == model.relations_


def test_a_corpus_without_any_relation_can_grow() -> None:
    scattered = np.random.default_rng(0).normal(size=(12, 32))
    model = RelationDiscovery(algorithm="hdbscan", algorithm_kwargs={"min_cluster_size": 6}).fit(scattered)
    assert model.relations_ == [] and set(model.labels_.tolist()) == {-1}
    model.partial_fit(draw(1, {0: 15}))
    assert [(relation.id, relation.size) for relation in model.relations_] == [(0, 15)]
    assert set(model.labels_[12:].tolist()) == {0}


def test_rows_like_a_deleted_relation_stay_left_out() -> None:
    model = fitted().delete([1]).partial_fit(draw(1, {1: 30}))
    assert set(model.labels_[150:].tolist()) == {-1} and model.events_ == []
