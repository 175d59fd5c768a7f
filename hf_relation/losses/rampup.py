"""A weight that grows over the first epochs."""

from __future__ import annotations

import math

from hf_relation.errors import UsageError


def sigmoid_rampup(step: float, *, maximum: float = 1.0, length: float = 10) -> float:
    r"""Weight of a loss term at a step or epoch: \\(\\mu_0 \\exp(-5 (1 - \\min(t, T) / T)^2)\\).

    Args:
        step (`float`): t, at least 0.
        maximum (`float`, defaults to 1.0): \\(\\mu_0\\), the weight from step T on.
        length (`float`, defaults to 10): T, in the unit of `step`, at least 0; 0 gives `maximum` at once.

    Returns:
        `float`: from 0.0067 times `maximum` at step 0 up to `maximum`.

    Raises:
        UsageError: `step` or `length` is below 0, or a value is not finite (`length` may not be infinite).

    Example:

    ```python
    >>> from hf_relation.losses import sigmoid_rampup
    >>> [round(sigmoid_rampup(epoch), 6) for epoch in (0, 1, 5, 10, 11)]
    [0.006738, 0.017422, 0.286505, 1.0, 1.0]

    ```

    Reference: Laine & Aila, "Temporal Ensembling for Semi-Supervised Learning", ICLR 2017, section 2.1; with RoCORE
    (Zhao et al., EMNLP 2021, equation 17) mu0 is 1 and T is 10 (in the authors' code 0.05 and 50).
    """
    for name, value, least in (("step", step, 0.0), ("length", length, 0.0), ("maximum", maximum, -math.inf)):
        if isinstance(value, bool) or not math.isfinite(value) or value < least:
            allowed = "a finite number" + (" of at least 0" if least == 0 else "")
            raise UsageError(f"`{name}` must be {allowed}, got {value!r}.")
    if step >= length:
        return float(maximum)
    return maximum * math.exp(-5 * (1 - step / length) ** 2)
