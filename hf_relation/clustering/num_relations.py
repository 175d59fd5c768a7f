"""How many relations? A curve and a plausible range over candidate numbers, never a bare number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.metrics import silhouette_score

from hf_relation.clustering.algorithms import Algorithm, cluster
from hf_relation.clustering.modularity import neighbor_modularity
from hf_relation.clustering.principal_components import PrincipalComponents
from hf_relation.clustering.rows import check_matrix, distinct_positions, group_rows, normalize_rows
from hf_relation.clustering.smoothing import NeighborSmoothing
from hf_relation.clustering.threads import one_thread
from hf_relation.clustering.ward_joins import join_strengths
from hf_relation.errors import UsageError


Criterion = Literal["ward_joins", "modularity", "silhouette_modularity", "smoothed_silhouette", "silhouette"]
CRITERIA: tuple[Criterion, ...] = (
    *("ward_joins", "modularity", "silhouette_modularity"),
    *("smoothed_silhouette", "silhouette"),
)
# Distinct rows from which "auto" goes over to the next criterion; examples/benchmarks/num_relations_small.py.
FEW_ROWS, MANY_ROWS = 180, 350
LARGEST_CANDIDATE = 100
# Learned on known relations that training had held out, see examples/benchmarks/num_relations.py: the best is 1.69 for an encoder
# trained on 24 relations and 1.92 for one trained on 48, with little loss in between. This value was fixed on earlier draws of
# such subsets, before anything was measured on novel relations. It holds for encoders trained, whitened and reduced as the shipped one.
JOIN_THRESHOLD = 1.78
_LEAST_STRENGTH = 1e-3


@dataclass(frozen=True)
class NumRelationsEstimate:
    """What [`estimate_num_relations`] found.

    Args:
        best (`int`): the candidate of highest score; of equal ones the smallest. (With `"silhouette_modularity"` the one between
            two that are best.)
        low (`int`), high (`int`): the plausible range around it, see [`estimate_num_relations`].
        candidates (`tuple[int, ...]`): the numbers tried, ascending.
        scores (`tuple[float, ...]`): the score of each candidate, higher is better; comparable within one estimate only.
        criterion (`str`): how candidates were scored; never `"auto"`.

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
    criterion: Criterion | Literal["auto"] = "auto",
    calibration: float | None = None,
    tolerance: float | None = None,
    n_init: int = 10,
    max_rows: int = 2500,
) -> NumRelationsEstimate:
    """Estimate the number of relations, with a curve and a plausible range.

    Rows are scaled to length one, repeated rows count once, and no more than `max_rows` distinct rows drawn with
    `seed` are used. The criteria:

    - `"ward_joins"`: the rows are joined by Ward's method. Relation number k is believed in as long as the join that sets it
      apart has a strength ([`~hf_relation.clustering.ward_joins.join_strengths`]) above `calibration`, a threshold learned on
      known relations that the encoder was not trained on. The score of a candidate is the sum of the logarithms of strength over
      threshold. It can find that there is only one relation, and none smaller than 20 of the rows used.
    - `"modularity"`: [`~hf_relation.clustering.modularity.neighbor_modularity`], which needs no threshold.
    - `"silhouette"`: the mean silhouette by cosine after reduction to 64 principal components; nearly flat on real sentences.
    - `"smoothed_silhouette"`: the same after every row was pulled towards its nearest ones ([`NeighborSmoothing`] with 10
      neighbours, 2 rounds, weight 0.7).
    - `"silhouette_modularity"`: between the numbers of `"smoothed_silhouette"` and `"modularity"`, of which the one is too high
      and the other too low on a few hundred rows: the candidate next to their geometric mean; the range reaches from one to the
      other. The score of a candidate is the mean of its two scores.
    - `"auto"`: `"smoothed_silhouette"` for fewer than 180 distinct rows, `"silhouette_modularity"` for fewer than 350; else
      `"ward_joins"` where `calibration` is given, and `"modularity"` where it is not. `criterion` of the result says which.

    Even so, expect the best candidate to be off by a fifth; how often and how far is measured in docs/benchmarks.md. Relations
    of many instances tend to be counted as several, relations of few to be missed. Look at the curve and the range, and prefer
    a number you know.

    Args:
        X (array-like of shape `(n, d)`): one row per instance, at least one.
        candidates (iterable of `int`, *optional*): numbers to try, each at least 2 and below the number of distinct
            rows used. By default for `"ward_joins"` 1 to 100. For the others 2 to 20, then in steps of an eighth up to 100, as
            far as they are no more than 1.5 times the square root of that number: very small clusters score well without
            meaning much.
        seed (`int`, defaults to 0): seed of the draw and of the clustering.
        algorithm (`str`, defaults to `"kmeans"`): `"kmeans"` or, faster, `"agglomerative"`; for the silhouettes.
        criterion (`str`, defaults to `"auto"`): see above.
        calibration (`float`, *optional*): the threshold of `"ward_joins"`, above 0. It holds for the encoder, whitening and number
            of principal components it was learned with.
        tolerance (`float`, *optional*): how wide the range is; at least 0 and below 1. With `"ward_joins"` (default 0.2) it
            reaches from the number found with a threshold higher by this share to that found with one lower by it. With the others
            (default 0.1) candidates scoring at least `(1 - tolerance)` times the best score are in it (for a best score
            below zero: none but the best).
        n_init (`int`, defaults to 10): starts of k-means for each candidate.
        max_rows (`int`, defaults to 2500): at least 10. The threshold was learned with up to this many.

    Returns:
        [`NumRelationsEstimate`]: with fewer than four distinct rows, `m` say, there is nothing to score: `best` and
        `low` are 1, `high` is `m`, and the only candidate is 1 with score 0.

    Raises:
        UsageError: no row, or an argument is out of range or missing.
        InvalidRowError: a row holds NaN or infinity.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.clustering import estimate_num_relations
    >>> noise = np.random.default_rng(0).normal(size=(60, 5))
    >>> estimate = estimate_num_relations(6 * np.eye(5)[np.arange(60) % 3] + noise)
    >>> estimate.low, estimate.best, estimate.high, estimate.criterion
    (3, 3, 4, 'smoothed_silhouette')

    ```

    Reference: Rousseeuw 1987, "Silhouettes", section 2; Newman and Girvan 2004. The joins and the smoothing step are ours.
    """
    tolerance = _check_settings(criterion, algorithm, calibration, tolerance, max_rows)
    rows = _distinct_sample(check_matrix(X, min_rows=1), max_rows, seed)
    if criterion == "auto":
        learned: Criterion = "modularity" if calibration is None else "ward_joins"
        small: Criterion = "smoothed_silhouette" if len(rows) < FEW_ROWS else "silhouette_modularity"
        criterion = small if len(rows) < MANY_ROWS else learned
    tolerance = (0.2 if criterion == "ward_joins" else 0.1) if tolerance is None else tolerance
    numbers = _candidates(candidates, len(rows), criterion)
    if not numbers:
        return NumRelationsEstimate(1, 1, len(rows), (1,), (0.0,), criterion)
    if criterion == "ward_joins" and calibration is not None:
        return _by_joins(rows, numbers, calibration, tolerance)
    if criterion == "silhouette_modularity":
        settings: dict[str, Any] = {"seed": seed, "algorithm": algorithm, "n_init": n_init, "max_rows": max_rows}
        one, other = (
            estimate_num_relations(rows, candidates, criterion=part, tolerance=tolerance, **settings)
            for part in ("smoothed_silhouette", "modularity")
        )
        return _between(one, other)
    if criterion == "modularity":
        scores = neighbor_modularity(rows, numbers, min(20, len(rows) - 1))
    else:
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


