"""How a gate is fitted: every known relation plays the novel one in turn, and no row is judged by what it has taught."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
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
    held_out: np.ndarray,
    held_out_names: Sequence[str],
    corpus: np.ndarray,
    base: GateParts | None,
    seed: int,
) -> GateParts:
    """Fit a gate on checked rows of length one.

    Args:
        rows (`np.ndarray` of shape `(m, d)`, float32), codes (`np.ndarray` of shape `(m,)`): labelled rows, their relations.
        relations (`list[str]`): names by code.
        negatives, held_out, corpus (`np.ndarray` with `d` columns): may be empty.
        held_out_names (`Sequence[str]`): relations of `held_out`.
        base ([`GateParts`], *optional*), seed (`int`): see [`OpenWorldGate`].

    Returns:
        [`GateParts`].
    """
    order = np.lexsort((codes, group_rows(rows)[1]))  # by value: the order that rows are given in does not matter
    rows, codes = rows[order], codes[order]
    negatives = negatives[group_rows(negatives)[0]]
    groups = np.unique(list(held_out_names), return_inverse=True)[1] if len(held_out) else np.empty(0, dtype=np.int64)
    order = np.lexsort((groups, group_rows(held_out)[1]))
    held_out, groups = held_out[order], groups[order]
    counts = np.bincount(codes, minlength=len(relations))
    means = np.zeros((len(relations), rows.shape[1]), dtype=np.float64)
    np.add.at(means, codes, rows)
    means = (means / counts[:, None]).astype(np.float32)
    space = GateSpace.fit(np.concatenate([rows, negatives, held_out, corpus]), seed)
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
    pair, pair_novel, pair_none = _pair_scores(rows, codes, held_out, groups, negatives, detector)
    known = features(cosines, group, None if pair is None else pair[: len(rows)])[usable]
    if len(held_out):
        found = nearness.cosines(held_out)
        novel = features(*found, None if pair_novel is None else pair_novel[len(rows) :])
    else:
        alone = cosines.copy()
        alone[np.arange(len(rows)), codes] = -1.0  # its relation is taken away
        novel = features(alone, group, pair_novel)
    none = features(*nearness.cosines(negatives), pair_none)
    if detector is None and pair is not None:
        detector = PairDetector.fit(np.concatenate([rows, held_out]), negatives)
    kinds = KindModel.fit([known, novel, none])
    return dataclasses.replace(parts, detector=detector, kinds=kinds, rule="learned")


def _pair_scores(
    rows: np.ndarray,
    codes: np.ndarray,
    held_out: np.ndarray,
    groups: np.ndarray,
    negatives: np.ndarray,
    detector: PairDetector | None,
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Scores of the detector for labelled and held-out rows, once as known (row unseen), once as novel (relation unseen),
    and for negatives."""
    if detector is not None:
        pair = detector.score(np.concatenate([rows, held_out]))
        return pair, pair, detector.score(negatives)
    if len(negatives) < LEAST_NEGATIVES:
        return None, None, None
    related = np.concatenate([rows, held_out])
    known, none = held_out_scores(related, negatives, np.arange(len(related)))
    novel, _ = held_out_scores(related, negatives, np.concatenate([codes, groups + codes.max() + 1]))
    return known, novel, none


def _quantile_rule(cosines: np.ndarray, codes: np.ndarray) -> KindModel:
    """Known where a row is as near to a relation as nine labelled rows in ten are to theirs; never none."""
    own = cosines[np.arange(len(codes)), codes]
    threshold = float(np.quantile(own, QUANTILE)) if len(own) else 0.5
    weights, biases = np.zeros((len(KINDS), len(FEATURES))), np.array([-_SLOPE * threshold, 0.0, -np.inf])
    weights[0, 0] = _SLOPE
    return KindModel(weights, biases)
