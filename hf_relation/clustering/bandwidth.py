"""The bandwidth of mean shift, estimated from the rows."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from sklearn.cluster import estimate_bandwidth as sklearn_estimate_bandwidth

from hf_relation.clustering.rows import check_matrix, distinct_positions, group_rows
from hf_relation.clustering.threads import one_thread
from hf_relation.errors import UsageError


BANDWIDTH_ROWS = 2_000
BANDWIDTH_QUANTILE = 0.02


def estimate_bandwidth(X: Any, quantile: float = BANDWIDTH_QUANTILE, *, seed: int = 0) -> float:
    """Estimate the bandwidth of mean shift: the mean distance of a row to the farthest of its nearest neighbours.

    A row's nearest neighbours are the share `quantile` of the rows, itself included; so the estimate follows the scale of
    the embedding space, which a fixed number does not. The larger the quantile, the fewer the clusters. The quantile
    that is right depends on the number of relations and on the embeddings; [`~hf_relation.training.choose_bandwidth_quantile`]
    chooses it on known relations.

    This is scikit-learn's function over at most 2,000 distinct rows, so that time and memory stay bounded, and with at
    least two neighbours, as a row alone is at distance zero of itself.

    Args:
        X (array-like of shape `(n, d)`): one row per instance, at least two distinct ones.
        quantile (`float`, defaults to 0.02): in (0, 1].
        seed (`int`, defaults to 0): which 2,000 of more distinct rows are taken.

    Returns:
        `float`: above zero; the same in any row order.

    Raises:
        UsageError: `quantile` out of range, or no two rows that differ.
        InvalidRowError: a row holds NaN or infinity.

    Example:

    ```python
    >>> from hf_relation.clustering import estimate_bandwidth
    >>> rows = [[0.0], [0.1], [0.2], [2.0], [2.1]]
    >>> round(estimate_bandwidth(rows, 0.4), 6)  # two neighbours each, the row itself and the nearest other: five times 0.1
    0.1
    >>> round(estimate_bandwidth(rows, 1.0), 6)  # the farthest row: (2.1 + 2.0 + 1.9 + 2.0 + 2.1) / 5
    2.02

    ```

    Reference:
        Wang et al., "MORE: A Metric Learning Based Framework for Open-domain Relation Extraction", ICASSP 2021,
        section 3.1: mean shift for imbalanced relations. The authors' code has the fixed bandwidth 0.7784975910442384, which
        belongs to their own 64 columns; `cluster(..., "mean_shift", bandwidth=0.7784975910442384)` gives it.
    """
    check_bandwidth_settings({"bandwidth_quantile": quantile})
    rows = check_matrix(X, min_rows=1)
    sample = draw_distinct(rows, BANDWIDTH_ROWS, seed)
    if len(sample) < 2:
        raise UsageError(
            "A bandwidth cannot be estimated from rows that are all equal. Pass other rows, or give `bandwidth`."
        )
    # Each row counts among its own neighbours, so fewer than two would give bandwidth zero.
    share = min(max(float(quantile), (2 + 1e-6) / len(sample)), 1.0)
    with one_thread():
        bandwidth = float(sklearn_estimate_bandwidth(sample, quantile=share))
    if bandwidth == 0:
        raise UsageError(
            "The estimated bandwidth is zero: the rows differ by less than their distances can tell. Give `bandwidth`."
        )
    return bandwidth


def draw_distinct(rows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Give the distinct rows in sorted order, or `count` of them drawn by chance when there are more.

    Args:
        rows (`np.ndarray` of shape `(n, d)`, float32): checked rows.
        count (`int`): how many at most.
        seed (`int`): which ones.

    Returns:
        `np.ndarray` with at most `count` rows, the same in any order of `rows`.
    """
    positions = distinct_positions(*group_rows(rows))
    if len(positions) > count:
        positions = positions[np.sort(np.random.default_rng(seed).choice(len(positions), count, replace=False))]
    return rows[positions]


def check_bandwidth_settings(settings: Mapping[str, Any]) -> None:
    """Check `bandwidth` and `bandwidth_quantile` where they are given.

    Args:
        settings (`Mapping`): settings of mean shift.

    Raises:
        UsageError: a value is out of range, or both are given.
    """
    bandwidth, quantile = settings.get("bandwidth"), settings.get("bandwidth_quantile")
    if bandwidth is not None and not (_is_number(bandwidth) and 0 < bandwidth < np.inf):
        raise UsageError(
            f"`bandwidth` must be a number above 0, got {bandwidth!r}. Leave it out to have it estimated."
        )
    if quantile is None:
        return
    if not (_is_number(quantile) and 0 < quantile <= 1):
        hint = ' "auto" needs relations to choose by: use `score_model` with validation data.'
        raise UsageError(
            "`bandwidth_quantile` must be above 0 and at most 1 (the share of the rows that count as neighbours), got "
            f"{quantile!r}.{hint if quantile == 'auto' else ''}"
        )
    if bandwidth is not None:
        raise UsageError(
            f"Give `bandwidth` ({bandwidth}) or `bandwidth_quantile` ({quantile}), not both: the quantile is what the "
            "bandwidth is estimated with."
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
