"""Normalised scores, ranks, files, correlations and figures of head importance."""

import json

import numpy as np
import pytest
from scipy import stats

from hf_relation.errors import CheckpointError, UsageError
from hf_relation.heads import HeadImportance, compare_heads, normalize_scores


G = np.array([[1.0, 3, 0], [2, 2, 4]])
THIRD = 1 / 3


def importance(raw=G, **settings):
    return HeadImportance(np.array(raw), **({"method": "gate", "num_examples": 5} | settings))


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({"normalize": "l1", "rescale": False}, [[0.25, 0.75, 0], [0.25, 0.25, 0.5]]),
        ({"normalize": "l1"}, [[THIRD, 1, 0], [THIRD, THIRD, 2 * THIRD]]),
        ({"normalize": "l2", "rescale": False}, [[0.316228, 0.948683, 0], [0.408248, 0.408248, 0.816497]]),
        ({"normalize": "l2"}, [[THIRD, 1, 0], [0.430331, 0.430331, 0.860663]]),
        ({"normalize": None}, G / 4),
        ({"normalize": None, "rescale": False}, G),
    ],
)
def test_scores_by_hand(settings, expected):
    np.testing.assert_allclose(importance(**settings).scores, expected, atol=1e-6)


def test_ranks_by_hand():
    assert importance().rank() == [(0, 2), (0, 0), (1, 0), (1, 1), (1, 2), (0, 1)]
    # Equal shares of layers whose sums divide differently.
    assert importance([[0.1, 0.2, 0.3], [1, 2, 3]]).rank() == [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2)]


def test_a_layer_of_zeros_stays_zeros():
    for norm in ("l1", "l2"):
        scores = normalize_scores(np.array([[0.0, 0, 0], [1, 2, 1]]), normalize=norm)
        assert scores[0].tolist() == [0, 0, 0] and scores.max() == 1


@pytest.mark.parametrize("raw", [[[2.0, 2], [2, 2]], [[0.0, 0], [0, 0]], [[5.0]], [[1.0, 1], [7, 7]]])
def test_scores_that_are_all_equal_become_zeros_with_a_warning(raw):
    with pytest.warns(UserWarning, match="same score"):
        assert not normalize_scores(np.array(raw)).any()


@pytest.mark.parametrize("scale", [1e-300, 1e-20, 1e20, 1e300])
def test_very_small_and_very_large_scores(scale):
    for norm, rescale in (("l1", True), ("l2", True), (None, True), ("l2", False)):
        settings = {"normalize": norm, "rescale": rescale}
        np.testing.assert_allclose(normalize_scores(G * scale, **settings), normalize_scores(G, **settings), rtol=1e-9)


def test_pruned_heads_have_no_rank_and_count_for_no_minimum():
    pruned = importance([[1.0, 3, 0], [2, 2, 4]], pruned=[(0, 2)])
    assert (0, 2) not in pruned.rank() and len(pruned.rank()) == 5
    np.testing.assert_allclose(pruned.scores, [[0, 1, 0], [0, 0, 0.5]], atol=1e-9)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"raw": [[1.0, np.nan]]}, "layer 0, head 1 is nan"),
        ({"raw": [[1.0], [-1.0]]}, "layer 1, head 0 is -1"),
        ({"raw": [1.0, 2.0]}, r"got shape \(2,\)"),
        ({"raw": np.zeros((0, 3))}, r"got shape \(0, 3\)"),
        ({"raw": [["a"]]}, "matrix of numbers"),
        ({"method": "magic"}, "`method`"),
        ({"normalize": "max"}, "`normalize`"),
        ({"num_examples": -1}, "`num_examples`"),
        ({"layers": ["a"]}, "`layers` must be 2 strings"),
        ({"heads": [0, 1, 2]}, "`heads` must be 3 strings"),
        ({"pruned": [(2, 0)]}, "head 0 of layer 2, which does not exist"),
    ],
)
def test_wrong_values_are_told(settings, message):
    with pytest.raises(UsageError, match=message):
        importance(**settings)


