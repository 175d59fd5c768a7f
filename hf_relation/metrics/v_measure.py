"""Homogeneity, completeness and V-measure."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hf_relation.errors import UsageError
from hf_relation.metrics.contingency import Contingency, Noise, contingency


def v_measure(gold: Any, pred: Any, *, beta: float = 1.0, noise: Noise = "cluster") -> dict[str, float]:
    """Score a clustering by entropy: does a cluster tell the relation, and does a relation tell the cluster.

    Homogeneity is 1 - H(gold | cluster) / H(gold), completeness 1 - H(cluster | gold) / H(cluster), and the V-measure
    (1 + beta) h c / (beta h + c). Higher is better; only the partition matters, not the names of relations and
    clusters. Not corrected for chance: many small clusters raise homogeneity. A published figure should state `noise`.

    Args:
        gold (sequence or array of `n` `int` or `str`): gold relation of each instance.
        pred (sequence or array of `n` `int` or `str`): cluster of each instance; the integer -1 means left out.
        beta (`float`, defaults to 1.0): above 0; weight of completeness against homogeneity (scikit-learn's `beta`).
        noise (`str`, defaults to `"cluster"`): the left-out instances are one `"cluster"` (as in scikit-learn),
            `"singletons"`, or are taken out (`"drop"`).

    Returns:
        `dict[str, float]`: `v_measure`, `homogeneity` and `completeness`, each in [0, 1]. One cluster for all has
        completeness 1 and homogeneity 0 (1 when gold has one relation only); one cluster each has homogeneity 1.

    Raises:
        TypeError: a label is neither `int` nor `str`, or one side mixes the two.
        ValueError: no labels, unequal lengths, nothing left to score, or `beta` not above 0.

    Example:

    ```python
    >>> from hf_relation.metrics import v_measure
    >>> scores = v_measure([0, 0, 1, 1], [0, 1, 2, 3])  # every instance alone: homogeneous, half complete
    >>> scores["homogeneity"], scores["completeness"], round(scores["v_measure"], 6)
    (1.0, 0.5, 0.666667)

    ```

    Reference:
        Rosenberg and Hirschberg, "V-Measure: A Conditional Entropy-Based External Cluster Evaluation Measure", 2007.
    """
    return v_measure_from_contingency(contingency(gold, pred, noise=noise), beta=beta)


def v_measure_from_contingency(table: Contingency, *, beta: float = 1.0) -> dict[str, float]:
    """[`v_measure`] of a table that has been counted already.

    Args:
        table (`Contingency`): the counts.
        beta (`float`, defaults to 1.0): above 0; weight of completeness against homogeneity.

    Returns:
        `dict[str, float]`: `v_measure`, `homogeneity` and `completeness`.

    Raises:
        UsageError: `beta` is not above 0 (also a `ValueError`).

    Example:

    ```python
    >>> from hf_relation.metrics import contingency, v_measure_from_contingency
    >>> v_measure_from_contingency(contingency([0, 0, 1, 1], [7, 7, 3, 3]))
    {'v_measure': 1.0, 'homogeneity': 1.0, 'completeness': 1.0}

    ```
    """
    if not 0 < beta < math.inf:
        raise UsageError(f"`beta` must be a finite number above 0, got {beta}.")
    of_gold, of_clusters = entropy(table.gold_sizes), entropy(table.cluster_sizes)
    homogeneity = _explained(of_gold, conditional_entropy(table.counts, table.cluster_sizes[table.cluster_index]))
    completeness = _explained(of_clusters, conditional_entropy(table.counts, table.gold_sizes[table.gold_index]))
    both = beta * homogeneity + completeness
    score = (1 + beta) * homogeneity * completeness / both if both > 0 else 0.0
    return {"v_measure": score, "homogeneity": homogeneity, "completeness": completeness}


def entropy(sizes: np.ndarray) -> float:
    """Entropy in nats of a partition with parts of these sizes.

    Args:
        sizes (`np.ndarray` of shape `(parts,)`, int): instances per part, each at least 1.

    Returns:
        `float`: at least 0; exactly 0 for one part.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.metrics.v_measure import entropy
    >>> round(entropy(np.array([2, 2])), 6)
    0.693147

    ```
    """
    return conditional_entropy(sizes, sizes.sum())


def conditional_entropy(counts: np.ndarray, part_sizes: np.ndarray) -> float:
    """Entropy in nats of the cells of a table within the parts they belong to.

    Args:
        counts (`np.ndarray` of shape `(cells,)`, int): instances per cell, each at least 1.
        part_sizes (`np.ndarray` of shape `(cells,)` or scalar, int): size of the part that each cell belongs to.

    Returns:
        `float`: at least 0; exactly 0 when every cell is a whole part.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.metrics.v_measure import conditional_entropy
    >>> round(conditional_entropy(np.array([1, 1, 2]), np.array([2, 2, 2])), 6)  # half of the instances: log 2
    0.346574

    ```
    """
    weights = counts / counts.sum()
    return float((weights * np.log(part_sizes / counts)).sum())


def _explained(total: float, unexplained: float) -> float:
    # A partition with one part has nothing to explain. Rounding can leave the ratio a hair above 1.
    return 1.0 if total == 0 else max(0.0, 1.0 - unexplained / total)
