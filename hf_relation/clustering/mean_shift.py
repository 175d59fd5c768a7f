"""Mean shift that is quick in many dimensions: all seeds climb at once, scikit-learn does the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.cluster import MeanShift, get_bin_seeds

from hf_relation.clustering.bandwidth import (
    BANDWIDTH_QUANTILE,
    check_bandwidth_settings,
    draw_distinct,
    estimate_bandwidth,
)
from hf_relation.clustering.rows import check_matrix
from hf_relation.errors import UsageError


MEAN_SHIFT_SEEDS = 2_000
_BLOCK_VALUES = 2**21  # distances held at once: 16 MB of float64


class QuantileMeanShift(MeanShift):
    """`sklearn.cluster.MeanShift` with the same result, whose bandwidth may be given by a quantile.

    scikit-learn moves one seed at a time and asks an index for its neighbours at each step, which in many dimensions is
    slow. Here all seeds move together by matrix products until they stand still. What scikit-learn is then given as seeds
    are the few points where they stand, one step before the end, and so its own rules decide about the rest: the last
    step, which centres are too near to one another, and which row belongs where.

    Args:
        bandwidth (`float`, *optional*): radius of the flat kernel; estimated when not given.
        bandwidth_quantile (`float`, *optional*): quantile of [`estimate_bandwidth`]; 0.02 when neither is given.
        seeds (array-like of shape `(s, d)`, *optional*): where to start; by default every distinct row.
        bin_seeding (`bool`, defaults to `False`): start from the occupied cells of a grid as wide as the bandwidth. Of use
            in few dimensions only: in many, nearly every row has a cell of its own. Not used with `seeds`.
        min_bin_freq (`int`, defaults to 1): rows that a cell must hold to be a start.
        cluster_all (`bool`, defaults to `True`): with `False`, rows outside every kernel get label -1.
        n_jobs (`int`, *optional*): as in scikit-learn.
        max_iter (`int`, defaults to 300): steps of a seed.
        random_state (`int`, defaults to 0): which 2,000 of more distinct rows (or cells) are seeds, and which 2,000
            rows the bandwidth is estimated from.

    Attributes:
        cluster_centers_, labels_, n_iter_, n_features_in_: as in scikit-learn.
        bandwidth_ (`float`): the bandwidth used.

    Example:

    ```python
    >>> from hf_relation.clustering.mean_shift import QuantileMeanShift
    >>> fitted = QuantileMeanShift(bandwidth_quantile=0.6).fit([[0.0], [0.1], [0.2], [2.0], [2.1]])
    >>> fitted.labels_.tolist(), round(fitted.bandwidth_, 3)
    ([0, 0, 0, 1, 1], 0.84)

    ```

    Reference:
        Comaniciu & Meer, "Mean Shift: A Robust Approach Toward Feature Space Analysis", TPAMI 2002.
    """

    def __init__(
        self,
        *,
        bandwidth: float | None = None,
        bandwidth_quantile: float | None = None,
        seeds: Any = None,
        bin_seeding: bool = False,
        min_bin_freq: int = 1,
        cluster_all: bool = True,
        n_jobs: int | None = None,
        max_iter: int = 300,
        random_state: int = 0,
    ) -> None:
        super().__init__(
            bandwidth=bandwidth,
            seeds=seeds,
            bin_seeding=bin_seeding,
            min_bin_freq=min_bin_freq,
            cluster_all=cluster_all,
            n_jobs=n_jobs,
            max_iter=max_iter,
        )
        self.bandwidth_quantile = bandwidth_quantile
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> QuantileMeanShift:
        """Cluster rows.

        Args:
            X (array-like of shape `(n, d)`): one row per instance, at least one; with at least two distinct ones unless
                `bandwidth` is given.
            y: not used.

        Returns:
            [`QuantileMeanShift`]: itself.

        Raises:
            UsageError: a setting is out of range, or no row is within `bandwidth` of any seed.
            InvalidRowError: a row holds NaN or infinity.
        """
        check_bandwidth_settings(self.get_params())
        rows = check_matrix(X, min_rows=1)
        bandwidth = self.bandwidth
        if bandwidth is None:
            quantile = BANDWIDTH_QUANTILE if self.bandwidth_quantile is None else self.bandwidth_quantile
            bandwidth = estimate_bandwidth(rows, quantile, seed=self.random_state)
        if self.seeds is not None:
            seeds = check_matrix(self.seeds, name="seeds", columns=rows.shape[1])
        else:
            starts = get_bin_seeds(rows, bandwidth, self.min_bin_freq) if self.bin_seeding else rows
            seeds = draw_distinct(check_matrix(starts.reshape(-1, rows.shape[1])), MEAN_SHIFT_SEEDS, self.random_state)
        modes = climb(rows, seeds, bandwidth, max_iter=self.max_iter)
        if not len(modes):
            raise UsageError(
                f"No row is within the bandwidth ({bandwidth:g}) of a seed. Raise `bandwidth`, lower `min_bin_freq` or leave "
                "out `seeds`."
            )
        fitted = MeanShift(
            bandwidth=bandwidth,
            seeds=modes,
            cluster_all=self.cluster_all,
            n_jobs=self.n_jobs,
            max_iter=self.max_iter,
        ).fit(rows)
        self.bandwidth_ = float(bandwidth)
        self.cluster_centers_, self.labels_ = fitted.cluster_centers_, fitted.labels_
        self.n_iter_, self.n_features_in_ = fitted.n_iter_, fitted.n_features_in_
        return self


def climb(rows: np.ndarray, seeds: np.ndarray, bandwidth: float, *, max_iter: int = 300) -> np.ndarray:
    """Move seeds to the mean of the rows around them until they stand still.

    Args:
        rows (`np.ndarray` of shape `(n, d)`, float32): checked rows.
        seeds (`np.ndarray` of shape `(s, d)`, float32): where to start.
        bandwidth (`float`): rows at most this far away count.
        max_iter (`int`, defaults to 300): steps of a seed.

    Returns:
        `np.ndarray` of shape `(m, d)`, float32, `m <= s`: where the seeds stood before their last step, one for each point
        where such a step ends, sorted. Seeds without rows around them are left out.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.clustering.mean_shift import climb
    >>> rows = np.array([[0.0], [0.5], [1.0], [9.0]], dtype=np.float32)
    >>> climb(rows, rows, bandwidth=0.6).tolist()  # 0 moves to 0.25 (mean of 0 and 0.5), and stays there; 0.5 stays
    [[0.25], [0.5], [0.75], [9.0]]

    ```
    """
    center = rows.mean(axis=0, dtype=np.float64)  # squares of centred rows lose less
    points = rows - center
    squares = np.einsum("ij,ij->i", points, points)
    still = 1e-3 * bandwidth  # scikit-learn's threshold
    before: list[np.ndarray] = []
    after: list[np.ndarray] = []
    block = max(1, _BLOCK_VALUES // len(rows))
    for start in range(0, len(seeds), block):
        means = seeds[start : start + block] - center
        for step in range(max_iter + 1):
            distances = np.einsum("ij,ij->i", means, means)[:, None] + squares - 2 * (means @ points.T)
            inside = distances <= bandwidth**2
            counts = inside.sum(axis=1)
            means, inside, counts = means[counts > 0], inside[counts > 0], counts[counts > 0]
            moved = (inside.astype(np.float64) @ points) / counts[:, None]
            stands = np.linalg.norm(moved - means, axis=1) <= still
            if step == max_iter:
                stands[:] = True
            before.append(means[stands])
            after.append(moved[stands])
            means = moved[~stands]
            if not len(means):
                break
    if not before:
        return seeds
    ends = np.concatenate(after).astype(np.float32)
    first = np.unique(ends, axis=0, return_index=True)[1]
    return np.unique((np.concatenate(before)[first] + center).astype(np.float32), axis=0)
