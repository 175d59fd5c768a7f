"""What the gate knows of a row: how near the known relations are, how much it looks like a pair with a relation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from hf_relation.clustering.rows import normalize_rows
from hf_relation.clustering.threads import one_thread
from hf_relation.discovery.gate_space import GateSpace


KINDS = ("known", "novel", "none")
FEATURES = ("nearest", "margin", "group", "pair")
NUM_FOLDS = 5


@dataclass(frozen=True)
class PairDetector:
    """A linear score of how much a pair looks like one that has a relation; above 0 for those that do.

    Args:
        weights (`np.ndarray` of shape `(d,)`), bias (`float`): of the unit rows.
    """

    weights: np.ndarray
    bias: float

    @classmethod
    def fit(cls, related: np.ndarray, unrelated: np.ndarray) -> PairDetector:
        """Fit a logistic regression; both kinds weigh the same."""
        rows = np.concatenate([related, unrelated]).astype(np.float64)
        labels = np.repeat([1, 0], [len(related), len(unrelated)])
        with one_thread():
            model = LogisticRegression(class_weight="balanced", max_iter=300, tol=1e-3).fit(rows, labels)
        return cls(model.coef_[0].astype(np.float32), float(np.float32(model.intercept_[0])))

    def score(self, rows: np.ndarray) -> np.ndarray:
        """Scores of rows, shape `(n,)`, float64."""
        with one_thread():
            return rows.astype(np.float64) @ self.weights.astype(np.float64) + self.bias


def held_out_scores(
    related: np.ndarray, unrelated: np.ndarray, groups: np.ndarray, sources: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of rows by detectors that have not seen them, nor their group.

    An unrelated pair is held out together with the row it was made from: the two share a sentence, and a detector that has
    learned that the one has no relation would say so of the other.

    Args:
        related, unrelated (`np.ndarray`): rows of both kinds.
        groups (`np.ndarray` of integers, one for each row of `related`): rows of one group are held out together.
        sources (`np.ndarray` of integers, one for each row of `unrelated`): the row of `related` that it was made from, or -1.

    Returns:
        `tuple`: scores of both.
    """
    found = np.zeros(len(related)), np.zeros(len(unrelated))
    folds = np.unique(groups, return_inverse=True)[1] % NUM_FOLDS
    others = np.where(sources >= 0, folds[sources], np.arange(len(unrelated)) % NUM_FOLDS)
    for fold in range(NUM_FOLDS):
        outside = folds == fold, others == fold
        if outside[0].any() or outside[1].any():
            detector = PairDetector.fit(related[~outside[0]], unrelated[~outside[1]])
            found[0][outside[0]] = detector.score(related[outside[0]])
            found[1][outside[1]] = detector.score(unrelated[outside[1]])
    return found


