"""Every metric against hand-worked values, slow loops over pairs, and scikit-learn."""

from __future__ import annotations

import itertools
import math
import time
import tracemalloc
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from hf_relation.errors import UsageError
from hf_relation.metrics import (
    adjusted_rand_index,
    bcubed,
    clustering_report,
    hungarian_accuracy,
    normalized_mutual_info,
    purity,
    v_measure,
)


# gold, pred, B-cubed P, R, F1, homogeneity, completeness, V, ARI
WORKED = [
    ("0000111222", "0011111220", 0.626667, 0.666667, 0.646048, 0.515603, 0.545271, 0.530022, 0.244604),
    ("0011", "0000", 0.5, 1, 0.666667, 0, 1, 0, 0),
    ("0011", "0123", 1, 0.5, 0.666667, 1, 0.5, 0.666667, 0),
    ("0011", "1100", 1, 1, 1, 1, 1, 1, 1),
    ("0101", "0011", 0.5, 0.5, 0.5, 0, 0, 0, -0.5),
    ("000001", "000000", 0.722222, 1, 0.838710, 0, 1, 0, 0),
]

labellings = st.integers(1, 12).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 4), min_size=n, max_size=n), st.lists(st.integers(0, 4), min_size=n, max_size=n)
    )
)


def slow_bcubed(gold: list[int], pred: list[int]) -> tuple[Fraction, Fraction]:
    n = len(gold)
    precision = recall = Fraction(0)
    for i in range(n):
        cluster = {j for j in range(n) if pred[j] == pred[i]}
        relation = {j for j in range(n) if gold[j] == gold[i]}
        precision += Fraction(len(cluster & relation), len(cluster))
        recall += Fraction(len(cluster & relation), len(relation))
    return precision / n, recall / n


def slow_ari(gold: list[int], pred: list[int]) -> Fraction:
    pairs = list(itertools.combinations(range(len(gold)), 2))
    both = sum(gold[i] == gold[j] and pred[i] == pred[j] for i, j in pairs)
    of_gold = sum(gold[i] == gold[j] for i, j in pairs)
    of_pred = sum(pred[i] == pred[j] for i, j in pairs)
    if not pairs:
        return Fraction(1)
    expected = Fraction(of_gold * of_pred, len(pairs))
    best = Fraction(of_gold + of_pred, 2)
    return Fraction(1) if best == expected else (both - expected) / (best - expected)


def slow_accuracy(gold: list[int], pred: list[int]) -> float:
    relations, clusters = sorted(set(gold)), sorted(set(pred))
    padded = relations + [None] * max(0, len(clusters) - len(relations))
    return max(
        sum(dict(zip(clusters, names, strict=False)).get(p) == g for g, p in zip(gold, pred, strict=True))
        for names in itertools.permutations(padded, len(clusters))
    ) / len(gold)


def slow_purity(gold: list[int], pred: list[int]) -> float:
    hits = sum(max(Counter(g for g, p in zip(gold, pred, strict=True) if p == c).values()) for c in set(pred))
    return hits / len(gold)


@pytest.mark.parametrize(("gold", "pred", "p", "r", "f1", "h", "c", "v", "ari"), WORKED)
def test_worked_values(gold, pred, p, r, f1, h, c, v, ari):
    gold, pred = [int(label) for label in gold], [int(label) for label in pred]
    assert bcubed(gold, pred) == pytest.approx(dict(bcubed_precision=p, bcubed_recall=r, bcubed_f1=f1), abs=1e-6)
    assert v_measure(gold, pred) == pytest.approx(dict(v_measure=v, homogeneity=h, completeness=c), abs=1e-6)
    assert adjusted_rand_index(gold, pred) == pytest.approx(ari, abs=1e-6)
    assert normalized_mutual_info(gold, pred) == pytest.approx(v, abs=1e-6)


