"""Published figures on the FewRel open-relation-discovery split, to stand beside our own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedResult:
    """One row of a published table; figures as fractions.

    Args:
        system (`str`): name of the system.
        encoder (`str`): its encoder.
        supervision (`str`): what it learned from.
        bcubed_precision, bcubed_recall, bcubed_f1, v_measure, ari (`float`): the figures.
        source (`str`): where they stand.
    """

    system: str
    encoder: str
    supervision: str
    bcubed_precision: float
    bcubed_recall: float
    bcubed_f1: float
    v_measure: float
    ari: float
    source: str


_ROCORE_TABLE = "Zhao et al., EMNLP 2021, Table 2"
_KNOWN = "known relations"

PUBLISHED_FEWREL: tuple[PublishedResult, ...] = (
    PublishedResult("RW-HAC", "none (word vectors)", "none", 0.256, 0.492, 0.337, 0.433, 0.250, _ROCORE_TABLE),
    PublishedResult("SelfORE", "BERT-base (110 M)", "none", 0.672, 0.685, 0.678, 0.783, 0.647, _ROCORE_TABLE),
    PublishedResult("RSN", "CNN", _KNOWN, 0.486, 0.742, 0.589, 0.708, 0.453, _ROCORE_TABLE),
    PublishedResult("RSN-BERT", "BERT-base (110 M)", _KNOWN, 0.585, 0.899, 0.709, 0.781, 0.532, _ROCORE_TABLE),
    PublishedResult(
        "RoCORE",
        "BERT-base (110 M)",
        f"{_KNOWN} and unlabelled novel ones",
        0.752,
        0.846,
        0.796,
        0.860,
        0.709,
        _ROCORE_TABLE,
    ),
)
"""Figures on the 16 novel relations of FewRel, all as reported in the table of the RoCORE paper."""