class Nearness:
    """Cosines between rows and known relations, in a space.

    Args:
        space ([`GateSpace`]): where.
        means (`np.ndarray` of shape `(k, d)`): the mean of every relation's unit rows.
        counts (`np.ndarray` of shape `(k,)`): how many rows that were.
    """

    def __init__(self, space: GateSpace, means: np.ndarray, counts: np.ndarray) -> None:
        self.space, self.counts = space, counts
        self.means = space.project(means)

    def cosines(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cosines of shape `(n, k)`, and nearness to the groups of the space, `(n,)`."""
        directions = normalize_rows(self.space.project(rows))
        with one_thread():
            return directions @ normalize_rows(self.means).T, self.space.nearness(directions)

    def without_itself(self, rows: np.ndarray, relations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `cosines`, where the mean of a row's own relation is taken without the row.

        Args:
            rows (`np.ndarray` of shape `(n, d)`): the rows that the means are of.
            relations (`np.ndarray` of shape `(n,)`, integer): their relations. One with a single row gets a cosine of -1.

        Returns:
            `tuple`: as of `cosines`.
        """
        cosines, group = self.cosines(rows)
        projected = self.space.project(rows)
        counts = self.counts[relations][:, None]
        others = self.means[relations] * counts - projected
        own = (normalize_rows(others) * normalize_rows(projected)).sum(axis=1)
        cosines[np.arange(len(rows)), relations] = np.where(counts[:, 0] > 1, own, -1.0)
        return cosines, group


def features(cosines: np.ndarray, group: np.ndarray, pair: np.ndarray | None) -> np.ndarray:
    """The numbers that decide, one column for each of `FEATURES`; without a detector the last one is 0.

    Args:
        cosines (`np.ndarray` of shape `(n, k)`): to the known relations.
        group (`np.ndarray` of shape `(n,)`): cosine to the nearest group of the space.
        pair (`np.ndarray` of shape `(n,)`, *optional*): score of the [`PairDetector`].

    Returns:
        `np.ndarray` of shape `(n, 4)`, float64.
    """
    # With one relation there is no second one to be near.
    best = np.sort(np.concatenate([cosines, np.full((len(cosines), 1), -1.0)], axis=1), axis=1)
    pair = np.zeros(len(cosines)) if pair is None else pair
    return np.stack([best[:, -1], best[:, -1] - best[:, -2], group, pair], axis=1)


@dataclass(frozen=True)
class KindModel:
    """Multinomial logistic regression over the features.

    Args:
        weights (`np.ndarray` of shape `(3, f)`), biases (`np.ndarray` of shape `(3,)`): rows in the order of `KINDS`; a kind
            that there was no example of has a bias of minus infinity.
    """

    weights: np.ndarray
    biases: np.ndarray

    @classmethod
    def fit(cls, examples: Sequence[np.ndarray]) -> KindModel:
        """Fit on examples of each kind, which weigh the same however many there are.

        Args:
            examples (`Sequence` of `np.ndarray` of shape `(n, f)`): of known, of novel, of none; one of them may be empty.
        """
        rows = np.concatenate(examples)
        labels = np.repeat(np.arange(len(examples)), [len(part) for part in examples])
        scaler = StandardScaler().fit(rows)
        with one_thread():
            model = LogisticRegression(class_weight="balanced", max_iter=2000, tol=1e-6).fit(
                scaler.transform(rows), labels
            )
        weights, biases = np.zeros((len(KINDS), rows.shape[1])), np.full(len(KINDS), -np.inf)
        if len(model.classes_) == 2:  # scikit-learn has one row for two kinds: that of the second against the first
            first, second = model.classes_
            weights[second], biases[second] = model.coef_[0], model.intercept_[0]
            biases[first] = 0.0
        else:
            weights[model.classes_], biases[model.classes_] = model.coef_, model.intercept_
        weights = weights / scaler.scale_
        return cls(weights, biases - weights @ scaler.mean_)

    def probabilities(self, rows: np.ndarray, prior: Sequence[float]) -> np.ndarray:
        """Probabilities of the kinds, where they are as frequent as `prior` says; shape `(n, 3)`, float64."""
        with np.errstate(divide="ignore"):
            return softmax(rows @ self.weights.T + self.biases + np.log(np.asarray(prior)), axis=1)


def name_temperature(cosines: np.ndarray, relations: np.ndarray) -> float:
    """The temperature at which a softmax over cosines is as often right as it says.

    Args:
        cosines (`np.ndarray` of shape `(n, k)`): of known rows, without themselves.
        relations (`np.ndarray` of shape `(n,)`): the right ones.

    Returns:
        `float`: from 0.005 to 1, of least log loss.
    """

    def log_loss(logarithm: float) -> float:
        return -float(log_softmax(cosines / np.exp(logarithm), axis=1)[np.arange(len(cosines)), relations].mean())

    return float(np.exp(minimize_scalar(log_loss, bounds=(np.log(0.005), 0.0), method="bounded").x))
