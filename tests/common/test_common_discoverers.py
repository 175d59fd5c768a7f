"""What every estimator that finds relations must do, whatever its algorithm; a new one is added to `DISCOVERERS`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.base import clone

from hf_relation.clustering import WithinClassWhitening
from hf_relation.discovery import RelationDiscovery
from hf_relation.errors import HfRelationError
from tests.common.planted import planted_corpus


def _whitening() -> WithinClassWhitening:
    rows = np.random.default_rng(5).normal(size=(60, 8))
    return WithinClassWhitening().fit(rows, np.arange(60) % 6)


DISCOVERERS: dict[str, Callable[[], RelationDiscovery]] = {
    "kmeans": lambda: RelationDiscovery(num_relations=3, n_init=5),
    "kmeans-whitened-reduced": lambda: RelationDiscovery(
        num_relations=3, n_init=5, transform=_whitening(), pca_components=4
    ),
    "kmeans-estimated": lambda: RelationDiscovery(n_init=5),
    "agglomerative": lambda: RelationDiscovery(num_relations=3, algorithm="agglomerative"),
    "adaptive": lambda: RelationDiscovery(num_relations=3, n_init=5, algorithm="adaptive"),
    "mean_shift": lambda: RelationDiscovery(
        algorithm="mean_shift", algorithm_kwargs={"bandwidth": 0.5, "cluster_all": True}
    ),
    "hdbscan": lambda: RelationDiscovery(algorithm="hdbscan", algorithm_kwargs={"min_cluster_size": 5}),
}


@pytest.fixture(params=sorted(DISCOVERERS))
def discovery(request: pytest.FixtureRequest) -> RelationDiscovery:
    return DISCOVERERS[request.param]()


@pytest.fixture
def corpus() -> tuple[list[dict], np.ndarray]:
    """Three well separated relations of 20, 14 and 10 rows, mixed."""
    instances, vectors, _ = planted_corpus((20, 14, 10), dim=8)
    return instances, vectors


def test_parameters_can_be_read_set_and_cloned(discovery):
    copy = clone(discovery)
    assert copy.transform is discovery.transform, "a fitted whitening stays fitted"
    assert copy.get_params().keys() == discovery.get_params().keys()
    assert copy.set_params(seed=9).seed == 9 and discovery.seed == 0


def test_fault_09_one_label_per_row_and_planted_groups_are_found(discovery, corpus):
    instances, vectors = corpus
    result = discovery.fit_predict(instances, vectors)
    assert len(result.labels) == len(result.scores) == 44
    gold = [row["relations"][0] for row in instances]
    assert len({(g, label) for g, label in zip(gold, result.labels.tolist(), strict=True) if label >= 0}) == 3
    assert [relation.size for relation in result.relations] == [20, 14, 10]
    assert ((result.scores >= 0) & (result.scores <= 1)).all()


def test_fault_08_twice_gives_the_same(discovery, corpus):
    first = discovery.fit_predict(*corpus)
    second = clone(discovery).fit_predict(*corpus)
    assert first.to_dict() == second.to_dict()


def test_fault_07_row_order_changes_nothing(discovery, corpus):
    instances, vectors = corpus
    order = np.random.default_rng(1).permutation(44)
    plain = discovery.fit_predict(instances, vectors).labels
    shuffled = clone(discovery).fit_predict([instances[i] for i in order], vectors[order]).labels
    assert shuffled.tolist() == plain[order].tolist()


def test_fault_06_duplicated_rows_share_a_label(discovery, corpus):
    instances, vectors = corpus
    doubled = [*instances, *({**row, "id": row["id"] + "-again"} for row in instances)]
    labels = discovery.fit_predict(doubled, np.concatenate([vectors, vectors])).labels
    assert labels[:44].tolist() == labels[44:].tolist()


def test_prediction_of_the_fitted_rows_is_the_fit_also_after_saving(discovery, corpus, tmp_path):
    instances, vectors = corpus
    fitted = discovery.fit_predict(instances, vectors)
    assert discovery.predict(instances, vectors).labels.tolist() == fitted.labels.tolist()
    discovery.save_pretrained(tmp_path)
    again = RelationDiscovery.from_pretrained(tmp_path)
    loaded = again.predict(instances, vectors)
    assert loaded.labels.tolist() == fitted.labels.tolist()
    np.testing.assert_allclose(loaded.scores, fitted.scores, atol=1e-6)
    assert [relation.name for relation in again.relations_] == [relation.name for relation in fitted.relations]


def test_gold_labels_and_inputs_are_left_alone(discovery, corpus):
    instances, vectors = corpus
    before = vectors.copy()
    with_labels = discovery.fit_predict(instances, vectors).to_dict()
    bare = [{key: value for key, value in row.items() if key != "relations"} for row in instances]
    assert clone(discovery).fit_predict(bare, vectors).to_dict() == with_labels
    assert np.array_equal(before, vectors) and all("relations" in row for row in instances)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_fault_13_other_float_types_give_the_same_relations(discovery, corpus, dtype):
    instances, vectors = corpus
    plain = discovery.fit_predict(instances, vectors).labels
    assert clone(discovery).fit_predict(instances, vectors.astype(dtype)).labels.tolist() == plain.tolist()


def test_fault_01_nothing_to_fit_is_an_error_and_nothing_to_predict_is_not(discovery, corpus):
    with pytest.raises(HfRelationError, match="at least 1"):
        discovery.fit([])
    assert len(discovery.fit(*corpus).predict([]).labels) == 0


def test_fault_11_the_first_row_that_is_not_finite_is_named(discovery, corpus):
    instances, vectors = corpus
    vectors[7, 3] = np.nan
    with pytest.raises(HfRelationError, match="7"):
        discovery.fit(instances, vectors)
