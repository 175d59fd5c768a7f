"""Published figures to stand beside our own: discovery on FewRel, extraction, fine-tuning of pre-trained encoders."""

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


@dataclass(frozen=True)
class PublishedFineTuning:
    """One published figure of an encoder that was fine-tuned on a share of the training texts.

    Args:
        system (`str`): what the encoder was pre-trained with.
        encoder (`str`): what it started from.
        dataset (`str`): name of the corpus in this package.
        share (`float`): of the training texts.
        f1 (`float`): micro F1 on the test, in per cent.
        ign_f1 (`float`, *optional*): the same without facts of the training texts.
        source (`str`): where it stands.
    """

    system: str
    encoder: str
    dataset: str
    share: float
    f1: float
    ign_f1: float | None
    source: str


_SHARES = (0.01, 0.1, 1.0)
_BERT, _ROBERTA = "BERT-base (110 M)", "RoBERTa-base (125 M)"
# System, encoder, then at 1, 10 and 100 %: DocRED F1, its Ign F1, TACRED F1, SemEval F1.
_FINE_TUNED: tuple[tuple[str, str, tuple[tuple[float, float, float], ...]], ...] = (
    ("none", _BERT, ((19.9, 45.2, 56.6), (18.8, 43.1, 54.4), (22.2, 53.5, 63.7), (41.0, 76.5, 87.8))),
    ("none", _ROBERTA, ((29.6, 47.6, 58.2), (27.9, 45.7, 55.9), (27.3, 61.1, 69.3), (43.6, 77.7, 87.5))),
    ("ERICA", _ROBERTA, ((30.0, 50.1, 59.1), (28.2, 48.1, 56.9), (41.1, 61.7, 69.5), (50.3, 80.9, 88.4))),
    (
        "weighted contrastive (WCL)",
        _ROBERTA,
        ((22.3, 49.4, 58.5), (20.8, 47.5, 56.2), (37.6, 61.3, 69.7), (47.0, 80.0, 88.3)),
    ),
    ("FineCL", _ROBERTA, ((33.2, 50.3, 59.5), (31.2, 48.3, 57.1), (43.7, 62.7, 70.3), (51.2, 81.0, 88.7))),
)

PUBLISHED_FINECL: tuple[PublishedFineTuning, ...] = tuple(
    PublishedFineTuning(
        system,
        encoder,
        dataset,
        share,
        figures[column][place],
        figures[1][place] if dataset == "docred" else None,
        f"Hogan et al., EMNLP 2022, Table {3 if dataset == 'docred' else 5}",
    )
    for dataset, column in (("docred", 0), ("tacred", 2), ("semeval", 3))
    for place, share in enumerate(_SHARES)
    for system, encoder, figures in _FINE_TUNED
)
"""Micro F1 on the tests of DocRED, TACRED and SemEval-2010 Task 8, all from the implementations of Hogan, Li and Shang."""
