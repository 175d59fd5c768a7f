"""Corpora whose relations differ widely in frequency, split as NYT+FB-sup is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hf_relation.data import load_corpus, split_by_frequency
from hf_relation.data.corpora import REDOCRED_FILES
from hf_relation.data.frequency_split import FrequencySplit
from hf_relation.data.locations import corpus_dir
from hf_relation.data.schema import Instance
from hf_relation.errors import UsageError
from hf_relation.training import limit_per_relation, single_relation


# Sizes of the largest and the smallest relation of what `long_tail` makes of FewRel's 700 instances a relation.
LARGEST, SMALLEST = 700, 5


@dataclass(frozen=True)
class Corpus:
    """Instances in three parts, and how they came about.

    Args:
        split ([`FrequencySplit`]): the parts.
        about (`str`): for the report.
        least, most (`int`): frequencies of novel relations.
    """

    split: FrequencySplit
    about: str
    least: int
    most: int


def long_tail(
    instances: Sequence[Instance], *, largest: int = LARGEST, smallest: int = SMALLEST, seed: int = 0
) -> list[Instance]:
    """Make a balanced corpus unbalanced: relation sizes fall by a constant factor from `largest` to `smallest`.

    Args:
        instances: labelled; every relation should have `largest` of them.
        largest, smallest: sizes of the first and the last relation.
        seed: which relation gets which size, and which instances are kept.
    """
    members: dict[str, list[Instance]] = {}
    for row in instances:
        if (name := single_relation(row)) is not None:
            members.setdefault(name, []).append(row)
    names = [sorted(members)[i] for i in np.random.default_rng(seed).permutation(len(members))]
    sizes = np.geomspace(largest, smallest, len(names)).round().astype(int)
    kept = [
        row
        for name, size in zip(names, sizes.tolist(), strict=True)
        for row in limit_per_relation(members[name], size, seed)
    ]
    return sorted(kept, key=lambda row: str(row["id"]))


def make_corpus(
    name: str,
    *,
    data_dir: str | None = None,
    files: Sequence[str] | None = None,
    bounds: tuple[int | None, int | None] = (None, None),
    seed: int = 0,
) -> Corpus:
    """Load a corpus and split it by frequency.

    Args:
        name: `"redocred"`, `"fewrel"` or `"jsonl"`.
        data_dir: folder of the named corpora.
        files: of `"jsonl"`.
        bounds: least and most instances of a novel relation; what suits the corpus for `None`.
        seed: which novel relations are for validation, and what FewRel's long tail is made of.
    """
    if name == "jsonl":
        if not files:
            raise UsageError(
                "`--dataset jsonl` needs `--train_file`: JSONL files with the whole corpus, which is split by frequency."
            )
        rows = [row for file in files for row in load_corpus(Path(file))]
        return _split(rows, bounds, (20, 2000), seed, "Your files, split by frequency.")
    if files:
        raise UsageError(f"`--train_file` is for `--dataset jsonl`; {name} is read from `--data_dir`.")
    if name == "fewrel":
        about = (
            f"FewRel's 64 known relations, cut to a long tail from {LARGEST} instances (or all there are) to {SMALLEST} a "
            "relation (FewRel itself is balanced), split by frequency. FewRel's novel relations are not read."
        )
        rows = long_tail(load_corpus("fewrel", data_dir, "train"), seed=seed)
        return _split(rows, bounds, (20, 200), seed, about)
    return _redocred(data_dir, bounds, seed)


def _redocred(data_dir: str | None, bounds: tuple[int | None, int | None], seed: int) -> Corpus:
    if _has_redocred_train(data_dir):
        rows = load_corpus("redocred", data_dir, "train")
        about = (
            "Sentence pairs of Re-DocRED's training documents, without sentences of published evaluation sets, split by "
            "frequency."
        )
        return _split(rows, bounds, (20, 2000), seed, about)
    # Re-DocRED's development set is an evaluation set: the split's novel parts come from it, and nothing to train on.
    about = (
        "Novel relations: sentence pairs of Re-DocRED's development documents, split by frequency. These are an evaluation "
        "set, no sentence of which may be trained on, and the training documents are not in the data folder; so the "
        f"training part is FewRel's known relations that are in neither half, cut to a long tail from {LARGEST} "
        f"instances (or all there are) to {SMALLEST} a relation."
    )
    corpus = _split(load_corpus("redocred", data_dir, "dev"), bounds, (10, 400), seed, about)
    split = corpus.split
    novel = {single_relation(row) for row in [*split.validation, *split.test]}
    known = [row for row in load_corpus("fewrel", data_dir, "train") if single_relation(row) not in novel]
    train = long_tail(known, seed=seed)
    counts = split.counts | {"train": len(train), "train_relations": len({single_relation(row) for row in train})}
    del counts["train_sentence_in_novel"]  # of the documents' own common and rare relations, which are not used
    return Corpus(FrequencySplit(train, split.validation, split.test, counts), about, corpus.least, corpus.most)


def _has_redocred_train(data_dir: str | None) -> bool:
    folder = corpus_dir(data_dir, "redocred")
    return any((folder / f"{name}{end}").is_file() for name in REDOCRED_FILES["train"] for end in ("", ".gz"))


def _split(
    rows: Sequence[Instance],
    bounds: tuple[int | None, int | None],
    usual: tuple[int, int],
    seed: int,
    about: str,
) -> Corpus:
    least, most = (default if given is None else given for given, default in zip(bounds, usual, strict=True))
    return Corpus(split_by_frequency(rows, least=least, most=most, seed=seed), about, least, most)
