"""B-cubed precision, recall and F-measure."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hf_relation.errors import UsageError
from hf_relation.metrics.contingency import Contingency, Noise, contingency


def bcubed(gold: Any, pred: Any, *, beta: float = 1.0, noise: Noise = "cluster") -> dict[str, float]:
    """Score a clustering instance by instance: how pure its cluster is, and how much of its relation is in there.

    An instance in a cluster of size s, of a relation of size r, whose cluster holds c instances of its relation
    (itself included) has precision c / s and recall c / r; both are averaged over the instances. Higher is better; only
    the partition matters, not the names of relations and clusters. A published figure should state `noise`.

    Args:
        gold (sequence or array of `n` `int` or `str`): gold relation of each instance.
        pred (sequence or array of `n` `int` or `str`): cluster of each instance; the integer -1 means left out.
        beta (`float`, defaults to 1.0): above 0; weight of recall against precision in the F-measure.
        noise (`str`, defaults to `"cluster"`): the left-out instances are one `"cluster"` (as in scikit-learn),
            `"singletons"`, or are taken out (`"drop"`).

    Returns:
        `dict[str, float]`: `bcubed_precision`, `bcubed_recall` and `bcubed_f1` (the F-measure for `beta`), each in
        (0, 1]. One cluster for all has recall 1 and precision sum((r / n)^2); one cluster each has precision 1. With
        every instance left out the same holds for `"cluster"` and `"singletons"`.

    Raises:
        TypeError: a label is neither `int` nor `str`, or one side mixes the two.
        ValueError: no labels, unequal lengths, nothing left to score, or `beta` not above 0.

    Example:

    ```python
    >>> from hf_relation.metrics import bcubed
    >>> bcubed(["born", "born", "wife", "wife"], [0, 0, 0, 1])["bcubed_recall"]  # (1 + 1 + 1/2 + 1/2) / 4
    0.75
    >>> round(bcubed(["born", "born", "wife", "wife"], [0, 0, 0, 1])["bcubed_precision"], 6)  # (2/3 + 2/3 + 1/3 + 1) / 4
    0.666667

    ```

    Reference:
        Bagga and Baldwin, "Algorithms for Scoring Coreference Chains", 1998; for clusterings, Amigo et al., "A
        comparison of extrinsic clustering evaluation metrics based on formal constraints", 2009. This is the standard
        definition. The Siamese-URE paper (ECAI 2023) prints B-cubed precision and recall the other way round.
    """
    return bcubed_from_contingency(contingency(gold, pred, noise=noise), beta=beta)


def bcubed_from_contingency(table: Contingency, *, beta: float = 1.0) -> dict[str, float]:
    """[`bcubed`] of a table that has been counted already.

    Args:
        table (`Contingency`): the counts.
        beta (`float`, defaults to 1.0): above 0; weight of recall against precision.

    Returns:
        `dict[str, float]`: `bcubed_precision`, `bcubed_recall` and `bcubed_f1`.

    Raises:
        UsageError: `beta` is not above 0 (also a `ValueError`).

    Example:

    ```python
    >>> from hf_relation.metrics import bcubed_from_contingency, contingency
    >>> bcubed_from_contingency(contingency([0, 0], [5, 5]))
    {'bcubed_precision': 1.0, 'bcubed_recall': 1.0, 'bcubed_f1': 1.0}

    ```
    """
    if not 0 < beta < math.inf:
        raise UsageError(f"`beta` must be a finite number above 0, got {beta}.")
    squares = table.counts.astype(np.float64) ** 2
    precision = float((squares / table.cluster_sizes[table.cluster_index]).sum()) / table.num_instances
    recall = float((squares / table.gold_sizes[table.gold_index]).sum()) / table.num_instances
    f_measure = (1 + beta**2) * precision * recall / (beta**2 * precision + recall)
    return {"bcubed_precision": precision, "bcubed_recall": recall, "bcubed_f1": f_measure}
