"""Bars with errors."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.plots import Bar, bar_chart


matplotlib = pytest.importorskip("matplotlib")
SVG = "{http://www.w3.org/2000/svg}"


def draw(tmp_path, bars, **settings):
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        path = bar_chart(bars, tmp_path / "bars.svg", **settings)
    tree = ElementTree.parse(path)
    widths = {}
    for group in tree.iter(f"{SVG}g"):
        if group.get("id", "").startswith("patch_"):
            path = group.find(f"{SVG}path")
            fill = re.search(r"fill: (#\w+); opacity", path.get("style", ""))
            if fill:
                numbers = [float(x) for x in re.findall(r"[ML] ([\d.-]+) ", path.get("d"))]
                if max(numbers) - min(numbers) > 0:
                    widths.setdefault(fill.group(1), []).append(max(numbers) - min(numbers))
    return ["".join(text.itertext()) for text in tree.iter(f"{SVG}text")], widths


def test_lengths_are_proportional_and_values_written(tmp_path):
    bars = [Bar("frozen $x$", 0.25), Bar("_MORE", 0.75, 0.0125, group="trained")]
    texts, widths = draw(tmp_path, bars, title="T_1", axis="B-cubed F1", note="sd over seeds")
    assert {"frozen $x$", "_MORE", "0.250", "0.750 ± 0.013", "T_1", "B-cubed F1", "sd over seeds", "trained"} <= set(
        texts
    )
    (small,), (large, *_) = widths["#0072b2"][:1], widths["#d55e00"]
    assert large / small == pytest.approx(3, rel=1e-3)


def test_long_names_many_bars_and_zeros_fit(tmp_path):
    bars = [Bar(f"{i} " + "name " * 30, 0.0, 0.0, group=str(i % 8)) for i in range(20)]
    texts, _ = draw(tmp_path, bars)
    assert sum(text.endswith("…") for text in texts) == 20
    bar_chart(bars, tmp_path / "bars.png")


@pytest.mark.parametrize(
    "bars, error, message",
    [
        ([], UsageError, "1 to 48 bars, got 0"),
        ([Bar("a", float("nan"))], InvalidRowError, "row 0: `value` must be a finite number"),
        ([Bar("a", 1.0), Bar("b", -1.0)], InvalidRowError, "row 1: `value`"),
        ([Bar("a", 1.0, float("inf"))], InvalidRowError, "`error`"),
        ([Bar("a", 1.0, group=str(i)) for i in range(9)], UsageError, "At most 8 groups"),
    ],
)
def test_bad_input_is_told_plainly(tmp_path, bars, error, message):
    with pytest.raises(error, match=message):
        bar_chart(bars, tmp_path / "bars.png")
    assert not list(tmp_path.iterdir())
