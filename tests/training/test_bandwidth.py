"""The choice of a quantile on known relations."""

import numpy as np
import pytest

from hf_relation.clustering import cluster
from hf_relation.errors import UsageError
from hf_relation.metrics import bcubed
from hf_relation.training import choose_bandwidth_quantile


LINE = np.array([[0.0], [0.1], [0.3], [2.0], [2.4]])


def unequal_groups(sizes=(40, 20, 10, 5), seed=0):
    """Groups of unequal size around unit vectors, each 1.4 from the others."""
    rng = np.random.default_rng(seed)
    gold = np.repeat(np.arange(len(sizes)), sizes)
    rows = np.eye(8)[gold] + rng.normal(0, 0.12, (len(gold), 8))
    return rows.astype(np.float32), [f"r{label}" for label in gold]


def test_hand_worked_curve():
    # Nearest neighbours at 0.1, 0.1, 0.2, 0.4, 0.4: bandwidth 0.24 leaves 2.0 and 2.4 alone (recall (3 + 0.5 + 0.5) / 5).
    choice = choose_bandwidth_quantile(LINE, list("aaabb"), quantiles=(0.4, 0.6, 1.0))
    assert [point["quantile"] for point in choice.curve] == [0.4, 0.6, 1.0]
    assert [point["bandwidth"] for point in choice.curve] == pytest.approx([0.24, 0.92, 2.24], abs=1e-6)
    assert choice.curve[0]["num_clusters"] == 3
    assert choice.curve[0]["bcubed_f1"] == pytest.approx(2 * 0.8 / 1.8)
    # All in one cluster: precision (3 * 3/5 + 2 * 2/5) / 5 = 0.52, recall 1.
    assert choice.curve[2]["num_clusters"] == 1
    assert choice.curve[2]["bcubed_f1"] == pytest.approx(2 * 0.52 / 1.52)
    assert (choice.quantile, choice.curve[1]["bcubed_f1"], choice.curve[1]["num_clusters"]) == (0.6, 1.0, 2)


def test_the_best_by_a_loop_over_the_same_quantiles():
    rows, gold = unequal_groups()
    quantiles = (0.02, 0.05, 0.1, 0.3, 0.9)
    scores = {q: bcubed(gold, cluster(rows, "mean_shift", bandwidth_quantile=q))["bcubed_f1"] for q in quantiles}
    choice = choose_bandwidth_quantile(rows, gold, quantiles=quantiles)
    assert {point["quantile"]: point["bcubed_f1"] for point in choice.curve} == scores
    assert scores[choice.quantile] == max(scores.values()) == 1.0 > scores[0.9]


def test_equals_go_to_the_smaller_quantile_in_any_order_of_quantiles_and_rows():
    order = [3, 0, 4, 2, 1]
    choice = choose_bandwidth_quantile(LINE[order], [list("aaabb")[i] for i in order], quantiles=(0.79, 0.6, 0.61))
    assert [point["bcubed_f1"] for point in choice.curve] == [1.0, 1.0, 1.0]
    assert choice.quantile == 0.6


def test_the_standard_quantiles_find_unequal_groups_at_any_scale():
    rows, gold = unequal_groups()
    for scale in (1, 50):
        choice = choose_bandwidth_quantile(rows * scale, gold)
        assert cluster(rows * scale, "mean_shift", bandwidth_quantile=choice.quantile).max() == 3
        assert max(point["bcubed_f1"] for point in choice.curve) == 1.0


def test_further_settings_reach_mean_shift():
    rows, gold = unequal_groups()
    plain = choose_bandwidth_quantile(rows, gold, quantiles=(0.05,))
    strict = choose_bandwidth_quantile(rows, gold, quantiles=(0.05,), cluster_all=False)
    assert strict.curve[0]["num_clusters"] >= plain.curve[0]["num_clusters"]
    with pytest.raises(UsageError, match="no setting 'linkage'"):
        choose_bandwidth_quantile(rows, gold, linkage="ward")


@pytest.mark.parametrize(
    ("gold", "quantiles", "said"),
    [
        ("aabb", (0.5,), "got 4 for 5 rows"),
        ("aaaaa", (0.5,), "needs at least 2 relations, got 1"),
        ("aaabb", (), "at least one quantile"),
        ("aaabb", (0.5, 2), "`bandwidth_quantile` must be above 0 and at most 1 .*got 2"),
    ],
)
def test_wrong_arguments_are_named(gold, quantiles, said):
    with pytest.raises(UsageError, match=said):
        choose_bandwidth_quantile(LINE, list(gold), quantiles=quantiles)
