"""The estimated bandwidth against hand-worked values and a slow loop."""

from __future__ import annotations

import numpy as np
import pytest

from hf_relation.clustering import cluster, estimate_bandwidth
from hf_relation.discovery import RelationDiscovery
from hf_relation.errors import InvalidRowError, UsageError


LINE = [[0.0], [0.1], [0.2], [2.0], [2.1]]


@pytest.mark.parametrize(
    ("quantile", "expected"),
    [
        (0.4, 0.1),  # two of five rows: the row itself and one at distance 0.1
        (0.6, (0.2 + 0.1 + 0.2 + 1.8 + 1.9) / 5),  # three: 2.0 has 2.1 and 0.2 as neighbours
        (1.0, (2.1 + 2.0 + 1.9 + 2.0 + 2.1) / 5),
        (0.001, 0.1),  # never fewer than two
    ],
)
def test_hand_worked_values(quantile, expected):
    assert estimate_bandwidth(LINE, quantile) == pytest.approx(expected, abs=1e-6)


def test_slow_loop_on_many_dimensions_in_any_row_order_and_scale():
    rows = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    exact = rows.astype(np.float64)
    wanted = []
    for row in exact:
        wanted.append(sorted(np.sqrt(((row - other) ** 2).sum()) for other in exact)[int(50 * 0.3) - 1])
    assert estimate_bandwidth(rows, 0.3) == pytest.approx(np.mean(wanted), rel=1e-6)
    assert estimate_bandwidth(rows[::-1], 0.3) == estimate_bandwidth(rows, 0.3)
    assert estimate_bandwidth(rows * 8, 0.3) == pytest.approx(8 * np.mean(wanted), rel=1e-6)


def test_copies_of_rows_do_not_count():
    copies = np.repeat(LINE, [1, 9, 1, 4, 1], axis=0)
    assert estimate_bandwidth(copies, 0.6) == estimate_bandwidth(LINE, 0.6)


def test_many_rows_are_sampled_by_seed(monkeypatch):
    monkeypatch.setattr("hf_relation.clustering.bandwidth.BANDWIDTH_ROWS", 20)
    rows = np.random.default_rng(1).normal(size=(200, 3))
    values = [estimate_bandwidth(rows, 0.5, seed=seed) for seed in (0, 0, 1)]
    assert values[0] == values[1] != values[2]
    assert estimate_bandwidth(rows[::-1], 0.5, seed=1) == values[2]


def test_the_quantile_is_a_setting_of_mean_shift():
    # With 0.6 the bandwidth is 0.84, and the two groups, 1.8 apart, are found; with 1.0 it is 2.02, and all is one.
    assert cluster(LINE, "mean_shift", bandwidth_quantile=0.6).tolist() == [0, 0, 0, 1, 1]
    assert cluster(LINE, "mean_shift", bandwidth_quantile=1.0).tolist() == [0] * 5
    by_hand = cluster(LINE, "mean_shift", bandwidth=estimate_bandwidth(LINE, 0.6))
    np.testing.assert_array_equal(cluster(LINE, "mean_shift", bandwidth_quantile=0.6), by_hand)


def test_the_bandwidth_of_the_authors_code_is_reachable():
    # Radius 0.7785: the mean of 0 and 0.7 takes both in, 0.8 would be out of reach of 0.
    assert cluster([[0.0], [0.7]], "mean_shift", bandwidth=0.7784975910442384).tolist() == [0, 0]
    assert len(set(cluster([[0.0], [0.8]], "mean_shift", bandwidth=0.7784975910442384).tolist())) == 2


def test_discovery_takes_and_keeps_the_quantile(tmp_path):
    angles = np.array(LINE)[:, 0]  # rows of length one, as discovery makes them; chords are nearly the angles here
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    discovery = RelationDiscovery(algorithm="mean_shift", algorithm_kwargs={"bandwidth_quantile": 0.6})
    assert discovery.fit_predict(embeddings=circle).labels.tolist() == [0, 0, 0, 1, 1]
    discovery.save_pretrained(tmp_path / "kept")
    again = RelationDiscovery.from_pretrained(tmp_path / "kept")
    assert again.algorithm_kwargs == {"bandwidth_quantile": 0.6}
    assert again.predict(embeddings=circle[3:4]).labels.tolist() == [1]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"bandwidth_quantile": 0}, "above 0 and at most 1 .*got 0"),
        ({"bandwidth_quantile": 1.5}, "got 1.5"),
        ({"bandwidth_quantile": float("nan")}, "got nan"),
        ({"bandwidth_quantile": True}, "got True"),
        ({"bandwidth_quantile": "auto"}, "got 'auto'.*use `score_model` with validation data"),
        ({"bandwidth_quantile": 0.3, "bandwidth": 0.5}, r"`bandwidth` \(0.5\) or `bandwidth_quantile` \(0.3\), not both"),
        ({"bandwidth": 0}, "`bandwidth` must be a number above 0, got 0"),
        ({"bandwidth": float("inf")}, "got inf"),
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused_before_any_work(settings, said):
    with pytest.raises(UsageError, match=said):
        cluster(LINE, "mean_shift", **settings)
    with pytest.raises(UsageError, match=said):
        RelationDiscovery(algorithm="mean_shift", algorithm_kwargs=settings).fit(embeddings=np.array(LINE))


def test_only_mean_shift_has_the_setting():
    with pytest.raises(UsageError, match="\"kmeans\" has no setting 'bandwidth_quantile'"):
        cluster(LINE, "kmeans", 2, bandwidth_quantile=0.3)


def test_nothing_to_estimate_from():
    with pytest.raises(UsageError, match="all equal"):
        estimate_bandwidth([[1.0, 2.0]] * 4)
    with pytest.raises(UsageError, match="estimated bandwidth is zero"):
        estimate_bandwidth([[1.0] * 4000, [1.0] * 3999 + [1.0 + 2**-23]])
    with pytest.raises(InvalidRowError, match="row 1"):
        estimate_bandwidth([[0.0], [float("nan")]])
