"""Styles that can be told apart, also by colour-blind readers."""

import itertools

import numpy as np
import pytest

from hf_relation.errors import UsageError
from hf_relation.plots import MAX_STYLES, styles
from hf_relation.plots.palette import COLORS


# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
)


def linear_rgb(color):
    values = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    xyz = TO_XYZ @ np.clip(rgb, 0, 1) / [0.95047, 1.0, 1.08883]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", VISION)
def test_colours_stay_apart_for_colour_blind_readers(vision):
    seen = [lab(np.asarray(VISION[vision]) @ linear_rgb(color)) for color in COLORS]
    nearest = min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))
    assert nearest > 15  # CIE 1976; about 2 is just visible


def test_colours_show_on_white():
    contrast = [1.05 / (0.05 + float(TO_XYZ[1] @ linear_rgb(color))) for color in COLORS]
    assert min(contrast) > 2.2


def test_every_style_is_another_one_and_a_longer_list_goes_on_from_a_shorter():
    every = styles(MAX_STYLES)
    assert MAX_STYLES >= 20 and len(set(every)) == MAX_STYLES
    assert styles(16) == every[:16] and styles(0) == []
    assert len({style.color for style in styles(8)}) == 8


def test_more_classes_than_styles_are_an_error():
    with pytest.raises(UsageError, match="at most 48 classes .* got 49"):
        styles(49)
