"""Evaluation by clustering, splits by relation."""

import numpy as np
import pytest

from hf_relation.clustering import WithinClassWhitening
from hf_relation.errors import UsageError
from hf_relation.training import (
    evaluate_by_clustering,
    limit_per_relation,
    score_clusterings,
    split_known_relations,
    summarize_scores,
)
from tests.common.tiny_models import tiny_more
from tests.common.tiny_tokenizers import sample_instances


def labelled(names):
    return [{"id": str(i), "relations": [name]} for i, name in enumerate(names)]


def relations(rows):
    return {name for row in rows for name in row["relations"]}


def test_split_is_by_relation_and_keeps_every_row_in_order():
    rows = labelled("abcdabcdabcd")
    train, held_out = split_known_relations(rows, 2, seed=0)
    assert len(relations(held_out)) == 2 and not relations(train) & relations(held_out)
    assert sorted(train + held_out, key=lambda row: int(row["id"])) == rows
    assert [int(row["id"]) for row in train] == sorted(int(row["id"]) for row in train)


def test_split_depends_on_the_seed_and_not_on_the_order_of_rows():
    rows = labelled("abcdefghij")
    _, held_out = split_known_relations(rows, 3, seed=4)
    _, backwards = split_known_relations(rows[::-1], 3, seed=4)
    assert relations(held_out) == relations(backwards)
    assert len({frozenset(relations(split_known_relations(rows, 3, seed=seed)[1])) for seed in range(6)}) > 1


def test_rows_without_one_relation_stay_in_the_training_part():
    rows = [*labelled("abcd"), {"id": "x", "relations": []}, {"id": "y", "relations": ["a", "b"]}]
    train, _ = split_known_relations(rows, 1)
    assert {"x", "y"} <= {row["id"] for row in train}


@pytest.mark.parametrize("number", [-1, 3, 9])
def test_too_many_held_out_relations_are_an_error_with_the_allowed_range(number):
    with pytest.raises(UsageError, match=rf"between 0 and 2 \(there are 4 relations.*got {number}"):
        split_known_relations(labelled("abcd"), number)


def test_limit_keeps_the_small_relations_whole():
    rows = labelled("a" * 10 + "b" * 2 + "c")
    kept = limit_per_relation(rows, 3, seed=1)
    assert [row["relations"][0] for row in kept] == ["a"] * 3 + ["b"] * 2 + ["c"]
    assert kept != limit_per_relation(rows, 3, seed=2)


def blobs():
    rng = np.random.default_rng(0)
    centers = np.eye(4) * 10
    gold = ["a"] * 10 + ["b"] * 10 + ["c"] * 10
    return np.concatenate([rng.normal(centers[i], 0.1, (10, 4)) for i in range(3)]).astype(np.float32), gold


def test_separate_clouds_score_one():
    embeddings, gold = blobs()
    for score in score_clusterings(embeddings, gold, seeds=(0, 1)):
        assert score["bcubed_f1"] == score["v_measure"] == score["ari"] == 1.0


def test_one_cluster_has_recall_one_and_the_precision_of_the_shares():
    embeddings, gold = blobs()
    score = score_clusterings(embeddings, gold, num_relations=1, seeds=[0])[0]
    assert score["bcubed_recall"] == 1.0
    assert score["bcubed_precision"] == pytest.approx(1 / 3)


def test_the_transform_is_applied_before_clustering():
    rng = np.random.default_rng(1)
    # The relation shows in the second column only; the first one varies far more.
    gold = ["a"] * 60 + ["b"] * 60
    embeddings = np.stack([rng.normal(0, 50, 120), np.repeat([-1.0, 1.0], 60) + rng.normal(0, 0.05, 120)], axis=1)
    whitening = WithinClassWhitening(shrinkage=0.0).fit(embeddings, gold)
    plain = score_clusterings(embeddings, gold, seeds=[0])[0]
    whitened = score_clusterings(embeddings, gold, seeds=[0], transform=whitening)[0]
    assert plain["ari"] < 0.1 and whitened["ari"] > 0.95


