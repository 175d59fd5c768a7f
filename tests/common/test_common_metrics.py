"""Checks that every clustering metric must pass. Register a new metric once, in `METRICS`."""

from __future__ import annotations

import inspect
import json

import numpy as np
import pytest

from hf_relation import metrics


METRICS = {
    "adjusted_rand_index": metrics.adjusted_rand_index,
    "bcubed": metrics.bcubed,
    "clustering_report": metrics.clustering_report,
    "hungarian_accuracy": metrics.hungarian_accuracy,
    "normalized_mutual_info": metrics.normalized_mutual_info,
    "purity": metrics.purity,
    "v_measure": metrics.v_measure,
}
COUNTS = {"num_instances", "num_left_out", "num_gold", "num_clusters"}
# Metrics of extraction take documents or ids, not columns of labels: `test_common_extraction_metrics.py` has their checks.
EXTRACTION = {
    "entity_scores",
    "relation_scores",
    "semeval_task8_report",
    "semeval_task8_scores",
    "span_report",
    "span_scores",
    "triple_report",
    "triple_scores",
}
# Of supervised tasks; checked in tests/metrics/test_tasks.py and test_single_label.py.
TASKS = {"classification_scores", "regression_scores", "single_label_scores"}
NOISE = ["cluster", "singletons", "drop"]


@pytest.fixture(params=METRICS.values(), ids=METRICS)
def metric(request):
    def scores(gold, pred, **kwargs) -> dict[str, float]:
        result = request.param(gold, pred, **kwargs)
        return result if isinstance(result, dict) else {"score": result}

    return scores


def sample(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    gold = random.integers(0, 5, n)
    pred = np.where(random.random(n) < 0.6, gold, random.integers(-1, 6, n))
    return gold, pred


def test_every_metric_is_registered():
    public = {
        name
        for name in metrics.__all__
        if inspect.isfunction(getattr(metrics, name))
        and list(inspect.signature(getattr(metrics, name)).parameters)[0] == "gold"
    }
    assert public - {"check_labels", "contingency"} == set(METRICS) | EXTRACTION | TASKS


@pytest.mark.parametrize("noise", NOISE)
def test_values_are_plain_numbers_that_json_can_hold(metric, noise):
    scores = metric(*sample(), noise=noise)
    assert all(type(value) is (int if name in COUNTS else float) for name, value in scores.items())
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores


@pytest.mark.parametrize("noise", NOISE)
def test_order_of_the_instances_does_not_matter(metric, noise):
    gold, pred = sample()
    order = np.random.default_rng(1).permutation(len(gold))
    assert metric(gold[order], pred[order], noise=noise) == pytest.approx(metric(gold, pred, noise=noise), abs=1e-12)


@pytest.mark.parametrize("noise", NOISE)
def test_names_of_relations_and_clusters_do_not_matter(metric, noise):
    gold, pred = sample()
    expected = metric(gold, pred, noise=noise)
    renamed_gold = [f"P{9 - label}" for label in gold]
    renamed_pred = np.array([70, 3, 500, 0, 12, 8, -1])[pred]  # the last one is for -1
    assert metric(renamed_gold, renamed_pred, noise=noise) == pytest.approx(expected, abs=1e-12)
    if noise == "cluster":
        assert metric(gold, [str(label) for label in pred]) == pytest.approx(
            {**expected, **({"num_left_out": 0} if "num_left_out" in expected else {})}, abs=1e-12
        )


@pytest.mark.parametrize("noise", NOISE)
def test_same_input_gives_the_same_output_and_stays_as_it_was(metric, noise):
    gold, pred = sample()
    gold_before, pred_before = gold.copy(), pred.copy()
    assert metric(gold, pred, noise=noise) == metric(gold, pred, noise=noise)
    assert (gold == gold_before).all() and (pred == pred_before).all()


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64])
def test_kind_of_integer_does_not_matter(metric, dtype):
    gold, pred = sample()
    assert metric(gold.astype(dtype), pred.astype(dtype)) == metric(gold.tolist(), pred.tolist())


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("gold", [[0], [4, 4, 4], [0, 1, 2], [0, 0, 1, 1, 1], ["b", "a", "b"]])
def test_the_same_partition_scores_one(metric, gold, noise):
    names = {label: 10 - position for position, label in enumerate(dict.fromkeys(gold))}
    scores = metric(gold, [names[label] for label in gold], noise=noise)
    assert {value for name, value in scores.items() if name not in COUNTS} == {1.0}


def test_everything_left_out_is_one_cluster_singletons_or_an_error(metric):
    gold = [0, 0, 1, 1, 1]
    assert {**metric(gold, [-1] * 5), "num_left_out": 0} == {**metric(gold, [7] * 5), "num_left_out": 0}
    assert {**metric(gold, [-1] * 5, noise="singletons"), "num_left_out": 0} == pytest.approx(
        {**metric(gold, [3, 1, 4, 5, 9]), "num_left_out": 0}
    )
    with pytest.raises(ValueError, match="nothing to score"):
        metric(gold, [-1] * 5, noise="drop")


def test_without_left_out_instances_the_policy_does_not_matter(metric):
    gold, pred = sample()
    pred = pred + 1
    assert metric(gold, pred, noise="drop") == metric(gold, pred, noise="singletons") == metric(gold, pred)


def test_dropping_equals_scoring_the_others(metric):
    gold, pred = sample()
    kept = pred != -1
    assert 0 < kept.sum() < len(kept)
    dropped = {name: value for name, value in metric(gold, pred, noise="drop").items() if name != "num_left_out"}
    expected = {name: value for name, value in metric(gold[kept], pred[kept]).items() if name != "num_left_out"}
    assert dropped == pytest.approx(expected, abs=1e-12)


def test_duplicated_instances_keep_their_weight(metric):
    gold, pred = sample()
    doubled = metric(np.tile(gold, 2), np.tile(pred, 2))
    once = metric(gold, pred)
    for name in set(once) & {
        "bcubed_precision",
        "bcubed_recall",
        "bcubed_f1",
        "v_measure",
        "homogeneity",
        "purity",
        "nmi",
    }:
        assert doubled[name] == pytest.approx(once[name], abs=1e-12)


@pytest.mark.parametrize(
    ("gold", "pred", "error", "message"),
    [
        ([], [], ValueError, "empty"),
        ([0, 1], [0], ValueError, "2 and 1 labels"),
        ([0, None], [0, 1], TypeError, "`gold`.*label 1 is of type NoneType"),
        ([0, 1], [0.0, 1.0], TypeError, "`pred`.*label 0 is of type float"),
        ([0, 1], [False, True], TypeError, "`pred`.*label 0 is of type bool"),
        ([0, "a"], [0, 1], TypeError, "`gold` mixes int and str"),
    ],
)
def test_wrong_input_is_refused_with_what_and_where(metric, gold, pred, error, message):
    with pytest.raises(error, match=message):
        metric(gold, pred)


def test_unknown_policy_is_refused(metric):
    with pytest.raises(ValueError, match="`noise` must be one of"):
        metric([0], [0], noise="keep")
