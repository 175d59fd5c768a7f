"""The kinds of calibration, by the name under which they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hf_relation.errors import UsageError
from hf_relation.extraction.calibration import Calibration
from hf_relation.extraction.isotonic import IsotonicCalibration
from hf_relation.extraction.temperature import TemperatureCalibration


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
