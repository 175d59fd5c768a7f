"""Correlations of instances: by hand and against scipy; thresholds on a sample."""

import numpy as np
import pytest
from scipy import stats

from hf_relation.errors import UsageError
from hf_relation.heads import HeadImportance, normalize_scores
from hf_relation.selection import choose_threshold, instance_correlations, instances, select_instances


# dossier 9.8
TASK = HeadImportance(np.array([[1, 3, 0], [2, 2, 4]]), "gate", 7)
INSTANCES = np.array([[[1, 3, 0], [2, 2, 4]], [[1, 2, 3], [3, 2, 1]], [[2, 4, 1], [1, 1, 6]]])


def test_the_closed_form():
    found = instance_correlations(INSTANCES, TASK)
    np.testing.assert_allclose(found, [1.0, -0.416667, 0.462910], atol=1e-6)
    assert select_instances(found, 0.62).tolist() == [0] and select_instances(found, 0.46).tolist() == [0, 2]


@pytest.mark.parametrize("normalize", ["l1", "l2", None])
def test_all_at_once_are_those_of_scipy_one_by_one(normalize, monkeypatch):
    rng = np.random.default_rng(0)
    raw = rng.integers(0, 5, (60, 3, 4)).astype(float)  # with many ties
    raw[:20] = rng.random((20, 3, 4))
    raw[20, 1] = 0  # a layer of zeros
    task = HeadImportance(rng.integers(0, 6, (3, 4)).astype(float), "gate", 7)
    monkeypatch.setattr(instances, "_PAIRS_AT_ONCE", 500)  # several parts
    found = instance_correlations(raw, task, normalize=normalize)
    for row, tau in zip(raw, found, strict=True):
        own = normalize_scores(row, normalize=normalize).round(12)
        expected = stats.kendalltau(own.ravel(), task.scores.round(12).ravel(), variant="b").statistic
        assert tau == pytest.approx(expected, abs=1e-9)


def test_constants_are_zero_and_pruned_heads_do_not_count():
    assert instance_correlations(np.ones((2, 2, 3)), TASK).tolist() == [0.0, 0.0]
    pruned = HeadImportance(np.array([[1, 3, 9], [2, 2, 4]]), "gate", 7, pruned=[(0, 2)])
    same = HeadImportance(np.array([[1, 3, 0], [2, 2, 4]]), "gate", 7, pruned=[(0, 2)])
    np.testing.assert_array_equal(instance_correlations(INSTANCES, pruned), instance_correlations(INSTANCES, same))
    assert instance_correlations(np.zeros((0, 2, 3)), TASK).shape == (0,)


@pytest.mark.parametrize("raw", [np.ones((2, 3)), np.ones((1, 3, 2)), -np.ones((1, 2, 3)), np.full((1, 2, 3), np.nan)])
def test_bad_instances_are_told(raw):
    with pytest.raises(UsageError):
        instance_correlations(raw, TASK)


def test_thresholds_are_tried_on_a_tenth(tmp_path):
    rng = np.random.default_rng(1)
    taus = {"sst": rng.random(200), "rte": rng.random(31)}
    seen = []

    def train(rows):
        seen.append(rows)
        return {0.2: 0.5, 0.5: 0.7, 0.8: 0.7}[[0.2, 0.5, 0.8][len(seen) - 1]]

    found = choose_threshold(taus, train, [0.2, 0.5, 0.8], save_to=tmp_path / "choice.json")
    assert found.threshold == 0.8  # of equals the one with fewer instances
    sample = {task: np.concatenate([rows[task] for rows in seen]) for task in taus}
    assert len(set(sample["sst"])) <= 20 and len(set(sample["rte"])) <= 4
    for rows, threshold, kept in zip(seen, found.thresholds, found.kept, strict=True):
        assert all((taus[task][rows[task]] >= threshold).all() for task in taus)
        assert kept == sum(map(len, rows.values()))
    assert list(found.kept) == sorted(found.kept, reverse=True)
    assert [row["kept"] for row in found.rows()] == list(found.kept) and found.rows()[2]["chosen"]
    again = choose_threshold(taus, None, [0.2, 0.5, 0.8], save_to=tmp_path / "choice.json")
    assert again.threshold == 0.8
    all_rows = instances.sample_rows({"sst": 200}, 1.0, 0)["sst"]
    assert all_rows.tolist() == list(range(200))


def test_bad_thresholds_are_told():
    taus = {"sst": np.zeros(5)}
    for arguments in (({}, len, [0.5]), (taus, len, []), (taus, len, [float("nan")])):
        with pytest.raises(UsageError):
            choose_threshold(*arguments)
    with pytest.raises(UsageError, match="share"):
        choose_threshold(taus, len, [0.5], share=0.0)
