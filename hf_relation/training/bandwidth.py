"""The quantile that the bandwidth of mean shift is estimated with, chosen on known relations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hf_relation.clustering import cluster, estimate_bandwidth
from hf_relation.errors import UsageError
from hf_relation.metrics import bcubed


BANDWIDTH_QUANTILES = (
    *(0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.012, 0.015),
    *(0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.3),
)


@dataclass(frozen=True)
class BandwidthChoice:
    """What [`choose_bandwidth_quantile`] found.

    Args:
        quantile (`float`): the quantile of the best point.
        bandwidth (`float`): its bandwidth on the rows it was chosen on; elsewhere the quantile gives another one.
        curve (`tuple[dict[str, float], ...]`): for every quantile, from small to large, `"quantile"`, `"bandwidth"`,
            `"bcubed_f1"` and `"num_clusters"`.
    """

    quantile: float
    bandwidth: float
    curve: tuple[dict[str, float], ...]


def choose_bandwidth_quantile(
    rows: np.ndarray,
    gold: Sequence[str],
    *,
    quantiles: Sequence[float] = BANDWIDTH_QUANTILES,
    seed: int = 0,
    **settings: Any,
) -> BandwidthChoice:
    """Choose the quantile with which mean shift clusters known relations best.

    The range in which mean shift neither leaves every row alone nor puts all into one cluster is narrow, and where it
    lies depends on the encoder; so it is looked for where labels may be used. The rows must be of known relations that the
    encoder was not trained on, or it is the wrong space that is measured; and never of the novel relations that are
    scored afterwards. A quantile is a share of the rows: it carries over to other data as far as they have about as
    many relations.

    Args:
        rows (`np.ndarray` of shape `(n, d)`): embeddings of held-out known relations, in the space that is clustered
            (after whitening and PCA, where those are used).
        gold (`Sequence[str]` of length `n`): the relation of every row; at least two relations.
        quantiles (`Sequence[float]`): what to try, each in (0, 1].
        seed (`int`, defaults to 0): seed of mean shift.
        **settings: further settings of mean shift, e.g. `cluster_all=False`.

    Returns:
        [`BandwidthChoice`]: the quantile with the highest B-cubed F1, the smallest of equals.

    Raises:
        UsageError: lengths differ, fewer than two relations, no quantile, or one out of range.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.training import choose_bandwidth_quantile
    >>> rows = np.array([[0.0], [0.1], [0.3], [2.0], [2.4]])
    >>> choice = choose_bandwidth_quantile(rows, list("aaabb"), quantiles=(1.0, 0.4, 0.6))
    >>> choice.quantile, [round(point["bcubed_f1"], 3) for point in choice.curve]
    (0.6, [0.889, 1.0, 0.684])

    ```
    """
    if len(rows) != len(gold):
        raise UsageError(f"There must be a gold relation for every row, got {len(gold)} for {len(rows)} rows.")
    if len(set(gold)) < 2:
        raise UsageError(
            f"A bandwidth is chosen by how well relations come apart, which needs at least 2 relations, got {len(set(gold))}."
        )
    if not quantiles:
        raise UsageError("`quantiles` must hold at least one quantile, each above 0 and at most 1.")
    curve: list[dict[str, float]] = []
    for quantile in sorted(set(quantiles)):
        bandwidth = estimate_bandwidth(rows, quantile, seed=seed)
        if curve and curve[-1]["bandwidth"] == bandwidth:  # as many neighbours as before
            curve.append(curve[-1] | {"quantile": float(quantile)})
            continue
        labels = cluster(rows, "mean_shift", seed=seed, **settings, bandwidth=bandwidth)
        curve.append(
            {
                "quantile": float(quantile),
                "bandwidth": bandwidth,
                "bcubed_f1": bcubed(list(gold), labels)["bcubed_f1"],
                "num_clusters": float(len(np.unique(labels))),
            }
        )
    best = max(curve, key=lambda point: point["bcubed_f1"])  # the first of equals
    return BandwidthChoice(best["quantile"], best["bandwidth"], tuple(curve))
