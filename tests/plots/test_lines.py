"""Lines against a number."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.plots import Line, line_chart


matplotlib = pytest.importorskip("matplotlib")
SVG = "{http://www.w3.org/2000/svg}"


def draw(tmp_path, lines, **settings):
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        path = line_chart(lines, tmp_path / "lines.svg", **settings)
    tree = ElementTree.parse(path)
    drawn = []
    for element in tree.iter(f"{SVG}path"):
        style = element.get("style", "")
        numbers = [float(x) for x in re.findall(r"-?[\d.]+", element.get("d", ""))]
        if "stroke-width: 1.4" in style and len(numbers) == 6:  # a line of three points
            drawn.append((re.search(r"stroke: (#\w+)", style).group(1), numbers[::2], numbers[1::2]))
    return ["".join(text.itertext()) for text in tree.iter(f"{SVG}text")], drawn


def test_points_are_where_their_numbers_are(tmp_path):
    lines = [
        Line("before $x$", [(1, 0.8), (5, 0.7), (21, 0.4)]),
        Line("_after", [(1, 0.8), (5, 0.8), (21, 0.7)], [0.1] * 3),
    ]
    texts, drawn = draw(tmp_path, lines, title="T_1", x_axis="K", y_axis="accuracy", note="one seed")
    assert {"before $x$", "_after", "T_1", "K", "accuracy", "one seed"} <= set(texts)
    (first, x, y), (second, _, other) = drawn
    assert first != second
    assert (x[2] - x[1]) / (x[1] - x[0]) == pytest.approx(16 / 4, rel=1e-3)
    assert (y[2] - y[1]) / (y[1] - y[0]) == pytest.approx(0.3 / 0.1, rel=1e-3)
    assert y[0] < y[1] and other[0] == pytest.approx(other[1]) == pytest.approx(y[0])  # SVG counts from above


def test_side_by_side_lines_do_not_hide_one_another_and_whole_numbers_have_whole_ticks(tmp_path):
    lines = [Line(name, [(0, 0.8), (8, 0.7), (16, 0.6)], [0.1] * 3) for name in "abc"]
    drawn = draw(tmp_path, lines)[1]
    assert drawn[0][1:] == drawn[1][1:] == drawn[2][1:]
    texts, drawn = draw(tmp_path, lines, side_by_side=True)
    for first, second in zip(drawn, drawn[1:], strict=False):
        steps = [right - left for left, right in zip(first[1], second[1], strict=True)]
        assert steps == pytest.approx([0.07 * 72] * 3, abs=1e-3) and first[2] == second[2]
    assert "2.5" not in texts and {"0", "4", "8", "12", "16"} <= set(texts)


def test_a_long_title_ends_within_the_picture(tmp_path):
    from matplotlib.image import imread

    title = "ranked_on_en_" * 8
    line_chart([Line("a", [(0, 1)])], tmp_path / "lines.png", title=title)
    assert (imread(tmp_path / "lines.png")[:, -12:, :3] == 1).all()


def test_axes_show_a_range_and_every_point_beyond_it(tmp_path):
    lines = [Line("a", [(1, 0.2), (2, 0.4), (3, 0.6)])]
    texts, _ = draw(tmp_path, lines)
    assert not {"0.0", "1.0"} & set(texts)
    texts, ((_, x, y),) = draw(tmp_path, lines, x_range=(1.0, 6.0), y_range=(0.0, 1.0))
    assert {"0.0", "1.0", "6"} <= set(texts) and "-0.2" not in texts and "1.2" not in texts
    wider = [Line("a", [(1, 0.2), (2, 0.4), (3, 1.6)])]
    texts, _ = draw(tmp_path, wider, y_range=(0.0, 1.0))
    assert "1.6" in texts


@pytest.mark.parametrize("extent", [(1.0, 1.0), (1.0, 0.0), (0.0, float("inf")), (float("nan"), 1.0)])
def test_a_bad_range_is_told_plainly(tmp_path, extent):
    for name in ("x_range", "y_range"):
        with pytest.raises(UsageError, match=f"`{name}` must be two finite numbers"):
            line_chart([Line("a", [(1, 2)])], tmp_path / "lines.png", **{name: extent})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "lines, error, message",
    [
        ([], UsageError, "1 to 48 lines, got 0"),
        ([Line("a", [])], UsageError, "'a' has no points"),
        ([Line("a", [(1, 2)], [0.1, 0.2])], UsageError, "1 points and 2 errors"),
        ([Line("a", [(1, 2)]), Line("b", [(1, float("nan"))])], InvalidRowError, "row 1: The line 'b'"),
        ([Line("a", [(1, 2)], [-1.0])], InvalidRowError, "at least 0"),
    ],
)
def test_bad_input_is_told_plainly(tmp_path, lines, error, message):
    with pytest.raises(error, match=message):
        line_chart(lines, tmp_path / "lines.png")
    assert not list(tmp_path.iterdir())
