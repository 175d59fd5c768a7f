"""How often something is predicted for pairs that merely occur together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hf_relation.errors import UsageError
from hf_relation.extraction._inputs import check_labels, check_relations, check_scores
from hf_relation.extraction.thresholds import Thresholds


@dataclass(frozen=True)
class FalsePositiveRate:
    """What is predicted for pairs without any gold relation.

    Args:
        num_pairs (`int`): pairs in all.
        num_unrelated (`int`): those without a gold relation.
        num_predicted (`int`): unrelated pairs for which at least one relation is predicted.
        rate (`float`, *optional*): `num_predicted / num_unrelated`; `None` where every pair is related.
        predicted_by_relation (`dict[str, int]`): unrelated pairs for which that relation is predicted.
        rate_by_relation (`dict[str, float]`, *optional*): that, divided by `num_unrelated`.
    """

    num_pairs: int
    num_unrelated: int
    num_predicted: int
    rate: float | None
    predicted_by_relation: dict[str, int]
    rate_by_relation: dict[str, float] | None

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values for JSON."""
        return asdict(self)


def co_occurrence_false_positive_rate(
    probabilities: Any,
    labels: Any,
    threshold: float | Thresholds = 0.5,
    *,
    relations: Sequence[str] | None = None,
) -> FalsePositiveRate:
    """Measure how often pairs that have no relation, and merely occur together, are given one.

    Missing gold labels count as false positives here: on distantly labelled text the rate is an upper bound.

    Args:
        probabilities (array-like of shape `(n, r)`): in [0, 1], of *all* candidate pairs.
        labels (array-like of shape `(n, r)`, 0/1): whether the pair has the relation.
        threshold (`float` or [`Thresholds`], defaults to 0.5): a relation is predicted from there on.
        relations (`Sequence[str]`, *optional*): names of the columns; by default their positions.

    Returns:
        [`FalsePositiveRate`].

    Raises:
        UsageError: shapes do not fit, or a threshold is not in [0, 1].
        InvalidRowError: a probability is not in [0, 1], or a label is neither 0 nor 1.

    Example:

    ```python
    >>> from hf_relation.extraction import co_occurrence_false_positive_rate
    >>> found = co_occurrence_false_positive_rate([[0.9, 0.1], [0.6, 0.7], [0.1, 0.2]], [[1, 0], [0, 0], [0, 0]])
    >>> found.num_unrelated, found.rate, found.predicted_by_relation
    (2, 0.5, {'0': 1, '1': 1})

    ```
    """
    scores = check_scores(probabilities, "probabilities", probabilities=True, columns=True)
    gold = check_labels(labels, scores)
    names = check_relations(relations, scores.shape[1])
    if isinstance(threshold, Thresholds):
        unknown = sorted(set(threshold.per_relation) - set(names))
        if unknown:
            raise UsageError(f"`threshold` has one for {unknown[0]!r}, which is not among `relations`.")
    else:
        threshold = Thresholds(threshold)
    unrelated = ~gold.any(axis=1)
    predicted = threshold.apply(scores, names)[unrelated]
    total = int(unrelated.sum())
    counts = dict(zip(names, predicted.sum(axis=0).tolist(), strict=True))
    num_predicted = int(np.count_nonzero(predicted.any(axis=1)))
    return FalsePositiveRate(
        num_pairs=len(scores),
        num_unrelated=total,
        num_predicted=num_predicted,
        rate=num_predicted / total if total else None,
        predicted_by_relation=counts,
        rate_by_relation={name: count / total for name, count in counts.items()} if total else None,
    )
