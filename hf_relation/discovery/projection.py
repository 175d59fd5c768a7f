"""Vectors on a plane, so that a reader sees which relations lie beside each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hf_relation.errors import UsageError


_LANDMARKS = 1500
_DIMENSIONS = 30
_NEIGHBORS = 5
_ITERATIONS = 500


@dataclass(frozen=True)
class Projection:
    """Points on a plane.

    Args:
        rows (`np.ndarray` of shape `(m,)`, int64): which vectors are shown, ascending.
        points (`np.ndarray` of shape `(m, 2)`, float32): where they are; each axis within [-1, 1].
        note (`str`): how the points were made, and how many are shown, for the reader.
    """

    rows: np.ndarray
    points: np.ndarray
    note: str


def project(vectors: np.ndarray, *, max_points: int = 20_000, seed: int = 0) -> Projection:
    """Lay vectors out in two dimensions, those with near vectors beside each other.

    The 30 main directions (PCA) of up to 1,500 vectors, chosen at random, are laid out by t-SNE; every other vector goes to the
    distance-weighted mean of the places of its five nearest among them. Fewer than ten vectors are shown by PCA alone. Labels are
    never looked at, so that relations that overlap are seen to overlap.

    Args:
        vectors (`np.ndarray` of shape `(n, p)`): finite.
        max_points (`int`, defaults to 20,000): of more vectors so many are shown, chosen at random.
        seed (`int`, defaults to 0): equal seeds give equal points.

    Returns:
        [`Projection`].

    Raises:
        UsageError: `max_points` is below 1.

    Example:

    ```python
    >>> import numpy as np
    >>> from hf_relation.discovery.projection import project
    >>> project(np.eye(4)[:, :3], max_points=3).points.shape
    (3, 2)

    ```

    Reference:
        van der Maaten and Hinton, Visualizing Data using t-SNE, JMLR 2008; for the landmarks Kobak and Berens, The art of using
        t-SNE for single-cell transcriptomics, Nature Communications 2019.
    """
    if isinstance(max_points, bool) or not isinstance(max_points, (int, np.integer)) or max_points < 1:
        raise UsageError(f"`max_points` must be a whole number from 1 up, got {max_points!r}.")
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(vectors))[:max_points]
    chosen = np.asarray(vectors, dtype=np.float64)[order]
    points, how = _flat(chosen, seed)
    if len(points):
        points = points - (points.max(axis=0) + points.min(axis=0)) / 2
        points /= max(float(np.abs(points).max()), 1e-12)
    if len(order) < len(vectors):
        shown = f"{len(order):,} of {len(vectors):,} instances, chosen at random"
    else:
        shown = f"{len(order):,} instances"
    back = np.argsort(order)
    return Projection(order[back], points[back].astype(np.float32), f"{shown}; {how}.")


def _flat(vectors: np.ndarray, seed: int) -> tuple[np.ndarray, str]:
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from sklearn.neighbors import KNeighborsRegressor

    count = len(vectors)
    spread = count > 1 and bool((vectors != vectors[0]).any())
    if not spread:
        return np.zeros((count, 2)), "all in one place"
    components = min(_DIMENSIONS, *vectors.shape)
    main = PCA(components, svd_solver="full" if count < 500 else "randomized", random_state=seed).fit_transform(
        vectors
    )
    if count < 10:
        return np.pad(main, ((0, 0), (0, 1)))[:, :2], "the two main directions of the vectors (PCA)"
    landmarks = min(count, _LANDMARKS)
    perplexity = min(30.0, (landmarks - 1) / 3)
    start = np.pad(main[:landmarks], ((0, 0), (0, 1)))[:, :2]
    start = 1e-4 * start / max(float(start[:, 0].std()), 1e-12)
    tsne = TSNE(2, perplexity=perplexity, init=start, max_iter=_ITERATIONS, random_state=seed, n_jobs=1)
    placed = tsne.fit_transform(main[:landmarks])
    if landmarks == count:
        return placed, "laid out by t-SNE, in which only nearness has a meaning"
    nearest = KNeighborsRegressor(_NEIGHBORS, weights="distance").fit(main[:landmarks], placed)
    rest = nearest.predict(main[landmarks:])
    how = f"{landmarks:,} laid out by t-SNE, the others beside their nearest; only nearness has a meaning"
    return np.concatenate([placed, rest]), how
