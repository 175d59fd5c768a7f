"""Instances that fit nowhere: leave them out by their score, or give those left out to the nearest relation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hf_relation.clustering.labels import assign
from hf_relation.errors import UsageError


if TYPE_CHECKING:
    from hf_relation.discovery.result import DiscoveryResult


def leave_out(result: DiscoveryResult, min_score: float) -> DiscoveryResult:
    """Leave out instances with a score below a threshold; see [`~hf_relation.discovery.DiscoveryResult.leave_out`]."""
    check_min_score(min_score)
    out = (result.labels >= 0) & (result.scores < min_score)
    labels, scores = np.where(out, -1, result.labels), np.where(out, np.float32(0), result.scores)
    return replace(result, labels=labels, scores=scores, kinds=_kinds(result, out, "none"))


def reassign(result: DiscoveryResult, min_score: float = 0.0) -> DiscoveryResult:
    """Give instances left out to the nearest relation; see [`~hf_relation.discovery.DiscoveryResult.reassign`]."""
    check_min_score(min_score)
    if result.vectors is None or result.centers is None:
        raise UsageError("Instances are given to the nearest centre, but this result has no `vectors` and `centers`.")
    if not len(result.centers):
        return replace(result)
    places, scores = assign(result.vectors, result.centers)
    ids = np.array([relation.id for relation in result.relations], dtype=np.int64)
    back = (result.labels < 0) & (scores >= min_score)
    labels = np.where(back, ids[places], result.labels)
    known = {relation.id for relation in result.relations if relation.kind == "known"}
    kinds = np.where(np.isin(labels, list(known)), "known", "novel")
    return replace(
        result,
        labels=labels,
        scores=np.where(back, scores, result.scores).astype(np.float32),
        kinds=_kinds(result, back, kinds),
    )


def check_min_score(min_score: float) -> None:
    """Refuse what is no number from 0 to 1."""
    if isinstance(min_score, bool) or not isinstance(min_score, (int, float)) or not 0 <= min_score <= 1:
        raise UsageError(f"`min_score` must be a number from 0 to 1, got {min_score!r}.")


def _kinds(result: DiscoveryResult, changed: np.ndarray, new: np.ndarray | str) -> np.ndarray:
    return np.where(changed, new, np.asarray(result.kinds))
