"""Calibration by one temperature, and a bias."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from hf_relation.extraction._inputs import check_keys, check_number
from hf_relation.extraction.calibration import Calibration, Curve


# Where positive and negative pairs can be separated, the log loss falls for ever as the temperature goes to zero.
TEMPERATURES = (0.01, 100.0)
_LARGEST_BIAS = 1e6


class TemperatureCalibration(Calibration):
    r"""Probabilities \\(\sigma(z / T + b)\\) of logits z, with T and b of least log loss on validation pairs.

    The order of the scores stays. T is kept within 0.01 to 100.

    Args:
        bias (`bool`, defaults to `True`): fit b as well (Platt scaling with T above 0); otherwise it is 0. Training with
            weights for rare relations moves all scores up, which no temperature alone can undo.
        per_relation (`bool`, defaults to `False`): T and b for each relation instead of one for all.
        min_positives (`int`, defaults to 10): relations with fewer pairs that have them, or fewer that do not, take the
            T and b of all.

    Raises:
        UsageError: `min_positives` is below 1.

    Example:

    ```python
    >>> from hf_relation.extraction import TemperatureCalibration
    >>> logits, labels = [-4.0, -4.0, -4.0, -4.0, 4.0, 4.0, 4.0, 4.0], [0, 0, 0, 1, 0, 1, 1, 1]  # right 3 times in 4
    >>> TemperatureCalibration().fit(logits, labels).transform([-4.0, 4.0]).round(3).tolist()
    [0.25, 0.75]

    ```

    Reference: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2; Platt, "Probabilistic
    Outputs for Support Vector Machines", 1999.
    """

    kind = "temperature"

    def __init__(self, *, bias: bool = True, per_relation: bool = False, min_positives: int = 10) -> None:
        super().__init__(per_relation=per_relation, min_positives=min_positives)
        self.bias = bool(bias)

    def _settings(self) -> dict[str, Any]:
        return {"bias": self.bias, **super()._settings()}

    def _fit_curve(self, logits: np.ndarray, labels: np.ndarray) -> Curve:
        unit = max(float(np.abs(logits).max()), 1e-12)  # so that both variables are of one size
        scaled = logits / unit

        def log_loss(variables: np.ndarray) -> tuple[float, np.ndarray]:
            scores = variables[0] * scaled + variables[1]
            errors = expit(scores) - labels
            return float((np.logaddexp(0, scores) - labels * scores).mean()), np.array(
                [(errors * scaled).mean(), errors.mean()]
            )

        found = minimize(
            log_loss,
            np.array([unit, 0.0]),
            jac=True,
            method="L-BFGS-B",
            bounds=[(unit / TEMPERATURES[1], unit / TEMPERATURES[0]), (None, None) if self.bias else (0.0, 0.0)],
            options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 1000},
        )
        temperature = float(np.clip(unit / found.x[0], *TEMPERATURES))
        return {"temperature": temperature, "bias": float(np.clip(found.x[1], -_LARGEST_BIAS, _LARGEST_BIAS))}

    def _apply_curve(self, curve: Curve, logits: np.ndarray) -> np.ndarray:
        return expit(logits / curve["temperature"] + curve["bias"])

    @classmethod
    def _check_curve(cls, content: Any, what: str) -> Curve:
        curve = check_keys(content, ("temperature", "bias"), what)
        return {
            "temperature": check_number(curve["temperature"], f"{what}: `temperature`", *TEMPERATURES),
            "bias": check_number(curve["bias"], f"{what}: `bias`", -_LARGEST_BIAS, _LARGEST_BIAS),
        }
