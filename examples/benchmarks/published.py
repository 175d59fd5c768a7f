"""Published figures on FewRel's 16 novel relations, with all columns of the table they stand in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedRow:
    """One row of Zhao et al., EMNLP 2021 (RoCORE), Table 2, FewRel; figures as fractions.

    Args:
        system: its name.
        encoder: what makes its representations.
        supervision: what it learned from.
        bcubed_precision, bcubed_recall, bcubed_f1, homogeneity, completeness, v_measure, ari: the figures.
        sd: deviations over runs where the table has them, by name of the figure.
    """

    system: str
    encoder: str
    supervision: str
    bcubed_precision: float
    bcubed_recall: float
    bcubed_f1: float
    homogeneity: float
    completeness: float
    v_measure: float
    ari: float
    sd: dict[str, float] | None = None


SOURCE = "Zhao et al., EMNLP 2021 (RoCORE), Table 2"
_BERT = "BERT-base (110 M)"
_ROCORE_SD = {
    "bcubed_precision": 0.017,
    "bcubed_recall": 0.009,
    "bcubed_f1": 0.011,
    "homogeneity": 0.010,
    "completeness": 0.006,
    "v_measure": 0.007,
    "ari": 0.023,
}
PUBLISHED: tuple[PublishedRow, ...] = (
    PublishedRow("VAE", "features", "none", 0.309, 0.446, 0.365, 0.448, 0.500, 0.473, 0.291),
    PublishedRow("RW-HAC", "word vectors", "none", 0.256, 0.492, 0.337, 0.391, 0.485, 0.433, 0.250),
    PublishedRow("EType+", "entity types", "none", 0.238, 0.485, 0.319, 0.364, 0.463, 0.408, 0.249),
    PublishedRow("SelfORE", _BERT, "none", 0.672, 0.685, 0.678, 0.779, 0.788, 0.783, 0.647),
    PublishedRow("RSN", "CNN", "known relations", 0.486, 0.742, 0.589, 0.644, 0.787, 0.708, 0.453),
    PublishedRow("RSN-BERT", _BERT, "known relations", 0.585, 0.899, 0.709, 0.696, 0.889, 0.781, 0.532),
    PublishedRow(
        "RoCORE",
        _BERT,
        "known relations and unlabelled novel ones",
        0.752,
        0.846,
        0.796,
        0.838,
        0.883,
        0.860,
        0.709,
        _ROCORE_SD,
    ),
)
