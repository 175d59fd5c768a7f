"""Published figures to stand beside our own: discovery on FewRel, extraction on SemEval-2010 Task 8 and WebNLG."""

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


@dataclass(frozen=True)
class PublishedExtraction:
    """One published figure of extraction.

    Args:
        system (`str`): name of the system.
        encoder (`str`): its encoder.
        dataset (`str`): name of the corpus in this package.
        evaluation (`str`): which metric, and what was given.
        f1 (`float`): in per cent.
        source (`str`): where it stands.
    """

    system: str
    encoder: str
    dataset: str
    evaluation: str
    f1: float
    source: str


_KERNEL_TABLE = "Li and Tian, 2020, Table 3"
_GOLD = "micro F1, gold pairs given"

PUBLISHED_KERNEL_RE: tuple[PublishedExtraction, ...] = (
    PublishedExtraction("KernelRE (REDN)", "BERT-base (110 M)", "semeval", _GOLD, 91.0, _KERNEL_TABLE),
    PublishedExtraction("BERT-EM-MTB", "BERT-large (335 M)", "semeval", "official macro F1", 89.5, _KERNEL_TABLE),
    PublishedExtraction("C-AGGCN", "LSTM and graphs", "semeval", "official macro F1", 85.7, _KERNEL_TABLE),
    PublishedExtraction("KernelRE (REDN)", "BERT-base (110 M)", "webnlg", _GOLD, 96.3, _KERNEL_TABLE),
    PublishedExtraction(
        "HBT (CasRel)",
        "BERT-base (110 M)",
        "webnlg_star",
        "micro F1, entities found by the model",
        88.8,
        _KERNEL_TABLE,
    ),
)
"""Figures of Li and Tian, 2020; those of other systems are quoted there, and count what those systems counted."""