def test_worked_values_of_the_other_metrics():
    gold, pred = [0, 0, 0, 0, 1, 1, 1, 2, 2, 2], [0, 0, 1, 1, 1, 1, 1, 2, 2, 0]
    assert hungarian_accuracy(gold, pred) == pytest.approx(0.7)
    assert purity(gold, pred)["purity"] == pytest.approx(0.7)
    assert bcubed(gold, pred, beta=0.5)["bcubed_f1"] == pytest.approx(0.634278, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(labellings)
def test_bcubed_equals_slow_loops(labels):
    gold, pred = labels
    precision, recall = slow_bcubed(gold, pred)
    f1 = 2 * precision * recall / (precision + recall)
    scores = bcubed(gold, pred)
    assert scores == pytest.approx(
        dict(bcubed_precision=float(precision), bcubed_recall=float(recall), bcubed_f1=float(f1)), abs=1e-12
    )


@settings(max_examples=60, deadline=None)
@given(labellings, st.sampled_from([0.5, 1.0, 2.0]))
def test_v_measure_and_nmi_equal_scikit_learn(labels, beta):
    gold, pred = labels
    homogeneity, completeness, score = sk.homogeneity_completeness_v_measure(gold, pred, beta=beta)
    assert v_measure(gold, pred, beta=beta) == pytest.approx(
        dict(v_measure=score, homogeneity=homogeneity, completeness=completeness), abs=1e-9
    )
    assert normalized_mutual_info(gold, pred) == pytest.approx(sk.normalized_mutual_info_score(gold, pred), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(labellings)
def test_adjusted_rand_index_equals_slow_loops_and_scikit_learn(labels):
    gold, pred = labels
    value = adjusted_rand_index(gold, pred)
    assert value == float(slow_ari(gold, pred))
    assert value == pytest.approx(sk.adjusted_rand_score(gold, pred), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(labellings)
def test_accuracy_and_purity_equal_trying_everything(labels):
    gold, pred = labels
    assert hungarian_accuracy(gold, pred) == pytest.approx(slow_accuracy(gold, pred))
    scores = purity(gold, pred)
    assert scores["purity"] == pytest.approx(slow_purity(gold, pred))
    assert scores["inverse_purity"] == pytest.approx(slow_purity(pred, gold))


@settings(max_examples=40, deadline=None)
@given(labellings)
def test_every_score_stays_in_its_range(labels):
    report = clustering_report(*labels)
    for name in set(report) - {"num_instances", "num_left_out", "num_gold", "num_clusters", "ari"}:
        assert 0 <= report[name] <= 1, name
    assert -1 <= report["ari"] <= 1


def test_hundreds_of_labels_equal_scikit_learn():
    random = np.random.default_rng(0)
    gold = random.integers(0, 40, 3000)
    pred = np.where(random.random(3000) < 0.5, gold, random.integers(0, 60, 3000))
    homogeneity, completeness, score = sk.homogeneity_completeness_v_measure(gold, pred)
    report = clustering_report(gold, pred)
    assert report["v_measure"] == pytest.approx(score, abs=1e-12)
    assert report["homogeneity"] == pytest.approx(homogeneity, abs=1e-12)
    assert report["completeness"] == pytest.approx(completeness, abs=1e-12)
    assert report["ari"] == pytest.approx(sk.adjusted_rand_score(gold, pred), abs=1e-12)
    table = sk.cluster.contingency_matrix(gold, pred)
    assert report["purity"] == pytest.approx(table.max(axis=0).sum() / 3000)
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(table, maximize=True)
    assert report["hungarian_accuracy"] == pytest.approx(table[rows, columns].sum() / 3000)


@pytest.mark.parametrize("scores", [bcubed, v_measure])
@pytest.mark.parametrize("beta", [0.0, -1.0, math.nan, math.inf])
def test_beta_out_of_range_is_refused(scores, beta):
    with pytest.raises(UsageError, match="`beta` must be a finite number above 0"):
        scores([0, 1], [0, 1], beta=beta)


def test_beta_of_bcubed_weighs_recall():
    scores = bcubed([0, 0, 1, 1], [0, 0, 0, 0])  # precision 1/2, recall 1
    assert bcubed([0, 0, 1, 1], [0, 0, 0, 0], beta=1e6)["bcubed_f1"] == pytest.approx(scores["bcubed_recall"])
    assert bcubed([0, 0, 1, 1], [0, 0, 0, 0], beta=1e-6)["bcubed_f1"] == pytest.approx(scores["bcubed_precision"])


def test_bcubed_precision_is_about_clusters_and_recall_about_relations():
    # All in one cluster of four relations of one instance each: precision 1/4, recall 1. Not the other way round.
    scores = bcubed([0, 1, 2, 3], [0, 0, 0, 0])
    assert (scores["bcubed_precision"], scores["bcubed_recall"]) == (0.25, 1.0)


def test_bcubed_by_hand_for_each_policy_on_left_out_instances():
    gold, pred = [0, 0, 1, 1], [0, 0, -1, -1]
    assert bcubed(gold, pred, noise="cluster")["bcubed_f1"] == 1.0
    singles = bcubed(gold, pred, noise="singletons")
    assert (singles["bcubed_precision"], singles["bcubed_recall"]) == (1.0, 0.75)
    mixed = [0, 1, -1, -1]
    assert bcubed(gold, mixed, noise="cluster")["bcubed_recall"] == 0.75
    assert bcubed(gold, mixed, noise="singletons")["bcubed_recall"] == 0.5
    assert bcubed(gold, mixed, noise="drop")["bcubed_recall"] == 0.5
    assert bcubed([0, 0, 0, 1], [0, 0, -1, -1], noise="drop")["bcubed_recall"] == 1.0


def test_more_clusters_than_relations_and_the_other_way_round():
    assert hungarian_accuracy([0, 0, 0, 0], [0, 1, 2, 2]) == 0.5
    assert hungarian_accuracy([0, 1, 2, 2], [0, 0, 0, 0]) == 0.5
    assert hungarian_accuracy(list(range(6)), [0] * 6) == pytest.approx(1 / 6)


def test_accuracy_takes_the_best_matching_not_the_greedy_one():
    # Counts [[4, 3], [3, 0]]: greedy takes 4 and then nothing; the best matching takes 3 + 3.
    gold = [0] * 7 + [1] * 3
    pred = [0] * 4 + [1] * 3 + [0] * 3
    assert hungarian_accuracy(gold, pred) == pytest.approx(0.6)


def test_pair_counts_of_a_million_labels_do_not_overflow():
    n = 1_000_000
    gold = np.arange(n) % 2
    pred = np.zeros(n, dtype=np.int64)
    pred[: n // 2] = 1
    # Sizes 500,000 each and four cells of 250,000.
    both, side, every = 4 * math.comb(250_000, 2), 2 * math.comb(500_000, 2), math.comb(n, 2)
    expected = (both - Fraction(side * side, every)) / (side - Fraction(side * side, every))
    assert adjusted_rand_index(gold, pred) == float(expected)
    assert adjusted_rand_index(gold, np.zeros(n, dtype=np.int8)) == 0.0


def test_a_million_labels_take_about_a_second():
    random = np.random.default_rng(0)
    gold = random.integers(0, 5000, 1_000_000)
    pred = random.integers(-1, 5000, 1_000_000)
    start = time.process_time()
    clustering_report(gold, pred, noise="singletons")
    assert time.process_time() - start < 5  # 0.7 seconds on an idle core


def test_memory_does_not_grow_with_relations_times_clusters():
    n = 20_000
    tracemalloc.start()
    report = clustering_report(np.arange(n), np.arange(n))  # a full table would have 400 million cells
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6
    assert report["bcubed_f1"] == report["ari"] == report["hungarian_accuracy"] == 1.0


def test_report_holds_every_metric_and_the_counts():
    gold, pred = ["a", "a", "b", "c"], [0, 0, -1, -1]
    report = clustering_report(gold, pred, noise="singletons")
    expected = {
        **bcubed(gold, pred, noise="singletons"),
        **v_measure(gold, pred, noise="singletons"),
        "ari": adjusted_rand_index(gold, pred, noise="singletons"),
        "nmi": normalized_mutual_info(gold, pred, noise="singletons"),
        "hungarian_accuracy": hungarian_accuracy(gold, pred, noise="singletons"),
        **purity(gold, pred, noise="singletons"),
        "num_instances": 4,
        "num_left_out": 2,
        "num_gold": 3,
        "num_clusters": 3,
    }
    assert report == expected
