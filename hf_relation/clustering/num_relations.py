"""How many relations? A curve and a plausible range over candidate numbers, never a bare number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.metrics import silhouette_score

from hf_relation.clustering.algorithms import Algorithm, cluster
from hf_relation.clustering.principal_components import PrincipalComponents
from hf_relation.clustering.rows import check_matrix, distinct_positions, group_rows, normalize_rows
from hf_relation.clustering.smoothing import NeighborSmoothing
from hf_relation.clustering.threads import one_thread
from hf_relation.errors import UsageError


Criterion = Literal["smoothed_silhouette", "silhouette"]
CRITERIA: tuple[Criterion, ...] = ("smoothed_silhouette", "silhouette")
LARGEST_CANDIDATE = 100


@dataclass(frozen=True)
class NumRelationsEstimate:
    """What [`estimate_num_relations`] found.

    Args:
        best (`int`): the candidate of highest score; of equal ones the smallest.
        low (`int`): the smallest candidate whose score is within the tolerance of the best one.
        high (`int`): the largest such candidate.
        candidates (`tuple[int, ...]`): the numbers tried, ascending.
        scores (`tuple[float, ...]`): the score of each candidate, in [-1, 1], higher is better.
        criterion (`str`): how candidates were scored.

    Example:

    ```python
    >>> from hf_relation.clustering import NumRelationsEstimate
    >>> NumRelationsEstimate(3, 2, 4, (2, 3, 4, 5), (0.5, 0.52, 0.48, 0.3), "silhouette").high
    4

    ```
    """

    best: int
    low: int
    high: int
    candidates: tuple[int, ...]
    scores: tuple[float, ...]
    criterion: str

    def __post_init__(self) -> None:
        # Read back from JSON, the tuples arrive as lists; equal estimates must compare equal.
        object.__setattr__(self, "candidates", tuple(self.candidates))
        object.__setattr__(self, "scores", tuple(self.scores))


def estimate_num_relations(
    X: Any,
    candidates: Iterable[int] | None = None,
    *,
    seed: int = 0,
    algorithm: Algorithm = "kmeans",
    criterion: Criterion = "smoothed_silhouette",
    tolerance: float = 0.1,
    n_init: int = 10,
    max_rows: int = 5000,
) -> NumRelationsEstimate:
    """Cluster with every candidate number of relations and score the results without labels.

    Rows are scaled to length one, repeated rows count once, and no more than `max_rows` distinct rows drawn with
    `seed` are used. They are then reduced to 64 principal components and clustered; the score of a candidate is
    the mean silhouette by cosine. `"smoothed_silhouette"` first pulls every row towards its nearest ones
    ([`NeighborSmoothing`] with 10 neighbours, 2 rounds, weight 0.7): on embeddings of real sentences the plain
    silhouette is nearly flat and prefers too few relations, while smoothing makes the groups stand out.

    Even so, expect the best candidate to be off by a fifth or more, usually too small. Look at the curve
    and the range, and prefer a number you know. No criterion here can say that there is only one relation.

    Args:
        X (array-like of shape `(n, d)`): one row per instance, at least one.
        candidates (iterable of `int`, *optional*): numbers to try, each at least 2 and below the number of distinct
            rows used. By default 2 to 20, then in steps of an eighth up to 100, as far as they are no more than
            1.5 times the square root of that number: very small clusters score well without meaning much.
        seed (`int`, defaults to 0): seed of the draw and of the clustering.
        algorithm (`str`, defaults to `"kmeans"`): `"kmeans"` or, faster, `"agglomerative"`.
        criterion (`str`, defaults to `"smoothed_silhouette"`): or `"silhouette"`, the textbook one.
        tolerance (`float`, defaults to 0.1): candidates scoring at least `(1 - tolerance)` times the best score (for
            a best score below zero: none but the best) are plausible. At least 0 and below 1.
        n_init (`int`, defaults to 10): starts of k-means for each candidate.
        max_rows (`int`, defaults to 5000): at least 10.

    Returns:
        [`NumRelationsEstimate`]: with fewer than four distinct rows, `m` say, there is nothing to score: `best` and
        `low` are 1, `high` is `m`, and the only candidate is 1 with score 0.

    Raises:
        UsageError: no row, or an argument is out of range.
        InvalidRowError: a row holds NaN or infinity.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.clustering import estimate_num_relations
    >>> noise = np.random.default_rng(0).normal(size=(60, 5))
    >>> estimate = estimate_num_relations(6 * np.eye(5)[np.arange(60) % 3] + noise)
    >>> estimate.low, estimate.best, estimate.high
    (3, 3, 4)

    ```

    Reference: Rousseeuw 1987, "Silhouettes", section 2. The smoothing step is ours.
    """
    if criterion not in CRITERIA:
        raise UsageError(f"`criterion` must be one of {', '.join(CRITERIA)}; got {criterion!r}.")
    if algorithm not in ("kmeans", "agglomerative"):
        raise UsageError(f'`algorithm` must be "kmeans" or "agglomerative", got {algorithm!r}.')
    if not 0 <= tolerance < 1:
        raise UsageError(f"`tolerance` must be at least 0 and below 1, got {tolerance}.")
    if max_rows < 10:
        raise UsageError(f"`max_rows` must be at least 10, got {max_rows}.")
    rows = _distinct_sample(check_matrix(X, min_rows=1), max_rows, seed)
    numbers = _candidates(candidates, len(rows))
    if not numbers:
        return NumRelationsEstimate(1, 1, len(rows), (1,), (0.0,), criterion)
    if criterion == "smoothed_silhouette":
        rows = NeighborSmoothing(n_neighbors=10, n_rounds=2, alpha=0.7).transform(rows)
    reduced = PrincipalComponents(64).fit_transform(rows)
    scores = tuple(_score(reduced, number, algorithm, n_init, seed) for number in numbers)
    best = int(np.argmax(scores))
    plausible = [
        number
        for number, score in zip(numbers, scores, strict=True)
        if score == scores[best] or score >= (1 - tolerance) * scores[best] > 0
    ]
    return NumRelationsEstimate(numbers[best], plausible[0], plausible[-1], numbers, scores, criterion)


def _distinct_sample(rows: np.ndarray, max_rows: int, seed: int) -> np.ndarray:
    rows = normalize_rows(rows)
    order, group = group_rows(rows)
    positions = distinct_positions(order, group)
    if len(positions) > max_rows:
        drawn = np.random.default_rng(seed).choice(len(positions), max_rows, replace=False)
        positions = positions[np.sort(drawn)]
    return rows[positions]


def _candidates(given: Iterable[int] | None, num_rows: int) -> tuple[int, ...]:
    if num_rows < 4:
        return ()
    if given is None:
        numbers = list(range(2, 21))
        while numbers[-1] * 9 // 8 <= LARGEST_CANDIDATE:
            numbers.append(numbers[-1] * 9 // 8)
        largest = min(1.5 * num_rows**0.5, num_rows - 1)
        return tuple(number for number in numbers if number <= largest)
    chosen = tuple(sorted(set(given)))
    if not chosen:
        raise UsageError("`candidates` must hold at least one number; leave it out for the default ones.")
    for number in chosen:
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or not 2 <= number < num_rows:
            raise UsageError(
                f"`candidates` must be integers from 2 to {num_rows - 1} (there are {num_rows} distinct rows), "
                f"got {number!r}."
            )
    return tuple(int(number) for number in chosen)


def _score(rows: np.ndarray, number: int, algorithm: Algorithm, n_init: int, seed: int) -> float:
    order, group = group_rows(rows)
    positions = distinct_positions(order, group)  # smoothing can make distinct rows equal
    if number >= len(positions):
        return -1.0
    labels = cluster(rows, algorithm, number, seed=seed, n_init=n_init)
    with one_thread():
        return float(silhouette_score(rows, labels, metric="cosine"))
