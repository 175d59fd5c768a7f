"""The sparse table: counts, kinds of labels, left-out instances, refused input, size."""

from __future__ import annotations

import datasets
import numpy as np
import pandas as pd
import pytest
import torch

from hf_relation.errors import UsageError
from hf_relation.metrics import check_labels, contingency


GOLD = ["b", "b", "a", "a", "a"]
PRED = [3, -1, 3, 3, -1]


def cells(table) -> set[tuple[int, int, int]]:
    """(size of the relation, size of the cluster, instances in both) of every cell."""
    return {
        (int(table.gold_sizes[g]), int(table.cluster_sizes[c]), int(count))
        for g, c, count in zip(table.gold_index, table.cluster_index, table.counts, strict=True)
    }


def test_counts_only_the_cells_that_occur():
    table = contingency([0, 0, 0, 0, 1, 1, 1, 2, 2, 2], [0, 0, 1, 1, 1, 1, 1, 2, 2, 0])
    # The full table is [[2, 2, 0], [0, 3, 0], [1, 0, 2]].
    assert sorted(table.counts.tolist()) == [1, 2, 2, 2, 3]
    assert sorted(table.gold_sizes.tolist()) == [3, 3, 4]
    assert sorted(table.cluster_sizes.tolist()) == [2, 3, 5]
    assert table.num_instances == 10 and table.num_left_out == 0


def test_left_out_instances_are_one_cluster():
    table = contingency(GOLD, PRED, noise="cluster")
    assert cells(table) == {(2, 3, 1), (2, 2, 1), (3, 3, 2), (3, 2, 1)}
    assert (table.num_instances, table.num_left_out) == (5, 2)


def test_left_out_instances_are_singletons():
    table = contingency(GOLD, PRED, noise="singletons")
    assert cells(table) == {(2, 3, 1), (2, 1, 1), (3, 3, 2), (3, 1, 1)}
    assert sorted(table.cluster_sizes.tolist()) == [1, 1, 3]
    assert (table.num_instances, table.num_left_out) == (5, 2)


def test_left_out_instances_are_dropped():
    table = contingency(GOLD, PRED, noise="drop")
    assert cells(table) == {(1, 3, 1), (2, 3, 2)}
    assert (table.num_instances, table.num_left_out) == (3, 2)


def test_everything_left_out():
    assert contingency(GOLD, [-1] * 5, noise="cluster").cluster_sizes.tolist() == [5]
    assert contingency(GOLD, [-1] * 5, noise="singletons").cluster_sizes.tolist() == [1] * 5
    with pytest.raises(UsageError, match="All 5 predicted labels are -1 .* noise='singletons'"):
        contingency(GOLD, [-1] * 5, noise="drop")


def test_minus_one_in_gold_or_as_text_is_a_label_like_any_other():
    assert contingency([-1, -1, 0], [5, 5, 5], noise="drop").num_instances == 3
    assert contingency([0, 0, 1], ["-1", "a", "a"], noise="drop").num_left_out == 0


@pytest.mark.parametrize(
    "make",
    [
        list,
        tuple,
        np.array,
        torch.tensor,
        pd.Series,
        lambda values: datasets.Dataset.from_dict({"x": values})["x"],
        lambda values: np.array(values, dtype=np.int8),
        lambda values: np.array(values, dtype=object),
        lambda values: [np.int32(value) for value in values],
    ],
    ids=["list", "tuple", "array", "tensor", "series", "datasets column", "int8", "object array", "numpy integers"],
)
def test_every_container_of_integers_gives_the_same_table(make):
    gold, pred = [7, 7, 2, 2, 2], [1, -1, 1, 1, -1]
    expected = contingency(gold, pred, noise="singletons")
    table = contingency(make(gold), make(pred), noise="singletons")
    assert cells(table) == cells(expected)
    assert table.num_left_out == 2


@pytest.mark.parametrize(
    "make",
    [
        list,
        np.array,
        pd.Series,
        pd.Categorical,
        lambda values: np.array(values, dtype=object),
        lambda values: np.array(values, dtype=np.dtypes.StringDType()),
        lambda values: datasets.Dataset.from_dict({"x": values})["x"],
    ],
    ids=["list", "array", "series", "categorical", "object array", "StringDType", "datasets column"],
)
def test_every_container_of_strings_gives_the_same_table(make):
    assert cells(contingency(make(GOLD), PRED)) == cells(contingency(GOLD, PRED))


