"""Row 47 of the fault plan, for every metric: unequal, empty, one cluster, all noise, permuted, int or str labels."""

import numpy as np
import pytest

from hf_relation.metrics import clustering_report


GOLD = [0, 0, 0, 1, 1, 2]
PRED = [4, 4, 7, 7, 7, 9]


def test_fault_47_different_lengths_name_both():
    with pytest.raises(ValueError, match="6.*2|2.*6"):
        clustering_report(GOLD, [0, 1])


def test_fault_47_empty_input_is_an_error_not_a_division_by_zero():
    with pytest.raises(ValueError, match="empty|at least"):
        clustering_report([], [])


def test_fault_47_one_cluster_has_known_values():
    report = clustering_report(GOLD, [3] * 6)
    # B-cubed precision of one cluster is the sum of squared shares: (3/6)^2 + (2/6)^2 + (1/6)^2
    assert report["bcubed_precision"] == pytest.approx(14 / 36) and report["bcubed_recall"] == 1.0
    assert (report["homogeneity"], report["completeness"], report["ari"]) == (0.0, 1.0, 0.0)


def test_fault_47_all_noise_by_policy():
    nothing = [-1] * 6
    as_cluster = clustering_report(GOLD, nothing, noise="cluster")
    assert as_cluster["bcubed_recall"] == 1.0 and as_cluster["ari"] == 0.0
    alone = clustering_report(GOLD, nothing, noise="singletons")
    # Alone, every row finds 1 of the rows of its relation: (3 * 1/3 + 2 * 1/2 + 1) / 6
    assert alone["bcubed_precision"] == 1.0 and alone["bcubed_recall"] == pytest.approx(0.5)
    with pytest.raises(ValueError, match="left"):
        clustering_report(GOLD, nothing, noise="drop")


def test_fault_47_renamed_clusters_and_reordered_rows_change_nothing():
    report = clustering_report(GOLD, PRED)
    order = [5, 3, 0, 2, 4, 1]
    renamed = [{4: 1, 7: 0, 9: 2}[label] for label in PRED]
    for other in (
        clustering_report(GOLD, renamed),
        clustering_report([GOLD[i] for i in order], [PRED[i] for i in order]),
    ):
        assert {k: pytest.approx(v) for k, v in other.items()} == report


def test_fault_47_int_str_and_array_labels_agree_and_a_mix_is_refused():
    report = clustering_report(GOLD, PRED)
    assert clustering_report([f"r{g}" for g in GOLD], [f"c{p}" for p in PRED]) == report
    assert clustering_report(np.array(GOLD), np.array(PRED, dtype=np.int16)) == report
    with pytest.raises((TypeError, ValueError), match="mix|str|int"):
        clustering_report([0, 0, "0", 1, 1, 2], PRED)
