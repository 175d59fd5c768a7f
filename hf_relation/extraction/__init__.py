"""Extracting relations: what comes between the scores of a model and the triples that are given out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hf_relation.errors import UsageError
from hf_relation.extraction.calibration import Calibration, probability_logits
from hf_relation.extraction.false_positives import FalsePositiveRate, co_occurrence_false_positive_rate
from hf_relation.extraction.isotonic import IsotonicCalibration
from hf_relation.extraction.reliability import ReliabilityCurve, expected_calibration_error, reliability_curve
from hf_relation.extraction.symmetry import ScoredTriple, SymmetricRelations, SymmetryProposal, find_symmetric
from hf_relation.extraction.temperature import TemperatureCalibration
from hf_relation.extraction.thresholds import Thresholds, choose_threshold
from hf_relation.extraction.type_constraints import TypeConstraints


__all__ = [
    "CALIBRATIONS",
    "Calibration",
    "FalsePositiveRate",
    "IsotonicCalibration",
    "ReliabilityCurve",
    "ScoredTriple",
    "SymmetricRelations",
    "SymmetryProposal",
    "TemperatureCalibration",
    "Thresholds",
    "TypeConstraints",
    "calibration_from_dict",
    "choose_threshold",
    "co_occurrence_false_positive_rate",
    "expected_calibration_error",
    "find_symmetric",
    "probability_logits",
    "reliability_curve",
]

CALIBRATIONS: dict[str, type[Calibration]] = {
    calibration.kind: calibration for calibration in (TemperatureCalibration, IsotonicCalibration)
}


def calibration_from_dict(content: Mapping[str, Any]) -> Calibration:
    """Make a fitted calibration of any kind from what its `to_dict` gave.

    Args:
        content (`Mapping`): parsed JSON; checked, for it may come from anywhere.

    Returns:
        `Calibration`: a [`TemperatureCalibration`] or an [`IsotonicCalibration`].

    Raises:
        UsageError: the content is damaged, of an unknown kind, or from a newer version.

    Example:

    ```python
    >>> from hf_relation.extraction import IsotonicCalibration, calibration_from_dict
    >>> stored = IsotonicCalibration().fit([-1.0, 1.0], [0, 1]).to_dict()
    >>> calibration_from_dict(stored).transform([0.0]).tolist()
    [0.5]

    ```
    """
    kind = content.get("kind") if isinstance(content, Mapping) else None
    if not isinstance(kind, str) or kind not in CALIBRATIONS:
        raise UsageError(
            f"A stored calibration must be of kind {' or '.join(map(repr, CALIBRATIONS))}, got {str(kind)[:40]!r}."
        )
    return CALIBRATIONS[kind].from_dict(content)
