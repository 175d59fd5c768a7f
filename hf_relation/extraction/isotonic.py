"""Calibration by a rising curve of any shape."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from hf_relation.errors import UsageError
from hf_relation.extraction._inputs import check_keys, check_number
from hf_relation.extraction.calibration import Calibration, Curve


class IsotonicCalibration(Calibration):
    """Probabilities by isotonic regression: the rising curve of least squared error on validation pairs.

    scikit-learn's `IsotonicRegression` fits it; what is kept are its corners, joined by straight lines, level before the
    first and behind the last. It makes ties of neighbouring scores, and wants more pairs than a temperature does: about a
    thousand with a relation.

    Args:
        per_relation (`bool`, defaults to `False`): a curve for each relation instead of one for all.
        min_positives (`int`, defaults to 10): relations with fewer pairs that have them, or fewer that do not, take the
            curve of all.

    Raises:
        UsageError: `min_positives` is below 1.

    Example:

    ```python
    >>> from hf_relation.extraction import IsotonicCalibration
    >>> calibration = IsotonicCalibration().fit([-2.0, -1.0, 0.0, 1.0], [0, 1, 0, 1])
    >>> calibration.transform([-9.0, -1.0, -0.5, 0.5, 9.0]).tolist()
    [0.0, 0.5, 0.5, 0.75, 1.0]

    ```

    Reference: Zadrozny and Elkan, "Transforming Classifier Scores into Accurate Multiclass Probability Estimates", KDD
    2002.
    """

    kind = "isotonic"

    def _fit_curve(self, logits: np.ndarray, labels: np.ndarray) -> Curve:
        from sklearn.isotonic import IsotonicRegression  # takes longer to import than all the rest

        fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(logits, labels.astype(np.float64))
        return {"logits": fitted.X_thresholds_.tolist(), "probabilities": fitted.y_thresholds_.tolist()}

    def _apply_curve(self, curve: Curve, logits: np.ndarray) -> np.ndarray:
        return np.interp(logits, curve["logits"], curve["probabilities"])

    @classmethod
    def _check_curve(cls, content: Any, what: str) -> Curve:
        curve = check_keys(content, ("logits", "probabilities"), what)
        ranges = {"logits": (-sys.float_info.max, sys.float_info.max), "probabilities": (0.0, 1.0)}
        checked: Curve = {}
        for name, (low, high) in ranges.items():
            values = curve[name]
            if not isinstance(values, list) or not values or len(values) != len(curve["logits"]):
                raise UsageError(f"{what}: `logits` and `probabilities` must be lists of one length, at least 1.")
            checked[name] = [check_number(value, f"{what}: `{name}`", low, high) for value in values]
            if np.any(np.diff(checked[name]) < 0):
                raise UsageError(f"{what}: `{name}` must not fall.")
        return checked
