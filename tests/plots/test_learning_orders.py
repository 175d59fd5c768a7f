"""Curves of learning orders: points where the shares are, axes from nothing to all."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from hf_relation.errors import UsageError
from hf_relation.metrics import learned_by_epoch, learned_jaccard
from hf_relation.plots import learned_by_epoch_plot, learned_jaccard_plot


matplotlib = pytest.importorskip("matplotlib")
SVG = "{http://www.w3.org/2000/svg}"


def draw(plot, tmp_path, columns, points, **settings):
    """Texts, and of every line its colour and places in the picture."""
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        path = plot(columns, tmp_path / "order.svg", **settings)
    tree = ElementTree.parse(path)
    drawn = []
    for element in tree.iter(f"{SVG}path"):
        style = element.get("style", "")
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", element.get("d", ""))]
        if "stroke-width: 1.4" in style and len(numbers) == 2 * points:
            drawn.append((re.search(r"stroke: (#\w+)", style).group(1), numbers[::2], numbers[1::2]))
    return ["".join(text.itertext()) for text in tree.iter(f"{SVG}text")], drawn


def test_shares_of_several_orders_are_percentages_of_all_instances(tmp_path):
    orders = {"right $labels$": [1, 1, 2, -1], "_corrupted": [3, 2, -1, -1, -1]}
    shares = {name: learned_by_epoch(order, 3) for name, order in orders.items()}  # 50, 75, 75 % and 0, 20, 40 %
    texts, (right, corrupted) = draw(learned_by_epoch_plot, tmp_path, shares, 3, title="T_1", note="one seed")
    assert {"right $labels$", "_corrupted", "epoch", "T_1", "one seed", "0", "20", "80", "100", "1", "2", "3"} <= set(texts)  # fmt: skip
    assert "-20" not in texts and "120" not in texts
    assert any("%" in text for text in texts)
    assert right[0] != corrupted[0]
    zero, twenty, forty = corrupted[2]  # SVG counts from above
    one = (zero - twenty) / 20
    assert (zero - forty) / one == pytest.approx(40, rel=1e-3)
    assert [(zero - y) / one for y in right[2]] == pytest.approx([50, 75, 75], rel=1e-3)
    assert right[1] == corrupted[1] and right[1][1] - right[1][0] == pytest.approx(right[1][2] - right[1][1], rel=1e-3)


def test_overlap_has_no_point_where_neither_has_learned_anything(tmp_path):
    overlap = learned_jaccard([2, 2, 3, -1], [2, 3, 4, -1], 4)
    assert np.isnan(overlap[0]) and overlap[1:].tolist() == [1 / 2, 2 / 3, 1]
    texts, ((_, x, y),) = draw(learned_jaccard_plot, tmp_path, {"BERT, MiniLM": overlap}, 3)
    assert {"BERT, MiniLM", "epoch", "0.0", "1.0", "1", "4"} <= set(texts)
    assert (y[0] - y[1]) / (y[0] - y[2]) == pytest.approx((2 / 3 - 1 / 2) / (1 - 1 / 2), rel=1e-3)
    # Epoch 1 has its place on the axis all the same.
    _, ((_, later, _),) = draw(learned_jaccard_plot, tmp_path, {"BERT, MiniLM": overlap[1:]}, 3)
    assert x[0] - later[0] > 100 and x[2] == pytest.approx(later[2], abs=2)


@pytest.mark.parametrize("plot", [learned_by_epoch_plot, learned_jaccard_plot])
def test_one_epoch_makes_a_picture(plot, tmp_path):
    path = plot({"one": [0.5]}, tmp_path / "order.png")
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("plot", "columns", "message"),
    [
        (learned_by_epoch_plot, {}, "1 to 48 lines, got 0"),
        (learned_by_epoch_plot, {"a": []}, "The shares of 'a' must have one number for every epoch"),
        (learned_by_epoch_plot, {"a": [[0.1]]}, "shape"),
        (learned_by_epoch_plot, {"a": [0.2, 1.5]}, "must be in .0, 1., got 1.5 at epoch 2"),
        (learned_by_epoch_plot, {"a": [50.0]}, "must be in"),
        (learned_by_epoch_plot, {"a": [float("nan")]}, "The shares of 'a' hold NaN"),
        (learned_jaccard_plot, {}, "1 to 48 lines, got 0"),
        (learned_jaccard_plot, {"a, b": [float("nan")] * 2}, "neither has learned anything"),
        (learned_jaccard_plot, {"a, b": [-0.5]}, "must be in .0, 1., got -0.5 at epoch 1"),
    ],
)
def test_bad_input_is_told_plainly(plot, columns, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        plot(columns, tmp_path / "order.png")
    with pytest.raises(UsageError, match="must end in .png"):
        plot({"a": [0.5]}, tmp_path / "order.jpg")
    assert not list(tmp_path.iterdir())
