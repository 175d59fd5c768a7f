"""How instances get relations: by the nearest centre, or by the nearest instance of the fitted corpus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import pairwise_distances_argmin
from sklearn.metrics.pairwise import euclidean_distances

from hf_relation.clustering.labels import assign, canonical_labels, cluster_centers
from hf_relation.clustering.rows import BLOCK_ROWS
from hf_relation.clustering.threads import one_thread


MAX_ROUNDS = 100


def settle_on_centers(
    rows: np.ndarray, labels: np.ndarray, keys: Sequence[Any], weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Move rows to their nearest centre until none moves, so that assigning the same rows again changes nothing.

    k-means libraries stop when centres move little, which leaves a few rows whose label is not that of the nearest mean of
    the final clusters. A few more rounds of Lloyd's algorithm end at a partition that is its own assignment.

    Args:
        rows (`np.ndarray` of shape `(n, p)`): rows of length one.
        labels (`np.ndarray` of shape `(n,)`, integer): 0 to k - 1, a first partition.
        keys (`Sequence`): one key a row, for [`~hf_relation.clustering.canonical_labels`].
        weights (`np.ndarray` of shape `(n,)`, *optional*): how much every row counts for its centre.

    Returns:
        `tuple`: canonical labels `(n,)`, scores `(n,)` and centres `(k, p)`; `assign(rows, centres)` is exactly these labels
        and scores.
    """
    labels = canonical_labels(labels, keys)
    for _ in range(MAX_ROUNDS):
        centers = cluster_centers(rows, labels, weights)
        assigned, scores = assign(rows, centers)
        if np.array_equal(assigned, labels):
            break
        labels = canonical_labels(assigned, keys)
    return assigned, scores, centers


def score_by_centers(rows: np.ndarray, labels: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Score labels that were not chosen by distance to a centre.

    Args:
        rows (`np.ndarray` of shape `(n, p)`): rows of length one.
        labels (`np.ndarray` of shape `(n,)`, integer): 0 to k - 1, or -1 for rows left out.
        centers (`np.ndarray` of shape `(k, p)`): one centre a relation.

    Returns:
        `np.ndarray` of shape `(n,)`, float32: one minus the distance to the own centre over the distance to the nearest
        other one; 0 where another centre is nearer and for rows left out, 1 where there is no other relation.
    """
    scores = np.zeros(len(rows), dtype=np.float32)
    kept = np.flatnonzero(labels >= 0)
    if len(centers) == 1:
        scores[kept] = 1
        return scores
    for start in range(0, len(kept), BLOCK_ROWS):
        block = kept[start : start + BLOCK_ROWS]
        position = np.arange(len(block))
        with one_thread():
            distances = euclidean_distances(rows[block].astype(np.float64), centers.astype(np.float64))
        own = distances[position, labels[block]].copy()
        distances[position, labels[block]] = np.inf
        other = distances.min(axis=1)
        ratio = np.divide(own, other, out=np.ones_like(own), where=other > 0)
        scores[block] = np.clip(1 - ratio, 0, 1)
    return scores


def nearest_row(rows: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Position of the nearest reference row of every row.

    Args:
        rows (`np.ndarray` of shape `(n, p)`): the rows.
        reference (`np.ndarray` of shape `(m, p)`): at least one row.

    Returns:
        `np.ndarray` of shape `(n,)`, int64; a row that is among `reference` finds itself.
    """
    if not len(rows):
        return np.empty(0, dtype=np.int64)
    with one_thread():
        return pairwise_distances_argmin(rows.astype(np.float64), reference.astype(np.float64)).astype(np.int64)
