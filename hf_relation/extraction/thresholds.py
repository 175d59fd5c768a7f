"""From which probability on a relation is predicted, chosen on validation pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hf_relation.errors import UsageError
from hf_relation.extraction._inputs import check_keys, check_labels, check_number, check_relations, check_scores


@dataclass(frozen=True)
class Thresholds:
    """A relation is predicted where its probability is *at least* its threshold.

    Args:
        value (`float`, defaults to 0.5): for every relation without one of its own; in [0, 1].
        per_relation (`dict[str, float]`): thresholds of single relations, each in [0, 1].
        f1 (`float`, *optional*): micro F1 that these thresholds reach on the pairs they were chosen on.

    Raises:
        UsageError: a threshold is not in [0, 1].

    Example:

    ```python
    >>> from hf_relation.extraction import Thresholds
    >>> Thresholds(0.5, {"born in": 0.7}).apply([[0.6, 0.6], [0.7, 0.5]], ["born in", "works for"]).tolist()
    [[False, True], [True, True]]

    ```
    """

    value: float = 0.5
    per_relation: Mapping[str, float] = field(default_factory=dict)
    f1: float | None = None

    def __post_init__(self) -> None:
        check_number(self.value, "`value` of thresholds", 0.0, 1.0)
        if not isinstance(self.per_relation, Mapping) or not all(isinstance(name, str) for name in self.per_relation):
            raise UsageError("`per_relation` of thresholds must be an object: one number for each relation's name.")
        for name, value in self.per_relation.items():
            check_number(value, f"The threshold of {name[:80]!r}", 0.0, 1.0)
        if self.f1 is not None:
            check_number(self.f1, "`f1` of thresholds", 0.0, 1.0)

    def of(self, relations: Sequence[str]) -> np.ndarray:
        """The threshold of every relation.

        Args:
            relations (`Sequence[str]`): names; those without a threshold of their own have `value`.

        Returns:
            `np.ndarray` of shape `(r,)`, float64.
        """
        return np.array([self.per_relation.get(name, self.value) for name in relations], dtype=np.float64)

    def apply(self, probabilities: Any, relations: Sequence[str] | None = None) -> np.ndarray:
        """Decide which relations are predicted.

        Args:
            probabilities (array-like of shape `(n, r)`): in [0, 1].
            relations (`Sequence[str]`, *optional*): names of the columns; needed where `per_relation` is not empty.

        Returns:
            `np.ndarray` of shape `(n, r)`, bool.

        Raises:
            UsageError: shapes do not fit, or names are needed.
            InvalidRowError: a probability is not in [0, 1].
        """
        # In float64: in float32 a threshold between two neighbouring scores would be rounded to one of them.
        scores = check_scores(probabilities, "probabilities", probabilities=True, columns=True)
        if relations is None and self.per_relation:
            raise UsageError("These thresholds differ by relation. Give `relations`, the names of the columns.")
        return scores >= self.of(check_relations(relations, scores.shape[1]))

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values for JSON: `value`, `per_relation`, `f1`."""
        return {"value": self.value, "per_relation": dict(self.per_relation), "f1": self.f1}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Thresholds:
        """Make thresholds from what `to_dict` gave. The content is checked: it may come from anywhere.

        Args:
            content (`Mapping`): parsed JSON.

        Returns:
            [`Thresholds`].

        Raises:
            UsageError: the content is damaged.
        """
        return cls(**check_keys(content, ("value", "per_relation", "f1"), "Stored thresholds"))


