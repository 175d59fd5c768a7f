"""The estimate of the number of relations: planted numbers are found, and there is always a range."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from sklearn.metrics import silhouette_samples

from hf_relation.clustering import NumRelationsEstimate, estimate_num_relations
from hf_relation.errors import UsageError


FAST = {"n_init": 2}


def planted(number: int, noise: float = 0.1, per: int = 14, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    centers = random.normal(size=(number, 16))
    sizes = random.integers(per // 2, per * 2, number)  # unbalanced
    X = np.repeat(centers / np.linalg.norm(centers, axis=1, keepdims=True), sizes, axis=0)
    return X + noise * random.normal(size=X.shape)


@pytest.mark.parametrize("criterion", ["smoothed_silhouette", "silhouette"])
@pytest.mark.parametrize("number", [4, 9])
def test_planted_number_is_found(criterion, number):
    estimate = estimate_num_relations(planted(number), criterion=criterion, algorithm="agglomerative")
    assert estimate.best == number
    assert estimate.low <= number <= estimate.high
    assert estimate.criterion == criterion


def test_many_unbalanced_groups_with_kmeans():
    estimate = estimate_num_relations(planted(20), [5, 10, 15, 20, 25, 30], criterion="smoothed_silhouette", **FAST)
    assert estimate.low <= 20 <= estimate.high
    assert estimate.best in (20, 25)


def test_smoothing_helps_where_the_plain_curve_is_nearly_flat():
    X, numbers = planted(8, noise=0.33, per=30), range(2, 17)
    plain = estimate_num_relations(X, numbers, criterion="silhouette", algorithm="agglomerative")
    smoothed = estimate_num_relations(X, numbers, criterion="smoothed_silhouette", algorithm="agglomerative")
    assert abs(smoothed.best - 8) <= abs(plain.best - 8)
    assert smoothed.low <= 8 <= smoothed.high
    assert np.ptp(smoothed.scores) > np.ptp(plain.scores)


def test_scores_are_mean_silhouettes_of_the_reduced_rows():
    # In two dimensions reducing is centring, turning and scaling to length one, none of which needs our code.
    X = planted(3)[:, :2]
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    centered = X - X.mean(axis=0)
    centered /= np.linalg.norm(centered, axis=1, keepdims=True)
    estimate = estimate_num_relations(X, [2], criterion="silhouette", n_init=20)
    angles = np.arctan2(centered[:, 1], centered[:, 0])
    best = max(  # two groups on a circle: try every pair of cuts and take the one of least inertia
        ((angles >= low) & (angles < high) for low in np.sort(angles) for high in np.sort(angles) if low < high),
        key=lambda inside: sum(
            np.linalg.norm(centered[group].sum(axis=0)) ** 2 / max(group.sum(), 1) for group in (inside, ~inside)
        ),
    )
    expected = silhouette_samples(centered, best, metric="cosine").mean()
    assert estimate.scores[0] == pytest.approx(expected, abs=1e-4)


def test_range_holds_what_the_tolerance_allows():
    estimate = estimate_num_relations(planted(5, noise=0.3), algorithm="agglomerative", tolerance=0.2)
    scores = dict(zip(estimate.candidates, estimate.scores, strict=True))
    allowed = [number for number, score in scores.items() if score >= 0.8 * max(scores.values())]
    assert (estimate.low, estimate.high) == (min(allowed), max(allowed))
    narrow = estimate_num_relations(planted(5, noise=0.3), algorithm="agglomerative", tolerance=0)
    assert narrow.low == narrow.best == narrow.high == estimate.best


def test_default_candidates_end_at_one_and_a_half_roots():
    X = np.random.default_rng(0).normal(size=(100, 4))
    assert estimate_num_relations(X, algorithm="agglomerative").candidates == tuple(range(2, 16))


def test_given_candidates_are_sorted_and_tried_once():
    estimate = estimate_num_relations(planted(3), [5, 3, 3, np.int64(2)], **FAST)
    assert estimate.candidates == (2, 3, 5)
    assert len(estimate.scores) == 3


def test_result_survives_json():
    estimate = estimate_num_relations(planted(3), [2, 3], **FAST)
    assert estimate.best == 3
    assert NumRelationsEstimate(**json.loads(json.dumps(dataclasses.asdict(estimate)))) == estimate


def test_row_order_and_repeated_rows_do_not_matter():
    X = planted(4, noise=0.3)
    order = np.random.default_rng(1).permutation(len(X))
    expected = estimate_num_relations(X, [2, 3, 4, 5], **FAST)
    assert estimate_num_relations(np.concatenate([X[order], X[:9]]), [2, 3, 4, 5], **FAST) == expected


def test_large_input_is_sampled_with_the_seed():
    X = planted(4, per=80)
    runs = [estimate_num_relations(X, [3, 4, 5], max_rows=120, seed=seed, **FAST) for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]
    assert [run.best for run in runs] == [4, 4, 4]


@pytest.mark.parametrize("distinct", [1, 2, 3])
def test_fault_03_too_few_distinct_rows_to_say_anything(distinct):
    estimate = estimate_num_relations(np.tile(np.eye(3)[:distinct], (5, 1)))
    assert (estimate.best, estimate.low, estimate.high) == (1, 1, distinct)
    assert (estimate.candidates, estimate.scores) == ((1,), (0.0,))


@pytest.mark.parametrize("number", [4, 5, 6])
def test_a_handful_of_rows_works(number):
    estimate = estimate_num_relations(np.random.default_rng(0).normal(size=(number, 3)), **FAST)
    assert estimate.candidates and np.isfinite(estimate.scores).all()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"candidates": []}, "at least one number"),
        ({"candidates": [1, 2]}, r"from 2 to 19 \(there are 20 distinct rows\), got 1"),
        ({"candidates": [20]}, "got 20"),
        ({"candidates": [2.5]}, "got 2.5"),
        ({"criterion": "gap"}, "smoothed_silhouette, silhouette; got 'gap'"),
        ({"algorithm": "hdbscan"}, '"kmeans" or "agglomerative"'),
        ({"tolerance": 1.0}, "`tolerance`"),
        ({"max_rows": 5}, "`max_rows` must be at least 10, got 5"),
    ],
)
def test_settings_out_of_range(settings, said):
    with pytest.raises(UsageError, match=said):
        estimate_num_relations(np.random.default_rng(0).normal(size=(20, 3)), **settings)


def test_no_rows():
    with pytest.raises(UsageError, match="at least 1 row"):
        estimate_num_relations(np.zeros((0, 3)))
