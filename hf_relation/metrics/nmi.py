"""Normalised mutual information."""

from __future__ import annotations

from typing import Any

from hf_relation.metrics.contingency import Contingency, Noise, contingency
from hf_relation.metrics.v_measure import conditional_entropy, entropy


def normalized_mutual_info(gold: Any, pred: Any, *, noise: Noise = "cluster") -> float:
    """Mutual information of relations and clusters, over the arithmetic mean of their entropies.

    Higher is better; only the partition matters, not the names of relations and clusters. Equal to the V-measure with
    `beta=1`; not corrected for chance. A published figure should state `noise`.

    Args:
        gold (sequence or array of `n` `int` or `str`): gold relation of each instance.
        pred (sequence or array of `n` `int` or `str`): cluster of each instance; the integer -1 means left out.
        noise (`str`, defaults to `"cluster"`): the left-out instances are one `"cluster"` (as in scikit-learn),
            `"singletons"`, or are taken out (`"drop"`).

    Returns:
        `float`: in [0, 1]; 0 for one cluster against several relations, 1 for the same partition (also for one
        cluster against one relation).

    Raises:
        TypeError: a label is neither `int` nor `str`, or one side mixes the two.
        ValueError: no labels, unequal lengths, or nothing left to score.

    Example:

    ```python
    >>> from hf_relation.metrics import normalized_mutual_info
    >>> round(normalized_mutual_info([0, 0, 1, 1], [0, 1, 2, 3]), 6)  # log 2 / ((log 2 + log 4) / 2)
    0.666667

    ```

    Reference:
        The arithmetic variant of Vinh et al., "Information Theoretic Measures for Clusterings Comparison", JMLR 2010.
    """
    return normalized_mutual_info_from_contingency(contingency(gold, pred, noise=noise))


def normalized_mutual_info_from_contingency(table: Contingency) -> float:
    """[`normalized_mutual_info`] of a table that has been counted already.

    Args:
        table (`Contingency`): the counts.

    Returns:
        `float`: in [0, 1].

    Example:

    ```python
    >>> from hf_relation.metrics import contingency, normalized_mutual_info_from_contingency
    >>> normalized_mutual_info_from_contingency(contingency([0, 0, 1, 1], [0, 1, 0, 1]))
    0.0

    ```
    """
    of_gold, of_clusters = entropy(table.gold_sizes), entropy(table.cluster_sizes)
    if of_gold + of_clusters == 0:
        return 1.0
    shared = of_gold - conditional_entropy(table.counts, table.cluster_sizes[table.cluster_index])
    # Rounding can leave a hair below 0 or above 1.
    return min(1.0, max(0.0, shared / ((of_gold + of_clusters) / 2)))
