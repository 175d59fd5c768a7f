"""The sigmoid ramp: the values of the paper and of the authors' code, the ends, refusals."""

from __future__ import annotations

import math

import pytest

from hf_relation.errors import UsageError
from hf_relation.losses import sigmoid_rampup


@pytest.mark.parametrize(
    ("step", "value"), [(0, 0.006738), (1, 0.017422), (5, 0.286505), (10, 1.0), (11, 1.0), (1e9, 1.0)]
)
def test_values_of_the_paper(step, value):
    assert sigmoid_rampup(step, maximum=1.0, length=10) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(("step", "value"), [(1, 0.000411), (10, 0.002038), (50, 0.05), (60, 0.05)])
def test_values_of_the_authors_code(step, value):
    assert sigmoid_rampup(step, maximum=0.05, length=50) == pytest.approx(value, abs=1e-6)


def test_rises_all_the_way_and_no_length_is_the_maximum_at_once():
    weights = [sigmoid_rampup(step / 7, length=3) for step in range(22)]
    assert weights == sorted(weights) and weights[-1] == 1.0
    assert sigmoid_rampup(0, maximum=0.3, length=0) == 0.3


@pytest.mark.parametrize(
    ("step", "settings", "message"),
    [
        (-1, {}, "`step` must be a finite number of at least 0, got -1"),
        (math.nan, {}, "`step`"),
        (1, {"length": -1}, "`length` must be a finite number of at least 0"),
        (1, {"length": math.inf}, "`length`"),
        (1, {"maximum": math.nan}, "`maximum` must be a finite number, got nan"),
    ],
)
def test_values_out_of_range_are_refused(step, settings, message):
    with pytest.raises(UsageError, match=message):
        sigmoid_rampup(step, **settings)
