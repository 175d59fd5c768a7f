"""Ways to tell known relations, novel ones and none apart, and the figures they are judged by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from hf_relation.clustering import PrincipalComponents, cluster
from hf_relation.clustering.labels import cluster_centers
from hf_relation.clustering.rows import normalize_rows
from hf_relation.discovery import OpenWorldGate
from hf_relation.extraction import expected_calibration_error
from hf_relation.metrics import bcubed


KINDS = ["known", "novel", "none"]


@dataclass(frozen=True)
class Labelled:
    """What a method may learn from."""

    vectors: np.ndarray
    names: list[str]
    negatives: np.ndarray
    sources: np.ndarray


@dataclass(frozen=True)
class Rows:
    """The set to decide: vectors, and what is true of them."""

    vectors: np.ndarray
    kinds: np.ndarray
    names: np.ndarray


@dataclass(frozen=True)
class Decided:
    """What a method says: kinds, names of those called known, and how sure it is of the kind (or None)."""

    kinds: np.ndarray
    names: np.ndarray
    confidence: np.ndarray | None


def gate(given: Labelled, vectors: np.ndarray, number: int, base: Any, seed: int, arguments: Any) -> Decided:
    return _decided(_fitted(given, vectors, seed, None), vectors)


def gate_with_base(
    given: Labelled, vectors: np.ndarray, number: int, base: Labelled | None, seed: int, arguments: Any
) -> Decided | None:
    if base is None:
        return None
    return _decided(_fitted(given, vectors, seed, _fitted(base, None, 0, None)), vectors)


def _fitted(given: Labelled, corpus: np.ndarray | None, seed: int, base: OpenWorldGate | None) -> OpenWorldGate:
    return OpenWorldGate(seed=seed).fit(
        given.vectors,
        given.names,
        negatives=given.negatives,
        negative_sources=given.sources,
        corpus=corpus,
        base=base,
    )


def _decided(fitted: OpenWorldGate, vectors: np.ndarray) -> Decided:
    decision = fitted.decide(vectors)
    names = np.where(decision.known >= 0, np.array(fitted.relations)[decision.nearest], "")
    return Decided(decision.kinds, names, decision.probabilities.max(axis=1))


def quantiles(given: Labelled, vectors: np.ndarray, number: int, base: Any, seed: int, arguments: Any) -> Decided:
    return _thresholds(given, vectors, number, seed, arguments, None)


def fixed(given: Labelled, vectors: np.ndarray, number: int, base: Any, seed: int, arguments: Any) -> Decided:
    return _thresholds(given, vectors, number, seed, arguments, 0.5)


def _thresholds(
    given: Labelled, vectors: np.ndarray, number: int, seed: int, arguments: Any, threshold: float | None
) -> Decided:
    """Cosine to the nearest known centroid, then cosine to the own k-means centre, in the space that is clustered."""
    steps = PrincipalComponents(arguments.pca_components).fit(np.concatenate([given.vectors, vectors]))
    rows, known = steps.transform(vectors), steps.transform(given.vectors)
    names, codes = np.unique(given.names, return_inverse=True)
    centers = normalize_rows(cluster_centers(known, codes))
    cosines = rows @ centers.T
    least = float(np.quantile((known * centers[codes]).sum(axis=1), 0.1)) if threshold is None else threshold
    called = cosines.max(axis=1) >= least
    kinds = np.where(called, "known", "novel").astype("<U5")
    others = np.flatnonzero(~called)
    if len(others) > number:
        labels = cluster(rows[others], "kmeans", number, seed=seed, n_init=arguments.n_init)
        near = (rows[others] * normalize_rows(cluster_centers(rows[others], labels))[labels]).sum(axis=1)
        far = near < (np.quantile(near, 1 / 3) if threshold is None else threshold)
        kinds[others[far]] = "none"
    return Decided(kinds, np.where(called, names[cosines.argmax(axis=1)], ""), None)


def classifier(given: Labelled, vectors: np.ndarray, number: int, base: Any, seed: int, arguments: Any) -> Decided:
    """The known relations and "none" as classes; novel where none of them is likely."""
    rows = np.concatenate([given.vectors, given.negatives])
    names = np.array([*given.names, *[""] * len(given.negatives)])
    model = LogisticRegression(C=10, max_iter=300, class_weight="balanced").fit(rows, names)
    probabilities = model.predict_proba(vectors)
    found, sure = model.classes_[probabilities.argmax(axis=1)], probabilities.max(axis=1)
    kinds = np.where(sure < 0.5, "novel", np.where(found == "", "none", "known"))
    return Decided(kinds, np.where(kinds == "known", found, ""), None)


METHODS: Mapping[str, Callable[..., Decided | None]] = {
    "gate": gate,
    "gate, detector of the checkpoint": gate_with_base,
    "thresholds": quantiles,
    "threshold 0.5": fixed,
    "classifier": classifier,
}


def figures_of(asked: Rows, decided: Decided, arguments: Any, seed: int) -> dict[str, float | None]:
    """The figures of a decision; what is called novel is clustered first."""
    right = (asked.kinds == "known") & (decided.names == asked.names)
    size = (asked.kinds == "known").sum() + (decided.kinds == "known").sum()
    truly_novel = asked.kinds == "novel"
    called = np.flatnonzero(decided.kinds == "novel")
    groups = np.array([f"known {name}" for name in decided.names], dtype=object)
    number = len(set(asked.names[truly_novel]))
    if len(called):
        rows = PrincipalComponents(arguments.pca_components).fit_transform(asked.vectors[called])
        labels = cluster(rows, "kmeans", min(number, len(np.unique(rows, axis=0))), seed=seed, n_init=arguments.n_init)
        groups[called] = [f"novel {label}" for label in labels]
    alone = np.flatnonzero(decided.kinds == "none")
    groups[alone] = [f"none {place}" for place in alone]
    none = asked.kinds == "none"
    kinds = f1_score(asked.kinds, decided.kinds, labels=KINDS, average=None, zero_division=0.0)
    confidence = decided.confidence
    return {
        "known_f1": float(2 * right.sum() / size),
        "novel_bcubed_f1": bcubed(asked.names[truly_novel].tolist(), groups[truly_novel].tolist())["bcubed_f1"],
        "none_f1": float(kinds[2]),
        "false_positives": float((decided.kinds[none] != "none").mean()),
        "kind_macro_f1": float(kinds.mean()),
        "ece": None if confidence is None else calibration_error(asked.kinds, decided.kinds, confidence, seed),
    }


def calibration_error(gold: np.ndarray, called: np.ndarray, confidence: np.ndarray, seed: int) -> float:
    """Expected calibration error over equally many rows of every kind, the shares that the gate's probabilities are for."""
    generator = np.random.default_rng(seed)
    number = min(int((gold == kind).sum()) for kind in KINDS)
    kept = np.concatenate([generator.permutation(np.flatnonzero(gold == kind))[:number] for kind in KINDS])
    return expected_calibration_error(confidence[kept], called[kept] == gold[kept])