def _check_settings(
    criterion: str, algorithm: str, calibration: float | None, tolerance: float | None, max_rows: int
) -> float | None:
    if criterion not in ("auto", *CRITERIA):
        raise UsageError(f"`criterion` must be one of auto, {', '.join(CRITERIA)}; got {criterion!r}.")
    if algorithm not in ("kmeans", "agglomerative"):
        raise UsageError(f'`algorithm` must be "kmeans" or "agglomerative", got {algorithm!r}.')
    if calibration is not None and not 0 < calibration < np.inf:
        raise UsageError(f"`calibration` must be a finite number above 0, got {calibration}.")
    if criterion == "ward_joins" and calibration is None:
        raise UsageError(
            '"ward_joins" needs `calibration`, a threshold learned on known relations with the same encoder and whitening '
            f'({JOIN_THRESHOLD} for the shipped one). Give it, or use "modularity", which needs none.'
        )
    if tolerance is not None and not 0 <= tolerance < 1:
        raise UsageError(f"`tolerance` must be at least 0 and below 1, got {tolerance}.")
    if max_rows < 10:
        raise UsageError(f"`max_rows` must be at least 10, got {max_rows}.")
    return tolerance


def _by_joins(rows: np.ndarray, numbers: tuple[int, ...], threshold: float, tolerance: float) -> NumRelationsEstimate:
    strengths = join_strengths(rows)
    # Beyond the joins that count a relation would be smaller than the smallest part: as good as no strength.
    padded = np.full(max(numbers), _LEAST_STRENGTH)
    padded[: len(strengths)] = np.maximum(strengths[: len(padded)], _LEAST_STRENGTH)
    curve = np.r_[0.0, np.cumsum(np.log(padded / threshold))]
    scores = tuple(float(curve[number - 1]) for number in numbers)
    best = numbers[int(np.argmax(scores))]
    low, high = (1 + int((strengths > threshold * factor).sum()) for factor in (1 + tolerance, 1 - tolerance))
    inside = [number for number in numbers if low <= number <= high or number == best]
    return NumRelationsEstimate(best, inside[0], inside[-1], numbers, scores, "ward_joins")


def _between(one: NumRelationsEstimate, other: NumRelationsEstimate) -> NumRelationsEstimate:
    middle = np.log(one.best * other.best) / 2
    best = min(one.candidates, key=lambda number: (abs(np.log(number) - middle), number))
    scores = tuple((a + b) / 2 for a, b in zip(one.scores, other.scores, strict=True))
    low, high = sorted((one.best, other.best))
    return NumRelationsEstimate(best, low, high, one.candidates, scores, "silhouette_modularity")


def _distinct_sample(rows: np.ndarray, max_rows: int, seed: int) -> np.ndarray:
    rows = normalize_rows(rows)
    order, group = group_rows(rows)
    positions = distinct_positions(order, group)
    if len(positions) > max_rows:
        drawn = np.random.default_rng(seed).choice(len(positions), max_rows, replace=False)
        positions = positions[np.sort(drawn)]
    return rows[positions]


def _candidates(given: Iterable[int] | None, num_rows: int, criterion: Criterion) -> tuple[int, ...]:
    if num_rows < 4:
        return ()
    if given is None and criterion == "ward_joins":
        return tuple(range(1, min(LARGEST_CANDIDATE, num_rows - 1) + 1))
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
