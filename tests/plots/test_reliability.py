"""Reliability curves over a histogram."""

import re
import warnings
import xml.etree.ElementTree as ElementTree
from types import SimpleNamespace

import numpy as np
import pytest

from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.plots import reliability_plot


matplotlib = pytest.importorskip("matplotlib")
SVG = "{http://www.w3.org/2000/svg}"


def bins(**change):
    values = {
        "edges": np.array([0.0, 0.25, 0.5, 0.75, 1.0]),
        "counts": np.array([1000, 10, 0, 10]),
        "predicted": np.array([0.1, 0.4, np.nan, 0.8]),
        "observed": np.array([0.1, 0.2, np.nan, 0.8]),
    }
    return SimpleNamespace(**(values | change))


def draw(tmp_path, curves, **settings):
    with matplotlib.rc_context({"svg.fonttype": "none"}), warnings.catch_warnings():
        warnings.simplefilter("error")
        path = reliability_plot(curves, tmp_path / "plot.svg", **settings)
    tree = ElementTree.parse(path)
    lines = {}
    for element in tree.iter(f"{SVG}path"):
        style = element.get("style", "")
        numbers = [float(x) for x in re.findall(r"-?[\d.]+", element.get("d", ""))]
        if "stroke-width: 1.4" in style and len(numbers) == 6:  # three bins that are not empty
            # What comes again in the same colour is the legend.
            lines.setdefault(re.search(r"stroke: (#\w+)", style).group(1), (numbers[::2], numbers[1::2]))
        if "stroke-dasharray" in style:
            lines["diagonal"] = (numbers[::2], numbers[1::2])
    return ["".join(text.itertext()) for text in tree.iter(f"{SVG}text")], lines


def test_points_stand_where_their_numbers_are_beside_the_diagonal(tmp_path):
    curves = {"before $x$": bins(), "_after": bins(observed=np.array([0.1, 0.4, 7.0, 0.8]))}
    texts, lines = draw(tmp_path, curves, title="T_1", note="validation pairs")
    assert {"before $x$", "_after", "T_1", "validation pairs", "predicted probability", "share that is true"} <= set(
        texts
    )
    (x0, x1), (y0, y1) = lines["diagonal"]
    x, y = lines["#0072b2"]
    assert [(value - x0) / (x1 - x0) for value in x] == pytest.approx([0.1, 0.4, 0.8], abs=1e-3)
    assert [(value - y0) / (y1 - y0) for value in y] == pytest.approx([0.1, 0.2, 0.8], abs=1e-3)
    assert [(value - y0) / (y1 - y0) for value in lines["#d55e00"][1]] == pytest.approx([0.1, 0.4, 0.8], abs=1e-3)


def test_eight_curves_of_one_bin_fit(tmp_path):
    one = bins(edges=[0.3, 0.3], counts=[5], predicted=[0.3], observed=[1.0])
    reliability_plot({f"{i} " + "name " * 30: one for i in range(8)}, tmp_path / "plot.png")


@pytest.mark.parametrize(
    ("curves", "error", "message"),
    [
        ({}, UsageError, "1 to 8 curves, got 0"),
        ({str(i): bins() for i in range(9)}, UsageError, "got 9"),
        (
            {"a": bins(), "b": bins(edges=np.array([0.0, 1.0]))},
            InvalidRowError,
            "row 1: The curve 'b' must have one edge",
        ),
        ({"a": bins(observed=np.array([0.1, np.nan, 0.5, 0.8]))}, InvalidRowError, r"shares in \[0, 1\]"),
        ({"a": bins(predicted=np.array([0.1, 1.2, 0.5, 0.8]))}, InvalidRowError, r"shares in \[0, 1\]"),
        ({"a": bins(counts=np.array([0, 0, 0, 0]))}, InvalidRowError, "not all 0"),
        ({"a": bins(counts=np.array([1, -1, 0, 0]))}, InvalidRowError, "at least 0"),
        ({"a": bins(edges=np.array([0.0, 0.5, 0.25, 0.75, 1.0]))}, InvalidRowError, "must rise"),
    ],
)
def test_bad_input_is_told_plainly(tmp_path, curves, error, message):
    with pytest.raises(error, match=message):
        reliability_plot(curves, tmp_path / "plot.png")
    assert not list(tmp_path.iterdir())
