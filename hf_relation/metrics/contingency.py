"""The sparse contingency table that every clustering metric is computed from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hf_relation.errors import UsageError


Noise = Literal["cluster", "singletons", "drop"]
NOISE_POLICIES: tuple[Noise, ...] = ("cluster", "singletons", "drop")

# The predicted label of an instance that the clustering left out.
LEFT_OUT = -1


@dataclass(frozen=True)
class Contingency:
    """How often each gold relation meets each cluster; only the pairs that do meet are stored.

    Args:
        gold_index (`np.ndarray` of shape `(cells,)`, int64): gold relation of each non-zero cell, 0 .. num_gold - 1.
        cluster_index (`np.ndarray` of shape `(cells,)`, int64): cluster of each cell, 0 .. num_clusters - 1.
        counts (`np.ndarray` of shape `(cells,)`, int64): instances in each cell, at least 1.
        gold_sizes (`np.ndarray` of shape `(num_gold,)`, int64): instances of each gold relation.
        cluster_sizes (`np.ndarray` of shape `(num_clusters,)`, int64): instances of each cluster.
        num_instances (`int`): instances scored; less than were given only with `noise="drop"`.
        num_left_out (`int`): instances given with the predicted label -1, whatever became of them.
    """

    gold_index: np.ndarray
    cluster_index: np.ndarray
    counts: np.ndarray
    gold_sizes: np.ndarray
    cluster_sizes: np.ndarray
    num_instances: int
    num_left_out: int


def contingency(gold: Any, pred: Any, *, noise: Noise = "cluster") -> Contingency:
    """Count how often each gold relation meets each cluster.

    Time is that of sorting the labels once; memory is linear in the number of instances, whatever the number of
    relations and clusters.

    Args:
        gold (sequence or one-dimensional array, `n` labels): gold relation of each instance, all `int` or all `str`.
            A gold -1 is a relation like any other.
        pred (sequence or one-dimensional array, `n` labels): cluster of each instance, all `int` or all `str`, not
            necessarily the kind of `gold`. The integer -1 marks an instance that was left out.
        noise (`str`, defaults to `"cluster"`): what the left-out instances count as.
            - `"cluster"`: all of them are one cluster, as scikit-learn's metrics take them.
            - `"singletons"`: each is a cluster of its own.
            - `"drop"`: they are not scored. Flatters a method that leaves out what is hard, so give their number too.

    Returns:
        `Contingency`: the table.

    Raises:
        TypeError: a label is neither `int` nor `str` (also `bool`, `float`, `None`), or one side mixes the two.
        ValueError: no labels, unequal lengths, not one-dimensional, unknown `noise`, or nothing left to score.

    Example:

    ```python
    >>> from hf_relation.metrics import contingency
    >>> table = contingency(["born", "born", "wife", "wife"], [0, 0, 0, -1])
    >>> table.counts.tolist(), table.gold_sizes.tolist(), table.cluster_sizes.tolist()
    ([2, 1, 1], [2, 2], [1, 3])
    >>> contingency(["born", "born", "wife", "wife"], [0, 0, 0, -1], noise="drop").num_instances
    3

    ```
    """
    if noise not in NOISE_POLICIES:
        raise UsageError(f"`noise` must be one of {', '.join(map(repr, NOISE_POLICIES))}, got {noise!r}.")
    gold_labels, pred_labels = check_labels(gold, pred)
    left_out = pred_labels == LEFT_OUT if pred_labels.dtype.kind == "i" else np.zeros(len(pred_labels), dtype=bool)
    num_left_out = int(left_out.sum())
    if noise == "drop" and num_left_out:
        if num_left_out == len(pred_labels):
            raise UsageError(
                f"All {num_left_out} predicted labels are {LEFT_OUT} (left out) and noise='drop' leaves nothing to "
                "score. Choose noise='cluster' or noise='singletons'."
            )
        gold_labels, pred_labels = gold_labels[~left_out], pred_labels[~left_out]
    gold_codes, num_gold = _encode(gold_labels)
    pred_codes, num_clusters = _encode(pred_labels)
    if noise == "singletons" and num_left_out:
        pred_codes[left_out] = np.arange(num_clusters, num_clusters + num_left_out)
        pred_codes, num_clusters = _encode(pred_codes)

    cells, counts = np.unique(gold_codes * num_clusters + pred_codes, return_counts=True)
    gold_index, cluster_index = np.divmod(cells, num_clusters)
    return Contingency(
        gold_index=gold_index,
        cluster_index=cluster_index,
        counts=counts.astype(np.int64),
        gold_sizes=np.bincount(gold_codes, minlength=num_gold),
        cluster_sizes=np.bincount(pred_codes, minlength=num_clusters),
        num_instances=len(gold_codes),
        num_left_out=num_left_out,
    )


def check_labels(gold: Any, pred: Any, *, names: tuple[str, str] = ("gold", "pred")) -> tuple[np.ndarray, np.ndarray]:
    """Check two label columns and return them as arrays.

    Args:
        gold (sequence or one-dimensional array): gold labels, all `int` or all `str`.
        pred (sequence or one-dimensional array): predicted labels, all `int` or all `str`.
        names (`tuple[str, str]`, defaults to `("gold", "pred")`): what error messages call the two columns.

    Returns:
        `tuple[np.ndarray, np.ndarray]`: both columns, `(n,)`, as integers or as objects (`str`). May be the inputs
        themselves; not to be written to.

    Raises:
        TypeError: a label is neither `int` nor `str` (also `bool`, `float`, `None`), or one side mixes the two.
        ValueError: no labels, unequal lengths, or not one-dimensional.

    Example:

    ```python
    >>> from hf_relation.metrics.contingency import check_labels
    >>> check_labels([0, 1], ["a"])
    Traceback (most recent call last):
    ...
    hf_relation.errors.UsageError: `gold` and `pred` must have the same length, got 2 and 1 labels. ...

    ```
    """
    gold_labels, pred_labels = _as_labels(gold, names[0]), _as_labels(pred, names[1])
    if len(gold_labels) != len(pred_labels):
        raise UsageError(
            f"`{names[0]}` and `{names[1]}` must have the same length, got {len(gold_labels)} and {len(pred_labels)} labels. "
            "Give one predicted label per gold label, in the same order."
        )
    if len(gold_labels) == 0:
        raise UsageError(
            f"`{names[0]}` and `{names[1]}` are empty (0 and 0 labels); a score needs at least one instance."
        )
    return gold_labels, pred_labels


def _as_labels(labels: Any, name: str) -> np.ndarray:
    if labels is None:
        raise TypeError(f"`{name}` is missing (None). Give one label per instance.")
    if isinstance(labels, (str, bytes, Mapping, Set, Iterator)):
        raise TypeError(f"`{name}` must be a sequence of labels in a fixed order, got {type(labels).__name__}.")
    if isinstance(labels, Sequence):
        return _from_values(list(labels), name)
    array = np.asarray(labels)
    if array.ndim != 1:
        raise UsageError(f"`{name}` must be a one-dimensional sequence of labels, got shape {array.shape}.")
    if array.dtype.kind in "iu":
        return array
    if array.dtype.kind in "UTO":
        return _from_values(array.tolist(), name)
    if len(array) == 0:
        return array.astype(np.int64)  # numpy makes an empty array of floats when not told otherwise
    raise TypeError(_wrong_type(name, 0, array.dtype.name))


def _from_values(values: list[Any], name: str) -> np.ndarray:
    kinds = {kind: _kind(kind) for kind in set(map(type, values))}
    if None in kinds.values():
        row = next(row for row, value in enumerate(values) if kinds[type(value)] is None)
        raise TypeError(_wrong_type(name, row, type(values[row]).__name__))
    if len(set(kinds.values())) > 1:
        other = next(row for row, value in enumerate(values) if kinds[type(value)] != kinds[type(values[0])])
        raise TypeError(
            f"`{name}` mixes int and str labels: label 0 is {values[0]!r}, label {other} is {values[other]!r}. "
            "Use one kind throughout."
        )
    if "str" in kinds.values():
        return np.fromiter(values, dtype=object, count=len(values))
    try:
        return np.array(values, dtype=np.int64)
    except OverflowError as error:
        raise UsageError(f"`{name}` holds an integer that does not fit in 64 bits. Use strings instead.") from error


def _kind(kind: type) -> str | None:
    if issubclass(kind, str):
        return "str"
    if issubclass(kind, (int, np.integer)) and kind is not bool:
        return "int"
    return None


def _wrong_type(name: str, row: int, kind: str) -> str:
    return (
        f"`{name}` must hold int or str labels; label {row} is of type {kind}. "
        "Leave out the instances without a label, or give them one."
    )


def _encode(labels: np.ndarray) -> tuple[np.ndarray, int]:
    """Number the distinct labels; the numbers are not those of any other call."""
    if labels.dtype.kind == "O":
        # A dictionary is several times faster than sorting strings.
        codes: dict[str, int] = {}
        numbers = np.fromiter(
            (codes.setdefault(label, len(codes)) for label in labels.tolist()), np.int64, len(labels)
        )
        return numbers, len(codes)
    distinct, inverse = np.unique(labels, return_inverse=True)
    return inverse.astype(np.int64), len(distinct)