def choose_threshold(
    probabilities: Any,
    labels: Any,
    *,
    relations: Sequence[str] | None = None,
    per_relation: bool = False,
    default: float = 0.5,
    min_positives: int = 10,
    num_missed: int | Mapping[str, int] = 0,
) -> Thresholds:
    """Choose the thresholds of highest F1 on validation pairs, exactly, by sorting the scores.

    The threshold stands in the middle between the last score that is predicted and the next, or at `default` where that
    predicts the same; of equal F1, the one nearest to `default` is taken. So the default stays where nothing is better.

    Args:
        probabilities (array-like of shape `(n, r)`): in [0, 1], calibrated or not, as they will be used.
        labels (array-like of shape `(n, r)`, 0/1): whether the pair has the relation.
        relations (`Sequence[str]`, *optional*): names of the columns; needed with `per_relation`.
        per_relation (`bool`, defaults to `False`): besides the threshold of highest micro F1 for all relations, one for
            each relation, of highest F1 of that relation.
        default (`float`, defaults to 0.5): the threshold where there is too little to choose by; in [0, 1].
        min_positives (`int`, defaults to 10): with fewer pairs that have a relation, that relation takes the common
            threshold; with fewer over all relations, the common threshold is `default`.
        num_missed (`int` or `dict[str, int]`, defaults to 0): gold triples that are not among the pairs at all (entities
            that were not found), in all or by relation: they count as not predicted, whatever the threshold. A plain
            number counts in the micro F1 alone.

    Returns:
        [`Thresholds`].

    Raises:
        UsageError: shapes do not fit, a setting is not allowed, or names are needed.
        InvalidRowError: a probability is not in [0, 1], or a label is neither 0 nor 1.

    Example:

    ```python
    >>> from hf_relation.extraction import choose_threshold
    >>> found = choose_threshold([[0.9], [0.4], [0.3], [0.2]], [[1], [1], [0], [0]], min_positives=1)
    >>> round(found.value, 6), found.f1
    (0.35, 1.0)

    ```

    Reference: Lipton et al., "Optimal Thresholding of Classifiers to Maximize F1 Measure", ECML PKDD 2014.
    """
    check_number(default, "`default`", 0.0, 1.0)
    if min_positives < 1:
        raise UsageError(f"`min_positives` must be at least 1, got {min_positives}.")
    scores = check_scores(probabilities, "probabilities", probabilities=True, columns=True)
    gold = check_labels(labels, scores)
    if per_relation and relations is None:
        raise UsageError("`per_relation` needs `relations`, the names of the columns.")
    names = check_relations(relations, scores.shape[1])
    missed = _missed(num_missed, names)
    value = default
    if gold.sum() >= min_positives:
        value = _best_threshold(scores.ravel(), gold.ravel(), sum(missed.values()), default)
    own = {}
    if per_relation:
        for column, name in enumerate(names):
            if gold[:, column].sum() >= min_positives:
                own[name] = _best_threshold(scores[:, column], gold[:, column], missed.get(name, 0), value)
    chosen = Thresholds(value, own).apply(scores, names)
    size = chosen.sum() + gold.sum() + sum(missed.values())
    return Thresholds(value, own, float(2 * (chosen & gold).sum() / size) if size else None)


def _missed(num_missed: int | Mapping[str, int], names: list[str]) -> dict[str, int]:
    counts = dict(num_missed) if isinstance(num_missed, Mapping) else {"": num_missed}
    for name, count in counts.items():
        if isinstance(num_missed, Mapping) and name not in names:
            raise UsageError(f"`num_missed` names {name!r}, which is not among `relations`.")
        if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 0:
            raise UsageError(f"`num_missed` must be whole numbers of at least 0, got {count!r}.")
    return counts


def _best_threshold(scores: np.ndarray, gold: np.ndarray, missed: int, default: float) -> float:
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    # A cut is the last of equal scores: all up to it are predicted.
    cuts = np.flatnonzero(np.r_[ordered[1:] < ordered[:-1], True])
    correct = np.cumsum(gold[order])[cuts]
    # Whole numbers up to here: equal fractions of them are equal floats.
    f1 = 2 * correct / (cuts + 1 + gold.sum() + missed)
    best = cuts[f1 == f1.max()]
    upper = ordered[best]
    lower = np.append(ordered, -1.0)[best + 1]  # the next score, which is not predicted
    middle = (np.maximum(lower, 0) + upper) / 2
    middle = np.where(middle > lower, middle, upper)  # of two neighbouring floats there is none between
    middle = np.where((lower < default) & (default <= upper), default, middle)
    return float(middle[np.argmin(np.abs(middle - default))])
