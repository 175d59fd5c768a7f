"""Maps of points: what stands in the file, whatever the data are."""

import re
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from hf_relation.errors import InvalidRowError, UsageError
from hf_relation.plots import MAX_STYLES, MapPanel, embedding_map


matplotlib = pytest.importorskip("matplotlib")
SVG = "{http://www.w3.org/2000/svg}"
LEFT = MapPanel("before", [[0, 0], [0, 1], [5, 5]], [0, 0, 1], ["born in", "capital of"])


@pytest.fixture
def texts(tmp_path):
    """Draw as SVG with letters as letters; give the texts in the figure."""

    def draw(panels, **settings):
        with matplotlib.rc_context({"svg.fonttype": "none"}):
            path = embedding_map(panels, tmp_path / "map.svg", **settings)
        return ["".join(element.itertext()) for element in ElementTree.parse(path).iter(f"{SVG}text")]

    return draw


def drawn_points(path):
    """Of every panel of an SVG: `(x, y, fill)` of the marks in it, the legend's left out."""
    panels = []
    for axes in ElementTree.parse(path).iter(f"{SVG}g"):
        if re.fullmatch(r"axes_\d+", axes.get("id", "")):
            marks = []
            for group in axes:
                if group.get("id", "").startswith("PathCollection"):
                    for mark in group.iter(f"{SVG}use"):
                        fill = re.search(r"fill: (#\w+)", mark.get("style")).group(1)
                        marks.append((float(mark.get("x")), float(mark.get("y")), fill))
            panels.append(marks)
    return panels


def test_a_class_looks_the_same_in_every_panel(tmp_path):
    right = MapPanel("after", [[9, 0], [9, 1], [0, 0]], [1, 1, 0], ["capital of", "born in"])  # numbered the other way
    before, after = drawn_points(embedding_map([LEFT, right], tmp_path / "map.svg"))
    assert len(before) == 3 and len(after) == 3
    born_in = {fill for x, _, fill in before if x == min(p[0] for p in before)}
    assert len(born_in) == 1
    assert [fill for *_, fill in after].count(*born_in) == 2
    assert {fill for x, _, fill in after if x == max(p[0] for p in after)} == born_in


def test_points_keep_their_proportions(tmp_path):
    points = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    (marks,) = drawn_points(embedding_map([MapPanel("", points, [0, 1, 2], "abc")], tmp_path / "map.svg"))
    where = {fill: np.array([x, y]) for x, y, fill in marks}
    origin, right, up = (where[color] for color in ("#0072b2", "#d55e00", "#009e73"))
    assert right - origin == pytest.approx([2 * (origin - up)[1], 0.0], abs=1e-3)
    assert up - origin == pytest.approx([0.0, -(right - origin)[0] / 2], abs=1e-3)  # y grows downwards in SVG


@pytest.mark.parametrize(
    "name", ["cost in $x_1$ and $", "_private", "a^b_{c}", "100 % \\alpha", "</svg><script>alert(1)</script>", "--> x"]
)
def test_names_are_plain_text(texts, name):
    shown = texts([MapPanel(f"{name} 1", [[0, 0], [1, 1]], [0, 1], [name, "other"])], title=f"{name} 2")
    assert {name, f"{name} 1", f"{name} 2", "other"} <= set(shown)


def test_names_without_anything_to_show_and_very_long_ones_fit(texts, tmp_path):
    names = ["", "a\nb\tc", "word " * 100, "x" * 500, "\u202eevil\x00", "half \ud800 surrogate"]
    panel = MapPanel("t" * 999, np.eye(6)[:, :2], range(6), names)
    shown = texts([panel], title="T " * 999)
    assert "a b c" in shown and "evil\ufffd" in shown and "half \ufffd surrogate" in shown
    assert max(map(len, shown)) < 100
    assert sum(text.endswith("…") for text in shown) == 4
    embedding_map([panel], tmp_path / "map.png")


def test_the_legend_stays_in_the_figure(tmp_path):
    """Sixteen names of two lines each, and forty-eight of one."""
    for number in (16, MAX_STYLES):
        names = [f"{i} a name of about sixty letters, which takes two lines of it" for i in range(number)]
        points = np.random.default_rng(0).normal(size=(number, 2))
        embedding_map([MapPanel("t", points, range(number), names)], tmp_path / "map.png")
        image = matplotlib.image.imread(tmp_path / "map.png")[..., :3]
        edge = np.concatenate([image[:4].reshape(-1, 3), image[-4:].reshape(-1, 3), image[:, -4:].reshape(-1, 3)])
        assert (edge == 1).all()  # nothing runs over the edge
        assert (image[:, -300:] < 0.5).any()


def test_more_points_than_allowed_are_sampled_and_the_figure_says_so(texts, tmp_path):
    points = np.column_stack([np.arange(500.0), np.arange(500.0) ** 2])
    panels = [MapPanel(title, points, np.arange(500) % 3, "abc") for title in ("one", "two")]
    assert "one: 120 of 500 points, at random; two: 120 of 500 points, at random" in texts(panels, max_points=120)
    first, second = drawn_points(tmp_path / "map.svg")
    assert len(first) == len(second) == 120
    shift = first[0][0] - second[0][0]
    assert [x for x, *_ in first] == pytest.approx([x + shift for x, *_ in second], abs=1e-3)  # the same rows in both
    assert not any("at random" in text for text in texts(panels, max_points=500))


