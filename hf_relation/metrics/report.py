"""All clustering metrics at once."""

from __future__ import annotations

from typing import Any

from hf_relation.metrics.accuracy import hungarian_accuracy_from_contingency
from hf_relation.metrics.bcubed import bcubed_from_contingency
from hf_relation.metrics.contingency import Noise, contingency
from hf_relation.metrics.nmi import normalized_mutual_info_from_contingency
from hf_relation.metrics.purity import purity_from_contingency
from hf_relation.metrics.rand import adjusted_rand_index_from_contingency
from hf_relation.metrics.v_measure import v_measure_from_contingency


def clustering_report(gold: Any, pred: Any, *, noise: Noise = "cluster") -> dict[str, float]:
    """Every clustering metric of this package, from one pass over the labels.

    Args:
        gold (sequence or array of `n` `int` or `str`): gold relation of each instance.
        pred (sequence or array of `n` `int` or `str`): cluster of each instance; the integer -1 means left out.
        noise (`str`, defaults to `"cluster"`): the left-out instances are one `"cluster"` (as in scikit-learn),
            `"singletons"`, or are taken out (`"drop"`). State it with any published figure.

    Returns:
        `dict[str, float]`: `bcubed_precision`, `bcubed_recall`, `bcubed_f1`, `v_measure`, `homogeneity`,
        `completeness`, `ari` (in [-1, 1]), `nmi`, `hungarian_accuracy`, `purity`, `inverse_purity`: fractions, higher is
        better. And the whole numbers `num_instances` (scored), `num_left_out` (given the label -1), `num_gold` and
        `num_clusters` (as counted under `noise`).

    Raises:
        TypeError: a label is neither `int` nor `str`, or one side mixes the two.
        ValueError: no labels, unequal lengths, or nothing left to score.

    Example:

    ```python
    >>> from hf_relation.metrics import clustering_report
    >>> report = clustering_report([0, 0, 0, 0, 1, 1, 1, 2, 2, 2], [0, 0, 1, 1, 1, 1, 1, 2, 2, 0])
    >>> round(report["bcubed_f1"], 6), round(report["v_measure"], 6), round(report["ari"], 6)
    (0.646048, 0.530022, 0.244604)
    >>> report["num_instances"], report["num_gold"], report["num_clusters"], report["num_left_out"]
    (10, 3, 3, 0)

    ```
    """
    table = contingency(gold, pred, noise=noise)
    return {
        **bcubed_from_contingency(table),
        **v_measure_from_contingency(table),
        "ari": adjusted_rand_index_from_contingency(table),
        "nmi": normalized_mutual_info_from_contingency(table),
        "hungarian_accuracy": hungarian_accuracy_from_contingency(table),
        **purity_from_contingency(table),
        "num_instances": table.num_instances,
        "num_left_out": table.num_left_out,
        "num_gold": len(table.gold_sizes),
        "num_clusters": len(table.cluster_sizes),
    }
