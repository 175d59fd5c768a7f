from __future__ import annotations

import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from hf_relation.clustering import ALGORITHMS, WithinClassWhitening
from hf_relation.discovery import RelationDiscovery
from hf_relation.errors import InvalidRowError, UsageError
from tests.common.planted import PLANTED_WORDS, planted_corpus


# Settings under which every algorithm can find three planted relations.
SETTINGS: dict[str, dict[str, Any]] = {
    "kmeans": {"num_relations": 3, "n_init": 5},
    "agglomerative": {"num_relations": 3},
    "adaptive": {"num_relations": 3, "n_init": 5},
    "mean_shift": {"algorithm_kwargs": {"bandwidth": 0.7}},
    "hdbscan": {"algorithm_kwargs": {"min_cluster_size": 4}},
}


def discovery(algorithm: str = "kmeans", **changes: Any) -> RelationDiscovery:
    return RelationDiscovery(algorithm=algorithm, **(SETTINGS[algorithm] | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_planted_relations_are_found(algorithm: str) -> None:
    instances, embeddings, gold = planted_corpus()
    result = discovery(algorithm).fit_predict(instances, embeddings)
    assert result.labels.tolist() == gold.tolist()  # ids by size: the planted relations have distinct sizes
    assert [relation.size for relation in result.relations] == [9, 7, 5]
    assert [relation.keywords[0] for relation in result.relations] == list(PLANTED_WORDS[:3])
    assert result.ids == [instance["id"] for instance in instances]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("noise", [0.05, 0.6])
def test_predict_on_the_fitted_rows_gives_the_labels_and_scores_of_fit(algorithm: str, noise: float) -> None:
    _, embeddings, _ = planted_corpus((40, 30, 20, 10), noise=noise)
    settings = {} if noise < 0.1 else {"algorithm_kwargs": {"mean_shift": {"bandwidth": 0.9}}.get(algorithm)}
    model = discovery(algorithm, pca_components=5, **settings).fit(embeddings)
    result = model.predict(embeddings)
    assert np.array_equal(result.labels, model.labels_)
    assert np.array_equal(result.scores, model.scores_)
    parts = [model.predict(embeddings[start : start + 7]).labels for start in range(0, len(embeddings), 7)]
    assert np.array_equal(np.concatenate(parts), model.labels_)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_row_order_does_not_matter(algorithm: str) -> None:
    instances, embeddings, _ = planted_corpus((12, 12, 7), noise=0.3)
    order = np.random.default_rng(3).permutation(len(instances))
    first = discovery(algorithm, pca_components=4).fit_predict(instances, embeddings)
    second = discovery(algorithm, pca_components=4).fit_predict([instances[i] for i in order], embeddings[order])
    assert np.array_equal(first.labels[order], second.labels)
    assert np.array_equal(first.scores[order], second.scores)
    assert first.to_dict()["relations"] == second.to_dict()["relations"]


def test_same_seed_twice_gives_the_same_and_random_state_is_the_seed() -> None:
    _, embeddings, _ = planted_corpus(noise=0.8)
    results = [discovery(n_init=1, **seed).fit(embeddings) for seed in ({"seed": 5}, {"seed": 5}, {"random_state": 5})]
    assert all(np.array_equal(result.labels_, results[0].labels_) for result in results)
    assert all(np.array_equal(result.centers_, results[0].centers_) for result in results)


def test_number_of_threads_does_not_matter_and_predict_can_run_in_parallel() -> None:
    _, embeddings, _ = planted_corpus((60, 50, 40), noise=0.6)
    fits = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads):
            fits.append(discovery(pca_components=6).fit(embeddings))
    assert np.array_equal(fits[0].labels_, fits[1].labels_)
    assert np.array_equal(fits[0].centers_, fits[1].centers_)
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(lambda _: fits[0].predict(embeddings), range(8)):
            assert np.array_equal(result.labels, fits[0].labels_)
            assert np.array_equal(result.scores, fits[0].scores_)


@pytest.mark.parametrize("change", ["removed", "permuted", "short form"])
def test_gold_labels_are_never_read(change: str) -> None:
    instances, embeddings, _ = planted_corpus(noise=0.4)
    expected = discovery().fit_predict(instances, embeddings).to_dict()
    changed = []
    for position, instance in enumerate(instances):
        row = {key: value for key, value in instance.items() if key != "relations"}
        if change == "permuted":
            row["relations"] = instances[-1 - position]["relations"]
        elif change == "short form":
            row["relation"] = "something else"
        changed.append(row)
    model = discovery()
    result = model.fit_predict(changed, embeddings)
    assert result.to_dict() == expected
    assert model.predict(changed, embeddings).to_dict()["instances"] == expected["instances"]
    assert all(not instance["relations"] for instance in result.instances)


def test_inputs_are_not_altered() -> None:
    instances, embeddings, _ = planted_corpus()
    before, copy = repr(instances), embeddings.copy()
    embeddings.setflags(write=False)
    discovery(transform=None, pca_components=3).fit(instances, embeddings).predict(instances, embeddings)
    assert repr(instances) == before
    assert np.array_equal(embeddings, copy)


# Fault cases: nothing, one, two, and many of the same.


def test_empty_input() -> None:
    _, embeddings, _ = planted_corpus()
    model = discovery()
    with pytest.raises(UsageError, match="at least 1 instance, got 0"):
        model.fit([])
    with pytest.raises(NotFittedError, match="not fitted"):
        model.predict([])
    model.fit(embeddings)
    for result in (model.predict([]), model.predict(np.empty((0, 12)))):
        assert len(result) == 0
        assert result.to_dict()["instances"] == []
        assert [relation.size for relation in result.relations] == [9, 7, 5]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_few_or_identical_instances_are_one_relation_without_warnings(algorithm: str, count: int) -> None:
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = RelationDiscovery(algorithm=algorithm, pca_components=2).fit(np.ones((count, 4)))  # type: ignore[arg-type]
        result = model.predict(np.eye(4))
    assert model.labels_.tolist() == [0] * count
    assert model.scores_.tolist() == [1.0] * count
    assert model.relations_[0].cohesion == pytest.approx(1.0)
    assert result.labels.tolist() == [0] * 4
    assert time.perf_counter() - start < 10


def test_fewer_rows_or_distinct_rows_than_relations() -> None:
    with pytest.raises(UsageError, match=r"number of instances \(2\), got 3"):
        RelationDiscovery(num_relations=3).fit(np.eye(2))
    with pytest.raises(UsageError, match="2 among 4 rows.*got 3"):
        RelationDiscovery(num_relations=3).fit(np.repeat(np.eye(2), 2, axis=0))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_duplicates_share_a_label_and_are_counted(algorithm: str) -> None:
    _, embeddings, _ = planted_corpus(noise=0.3)
    doubled = np.concatenate([embeddings, embeddings])
    model = discovery(algorithm).fit(doubled)
    assert np.array_equal(model.labels_[: len(embeddings)], model.labels_[len(embeddings) :])
    assert sum(relation.size for relation in model.relations_) + (model.labels_ < 0).sum() == len(doubled)


def test_auto_gives_a_curve_and_a_range() -> None:
    _, embeddings, gold = planted_corpus((20, 20, 20), noise=0.1)
    result = RelationDiscovery(n_init=3).fit_predict(embeddings)
    number = result.to_dict()["num_relations"]
    assert number["requested"] == "auto"
    assert number["low"] <= number["found"] == 3 <= number["high"]
    assert len(number["candidates"]) == len(number["scores"]) > 3
    assert adjusted_rand_score(gold, result.labels) == 1.0


# Fault cases: bad embeddings and bad instances.


@pytest.mark.parametrize(
    ("embeddings", "error", "message"),
    [
        (np.array([[1.0], [np.nan]]), InvalidRowError, "row 1"),
        (np.array([[np.inf], [1.0]]), InvalidRowError, "row 0"),
        (np.array([1.0, 2.0]), UsageError, "shape"),
        (np.array([["a"], ["b"]]), UsageError, "real numbers"),
        (np.array([[1 + 1j], [1]]), UsageError, "real numbers"),
        (np.array([[None], [1]], dtype=object), UsageError, "real numbers"),
        (np.array([[True], [False]]), UsageError, "real numbers"),
    ],
)
def test_bad_embeddings_are_refused(embeddings: np.ndarray, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        RelationDiscovery(num_relations=1).fit(embeddings)


def test_list_integer_half_and_strided_embeddings_are_converted(tmp_path: Any) -> None:
    _, embeddings, _ = planted_corpus()
    embeddings = (embeddings * 64).round().astype(np.float32)  # exact in every type below
    expected = discovery().fit(embeddings).labels_.tolist()
    np.save(tmp_path / "e.npy", embeddings)
    variants = [
        embeddings.astype(np.int64),
        embeddings.astype(np.float16),
        embeddings.astype(np.float64),
        np.repeat(embeddings, 2, axis=1)[:, ::2],
        np.asfortranarray(embeddings),
        np.load(tmp_path / "e.npy", mmap_mode="r"),
    ]
    for variant in variants:
        assert discovery().fit(variant).labels_.tolist() == expected
    assert discovery().fit(embeddings=embeddings.tolist()).labels_.tolist() == expected


@pytest.mark.parametrize("text", [None, b"bytes", 7, ["a list"], "", "   "])
def test_a_bad_text_is_named_by_position(text: Any) -> None:
    instances, embeddings, _ = planted_corpus()
    instances[4] = instances[4] | {"text": text}
    with pytest.raises(InvalidRowError, match="row 4") as caught:
        discovery().fit(instances, embeddings)
    assert caught.value.index == 4


def test_what_is_not_a_list_of_instances_is_refused() -> None:
    instances, embeddings, _ = planted_corpus()
    for wrong in (instances[0], "text", b"text", 7):
        with pytest.raises(UsageError, match="Put a single instance in a list"):
            discovery().fit(wrong, embeddings)
    with pytest.raises(UsageError, match="Pass `instances`, `embeddings`, or both"):
        discovery().fit()
    with pytest.raises(UsageError, match="21 instances, 20 rows"):
        discovery().fit(instances, embeddings[1:])
    with pytest.raises(UsageError, match="as well"):
        discovery().fit(embeddings, embeddings)
    with pytest.raises(InvalidRowError, match="row 1"):
        discovery().fit([instances[0], instances[0]], embeddings[:2])
    with pytest.raises(UsageError, match="RelationDiscovery.from_pretrained"):
        discovery().fit(instances)
    with pytest.raises(UsageError, match="must have 12 columns.*got 3"):
        discovery().fit(embeddings).predict(np.eye(3))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_relations": 0}, "num_relations"),
        ({"num_relations": True}, "num_relations"),
        ({"num_relations": 2.0}, "num_relations"),
        ({"num_relations": "many"}, "num_relations"),
        ({"algorithm": "spectral"}, "algorithm"),
        ({"algorithm": "hdbscan", "num_relations": 3}, "finds the number"),
        ({"algorithm_kwargs": {"nope": 1}}, "nope"),
        ({"n_init": 0}, "n_init"),
        ({"seed": -1}, "seed"),
        ({"transform": "pca"}, "transform"),
        ({"transform": "whitening"}, "no whitening"),
        ({"pca_components": 0}, "pca_components"),
        ({"pca_components": True}, "pca_components"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        RelationDiscovery(**settings).fit(np.eye(4))


# scikit-learn manners.


def test_clone_and_parameters() -> None:
    whitening = WithinClassWhitening()
    kwargs = {"max_iter": 10}
    model = RelationDiscovery("a/b", num_relations=4, algorithm_kwargs=kwargs, transform=whitening)
    assert model.model == "a/b" and model.algorithm_kwargs is kwargs and model.transform is whitening
    copy = clone(model.set_params(num_relations=5, transform=None))
    assert copy.get_params() == model.get_params()
    assert copy.get_params()["num_relations"] == 5
    _, embeddings, _ = planted_corpus()
    fitted = discovery().fit(embeddings)
    with pytest.raises(NotFittedError):
        clone(fitted).labels_  # noqa: B018
    assert fitted.fit(embeddings) is fitted


def test_whitening_is_applied_and_checked() -> None:
    _, embeddings, gold = planted_corpus((30, 20, 10), noise=0.3)
    whitening = WithinClassWhitening().fit(embeddings, gold)
    model = discovery(transform=whitening).fit(embeddings)
    by_hand = discovery().fit(whitening.transform(embeddings))
    assert np.array_equal(model.labels_, by_hand.labels_)
    np.testing.assert_allclose(model.centers_, by_hand.centers_, atol=1e-6)
    with pytest.raises(UsageError, match="12 columns, as the whitening.*got 5"):
        discovery(transform=whitening).fit(np.eye(5))


def test_score_is_b_cubed_f1_of_predict() -> None:
    instances, embeddings, gold = planted_corpus((4, 2))
    model = RelationDiscovery(num_relations=2, n_init=3).fit(instances, embeddings)
    assert model.score(instances, embeddings) == 1.0
    # All in one cluster: precision (4/6 * 4 + 2/6 * 2) / 6 = 5/9, recall 1, F1 = 2 * 5/9 / (14/9) = 5/7.
    single = RelationDiscovery(num_relations=1).fit(instances, embeddings)
    assert single.score(instances, embeddings) == pytest.approx(5 / 7)
    # Rows without a gold label are left out.
    bare = [row | {"relations": []} if i == int(np.argmax(gold == 0)) else row for i, row in enumerate(instances)]
    # Three and two: precision (9/5 + 4/5) / 5 = 13/25, F1 = 26/38.
    assert single.score(bare, embeddings) == pytest.approx(26 / 38)
    with pytest.raises(UsageError, match="no instance has one"):
        single.score([row | {"relations": []} for row in instances], embeddings)
    with pytest.raises(UsageError, match="row 0 has"):
        single.score([instances[0] | {"relations": ["a", "b"]}], embeddings[:1])


# What the numbers mean.


def test_scores_and_cohesion_by_hand() -> None:
    embeddings = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    model = RelationDiscovery(num_relations=2).fit(embeddings)
    assert model.labels_.tolist() == [0, 0, 0, 1, 1]
    np.testing.assert_allclose(model.centers_, [[1.0, 0.0], [0.3, 0.9]], atol=1e-6)
    # Row 4: to its own centre sqrt(.3^2 + .1^2), to the other sqrt(.4^2 + .8^2).
    own, other = np.sqrt(0.3**2 + 0.1**2), np.sqrt(0.4**2 + 0.8**2)
    assert model.scores_[4] == pytest.approx(1 - own / other, abs=1e-6)
    assert model.scores_[0] == pytest.approx(1.0, abs=1e-6)
    # Mean cosine to the centre (.3, .9) of (0, 1) and (.6, .8).
    length = np.sqrt(0.3**2 + 0.9**2)
    assert model.relations_[1].cohesion == pytest.approx((0.9 / length + (0.18 + 0.72) / length) / 2, abs=1e-6)


def test_examples_are_the_nearest_to_the_centre() -> None:
    instances, embeddings, gold = planted_corpus(noise=0.2)
    model = discovery().fit(instances, embeddings)
    for relation in model.relations_:
        members = np.flatnonzero(gold == relation.id)
        rows = embeddings[members] / np.linalg.norm(embeddings[members], axis=1, keepdims=True)
        order = np.argsort(-(rows @ rows.mean(axis=0)))
        assert [example["id"] for example in relation.examples] == [instances[members[i]]["id"] for i in order[:5]]
        first = relation.examples[0]
        assert first["text"].startswith(first["head"]) and first["tail"] in first["text"]


def test_left_out_rows_have_label_minus_one_and_score_zero() -> None:
    _, embeddings, _ = planted_corpus((12, 10), noise=0.02)
    outlier = -np.ones((1, 12), dtype=np.float32)
    model = discovery("hdbscan").fit(np.concatenate([embeddings, outlier]))
    assert model.labels_[-1] == -1 and model.scores_[-1] == 0
    assert (model.labels_[:-1] >= 0).all()
    assert model.predict(outlier).labels.tolist() == [-1]
    scattered = np.random.default_rng(0).normal(size=(8, 30))
    nothing = RelationDiscovery(algorithm="hdbscan", algorithm_kwargs={"min_cluster_size": 5}).fit(scattered)
    assert set(nothing.labels_.tolist()) == {-1} and nothing.relations_ == []
    assert nothing.predict(scattered[:2]).labels.tolist() == [-1, -1]


def test_embeddings_alone_give_numbered_ids_and_names() -> None:
    result = discovery().fit_predict(planted_corpus()[1])
    assert result.ids[:3] == ["0", "1", "2"]
    assert [relation.name for relation in result.relations] == ["relation 0", "relation 1", "relation 2"]
    assert set(result.relations[0].examples[0]) == {"id", "score"}


def test_equal_sizes_are_ordered_by_smallest_id_or_position() -> None:
    instances, embeddings, gold = planted_corpus((11, 11))
    result = RelationDiscovery(num_relations=2).fit_predict(embeddings)
    assert result.labels[0] == 0  # position 0 is the smallest, also against "10" and "11"
    renamed = [
        row | {"id": f"z{position}" if gold[position] == gold[0] else f"a{position}"}
        for position, row in enumerate(instances)
    ]
    assert RelationDiscovery(num_relations=2).fit_predict(renamed, embeddings).labels[0] == 1
