"""What each published corpus is made of, for builders and converters alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from .corpora import REDOCRED_FILES, SEMEVAL_FILES
from .docred import REDOCRED_SOURCE, read_docred
from .fewrel import FEWREL_SOURCE, read_fewrel
from .fewrel_openre import FEWREL_SPLITS, fewrel_train_files, load_fewrel_openre
from .files import rows_naming_file
from .locations import corpus_file
from .nyt_fb import read_nyt_fb
from .nyt_fb_splits import (
    NYT_FB_LABELLED_SPLITS,
    NYT_FB_LICENCE,
    NYT_FB_SOURCE,
    NYT_FB_SUP_SPLITS,
    load_nyt_fb_labelled,
    load_nyt_fb_sup,
    nyt_fb_file,
    nyt_fb_unlabelled,
)
from .pairs import REDOCRED_LEAST, SEMEVAL_NO_RELATION, discovery_pairs, read_sentence_pairs
from .recipe import Configuration, Recipe, Row, Split, file_split
from .semeval import SEMEVAL_SOURCE, read_semeval2010_task8
from .tacred import (
    TACRED_FILES,
    TACRED_LICENCE,
    TACRED_SOURCE,
    TACRED_SPLITS,
    load_tacred_openre,
    read_tacred,
    tacred_file,
    tacred_files,
)
from .task_recipes import TASK_RECIPES
from .triple_recipes import TRIPLE_RECIPES
from .wiki80 import WIKI80_FILES, WIKI80_SOURCE, load_wiki80_known, read_wiki80, wiki80_file


def _fewrel_openre(split: str) -> Split:
    def files(folder: Path) -> list[Path]:
        if split == "train":
            return fewrel_train_files(folder)
        return [corpus_file(folder, "val_wiki.json", source=FEWREL_SOURCE)]

    return Split(files, lambda folder: iter(load_fewrel_openre(folder, split)))


def _fewrel_train(folder: Path) -> Iterator[Row]:
    return (row for path in fewrel_train_files(folder) for row in rows_naming_file(path, read_fewrel))


def _semeval(labels: Literal["directed", "undirected", "oriented"], pairs: bool = False) -> dict[str, Split]:
    def read(path: Path) -> Iterator[Row]:
        rows = read_semeval2010_task8(path, labels=labels)
        return iter(discovery_pairs(rows, leave_out=SEMEVAL_NO_RELATION)) if pairs else rows

    return {split: file_split(names, SEMEVAL_SOURCE, read) for split, names in SEMEVAL_FILES.items()}


def _redocred(read: Callable[[Path], Iterator[Any]]) -> dict[str, Split]:
    # The Hub's usual name of a development set is `validation`.
    named = {"validation" if split == "dev" else split: names for split, names in REDOCRED_FILES.items()}
    return {split: file_split(names, REDOCRED_SOURCE, read, optional=True) for split, names in named.items()}


def _redocred_pairs(path: Path) -> Iterator[Row]:
    return iter(discovery_pairs(read_sentence_pairs(path), least=REDOCRED_LEAST))


def _wiki80_known(split: str) -> Split:
    return Split(
        lambda folder: [wiki80_file(folder, split)], lambda folder: iter(load_wiki80_known(folder, split)), True
    )


def _tacred_openre(crop_tokens: int | None) -> dict[str, Split]:
    def rows(split: str) -> Callable[[Path], Iterator[Row]]:
        return lambda folder: iter(load_tacred_openre(folder, split, crop_tokens=crop_tokens))

    return {split: Split(tacred_files, rows(split)) for split in TACRED_SPLITS}


def _tacred_published(split: str) -> Split:
    return Split(
        lambda folder: [tacred_file(folder, split)],
        lambda folder: rows_naming_file(tacred_file(folder, split), read_tacred),
    )


def _nyt_fb(rows: Callable[[Path], Iterator[Row]]) -> Split:
    return Split(lambda folder: [nyt_fb_file(folder)], rows)


def _nyt_fb_sup(overlapping: bool, labels: Literal["all", "first"]) -> dict[str, Split]:
    def rows(split: str) -> Callable[[Path], Iterator[Row]]:
        return lambda folder: iter(load_nyt_fb_sup(folder, split, overlapping=overlapping, labels=labels))

    return {split: _nyt_fb(rows(split)) for split in NYT_FB_SUP_SPLITS}


def _nyt_fb_unsupervised() -> dict[str, Split]:
    def rows(split: str) -> Callable[[Path], Iterator[Row]]:
        return lambda folder: iter(load_nyt_fb_labelled(folder, split))

    unlabelled = _nyt_fb(lambda folder: nyt_fb_unlabelled(nyt_fb_file(folder)))
    return {"train": unlabelled, **{split: _nyt_fb(rows(split)) for split in NYT_FB_LABELLED_SPLITS}}


RECIPES: dict[str, Recipe] = {
    "fewrel": Recipe(
        name="fewrel",
        title="FewRel",
        about="Wikipedia sentences with one head and one tail entity, labelled with Wikidata properties. Han et al., EMNLP 2018.",
        source=FEWREL_SOURCE,
        licence="cc-by-sa-4.0",
        licence_text="the dataset's page states CC BY-SA 4.0, its repository MIT",
        configurations={
            "openre": Configuration(
                "Open relation discovery: 64 known relations in `train` (less rows whose sentence occurs in a published "
                "evaluation set), 16 novel ones in `novel_unlabeled` (labels for scoring only) and in the frozen `test`.",
                {split: _fewrel_openre(split) for split in FEWREL_SPLITS},
            ),
            "fewrel": Configuration(
                "The files as published: `train` and `validation` hold different relations.",
                {
                    "train": Split(fewrel_train_files, _fewrel_train, optional=True),
                    "validation": file_split(("val_wiki.json",), FEWREL_SOURCE, read_fewrel, optional=True),
                },
            ),
        },
    ),
    "wiki80": Recipe(
        name="wiki80",
        title="Wiki80",
        about="80 relations of FewRel, split anew within each relation, as OpenNRE has it. Han et al., EMNLP 2019.",
        source=WIKI80_SOURCE,
        licence="cc-by-sa-4.0",
        licence_text="the text is FewRel's (CC BY-SA 4.0 by its page); OpenNRE's repository states MIT",
        configurations={
            "wiki80": Configuration(
                "All relations, for supervised extraction. 16 of them are FewRel's novel relations: do not train relation "
                "discovery on this configuration.",
                {
                    split: file_split(names, WIKI80_SOURCE, read_wiki80, optional=True)
                    for split, names in WIKI80_FILES.items()
                },
            ),
            "known": Configuration(
                "Without FewRel's 16 novel relations; `train` also without rows whose sentence occurs in an evaluation set.",
                {split: _wiki80_known(split) for split in WIKI80_FILES},
            ),
        },
    ),
    "semeval2010_task8": Recipe(
        name="semeval2010_task8",
        title="SemEval-2010 Task 8",
        about="Nine directed relations between nominals, and Other. Hendrickx et al., SemEval 2010.",
        source=SEMEVAL_SOURCE,
        licence="cc-by-3.0",
        licence_text="CC BY 3.0 Unported (the task's README)",
        configurations={
            "directed": Configuration("The 19 labels as published.", _semeval("directed")),
            "oriented": Configuration(
                "10 labels; head and tail exchanged where the label says (e2,e1), so the head is the first argument.",
                _semeval("oriented"),
            ),
            "undirected": Configuration(
                "10 labels without a direction; mentions as in the sentence.", _semeval("undirected")
            ),
            "directed_pairs": Configuration(
                "For relation discovery: 18 directed relations, Other left out.", _semeval("directed", pairs=True)
            ),
            "undirected_pairs": Configuration(
                "For relation discovery: 9 relations without a direction, mentions as in the sentence, Other left out.",
                _semeval("undirected", pairs=True),
            ),
            "oriented_pairs": Configuration(
                "For relation discovery: 9 relations, the head being the first argument, Other left out.",
                _semeval("oriented", pairs=True),
            ),
        },
    ),
    "redocred": Recipe(
        name="redocred",
        title="Re-DocRED",
        about="Wikipedia documents labelled with 96 Wikidata relations across sentences. Tan et al., EMNLP 2022.",
        source=REDOCRED_SOURCE,
        licence="mit",
        licence_text="MIT (the repository); the text is Wikipedia's",
        configurations={
            "documents": Configuration("Whole documents, one sentence per line.", _redocred(read_docred), "document"),
            "sentence_pairs": Configuration(
                "Labelled entity pairs that are mentioned in one sentence, with that sentence as text.",
                _redocred(read_sentence_pairs),
            ),
            "discovery_pairs": Configuration(
                f"The sentence pairs with exactly one relation, of relations with at least {REDOCRED_LEAST} of them.",
                _redocred(_redocred_pairs),
            ),
        },
    ),
    "tacred": Recipe(
        name="tacred",
        title="TACRED",
        about="Newswire and web sentences with 41 relations of persons and organisations, and no_relation. Zhang et al., EMNLP "
        "2017.",
        source=TACRED_SOURCE,
        licence="other",
        licence_text=TACRED_LICENCE,
        redistributable=False,
        configurations={
            "openre": Configuration(
                "Open relation discovery: 31 known relations in `train` (less rows whose sentence occurs in an evaluation set), "
                "10 novel ones in `novel_unlabeled` (labels for scoring only) and in `test`, 15 % of them drawn with seed 0; "
                "no_relation left out.",
                _tacred_openre(None),
            ),
            "openre_cropped": Configuration(
                "As `openre`, sentences of more than 80 tokens cut to 80 around the two mentions.", _tacred_openre(80)
            ),
            "supervised": Configuration(
                "The files as published: 41 relations and the label no_relation.",
                {split: _tacred_published(split) for split in TACRED_FILES},
            ),
        },
    ),
    "nyt_fb": Recipe(
        name="nyt_fb",
        title="NYT+FB",
        about="Sentences of the New York Times aligned with 262 Freebase relations; most have none. Marcheggiani and Titov, TACL "
        "2016. Mentions are found by their words; rows where that fails are left out.",
        source=NYT_FB_SOURCE,
        licence="other",
        licence_text=NYT_FB_LICENCE,
        redistributable=False,
        configurations={
            "sup": Configuration(
                "NYT+FB-sup: relations of 20 to 2,000 instances are novel, one half of them in `validation`, the other in `test`; "
                "`train` has the rest (less rows whose sentence occurs in an evaluation set).",
                _nyt_fb_sup(overlapping=False, labels="all"),
            ),
            "sup_overlapping": Configuration(
                "NYT+FB-sup as in MORE's code: `validation` and `test` halve the instances of the same novel relations. Of several "
                "relations of a row the first counts.",
                _nyt_fb_sup(overlapping=True, labels="first"),
            ),
            "unsupervised": Configuration(
                "`train`: rows without a relation; `validation` and `test`: a fifth and four fifths of the others, drawn with "
                "seed 0, the first relation of each.",
                _nyt_fb_unsupervised(),
            ),
            "all": Configuration(
                "Every row in one split; empty `relations` where there is none.",
                {"train": _nyt_fb(lambda folder: read_nyt_fb(nyt_fb_file(folder), on_error="skip"))},
            ),
        },
    ),
    **TRIPLE_RECIPES,
    **TASK_RECIPES,
}
"""The published corpora, by name."""