def test_left_out_points_are_grey_and_named(texts, tmp_path):
    assert "(left out)" in texts([MapPanel("t", [[0, 0], [1, 1]], [-1, 0], ["a"])])
    assert sorted(fill for *_, fill in drawn_points(tmp_path / "map.svg")[0]) == ["#0072b2", "#b0b0b0"]


@pytest.mark.parametrize("suffix, start", [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_formats_follow_the_suffix_and_the_same_figure_is_the_same_file(tmp_path, suffix, start):
    files = [embedding_map([LEFT], tmp_path / f"{i}.{suffix}").read_bytes() for i in range(2)]
    assert files[0].startswith(start)
    if suffix == "png":
        assert files[0] == files[1]


def test_one_point_and_equal_points_can_be_drawn(tmp_path):
    embedding_map([MapPanel("t", np.zeros((3, 2), dtype=np.float32), [0, 0, 0], ["a"])], tmp_path / "map.png")


def test_the_program_is_left_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setitem(matplotlib.rcParams, "backend", "svg")
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    monkeypatch.setitem(matplotlib.rcParams, "text.usetex", True)  # no TeX is called all the same
    points = np.random.default_rng(0).normal(size=(20, 2))
    before = points.copy()
    points.flags.writeable = False
    state = np.random.get_state()[1].copy()
    embedding_map([MapPanel("t_1", points, np.zeros(20, dtype=int), ["$a_"])], tmp_path / "map.png", title="x")
    assert "matplotlib.pyplot" not in sys.modules and matplotlib.rcParams["backend"] == "svg"
    assert (points == before).all() and (np.random.get_state()[1] == state).all()


@pytest.mark.parametrize(
    "panels, settings, error, message",
    [
        ([], {}, UsageError, "1 to 4 panels, got 0"),
        ([LEFT] * 5, {}, UsageError, "1 to 4 panels, got 5"),
        ([MapPanel("t", np.zeros((0, 2)), [], [])], {}, UsageError, "panel 't' has no points"),
        ([MapPanel("t", [[1.0, np.nan]], [0], "a")], {}, InvalidRowError, "row 0: panel 't': 1 of 1 points are NaN"),
        ([MapPanel("t", [[0, 0], [np.inf, 0]], [0, 0], "a")], {}, InvalidRowError, "row 1: .* infinite"),
        ([MapPanel("t", [[0.0, 0.0, 0.0]], [0], "a")], {}, UsageError, r"shape \(n, 2\), got float64 \(1, 3\)"),
        ([MapPanel("t", [["a", "b"]], [0], "a")], {}, UsageError, "real numbers"),
        ([MapPanel("t", [[0, 0]], [0, 1], "ab")], {}, UsageError, "`labels` must be 1 integers"),
        ([MapPanel("t", [[0, 0]], ["a"], "ab")], {}, UsageError, "`labels` must be 1 integers"),
        ([MapPanel("t", [[0, 0]], [1], "a")], {}, InvalidRowError, "row 0: .* label 1 has no name"),
        ([MapPanel("t", [[0, 0]], [-2], "a")], {}, InvalidRowError, "label -2 has no name"),
        ([MapPanel("t", [[0, 0]], [0], "aa")], {}, UsageError, "'a' stands for several classes"),
        ([LEFT], {"max_points": 0}, UsageError, "`max_points` must be at least 1, got 0"),
    ],
)
def test_bad_input_is_told_plainly_and_leaves_no_file(tmp_path, panels, settings, error, message):
    with pytest.raises(error, match=message):
        embedding_map(panels, tmp_path / "map.png", **settings)
    assert not list(tmp_path.iterdir())


def test_more_classes_than_styles_are_an_error(tmp_path):
    number = MAX_STYLES + 1
    panel = MapPanel("t", np.zeros((number, 2)), range(number), [str(i) for i in range(number)])
    with pytest.raises(UsageError, match="at most 48 classes"):
        embedding_map([panel], tmp_path / "map.png")


@pytest.mark.parametrize("name", ["map.jpg", "map", "no/such/folder/map.png"])
def test_a_file_that_cannot_be_written_is_told_first(tmp_path, name):
    with pytest.raises(UsageError, match="must end in .png, .svg, .pdf|does not exist"):
        embedding_map([LEFT], tmp_path / name)


def test_an_existing_figure_survives_a_failure(tmp_path, monkeypatch):
    target = embedding_map([LEFT], tmp_path / "map.png")
    before = target.read_bytes()
    figure = pytest.importorskip("matplotlib.figure").Figure

    def half(self, stream, **settings):
        stream.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", half)
    with pytest.raises(OSError, match="disk full"):
        embedding_map([LEFT], target)
    assert target.read_bytes() == before and [path.name for path in tmp_path.iterdir()] == ["map.png"]


def test_without_matplotlib_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pip install "hf_relation\[viz\]"'):
        embedding_map([LEFT], tmp_path / "map.png")
