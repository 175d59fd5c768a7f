"""Calibration: against scikit-learn and known temperatures, by relation, stored and read back, bad input."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.extraction import (
    CALIBRATIONS,
    IsotonicCalibration,
    TemperatureCalibration,
    calibration_from_dict,
    probability_logits,
)


KINDS = list(CALIBRATIONS.values())


def pairs(n: int = 4000, temperature: float = 2.5, bias: float = -0.7, seed: int = 0):
    """Logits of which `expit(z / temperature + bias)` is true that often."""
    generator = np.random.default_rng(seed)
    z = generator.normal(-2, 4, n)
    return z, (generator.random(n) < expit(z / temperature + bias)).astype(int)


def test_temperature_and_bias_equal_an_unpenalised_logistic_regression():
    z, y = pairs()
    fitted = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10000).fit(z[:, None], y)
    found = TemperatureCalibration().fit(z, y).overall
    assert 1 / found["temperature"] == pytest.approx(fitted.coef_[0, 0], rel=1e-4)
    assert found["bias"] == pytest.approx(fitted.intercept_[0], rel=1e-3)
    assert found["temperature"] == pytest.approx(2.5, rel=0.1) and found["bias"] == pytest.approx(-0.7, rel=0.2)


def test_temperature_alone_has_the_least_log_loss_of_a_grid():
    z, y = pairs(bias=0.0)
    calibration = TemperatureCalibration(bias=False).fit(z, y)
    temperature = calibration.overall["temperature"]
    grid = np.linspace(1.5, 3.5, 101)
    losses = [log_loss(y, expit(z / t)) for t in grid]
    assert temperature == pytest.approx(grid[int(np.argmin(losses))], abs=0.02)
    assert calibration.overall["bias"] == 0
    assert calibration.transform([0.0]).tolist() == [0.5]


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_hand_computed_temperature_at_any_scale(scale):
    # Right three times in four: the log-odds are log 3 on both sides.
    z, y = np.array([-1, -1, -1, -1, 1, 1, 1, 1]) * scale, [0, 0, 0, 1, 0, 1, 1, 1]
    found = TemperatureCalibration().fit(z, y)
    expected = min(max(scale / math.log(3), 0.01), 100)
    assert found.overall["temperature"] == pytest.approx(expected, rel=1e-5)
    assert found.overall["bias"] == pytest.approx(0, abs=1e-6)


def test_separable_pairs_keep_a_finite_curve():
    z = np.linspace(-3, 3, 50)
    found = TemperatureCalibration().fit(z, z > 0.1)
    assert 0.01 <= found.overall["temperature"] < 1 and np.isfinite(found.transform(z)).all()


def test_logits_that_point_the_wrong_way_are_flattened_not_turned_round():
    z, y = pairs()
    found = TemperatureCalibration().fit(-z, y)
    assert found.overall["temperature"] == 100
    assert (np.diff(found.transform(np.linspace(-10, 10, 9))) > 0).all()


def test_isotonic_equals_scikit_learn():
    z, y = pairs()
    other = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(z, y)
    at = np.r_[-1e9, np.linspace(-15, 15, 997), 1e9]
    np.testing.assert_allclose(IsotonicCalibration().fit(z, y).transform(at), other.predict(at), atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_calibrated_probabilities_are_as_often_right_as_they_say(kind):
    z, y = pairs(20000)
    calibration = kind().fit(z, y)
    fresh, truth = pairs(20000, seed=1)
    assert calibration.transform(fresh).mean() == pytest.approx(truth.mean(), abs=0.01)
    assert (
        log_loss(truth, np.clip(calibration.transform(fresh), 1e-9, 1 - 1e-9)) < log_loss(truth, expit(fresh)) - 0.05
    )


@pytest.mark.parametrize("kind", KINDS)
def test_by_relation_each_column_has_its_own_curve_or_that_of_all(kind):
    (first, y_first), (second, y_second) = pairs(500, 1.0, 0.0), pairs(500, 4.0, 1.0, seed=2)
    rare = np.zeros(500, int)
    rare[:9] = 1
    z, y = np.stack([first, second, first], axis=1), np.stack([y_first, y_second, rare], axis=1)
    found = kind(per_relation=True, min_positives=10).fit(z, y)
    np.testing.assert_array_equal(found.transform(z)[:, 0], kind().fit(first, y_first).transform(first))
    np.testing.assert_array_equal(found.transform(z)[:, 1], kind().fit(second, y_second).transform(second))
    np.testing.assert_array_equal(found.transform(z)[:, 2], kind().fit(z, y).transform(first))  # fewer than ten
    assert found.transform(np.empty((0, 3))).shape == (0, 3)
    with pytest.raises(UsageError, match="must have 3 columns, as in `fit`, got 2"):
        found.transform(z[:, :2])
    with pytest.raises(UsageError, match=r"shape \(pairs, relations\), got float64, \(500,\)"):
        found.transform(first)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("per_relation", [False, True])
def test_stored_as_json_and_read_back_it_is_the_same(kind, per_relation):
    z, y = (part.reshape(-1, 4) for part in pairs(400))
    y[:, 3] = 0
    settings = {"bias": False} if kind is TemperatureCalibration else {}
    calibration = kind(per_relation=per_relation, min_positives=3, **settings).fit(z, y)
    stored = json.loads(json.dumps(calibration.to_dict(), allow_nan=False))
    again = calibration_from_dict(stored)
    assert type(again) is kind and again.to_dict() == calibration.to_dict()
    np.testing.assert_array_equal(again.transform(z), calibration.transform(z))
    assert again.fit(z, y).to_dict() == calibration.to_dict()


@pytest.mark.parametrize("kind", KINDS)
def test_shape_stays_and_input_is_not_changed(kind):
    z, y = pairs(100)
    z = z.astype(np.float32)
    z.flags.writeable = False
    calibration = kind().fit(z.reshape(20, 5), y.reshape(20, 5).astype(bool))
    found = calibration.transform(z)
    assert found.dtype == np.float64 and (found >= 0).all() and (found <= 1).all()
    np.testing.assert_array_equal(calibration.transform(z.reshape(20, 5)), found.reshape(20, 5))
    assert calibration.transform([]).shape == (0,)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("logits", "labels", "error", "message"),
    [
        ([1.0, math.nan], [0, 1], InvalidRowError, "row 1: `logits` must be finite, got nan"),
        ([[1.0, 2.0], [1.0, -math.inf]], [[0, 1]] * 2, InvalidRowError, "row 1: .*-inf in column 1"),
        ([1.0, 2.0], [0, 2], InvalidRowError, "row 1: `labels` must be 0 or 1, got 2"),
        ([1.0, 2.0], [0, -100], InvalidRowError, "got -100"),
        ([1.0, 2.0], [0, 1, 1], UsageError, r"shape \(2,\), got int64, \(3,\)"),
        ([1.0, 2.0], ["0", "1"], UsageError, "`labels` must be 0 or 1"),
        ([1.0, 2.0], [0, 0], UsageError, "All 2 labels are 0"),
        ([1.0, 2.0], [1, 1], UsageError, "All 2 labels are 1"),
        ([], [], UsageError, "All 0 labels"),
        ([[1.0], [1.0, 2.0]], [0, 1], UsageError, "array of real numbers"),
        ("text", [0, 1], UsageError, "array of real numbers"),
        (3.0, 1, UsageError, "array of real numbers"),
    ],
)
def test_bad_input_is_told_plainly(kind, logits, labels, error, message):
    with pytest.raises(error, match=message):
        kind().fit(logits, labels)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_fitted_says_so(kind):
    with pytest.raises(UsageError, match="not fitted. Call `fit`"):
        kind().transform([0.0])
    with pytest.raises(UsageError, match="nothing to store"):
        kind().to_dict()
    with pytest.raises(UsageError, match="`min_positives`"):
        kind(min_positives=0)


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("temperature", {"kind": "pickle"}, "of kind 'temperature' or 'isotonic', got 'pickle'"),
        ("temperature", {"kind": ["temperature"]}, "of kind"),
        ("temperature", {"format_version": 2}, "newer hf_relation"),
        ("temperature", {"more": 1}, "with the keys kind"),
        ("temperature", {"overall": None}, "`overall` must be an object"),
        ("temperature", {"overall": {"temperature": 0, "bias": 0}}, "`temperature` must be a number from 0.01 to 100"),
        ("temperature", {"overall": {"temperature": True, "bias": 0}}, "must be a number"),
        ("temperature", {"overall": {"temperature": 1, "bias": "0"}}, "`bias` must be a number"),
        ("temperature", {"overall": {"temperature": 1, "bias": math.nan}}, "`bias` must be a number"),
        ("temperature", {"settings": {"bias": 1, "per_relation": False, "min_positives": 1}}, "`bias` must be true"),
        ("temperature", {"settings": {"bias": True, "per_relation": False, "min_positives": "1"}}, "whole number"),
        ("temperature", {"relations": []}, "must be a list with `per_relation`, else null"),
        ("isotonic", {"overall": {"logits": [0], "probabilities": [0, 1]}}, "lists of one length"),
        ("isotonic", {"overall": {"logits": [], "probabilities": []}}, "at least 1"),
        ("isotonic", {"overall": {"logits": 3, "probabilities": 3}}, "lists"),
        ("isotonic", {"overall": {"logits": [1, 0], "probabilities": [0, 1]}}, "`logits` must not fall"),
        ("isotonic", {"overall": {"logits": [0, 1], "probabilities": [1, 0]}}, "`probabilities` must not fall"),
        ("isotonic", {"overall": {"logits": [0, 1], "probabilities": [0, 1.5]}}, "from 0 to 1"),
        ("isotonic", {"overall": {"logits": [0, 10**400], "probabilities": [0, 1]}}, "must be a number"),
        (
            "isotonic",
            {"settings": {"per_relation": True, "min_positives": 1}, "relations": [None, {}]},
            r"`relations\[1\]` must be an object",
        ),
        ("isotonic", {"settings": {"per_relation": True, "min_positives": 1}}, "must be a list with `per_relation`"),
    ],
)
def test_damaged_files_are_told_plainly(kind, change, message):
    stored = CALIBRATIONS[kind]().fit([-1.0, 1.0], [0, 1]).to_dict()
    with pytest.raises(UsageError, match=message):
        calibration_from_dict(stored | change)
    with pytest.raises(UsageError, match="of kind"):
        calibration_from_dict([])


def test_logits_of_probabilities():
    assert probability_logits([[0.5, 0.75]]).tolist() == [[0.0, pytest.approx(math.log(3))]]
    assert probability_logits([0.0, 1.0], limit=0.1).tolist() == pytest.approx([-math.log(9), math.log(9)])
    with pytest.raises(InvalidRowError, match=r"row 1: `probabilities` must be in \[0, 1\], got 1.5"):
        probability_logits([0.5, 1.5])
    with pytest.raises(UsageError, match="`limit`"):
        probability_logits([0.5], limit=0.5)
