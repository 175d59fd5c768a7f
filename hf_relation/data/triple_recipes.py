"""What the corpora of triples are made of: WebNLG in two versions, and NYT from one's own files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from ..errors import UsageError
from .files import rows_naming_file, sha256_of
from .folding import explode_document
from .locations import corpus_file
from .nyt_fb_splits import NYT_FB_LICENCE
from .recipe import Configuration, Recipe, Row, Split, file_split
from .schema import Document, Instance
from .triples import read_triples


WEBNLG_SOURCE = "https://github.com/hy-struggle/PRGC (data/WebNLG/)"
WEBNLG_STAR_SOURCE = "https://github.com/hy-struggle/PRGC (data/WebNLG-star/)"
WEBNLG_LICENCE = "CC BY-NC-SA 4.0 (the WebNLG corpus); the repository that has these files states none"
WEBNLG_FILES: Mapping[str, tuple[str, ...]] = {
    "train": ("train_triples.json",),
    "validation": ("val_triples.json", "dev_triples.json"),
    "test": ("test_triples.json",),
}

NYT_TRIPLES_SOURCE = (
    "CopyRE (https://github.com/xiangrongzeng/copy_re) or CasRel (https://github.com/weizhepei/CasRel), for holders of a licence "
    "of the New York Times Annotated Corpus (Linguistic Data Consortium, catalogue number LDC2008T19)"
)
NYT_TRIPLES_FILES: Mapping[str, tuple[str, ...]] = {
    "train": (*WEBNLG_FILES["train"], "raw_train.json", "new_train.json", "train.json", "nyt10_train.txt"),
    "validation": (
        *WEBNLG_FILES["validation"],
        "raw_valid.json",
        "new_valid.json",
        "valid.json",
        "dev.json",
        "nyt10_val.txt",
    ),
    "test": (*WEBNLG_FILES["test"], "raw_test.json", "new_test.json", "test.json", "nyt10_test.txt"),
}

_DOCUMENTS = (
    "Sentences with their triples. An entity is a distinct string, its mentions are all of its places; triples stand as often as "
    "upstream lists them, those between a string and itself too."
)
_PAIRS = "The labelled entity pairs, the sentence as text and the two nearest mentions; pairs whose mentions overlap are left out."


def nyt_triples_file(folder: Path, split: str) -> Path:
    """The file of one split of NYT's triples.

    Args:
        folder (`Path`): where to look.
        split (`str`): `"train"`, `"validation"` or `"test"`.

    Returns:
        `Path`: an existing file.

    Raises:
        UsageError: it is not there, the message says what is expected; or the validation file is the test file once more.
    """
    try:
        path = corpus_file(folder, *NYT_TRIPLES_FILES[split], source=NYT_TRIPLES_SOURCE)
    except UsageError:
        first, *others = NYT_TRIPLES_FILES[split]
        raise UsageError(
            f"{first}[.gz] (or {', '.join(others)}) is not in {folder}. NYT's triples are not free to pass on, so bring your own "
            f"copy: from {NYT_TRIPLES_SOURCE}. Licence: {NYT_FB_LICENCE}. Expected in that folder: one file for each of train, "
            'validation and test, in CasRel\'s form, a list of {"text", "triple_list": [[subject, relation, object], ...]}, or in '
            'CopyRE\'s, one {"sentText", "relationMentions": [{"em1Text", "em2Text", "label"}, ...]} per line, or in OpenNRE\'s, UTF-8.'
        ) from None
    if split == "validation":
        try:
            test = corpus_file(folder, *NYT_TRIPLES_FILES["test"], source=NYT_TRIPLES_SOURCE)
        except UsageError:
            return path
        if sha256_of(path) == sha256_of(test):
            raise UsageError(
                f"{path} and {test} have the same content, so choosing on validation would be choosing on the test. Take a part of "
                "the training file for validation."
            )
    return path


def _pairs(documents: Iterator[Document]) -> Iterator[Instance]:
    return (row for document in documents for row in explode_document(document))


def _configurations(make: Callable[[bool], dict[str, Split]]) -> dict[str, Configuration]:
    return {
        "documents": Configuration(_DOCUMENTS, make(False), "document"),
        "pairs": Configuration(_PAIRS, make(True)),
    }


def _read(path: Path, *, corpus: str, pairs: bool, skip: bool = False) -> Iterator[Row]:
    documents = read_triples(path, prefix=corpus, reflexive="keep", on_missing="skip" if skip else "raise")
    return _pairs(documents) if pairs else documents


def _webnlg(corpus: str, source: str) -> dict[str, Configuration]:
    def splits(pairs: bool) -> dict[str, Split]:
        read = partial(_read, corpus=corpus, pairs=pairs)
        return {split: file_split(names, source, read, optional=True) for split, names in WEBNLG_FILES.items()}

    return _configurations(splits)


def _nyt(pairs: bool) -> dict[str, Split]:
    def split(name: str) -> Split:
        read = partial(_read, corpus="nyt_triples", pairs=pairs, skip=True)
        return Split(
            lambda folder: [nyt_triples_file(folder, name)],
            lambda folder: rows_naming_file(nyt_triples_file(folder, name), read),
        )

    return {name: split(name) for name in NYT_TRIPLES_FILES}


TRIPLE_RECIPES: dict[str, Recipe] = {
    "webnlg": Recipe(
        name="webnlg",
        title="WebNLG",
        about="Sentences written after DBpedia triples, with 216 relations that often share entities; whole entities are "
        "mentions. Gardent et al., ACL 2017; as a corpus for extraction Zeng et al., ACL 2018.",
        source=WEBNLG_SOURCE,
        licence="cc-by-nc-sa-4.0",
        licence_text=WEBNLG_LICENCE,
        configurations=_webnlg("webnlg", WEBNLG_SOURCE),
    ),
    "webnlg_star": Recipe(
        name="webnlg_star",
        title="WebNLG*",
        about="WebNLG as CopyRE and CasRel have it, with 171 relations: of an entity only the last word is marked. Zeng et al., ACL "
        "2018; Wei et al., ACL 2020.",
        source=WEBNLG_STAR_SOURCE,
        licence="cc-by-nc-sa-4.0",
        licence_text=WEBNLG_LICENCE,
        configurations=_webnlg("webnlg_star", WEBNLG_STAR_SOURCE),
    ),
    "nyt_triples": Recipe(
        name="nyt_triples",
        title="NYT triples",
        about="Sentences of the New York Times aligned with 24 Freebase relations that often share entities. Riedel et al., ECML "
        "2010; as a corpus for joint extraction Zeng et al., ACL 2018. Triples with a string that is not in the sentence are left "
        "out.",
        source=NYT_TRIPLES_SOURCE,
        licence="other",
        licence_text=NYT_FB_LICENCE,
        redistributable=False,
        configurations=_configurations(_nyt),
    ),
}
"""The corpora of triples, by name."""
