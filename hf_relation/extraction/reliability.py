"""How often probabilities are right: the reliability curve and the expected calibration error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from hf_relation.errors import UsageError
from hf_relation.extraction._inputs import check_labels, check_scores


Strategy = Literal["uniform", "quantile"]


@dataclass(frozen=True)
class ReliabilityCurve:
    """Scores in bins: what they say and what is true. [`~hf_relation.plots.reliability_plot`] draws it.

    Args:
        edges (`np.ndarray` of shape `(b + 1,)`): ends of the bins; a bin holds its lower end, the last also its upper.
        counts (`np.ndarray` of shape `(b,)`, integer): scores in each bin.
        predicted (`np.ndarray` of shape `(b,)`): mean probability in the bin; NaN where it is empty.
        observed (`np.ndarray` of shape `(b,)`): share that is true; NaN where it is empty.
    """

    edges: np.ndarray
    counts: np.ndarray
    predicted: np.ndarray
    observed: np.ndarray


def reliability_curve(
    probabilities: Any, labels: Any, *, num_bins: int = 10, strategy: Strategy = "uniform"
) -> ReliabilityCurve:
    """Compare probabilities with how often they are right, in bins.

    Args:
        probabilities (array-like of shape `(n,)` or `(n, r)`): in [0, 1]; all columns together.
        labels (array-like of the same shape, 0/1): whether the pair has the relation.
        num_bins (`int`, defaults to 10): at least 1.
        strategy (`str`, defaults to `"uniform"`): `"uniform"`: bins of equal width; `"quantile"`: of equally many scores,
            fewer than `num_bins` where many scores are equal.

    Returns:
        [`ReliabilityCurve`].

    Raises:
        UsageError: shapes do not fit, nothing given, or a setting that is not allowed.
        InvalidRowError: a probability is not in [0, 1], or a label is neither 0 nor 1.

    Example:

    ```python
    >>> from hf_relation.extraction import reliability_curve
    >>> curve = reliability_curve([0.1, 0.3, 0.9, 0.9], [0, 0, 1, 0], num_bins=2)
    >>> curve.counts.tolist(), curve.predicted.tolist(), curve.observed.tolist()
    ([2, 2], [0.2, 0.9], [0.0, 0.5])

    ```

    Reference: Niculescu-Mizil and Caruana, "Predicting Good Probabilities with Supervised Learning", ICML 2005.
    """
    if strategy not in get_args(Strategy):
        raise UsageError(f"`strategy` must be one of {', '.join(map(repr, get_args(Strategy)))}, got {strategy!r}.")
    if num_bins < 1:
        raise UsageError(f"`num_bins` must be at least 1, got {num_bins}.")
    checked = check_scores(probabilities, "probabilities", probabilities=True)
    gold = check_labels(labels, checked).ravel()
    scores = checked.ravel()
    if not len(scores):
        raise UsageError("`probabilities` is empty: there is nothing to compare.")
    edges = np.linspace(0.0, 1.0, num_bins + 1)
    if strategy == "quantile":
        edges = np.unique(np.quantile(scores, edges))
        edges = np.r_[edges, edges] if len(edges) == 1 else edges
    bins = np.searchsorted(edges[1:-1], scores, side="right")
    counts = np.bincount(bins, minlength=len(edges) - 1)
    with np.errstate(invalid="ignore"):
        predicted = np.bincount(bins, weights=scores, minlength=len(counts)) / counts
        observed = np.bincount(bins, weights=gold, minlength=len(counts)) / counts
    return ReliabilityCurve(edges, counts, predicted, observed)


def expected_calibration_error(
    probabilities: Any, labels: Any, *, num_bins: int = 10, strategy: Strategy = "uniform"
) -> float:
    """Mean distance between what probabilities say and how often they are right, over bins, weighted by their size.

    Depends on the bins: name their number and strategy beside the figure.

    Args:
        probabilities, labels, num_bins, strategy: as in [`reliability_curve`].

    Returns:
        `float`: 0 to 1; 0 is best.

    Raises:
        UsageError: as in [`reliability_curve`].
        InvalidRowError: as in [`reliability_curve`].

    Example:

    ```python
    >>> from hf_relation.extraction import expected_calibration_error
    >>> round(expected_calibration_error([0.1, 0.3, 0.9, 0.9], [0, 0, 1, 0], num_bins=2), 6)
    0.3

    ```

    Reference: Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015, here for the
    probability that a label is true, not that the most likely one is.
    """
    curve = reliability_curve(probabilities, labels, num_bins=num_bins, strategy=strategy)
    filled = curve.counts > 0
    gaps = np.abs(curve.predicted[filled] - curve.observed[filled])
    return float(np.average(gaps, weights=curve.counts[filled]))
