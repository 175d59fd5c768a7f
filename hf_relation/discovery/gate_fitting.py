"""How a gate is fitted: every known relation plays the novel one in turn, and no row is judged by what it has taught."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hf_relation.clustering.rows import group_rows
from hf_relation.discovery.gate_scores import (
    FEATURES,
    KINDS,
    KindModel,
    Nearness,
    PairDetector,
    features,
    held_out_scores,
    name_temperature,
)
from hf_relation.discovery.gate_space import GateSpace


LEAST_RELATIONS = 3  # with two rows or more
LEAST_ROWS = 9  # of such relations
LEAST_NEGATIVES = 9
QUANTILE = 0.1  # labelled rows that the rule without learning gives away
_SLOPE = 20.0  # of its probabilities
_TEMPERATURE = 0.05  # of names, where there is nothing to choose it by


@dataclass(frozen=True)
class GateParts:
    """A fitted gate.

    Args:
        relations (`list[str]`): names, by id.
        means (`np.ndarray` of shape `(k, d)`, float32): mean of every relation's unit rows.
        counts (`np.ndarray` of shape `(k,)`, int64): how many rows that were.
        detector ([`PairDetector`], *optional*): what tells pairs without a relation.
        kinds ([`KindModel`]): from features to probabilities.
        temperature (`float`): of the names.
        space ([`GateSpace`] or `None`): where cosines are taken.
        rule (`str`): see [`OpenWorldGate`].
    """

    relations: list[str]
    means: np.ndarray
    counts: np.ndarray
    detector: PairDetector | None
    kinds: KindModel
    temperature: float
    space: GateSpace | None
    rule: Literal["learned", "stored", "quantile"]

    def in_space(self, space: GateSpace) -> GateParts:
        """The same in another space."""
        return dataclasses.replace(self, space=space)


def fit_gate(
    rows: np.ndarray,
    codes: np.ndarray,
    relations: list[str],
    *,
    negatives: np.ndarray,
    sources: np.ndarray,
    corpus: np.ndarray,
    base: GateParts | None,
    seed: int,
) -> GateParts:
    """Fit a gate on checked rows of length one.

    Args:
        rows (`np.ndarray` of shape `(m, d)`, float32), codes (`np.ndarray` of shape `(m,)`): labelled rows, their relations.
        relations (`list[str]`): names by code.
        negatives, corpus (`np.ndarray` with `d` columns): may be empty.
        sources (`np.ndarray` of integers, one for each negative): the row it was made from; -1 where that is none of them.
        base ([`GateParts`], *optional*), seed (`int`): see [`OpenWorldGate`].

    Returns:
        [`GateParts`].
    """
    # By value: the order that rows are given in does not matter.
    order = np.lexsort((codes, group_rows(rows)[1]))
    sources = np.where(sources >= 0, np.argsort(order)[sources], -1)
    rows, codes = rows[order], codes[order]
    order = np.lexsort((sources, group_rows(negatives)[1]))
    negatives, sources = negatives[order], sources[order]
    counts = np.bincount(codes, minlength=len(relations))
    means = np.zeros((len(relations), rows.shape[1]), dtype=np.float64)
    np.add.at(means, codes, rows)
    means = (means / counts[:, None]).astype(np.float32)
    space = GateSpace.fit(np.concatenate([rows, negatives, corpus]), seed)
    nearness = Nearness(space, means, counts)
    cosines, group = nearness.without_itself(rows, codes)
    usable = counts[codes] > 1
    enough = (counts > 1).sum() >= LEAST_RELATIONS and usable.sum() >= LEAST_ROWS
    temperature = name_temperature(cosines[usable], codes[usable]) if enough else _TEMPERATURE
    detector = None if base is None else base.detector
    parts = GateParts(
        relations,
        means,
        counts,
        detector,
        _quantile_rule(cosines[usable], codes[usable]),
        temperature,
        space,
        "quantile",
    )
    if not enough or len(negatives) < LEAST_NEGATIVES:
        if base is not None:
            return dataclasses.replace(
                parts, kinds=base.kinds, rule="stored" if base.rule != "quantile" else "quantile"
            )
        if not enough:
            return parts
    if detector is None and len(negatives) >= LEAST_NEGATIVES:
        detector = PairDetector.fit(rows, negatives)
        # Once with the row unseen, as rows of known relations will be, once with its relation unseen.
        seen = held_out_scores(rows, negatives, np.arange(len(rows)), sources)
        unseen = held_out_scores(rows, negatives, codes, sources)
    else:
        # Its rows were others, or there is none.
        scores = [np.zeros(len(part)) if detector is None else detector.score(part) for part in (rows, negatives)]
        seen = unseen = scores[0], scores[1]
    none_cosines, none_group = nearness.cosines(negatives)
    alone, none_alone, made = cosines.copy(), none_cosines.copy(), sources >= 0
    alone[np.arange(len(rows)), codes] = -1.0  # its relation is taken away
    none_alone[made, codes[sources[made]]] = -1.0
    known, novel = features(cosines, group, seen[0])[usable], features(alone, group, unseen[0])
    # Pairs without a relation stand in sentences of known and of novel relations.
    none = [features(none_cosines, none_group, seen[1]), features(none_alone, none_group, unseen[1])]
    kinds = KindModel.fit([known, novel, np.concatenate(none)])
    return dataclasses.replace(parts, detector=detector, kinds=kinds, rule="learned")


def _quantile_rule(cosines: np.ndarray, codes: np.ndarray) -> KindModel:
    """Known where a row is as near to a relation as nine labelled rows in ten are to theirs; never none."""
    own = cosines[np.arange(len(codes)), codes]
    threshold = float(np.quantile(own, QUANTILE)) if len(own) else 0.5
    weights, biases = np.zeros((len(KINDS), len(FEATURES))), np.array([-_SLOPE * threshold, 0.0, -np.inf])
    weights[0, 0] = _SLOPE
    return KindModel(weights, biases)
