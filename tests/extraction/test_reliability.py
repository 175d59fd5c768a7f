"""Reliability curve against scikit-learn, calibration error against a slow loop."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.extraction import expected_calibration_error, reliability_curve


def scores(n: int = 500):
    generator = np.random.default_rng(0)
    p = generator.random(n) ** 3
    return p, (generator.random(n) < p**0.8).astype(int)


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
@pytest.mark.parametrize("num_bins", [1, 7, 200])
def test_curve_equals_scikit_learn(strategy, num_bins):
    p, y = scores()
    observed, predicted = calibration_curve(y, p, n_bins=num_bins, strategy=strategy)
    curve = reliability_curve(p, y, num_bins=num_bins, strategy=strategy)
    filled = curve.counts > 0
    np.testing.assert_allclose(curve.observed[filled], observed)
    np.testing.assert_allclose(curve.predicted[filled], predicted)
    assert curve.counts.sum() == 500 and np.isnan(curve.observed[~filled]).all()
    assert len(curve.edges) == len(curve.counts) + 1


def test_calibration_error_equals_a_slow_loop():
    p, y = scores()
    expected = 0.0
    for low in range(10):
        chosen = [i for i in range(500) if low / 10 <= p[i] < (low + 1) / 10]
        if chosen:
            expected += abs(sum(p[i] for i in chosen) - sum(y[i] for i in chosen)) / 500
    assert expected_calibration_error(p, y) == pytest.approx(expected)
    matrix = expected_calibration_error(p.reshape(100, 5), y.reshape(100, 5))
    assert matrix == pytest.approx(expected)


def test_ends_of_the_range_ties_and_one_score():
    assert reliability_curve([0.0, 0.5, 1.0], [0, 1, 1], num_bins=2).counts.tolist() == [1, 2]
    tied = reliability_curve([0.2] * 9 + [0.8], [0] * 9 + [1], num_bins=5, strategy="quantile")
    assert tied.counts.sum() == 10 and (np.diff(tied.edges) > 0).all()
    same = reliability_curve([0.3] * 4, [0, 0, 0, 1], strategy="quantile")
    assert same.counts.tolist() == [4] and same.observed.tolist() == [0.25]
    assert expected_calibration_error([0.25] * 4, [0, 0, 0, 1]) == pytest.approx(0)
    assert expected_calibration_error([1.0, 0.0], [0, 1]) == 1


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "message"),
    [
        (([], []), {}, UsageError, "`probabilities` is empty"),
        (([0.5], [1]), {"num_bins": 0}, UsageError, "`num_bins` must be at least 1, got 0"),
        (([0.5], [1]), {"strategy": "log"}, UsageError, "'uniform', 'quantile', got 'log'"),
        (([0.5, -0.1], [1, 0]), {}, InvalidRowError, r"row 1: `probabilities` must be in \[0, 1\], got -0.1"),
        (([0.5, np.nan], [1, 0]), {}, InvalidRowError, "row 1"),
        (([0.5], [1, 0]), {}, UsageError, "shape"),
    ],
)
def test_bad_input_is_told_plainly(arguments, settings, error, message):
    for function in (reliability_curve, expected_calibration_error):
        with pytest.raises(error, match=message):
            function(*arguments, **settings)