def test_strings_are_compared_whole():
    table = contingency(["a", "a ", "A", "", "a\0"], [0, 0, 0, 0, 0])
    assert table.gold_sizes.tolist() == [1] * 5


def test_labels_far_apart_and_unsigned_are_fine():
    table = contingency(np.array([0, 2**64 - 1, 0], dtype=np.uint64), [-(2**63), 2**63 - 1, -(2**63)])
    assert sorted(table.counts.tolist()) == [1, 2]


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([0, 1.0], TypeError, "label 1 is of type float"),
        ([0, None], TypeError, "label 1 is of type NoneType"),
        ([True, False], TypeError, "label 0 is of type bool"),
        ([0, True], TypeError, "label 1 is of type bool"),
        ([[0], [1]], TypeError, "label 0 is of type list"),
        ([0, "a"], TypeError, "mixes int and str labels: label 0 is 0, label 1 is 'a'"),
        (["a", 0], TypeError, "label 0 is 'a', label 1 is 0"),
        ([b"a", b"b"], TypeError, "label 0 is of type bytes"),
        (np.array([0.0, 1.0]), TypeError, "label 0 is of type float64"),
        (np.array([True, False]), TypeError, "label 0 is of type bool"),
        (np.array([1, None], dtype=object), TypeError, "label 1 is of type NoneType"),
        (np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]"), TypeError, "datetime64"),
        (pd.Series(["a", None]), TypeError, "label 1 is of type"),
        ("ab", TypeError, "sequence of labels in a fixed order, got str"),
        ({0, 1}, TypeError, "got set"),
        ({0: 1, 1: 2}, TypeError, "got dict"),
        (None, TypeError, "is missing"),
        (np.zeros((2, 1), dtype=int), ValueError, r"one-dimensional sequence of labels, got shape \(2, 1\)"),
        ((label for label in [0, 1]), TypeError, "got generator"),
        ([0, 2**64], ValueError, "does not fit in 64 bits"),
    ],
)
def test_wrong_labels_are_refused_on_both_sides(labels, error, message):
    with pytest.raises(error, match=f"`gold`.*{message}"):
        contingency(labels, [0, 1])
    with pytest.raises(error, match=f"`pred`.*{message}"):
        contingency([0, 1], labels)


@pytest.mark.parametrize(
    ("gold", "pred", "numbers"), [([0], [0, 1], "1 and 2"), ([], [0], "0 and 1"), ([0, 1], [], "2 and 0")]
)
def test_unequal_lengths_are_refused_with_both(gold, pred, numbers):
    with pytest.raises(UsageError, match=f"same length, got {numbers}"):
        contingency(gold, pred)


@pytest.mark.parametrize("empty", [[], np.array([]), np.array([], dtype="<U1"), ()])
def test_no_labels_are_refused(empty):
    with pytest.raises(UsageError, match="empty .0 and 0 labels."):
        contingency(empty, empty)


def test_unknown_noise_policy_lists_the_known_ones():
    with pytest.raises(UsageError, match="'cluster', 'singletons', 'drop', got 'ignore'"):
        contingency([0], [0], noise="ignore")


def test_columns_are_called_what_the_caller_calls_them():
    with pytest.raises(TypeError, match="`references` .* float"):
        check_labels([0.5], [1], names=("references", "predictions"))


def test_inputs_are_not_changed():
    gold, pred = np.array([4, 4, 2]), np.array([-1, 0, -1])
    for noise in ("cluster", "singletons", "drop"):
        contingency(gold, pred, noise=noise)
    assert gold.tolist() == [4, 4, 2] and pred.tolist() == [-1, 0, -1]


def test_read_only_and_strided_arrays():
    pred = np.array([-1, 9, 0, 9, -1, 9])[::2]
    pred.setflags(write=False)
    assert contingency([0, 0, 1], pred, noise="singletons").num_left_out == 2
