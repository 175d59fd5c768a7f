"""One call for every clustering algorithm, with results that do not depend on row order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.cluster import HDBSCAN, AgglomerativeClustering, KMeans

from hf_relation.clustering.adaptive import AdaptiveClustering, check_adaptive_settings
from hf_relation.clustering.bandwidth import BANDWIDTH_ROWS, check_bandwidth_settings
from hf_relation.clustering.labels import canonical_labels, check_weights
from hf_relation.clustering.mean_shift import MEAN_SHIFT_SEEDS, QuantileMeanShift
from hf_relation.clustering.rows import check_matrix, distinct_positions, group_rows
from hf_relation.clustering.threads import one_thread
from hf_relation.clustering.ward_start import refined_by_ward_start
from hf_relation.errors import InvalidRowError, UsageError


Algorithm = Literal["kmeans", "agglomerative", "adaptive", "mean_shift", "hdbscan"]
ALGORITHMS: tuple[Algorithm, ...] = ("kmeans", "agglomerative", "adaptive", "mean_shift", "hdbscan")
WEIGHS: tuple[Algorithm, ...] = ("kmeans", "adaptive")
CHOOSES_NUMBER: tuple[Algorithm, ...] = ("mean_shift", "hdbscan")

# Rows beyond which an algorithm that compares all pairs is refused. Agglomerative also *stores* the distances.
MAX_ROWS: dict[str, int] = {"agglomerative": 50_000, "mean_shift": 100_000, "hdbscan": 100_000}

_ESTIMATORS: dict[Algorithm, type[BaseEstimator]] = {
    "kmeans": KMeans,
    "agglomerative": AgglomerativeClustering,
    "adaptive": AdaptiveClustering,
    "mean_shift": QuantileMeanShift,
    "hdbscan": HDBSCAN,
}


def make_clusterer(
    algorithm: Algorithm, num_clusters: int | None = None, *, n_init: int = 60, seed: int = 0, **kwargs: Any
) -> BaseEstimator:
    """Build the scikit-learn estimator for an algorithm, with the settings used in this package.

    Prefer [`cluster`], which also makes the result independent of row order and of the number of threads, and fills
    the settings that depend on the data.

    Args:
        algorithm (`str`): `"kmeans"` (several starts, the one of least inertia is kept), `"agglomerative"` (Ward unless
            `linkage` says otherwise), `"adaptive"` (k-means refined by soft assignments), `"mean_shift"` or `"hdbscan"`.
        num_clusters (`int`, *optional*): how many clusters, at least 1. Required by `"kmeans"`, `"adaptive"` and, unless
            `distance_threshold` is given, by `"agglomerative"`; the other two find the number themselves and refuse it.
        n_init (`int`, defaults to 60): number of starts of k-means, for `"kmeans"` and `"adaptive"`.
        seed (`int`, defaults to 0): seed of k-means, and of the samples that `"mean_shift"` draws from many rows.
        **kwargs: further settings of the class, e.g. `linkage="average", metric="cosine"`,
            `min_cluster_size=10`; for `"mean_shift"` either `bandwidth=0.5` or `bandwidth_quantile=0.1`.

    Returns:
        `sklearn.base.BaseEstimator`: an unfitted `KMeans`, `AgglomerativeClustering`,
        [`~hf_relation.clustering.AdaptiveClustering`], `MeanShift` (as
        [`~hf_relation.clustering.mean_shift.QuantileMeanShift`]) or `HDBSCAN`.

    Raises:
        UsageError: unknown algorithm or setting, a number of clusters missing, out of place or below 1, or `n_init`,
            `seed`, or a setting of `"mean_shift"` or `"adaptive"` out of range.

    Example:

    ```python
    >>> from hf_relation.clustering import make_clusterer
    >>> make_clusterer("kmeans", 16)
    KMeans(n_clusters=16, n_init=60, random_state=0)
    >>> make_clusterer("hdbscan", 16)
    Traceback (most recent call last):
        ...
    hf_relation.errors.UsageError: "hdbscan" finds the number of clusters itself; ...

    ```
    """
    if algorithm not in ALGORITHMS:
        raise UsageError(f"`algorithm` must be one of {', '.join(ALGORITHMS)}; got {algorithm!r}.")
    _check_integer("n_init", n_init, 1)
    _check_integer("seed", seed, 0)
    if num_clusters is not None:
        _check_integer("num_clusters", num_clusters, 1)
        if algorithm in CHOOSES_NUMBER:
            raise UsageError(
                f'"{algorithm}" finds the number of clusters itself; drop `num_clusters` ({num_clusters}) or use '
                '"kmeans" or "agglomerative".'
            )
    elif algorithm in ("kmeans", "adaptive") or (
        algorithm == "agglomerative" and kwargs.get("distance_threshold") is None
    ):
        raise UsageError(
            f'"{algorithm}" needs `num_clusters`. Give it, let `estimate_num_relations` suggest a range, or use '
            '"mean_shift" or "hdbscan", which find the number themselves.'
        )
    estimator = _ESTIMATORS[algorithm]()
    settings: dict[str, Any] = {}
    if algorithm in ("kmeans", "agglomerative", "adaptive"):
        settings["n_clusters"] = num_clusters
    if algorithm == "kmeans":
        settings |= {"n_init": n_init, "random_state": seed}
    if algorithm == "adaptive":
        settings |= {"n_init": n_init, "seed": seed}
    if algorithm == "mean_shift":
        settings["random_state"] = seed
    if algorithm == "hdbscan":
        settings["copy"] = True
    allowed = sorted(set(estimator.get_params()) - set(settings))
    unknown = sorted(set(kwargs) - set(allowed))
    if unknown:
        raise UsageError(f'"{algorithm}" has no setting {unknown[0]!r} to give here; it has: {", ".join(allowed)}.')
    if algorithm == "mean_shift":
        check_bandwidth_settings(kwargs)
    estimator.set_params(**settings, **kwargs)
    if algorithm == "adaptive":
        check_adaptive_settings(estimator.get_params())
    return estimator


def cluster(
    X: Any,
    algorithm: Algorithm = "kmeans",
    num_clusters: int | None = None,
    *,
    seed: int = 0,
    n_init: int = 60,
    weights: Any = None,
    **kwargs: Any,
) -> np.ndarray:
    """Cluster rows; the same rows get the same labels in any order and with any number of threads.

    Rows are sorted by value before the algorithm sees them, it runs in one thread (threads add up sums in varying
    order), and equal rows always share a label. Rows are used as they are: pass rows of length one, as the transforms
    of this package return them, to cluster by cosine.

    What depends on the data and is not given in `kwargs` is chosen so:

    - `"kmeans"`, `"adaptive"`: equal rows are given once, with their count as weight, which changes nothing but the time.
    - `"kmeans"` with 100 clusters or more, `n_init` above 1 and no `init`: one more start, from Ward's tree
      ([`~hf_relation.clustering.ward_start.refined_by_ward_start`]), as random starts miss some of so many.
    - `"mean_shift"`: `bandwidth` is [`estimate_bandwidth`] with `bandwidth_quantile` (0.02), over at most 2,000 distinct
      rows drawn with `seed`; beyond 2,000 distinct rows the search starts from 2,000 of them drawn with `seed`. The
      bandwidth decides the number of clusters: treat the default as a first try.
    - `"hdbscan"`: `min_cluster_size` is one row in a hundred, but at least 5; `min_samples` at most the row count.

    Args:
        X (array-like of shape `(n, d)`): one row per instance, at least one; converted to float32, never changed.
        algorithm (`str`, defaults to `"kmeans"`): as in [`make_clusterer`].
        num_clusters (`int`, *optional*): as in [`make_clusterer`]; at most the number of distinct rows.
        seed (`int`, defaults to 0): as in [`make_clusterer`].
        n_init (`int`, defaults to 60): as in [`make_clusterer`].
        weights (array-like of shape `(n,)`, *optional*): how much every row counts, above 0; `"kmeans"` and `"adaptive"`
            only. Rows of weight 2 count as two equal rows.
        **kwargs: as in [`make_clusterer`].

    Returns:
        `np.ndarray` of shape `(n,)`, int64: 0 to k - 1 by cluster size, largest first (equal sizes: smallest row value
        first), or -1 for rows that `"hdbscan"` leaves out as noise. If all rows are equal they are one cluster, 0.

    Raises:
        UsageError: fewer distinct rows than `num_clusters`; more rows than an all-pairs algorithm can take; no row;
            not a matrix of real numbers; or a setting is not allowed.
        InvalidRowError: a row holds NaN or infinity, or is zero with `metric="cosine"`.

    Example:

    ```python
    >>> from hf_relation.clustering import cluster
    >>> cluster([[2.0], [0.1], [0.0], [2.1], [0.2]], num_clusters=2).tolist()
    [1, 0, 0, 1, 0]
    >>> cluster([[2.0], [0.1], [0.0], [2.1], [0.2]], "mean_shift", bandwidth=0.5).tolist()
    [1, 0, 0, 1, 0]

    ```
    """
    estimator = make_clusterer(algorithm, num_clusters, n_init=n_init, seed=seed, **kwargs)
    rows = check_matrix(X, min_rows=1)
    _check_size(algorithm, len(rows))
    if weights is not None:
        if algorithm not in WEIGHS:
            raise UsageError(
                f'"{algorithm}" cannot weigh rows; leave `weights` out or use one of {", ".join(WEIGHS)}.'
            )
        weights = check_weights(weights, len(rows))
    order, group = group_rows(rows)
    positions = distinct_positions(order, group)
    if num_clusters is not None and num_clusters > len(positions):
        raise UsageError(
            f"`num_clusters` must be at most the number of distinct rows ({len(positions)} among {len(rows)} rows), "
            f"got {num_clusters}. Lower it or pass more data."
        )
    if len(positions) == 1:
        return np.zeros(len(rows), dtype=np.int64)
    with one_thread():
        if algorithm in ("kmeans", "adaptive"):
            counts = np.bincount(group, weights).astype(np.float32)
            estimator.fit(rows[positions], sample_weight=counts)
            if algorithm == "kmeans" and n_init > 1 and "init" not in kwargs:
                estimator = refined_by_ward_start(estimator, rows[positions], counts, seed)
            distinct_labels = estimator.labels_
        else:
            if kwargs.get("metric") == "cosine":
                _check_no_zero_row(rows)
            estimator.set_params(**_data_settings(estimator, rows, kwargs))
            sorted_labels = estimator.fit(rows[order]).labels_
            distinct_labels = sorted_labels[np.searchsorted(group[order], np.arange(len(positions)))]
    return canonical_labels(distinct_labels[group], group)


def finds_number(algorithm: str, settings: Mapping[str, Any] | None = None) -> bool:
    """Whether an algorithm decides on the number of clusters by itself.

    Args:
        algorithm (`str`): as in [`cluster`].
        settings (`Mapping`, *optional*): its further settings.

    Returns:
        `bool`: true for `"mean_shift"`, `"hdbscan"`, and any algorithm with a `distance_threshold`.

    Example:

    ```python
    >>> from hf_relation.clustering import finds_number
    >>> finds_number("agglomerative"), finds_number("agglomerative", {"distance_threshold": 1.5})
    (False, True)

    ```
    """
    return algorithm in CHOOSES_NUMBER or (settings or {}).get("distance_threshold") is not None


def uses_chance(algorithm: str, num_rows: int) -> bool:
    """Whether the labels can depend on the seed.

    Those of `"kmeans"` and `"adaptive"` can, and those of `"mean_shift"` that works on a sample.

    Args:
        algorithm (`str`): as in [`cluster`].
        num_rows (`int`): how many rows are clustered.

    Returns:
        `bool`.

    Example:

    ```python
    >>> from hf_relation.clustering.algorithms import uses_chance
    >>> uses_chance("kmeans", 10), uses_chance("mean_shift", 10), uses_chance("mean_shift", 10_000)
    (True, False, True)

    ```
    """
    if algorithm == "mean_shift":
        return num_rows > min(MEAN_SHIFT_SEEDS, BANDWIDTH_ROWS)
    return algorithm in ("kmeans", "adaptive")


def _data_settings(estimator: BaseEstimator, rows: np.ndarray, given: dict[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if isinstance(estimator, HDBSCAN):
        size = given.get("min_cluster_size", max(5, len(rows) // 100))
        settings["min_cluster_size"] = size
        if given.get("min_samples") is None:
            settings["min_samples"] = min(size, len(rows))
        elif given["min_samples"] > len(rows):
            raise UsageError(
                f"`min_samples` must be at most the number of rows ({len(rows)}), got {given['min_samples']}."
            )
    return settings


def _check_size(algorithm: Algorithm, num_rows: int) -> None:
    limit = MAX_ROWS.get(algorithm)
    if limit is None or num_rows <= limit:
        return
    gigabytes = num_rows * (num_rows - 1) / 2 * 8 / 1e9  # one float64 per pair
    raise UsageError(
        f'"{algorithm}" compares all pairs of rows: {num_rows:,} rows are {gigabytes:,.1f} GB of distances '
        f"(at most {limit:,} rows are allowed). "
        'Use "kmeans", whose memory grows with the rows only, or cluster a sample and `assign` the rest.'
    )


def _check_no_zero_row(rows: np.ndarray) -> None:
    zero = ~rows.any(axis=1)
    if zero.any():
        raise InvalidRowError(
            'a row of zeros has no direction, so `metric="cosine"` cannot place it. Drop it or use another metric.',
            index=int(np.argmax(zero)),
        )


def _check_integer(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not least <= value < 2**32:
        raise UsageError(f"`{name}` must be an integer from {least} up, got {value!r}.")
