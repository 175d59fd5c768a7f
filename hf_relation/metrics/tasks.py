"""Scores of classification, regression and labelling tasks, by scikit-learn and scipy, with their undefined cases settled."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats
from sklearn import metrics

from hf_relation.errors import UsageError


def classification_scores(gold: Sequence[Any], predicted: Sequence[Any]) -> dict[str, float]:
    """Accuracy, macro F1 and Matthews correlation of labels, of texts or of tokens.

    Args:
        gold (`Sequence` of `n` `int` or `str`): labels; at least one.
        predicted (`Sequence` of `n` `int` or `str`): predictions.

    Returns:
        `dict[str, float]`: `accuracy` in [0, 1]; `macro_f1` in [0, 1], the mean over the classes that occur on either side (a
        class that occurs on one side only counts 0); `matthews` in [-1, 1], 0 where all gold labels or all predictions are
        of one class, which it cannot tell apart from chance.

    Raises:
        UsageError: no labels, unequal lengths, or other things than integers and strings.

    Example:

    ```python
    >>> from hf_relation.metrics import classification_scores
    >>> scores = classification_scores([0, 0, 1, 1], [0, 1, 1, 1])
    >>> {name: round(value, 4) for name, value in scores.items()}
    {'accuracy': 0.75, 'macro_f1': 0.7333, 'matthews': 0.5774}

    ```

    Reference: Matthews, 1975, as GLUE scores CoLA (Wang et al., 2019).
    """
    truth, guesses = _columns(gold, predicted, kinds="iuU", what="integers, or strings")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a single class is settled as the docstring says
        return {
            "accuracy": float(metrics.accuracy_score(truth, guesses)),
            "macro_f1": float(metrics.f1_score(truth, guesses, average="macro", zero_division=0.0)),
            "matthews": float(metrics.matthews_corrcoef(truth, guesses)),
        }


def regression_scores(gold: Sequence[float], predicted: Sequence[float]) -> dict[str, float]:
    """Pearson and Spearman correlation, and the mean squared error.

    Args:
        gold (`Sequence[float]` of length `n`): at least two finite numbers.
        predicted (`Sequence[float]` of length `n`): finite predictions.

    Returns:
        `dict[str, float]`: `pearson` and `spearman` in [-1, 1], both 0 where all gold numbers or all predictions are equal;
        `mean_squared_error`, lower is better.

    Raises:
        UsageError: fewer than two rows, unequal lengths, or numbers that are not finite.

    Example:

    ```python
    >>> from hf_relation.metrics import regression_scores
    >>> scores = regression_scores([1.0, 2.0, 3.0], [2.0, 2.5, 9.0])
    >>> {name: round(value, 4) for name, value in scores.items()}
    {'pearson': 0.8963, 'spearman': 1.0, 'mean_squared_error': 12.4167}

    ```
    """
    truth, guesses = _columns(gold, predicted, kinds="iuf", what="numbers")
    if len(truth) < 2:
        raise UsageError(f"A correlation needs at least two rows, got {len(truth)}.")
    if not (np.isfinite(truth).all() and np.isfinite(guesses).all()):
        raise UsageError("`gold` and `predicted` must be finite; one of them holds NaN or infinity.")
    truth, guesses = truth.astype(np.float64), guesses.astype(np.float64)
    constant = np.ptp(truth) == 0 or np.ptp(guesses) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of numbers that are equal but for rounding
        return {
            "pearson": 0.0 if constant else float(stats.pearsonr(truth, guesses).statistic),
            "spearman": 0.0 if constant else float(stats.spearmanr(truth, guesses).statistic),
            "mean_squared_error": float(np.mean((truth - guesses) ** 2)),
        }


def _columns(gold: Any, predicted: Any, *, kinds: str, what: str) -> tuple[np.ndarray, np.ndarray]:
    columns = []
    for name, side in (("gold", gold), ("predicted", predicted)):
        column = np.asarray(side)
        if column.ndim != 1 or not len(column):
            raise UsageError(f"`{name}` must be a list of at least one label, got shape {column.shape}.")
        if column.dtype.kind not in kinds:
            raise UsageError(f"`{name}` must be {what}, got {column.dtype}.")
        columns.append(column)
    truth, guesses = columns
    if len(truth) != len(guesses):
        raise UsageError(f"`gold` has {len(truth)} rows and `predicted` {len(guesses)}.")
    if (truth.dtype.kind == "U") != (guesses.dtype.kind == "U"):
        raise UsageError("`gold` and `predicted` must both be numbers or both be strings.")
    return truth, guesses