def test_principal_components_are_limited_by_the_data():
    embeddings, gold = blobs()
    assert score_clusterings(embeddings, gold, seeds=[0], pca_components=64)[0]["ari"] == 1.0


def test_summary_is_mean_and_sample_deviation():
    summary = summarize_scores([{"f": 0.2}, {"f": 0.4}, {"f": 0.9}])
    assert summary["f"] == pytest.approx(0.5)
    assert summary["f_sd"] == pytest.approx((((0.3**2) + (0.1**2) + (0.4**2)) / 2) ** 0.5)


def test_algorithms_that_find_the_number_report_it_and_are_not_told_the_gold_one():
    embeddings, gold = blobs()
    (mean_shift,) = score_clusterings(embeddings, gold, algorithm="mean_shift", cluster_kwargs={"bandwidth": 2.0})
    assert mean_shift["num_clusters"] == 3.0 and mean_shift["ari"] == 1.0
    (one,) = score_clusterings(embeddings, gold, algorithm="mean_shift", cluster_kwargs={"bandwidth": 100.0})
    assert one["num_clusters"] == 1.0 and one["bcubed_precision"] == pytest.approx(1 / 3)
    (cut,) = score_clusterings(
        embeddings, gold, algorithm="agglomerative", cluster_kwargs={"distance_threshold": 100.0}
    )
    assert cut["num_clusters"] == 1.0
    (ward,) = score_clusterings(embeddings, gold, algorithm="agglomerative")
    assert ward["ari"] == 1.0 and "num_clusters" not in ward
    assert len(score_clusterings(embeddings, gold)) == 5


def test_mean_shift_on_a_sample_is_scored_for_every_seed(monkeypatch):
    monkeypatch.setattr("hf_relation.clustering.algorithms.BANDWIDTH_ROWS", 20)
    embeddings, gold = blobs()
    assert len(score_clusterings(embeddings, gold, seeds=(0, 1, 2), algorithm="mean_shift")) == 3


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"algorithm": "mean_shift", "num_relations": 3}, "finds the number of clusters itself"),
        ({"algorithm": "mean_shift", "cluster_kwargs": {"bandwidth_quantile": "auto"}}, "use `score_model`"),
        ({"gold": []}, "gold relation for every row, got 0 for 30"),
        ({"seeds": []}, "at least one seed"),
        ({"num_relations": "auto"}, "'auto'"),
        ({"num_relations": 31}, "31"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    embeddings, gold = blobs()
    with pytest.raises(UsageError, match=message):
        score_clusterings(embeddings, arguments.pop("gold", gold), **arguments)


def test_model_evaluation_scores_rows_with_one_relation_and_counts_the_others():
    model, processor = tiny_more("bert")
    instances = sample_instances(12)
    instances[3]["relations"] = []
    instances[5]["relations"] = ["born_in", "flows_into"]
    result = evaluate_by_clustering(model, processor, instances, seeds=(0, 1))
    assert (result["num_instances"], result["num_relations"], result["num_unscored"]) == (10, 3, 2)
    assert 0 < result["bcubed_f1"] <= 1 and result["bcubed_f1_sd"] >= 0
    labels = [row for row in instances if len(row["relations"]) == 1]
    assert result == evaluate_by_clustering(model, processor, labels, seeds=(0, 1)) | {"num_unscored": 2}


def test_ready_embeddings_need_no_model():
    embeddings, gold = blobs()
    instances = labelled(gold)
    instances[0]["relations"] = []
    result = evaluate_by_clustering(None, None, instances, embeddings=embeddings)
    assert result["ari"] == 1.0 and result["num_unscored"] == 1
    with pytest.raises(UsageError, match="30 for 29"):
        evaluate_by_clustering(None, None, instances[1:], embeddings=embeddings)


def test_one_relation_is_one_cluster():
    embeddings, _ = blobs()
    assert evaluate_by_clustering(None, None, labelled("a" * 30), embeddings=embeddings)["bcubed_f1"] == 1.0


def test_nothing_labelled_is_an_error():
    with pytest.raises(UsageError, match="nothing to score"):
        evaluate_by_clustering(None, None, [{"id": "0", "relations": []}], embeddings=np.zeros((1, 2)))