def test_a_file_keeps_everything(tmp_path):
    before = importance(G * np.pi, normalize="l2", rescale=False, layers=["a", "$b_1$"], heads="xyz", pruned=[(1, 0)])
    before.save(tmp_path / "heads.json")
    after = HeadImportance.load(tmp_path / "heads.json")
    assert after.raw.tolist() == before.raw.tolist() and after.raw.dtype == np.float64
    for name in ("method", "num_examples", "normalize", "rescale", "layers", "heads", "pruned"):
        assert getattr(after, name) == getattr(before, name)
    assert [path.name for path in tmp_path.iterdir()] == ["heads.json"]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"format_version": 2}, "format 2"),
        ({"format_version": None}, "format_version"),
        ({"raw": [[1, 2], [3]]}, "matrix"),
        ({"raw": [["1"]]}, "numbers only"),
        ({"raw": [[-1]]}, "at least 0"),
        ({"raw": 5}, "list of lists"),
        ({"raw": [[10**400]]}, "damaged"),
        ({"method": "x"}, "`method`"),
        ({"rescale": 1}, "`rescale`"),
        ({"layers": None}, "`layers`"),
        ({"layers": [1, 2]}, "`layers`"),
        ({"pruned": [[1]]}, "`pruned`"),
        ({"pruned": [[9, 9]]}, "does not exist"),
        ({"num_examples": 1.5}, "`num_examples`"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, change, message):
    path = tmp_path / "heads.json"
    importance().save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CheckpointError, match=message):
        HeadImportance.load(path)


def test_no_file_and_no_json(tmp_path):
    with pytest.raises(CheckpointError, match=r"no\.json"):
        HeadImportance.load(tmp_path / "no.json")
    (tmp_path / "bad.json").write_text("[1")
    with pytest.raises(CheckpointError, match=r"bad\.json"):
        HeadImportance.load(tmp_path / "bad.json")


A, B, TIED = (
    [[0.9, 0.1, 0.4], [0.6, 0.3, 0.8]],
    [[0.7, 0.2, 0.6], [0.5, 0.1, 0.9]],
    [[0.7, 0.2, 0.5], [0.5, 0.1, 0.9]],
)


@pytest.mark.parametrize(
    "method, other, expected", [("kendall", B, 0.6), ("spearman", B, 0.828571), ("kendall", TIED, 0.690066)]
)
def test_correlations_by_hand(method, other, expected):
    found = compare_heads({"a": importance(A, normalize=None), "b": importance(other, normalize=None)}, method=method)
    np.testing.assert_allclose(found.matrix, [[1, expected], [expected, 1]], atol=1e-6)


def test_instances_of_gradts_by_hand():
    instances = {"1": G, "2": [[1, 2, 3], [3, 2, 1]], "3": [[2, 4, 1], [1, 1, 6]]}
    everything = {"task": importance()} | {name: importance(raw) for name, raw in instances.items()}
    matrix = compare_heads(everything, method="kendall").matrix
    np.testing.assert_allclose(matrix[0], [1, 1, -0.416667, 0.462910], atol=1e-6)
    np.testing.assert_allclose(matrix, matrix.T)


def test_many_correlations_are_those_of_scipy():
    generator = np.random.default_rng(0)
    many = {str(i): importance(generator.integers(0, 5, (4, 6)).astype(float)) for i in range(4)}
    rows = np.stack([one.scores.ravel().round(12) for one in many.values()])
    np.testing.assert_allclose(compare_heads(many).matrix, stats.spearmanr(rows, axis=1).statistic, atol=1e-12)


def test_constant_scores_correlate_with_nothing():
    with pytest.warns(UserWarning, match="same score in: b"):
        found = compare_heads({"a": importance(A), "b": importance([[1.0, 1, 1], [1, 1, 1]])})
    assert found.matrix.tolist() == [[1, 0], [0, 0]]


def test_heads_pruned_in_one_count_in_none():
    found = compare_heads(
        {
            "a": importance(A, normalize=None),
            "b": importance([[9, 0.2, 0.6], [0.5, 0.1, 0.9]], normalize=None, pruned=[(0, 0)]),
        },
        method="kendall",
    )
    expected = stats.kendalltau([0.1, 0.4, 0.6, 0.3, 0.8], [0.2, 0.6, 0.5, 0.1, 0.9]).statistic
    assert found.matrix[0, 1] == pytest.approx(expected)


@pytest.mark.parametrize(
    "importances, method, message",
    [
        ({"a": importance()}, "spearman", "at least two"),
        ([importance(), importance()], "spearman", "at least two"),
        ({"a": importance(), "b": importance(G.T)}, "spearman", "different shapes"),
        ({"a": importance(), "b": importance()}, "pearson", "`method`"),
        (
            {"a": importance([[1.0, 2]], pruned=[(0, 0)]), "b": importance([[1.0, 2]], pruned=[(0, 1)])},
            "kendall",
            "No head is left",
        ),
    ],
)
def test_what_cannot_be_compared_is_told(importances, method, message):
    with pytest.raises(UsageError, match=message):
        compare_heads(importances, method=method)


def test_figures_are_written(tmp_path):
    pytest.importorskip("matplotlib")
    assert importance(pruned=[(0, 1)]).plot(tmp_path / "heads.svg", title="T").read_bytes()
    found = compare_heads({"a": importance(A), "b": importance(B)})
    assert found.plot(tmp_path / "tau.png", title="T").read_bytes()
