"""Matrices as coloured cells."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from hf_relation.errors import UsageError
from hf_relation.plots import heatmap


matplotlib = pytest.importorskip("matplotlib")
SVG = "{http://www.w3.org/2000/svg}"


def draw(tmp_path, values, **settings):
    values = np.asarray(values)
    names = {"rows": [f"r{i}" for i in range(len(values))], "columns": [f"c{i}" for i in range(values.shape[1])]}
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        path = heatmap(values, tmp_path / "map.svg", **(names | settings))
    tree = ElementTree.parse(path)
    return ["".join(text.itertext()) for text in tree.iter(f"{SVG}text")]


def test_names_and_values_are_written_as_they_are(tmp_path):
    texts = draw(
        tmp_path,
        [[0.25, np.nan], [1.0, -0.001]],
        rows=["$a_1$", "b" * 50],
        columns=["\\alpha", "d"],
        title="T_1",
        x_axis="head",
        y_axis="layer",
        note="n",
    )
    assert {"$a_1$", "b" * 23 + "…", "\\alpha", "d", "0.25", "1.00", "0.00", "×", "T_1", "head", "layer", "n"} <= set(
        texts
    )


def test_dark_is_large(tmp_path):
    images = []
    for values in ([[0.0, 1.0]], [[1.0, 0.0]]):
        path = heatmap(np.array(values), tmp_path / "map.png", rows=["a"], columns=["b", "c"], limits=(0, 1))
        images.append(matplotlib.image.imread(path)[..., :3].mean(-1))
    darker_right, darker_left = images
    middle = darker_left.shape[1] // 2
    assert darker_right[:, :middle].sum() > darker_left[:, :middle].sum()


def test_many_cells_have_no_values_and_fewer_names(tmp_path):
    texts = draw(tmp_path, np.random.default_rng(0).random((40, 36)))
    assert len([text for text in texts if re.fullmatch(r"0\.\d\d", text)]) == 0  # the scale has one digit
    assert "r0" in texts and "r1" not in texts


@pytest.mark.parametrize("values", [[[1.0]], [[0.5, 0.5]], [[np.nan]]])
def test_matrices_of_one_value(tmp_path, values):
    draw(tmp_path, values)


@pytest.mark.parametrize(
    "values, settings, message",
    [
        ([1.0], {"rows": ["a"], "columns": ["b"]}, r"got shape \(1,\)"),
        (np.zeros((0, 2)), {"rows": [], "columns": ["a", "b"]}, r"got shape \(0, 2\)"),
        (np.zeros((1, 300)), {"rows": ["a"], "columns": ["a"] * 300}, "at most 256"),
        ([[np.inf]], {"rows": ["a"], "columns": ["b"]}, "infinite"),
        ([[1.0]], {"rows": ["a", "b"], "columns": ["b"]}, "2 names of rows"),
        ([[1.0]], {"rows": ["a"], "columns": ["b"], "limits": (1, 1)}, "`limits`"),
        ([[1.0]], {"rows": ["a"], "columns": ["b"], "limits": (0, np.inf)}, "`limits`"),
    ],
)
def test_bad_input_is_told_plainly(tmp_path, values, settings, message):
    with pytest.raises(UsageError, match=message):
        heatmap(values, tmp_path / "map.png", **settings)
    with pytest.raises(UsageError, match=r"must end in \.png"):
        heatmap([[1.0]], tmp_path / "map.txt", rows=["a"], columns=["b"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("columns", [2, 8])
def test_a_long_title_ends_within_the_picture(tmp_path, columns):
    from matplotlib.image import imread

    names = [str(column) for column in range(columns)]
    title = "ranked_on_en_" * 8
    heatmap(np.ones((2, columns)), tmp_path / "map.png", rows=["0", "1"], columns=names, title=title)
    assert (imread(tmp_path / "map.png")[:, -12:, :3] == 1).all()
