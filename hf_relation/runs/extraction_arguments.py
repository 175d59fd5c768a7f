"""What a run of extraction is told about its data on the command line."""

from __future__ import annotations

from dataclasses import dataclass, field

from hf_relation.errors import UsageError


CORPORA = ("semeval", "webnlg", "webnlg_star", "nyt_triples", "wiki80", "tacred", "redocred", "jsonl")


@dataclass
class ExtractionDataArguments:
    """Which texts are trained on, chosen by and scored; the help of every field says what it is."""

    dataset: str = field(
        default="semeval",
        metadata={
            "choices": list(CORPORA),
            "help": "semeval: SemEval-2010 Task 8, one marked pair a sentence; webnlg, webnlg_star, nyt_triples: texts with triples; "
            "wiki80: its relations that are not FewRel's novel ones, one pair a sentence; tacred: one pair a sentence, your copy; "
            "redocred: documents; jsonl: your own documents or instances",
        },
    )
    data_dir: str | None = field(default=None, metadata={"help": "folder of the corpora; default: $HF_RELATION_DATA"})
    train_file: list[str] | None = field(default=None, metadata={"help": "with jsonl: files to train on"})
    validation_file: str | None = field(
        default=None,
        metadata={"help": "with jsonl: file to choose by; default: --validation_share of the training texts"},
    )
    test_file: str | None = field(default=None, metadata={"help": "with jsonl: file to score on"})
    validation_share: float = field(
        default=0.1, metadata={"help": "share of the training texts to choose by where the corpus has no part for it"}
    )
    test_share: float = field(
        default=0.2, metadata={"help": "share of the texts to score on where the corpus has no part for it (redocred)"}
    )
    split_seed: int = field(default=0, metadata={"help": "which texts these are; the same for all training seeds"})
    max_train_documents: int | None = field(default=None, metadata={"help": "train on this many texts at most"})
    max_test_documents: int | None = field(
        default=None, metadata={"help": "score on this many validation, and test, texts at most"}
    )
    na_label: str | None = field(
        default=None,
        metadata={"help": "label that means that there is no relation, e.g. Other (semeval's default) or NA"},
    )


def check_data_options(script: ExtractionDataArguments) -> None:
    """Refuse options of the data that contradict one another.

    Raises:
        UsageError: they do; the message says which.
    """
    for name in ("validation_share", "test_share"):
        if not 0 < getattr(script, name) < 1:
            raise UsageError(f"`--{name}` must be between 0 and 1, got {getattr(script, name)}.")
    if script.dataset == "jsonl" and not (script.train_file and script.test_file):
        raise UsageError("`--dataset jsonl` needs --train_file and --test_file.")
    for name in ("train_file", "validation_file", "test_file"):
        if script.dataset != "jsonl" and getattr(script, name):
            raise UsageError(f"`--{name}` is for --dataset jsonl; --dataset {script.dataset} has files of its own.")
