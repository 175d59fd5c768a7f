"""Accuracy under the best one-to-one matching of clusters and relations."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from hf_relation.metrics.contingency import Contingency, Noise, contingency


def hungarian_accuracy(gold: Any, pred: Any, *, noise: Noise = "cluster") -> float:
    """Share of the instances that are right when each cluster is named after at most one relation, as well as possible.

    Every relation names at most one cluster too, so the instances of surplus clusters are wrong. Higher is better; only
    the partition matters, not the names of relations and clusters. When several matchings are best the accuracy is the
    same. A published figure should state `noise`.

    A million instances take well under a second up to some ten thousand relations or clusters (whichever are fewer);
    hundreds of thousands of both take minutes.

    Args:
        gold (sequence or array of `n` `int` or `str`): gold relation of each instance.
        pred (sequence or array of `n` `int` or `str`): cluster of each instance; the integer -1 means left out.
        noise (`str`, defaults to `"cluster"`): the left-out instances are one `"cluster"` (as in scikit-learn),
            `"singletons"`, or are taken out (`"drop"`).

    Returns:
        `float`: in (0, 1]. One cluster for all scores the share of the largest relation, one cluster each scores
        (number of relations) / n.

    Raises:
        TypeError: a label is neither `int` nor `str`, or one side mixes the two.
        ValueError: no labels, unequal lengths, or nothing left to score.

    Example:

    ```python
    >>> from hf_relation.metrics import hungarian_accuracy
    >>> hungarian_accuracy(["born", "born", "wife", "wife"], [0, 0, 0, 1])
    0.75
    >>> hungarian_accuracy(["born", "born", "wife", "wife"], [0, 1, 2, 3])
    0.5

    ```

    Reference:
        Kuhn, "The Hungarian method for the assignment problem", 1955; as a clustering score, Yang et al., "Image
        Clustering Using Local Discriminant Models and Global Integration", 2010.
    """
    return hungarian_accuracy_from_contingency(contingency(gold, pred, noise=noise))


def hungarian_accuracy_from_contingency(table: Contingency) -> float:
    """[`hungarian_accuracy`] of a table that has been counted already.

    Args:
        table (`Contingency`): the counts.

    Returns:
        `float`: in (0, 1].

    Example:

    ```python
    >>> from hf_relation.metrics import contingency, hungarian_accuracy_from_contingency
    >>> hungarian_accuracy_from_contingency(contingency([0, 0, 1, 1], [9, 9, 4, 4]))
    1.0

    ```
    """
    few, many = table.gold_index, table.cluster_index
    num_few, num_many = len(table.gold_sizes), len(table.cluster_sizes)
    if num_few > num_many:
        few, many, num_few, num_many = many, few, num_many, num_few
    # Each row gets a column of its own that stands for "unmatched", so a full matching always exists in the sparse
    # table. Weight 0 would read as an absent edge, so every weight is one more than the count; a full matching has
    # num_few edges, so this shifts all of them alike.
    alone = np.arange(num_few)
    # Indices of 32 bits: the matching of scipy 1.14 takes no others.
    weights = csr_array(
        (
            np.concatenate([table.counts + 1, np.ones(num_few, dtype=np.int64)]),
            (
                np.concatenate([few, alone]).astype(np.int32),
                np.concatenate([many, num_many + alone]).astype(np.int32),
            ),
        ),
        shape=(num_few, num_many + num_few),
    )
    rows, columns = min_weight_full_bipartite_matching(weights, maximize=True)
    return int(weights[rows, columns].sum() - num_few) / table.num_instances
