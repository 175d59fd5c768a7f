"""Adjusted Rand index."""

from __future__ import annotations

from typing import Any

import numpy as np

from hf_relation.metrics.contingency import Contingency, Noise, contingency


def adjusted_rand_index(gold: Any, pred: Any, *, noise: Noise = "cluster") -> float:
    """Score a clustering by pairs of instances, corrected for chance.

    With S the pairs that share both relation and cluster, A those that share the relation, B the cluster, and N all
    pairs, the index is (S - AB/N) / ((A + B)/2 - AB/N). Pairs are counted in whole numbers of any size, so nothing
    overflows or cancels. Higher is better; only the partition matters, not the names of relations and clusters. A
    published figure should state `noise`.

    Args:
        gold (sequence or array of `n` `int` or `str`): gold relation of each instance.
        pred (sequence or array of `n` `int` or `str`): cluster of each instance; the integer -1 means left out.
        noise (`str`, defaults to `"cluster"`): the left-out instances are one `"cluster"` (as in scikit-learn),
            `"singletons"`, or are taken out (`"drop"`).

    Returns:
        `float`: in [-1, 1]; 1 for the same partition, 0 expected for a random one with these sizes. One cluster for
        all, or one each, scores 0 unless gold is the same partition, which scores 1.

    Raises:
        TypeError: a label is neither `int` nor `str`, or one side mixes the two.
        ValueError: no labels, unequal lengths, or nothing left to score.

    Example:

    ```python
    >>> from hf_relation.metrics import adjusted_rand_index
    >>> adjusted_rand_index(["born", "born", "wife", "wife"], [1, 1, 0, 0])
    1.0
    >>> adjusted_rand_index([0, 1, 0, 1], [0, 0, 1, 1])
    -0.5

    ```

    Reference:
        Hubert and Arabie, "Comparing partitions", 1985.
    """
    return adjusted_rand_index_from_contingency(contingency(gold, pred, noise=noise))


def adjusted_rand_index_from_contingency(table: Contingency) -> float:
    """[`adjusted_rand_index`] of a table that has been counted already.

    Args:
        table (`Contingency`): the counts.

    Returns:
        `float`: in [-1, 1].

    Example:

    ```python
    >>> from hf_relation.metrics import adjusted_rand_index_from_contingency, contingency
    >>> adjusted_rand_index_from_contingency(contingency([0, 0, 1, 1], [0, 0, 0, 0]))
    0.0

    ```
    """
    both = _pairs(table.counts)
    of_gold = _pairs(table.gold_sizes)
    of_clusters = _pairs(table.cluster_sizes)
    everything = table.num_instances * (table.num_instances - 1) // 2
    # The formula multiplied through by 2N: exact until the one division at the end.
    above_chance = 2 * (both * everything - of_gold * of_clusters)
    at_best = everything * (of_gold + of_clusters) - 2 * of_gold * of_clusters
    # Zero only when both partitions are one part, or both are all singletons: the same partition.
    return above_chance / at_best if at_best else 1.0


def _pairs(sizes: np.ndarray) -> int:
    # The sum is at most n (n - 1) / 2, which fits in 64 bits up to four billion instances; products of sums do not.
    return int((sizes * (sizes - 1) // 2).sum())
