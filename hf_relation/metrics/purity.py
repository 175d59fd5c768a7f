"""Purity and inverse purity."""

from __future__ import annotations

from typing import Any

import numpy as np

from hf_relation.metrics.contingency import Contingency, Noise, contingency


def purity(gold: Any, pred: Any, *, noise: Noise = "cluster") -> dict[str, float]:
    """Share of the instances that belong to the most frequent relation of their cluster, and the same turned round.

    Higher is better; only the partition matters, not the names of relations and clusters. Purity alone rewards many
    small clusters (one cluster each scores 1), inverse purity few large ones (one cluster for all scores 1): give both.
    When several relations are equally frequent in a cluster the count is the same whichever is taken.

    Args:
        gold (sequence or array of `n` `int` or `str`): gold relation of each instance.
        pred (sequence or array of `n` `int` or `str`): cluster of each instance; the integer -1 means left out.
        noise (`str`, defaults to `"cluster"`): the left-out instances are one `"cluster"` (as in scikit-learn),
            `"singletons"`, or are taken out (`"drop"`).

    Returns:
        `dict[str, float]`: `purity` and `inverse_purity`, each in (0, 1].

    Raises:
        TypeError: a label is neither `int` nor `str`, or one side mixes the two.
        ValueError: no labels, unequal lengths, or nothing left to score.

    Example:

    ```python
    >>> from hf_relation.metrics import purity
    >>> purity([0, 0, 1, 1], [0, 0, 0, 1])
    {'purity': 0.75, 'inverse_purity': 0.75}

    ```

    Reference:
        Zhao and Karypis, "Criterion functions for document clustering", 2001 (purity); Amigo et al., "A comparison of
        extrinsic clustering evaluation metrics based on formal constraints", 2009 (inverse purity).
    """
    return purity_from_contingency(contingency(gold, pred, noise=noise))


def purity_from_contingency(table: Contingency) -> dict[str, float]:
    """[`purity`] of a table that has been counted already.

    Args:
        table (`Contingency`): the counts.

    Returns:
        `dict[str, float]`: `purity` and `inverse_purity`.

    Example:

    ```python
    >>> from hf_relation.metrics import contingency, purity_from_contingency
    >>> purity_from_contingency(contingency([0, 0, 1, 1], [0, 1, 2, 3]))
    {'purity': 1.0, 'inverse_purity': 0.5}

    ```
    """
    return {
        "purity": _largest(table.cluster_index, table.counts, len(table.cluster_sizes)) / table.num_instances,
        "inverse_purity": _largest(table.gold_index, table.counts, len(table.gold_sizes)) / table.num_instances,
    }


def _largest(part: np.ndarray, counts: np.ndarray, num_parts: int) -> int:
    largest = np.zeros(num_parts, dtype=np.int64)
    np.maximum.at(largest, part, counts)
    return int(largest.sum())
