"""Which part of a published corpus plays which role: known relations, novel ones without labels, novel ones to test on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hf_relation.data import load_corpus, load_nyt_fb_labelled, load_nyt_fb_sup, relation_names
from hf_relation.data.corpora import REDOCRED_FILES
from hf_relation.data.locations import corpus_dir
from hf_relation.data.nyt_fb_splits import nyt_fb_file, nyt_fb_unlabelled
from hf_relation.training.novel_parts import NovelPart, only_relations


if TYPE_CHECKING:
    from hf_relation.data import Instance


SemEvalLabels = Literal["directed", "undirected", "oriented"]


@dataclass(frozen=True)
class CorpusSettings:
    """How corpora are read.

    Args:
        data_dir (`str`, *optional*): folder of the corpora; by default that of `$HF_RELATION_DATA`.
        semeval_labels (`str`, defaults to `"undirected"`): see [`read_semeval2010_task8`]. `"oriented"` puts head and tail in
            the order of the gold label, which novel relations do not have.
        nyt_fb_overlapping (`bool`, defaults to `False`): NYT+FB-sup as in MORE's code, see [`load_nyt_fb_sup`]. The two halves
            of its novel relations are then unlabelled text and test; nothing is chosen on them.
        train_on_evaluation_sets (`bool`, defaults to `False`): known relations may come from a published evaluation set.
    """

    data_dir: str | None = None
    semeval_labels: SemEvalLabels = "undirected"
    nyt_fb_overlapping: bool = False
    train_on_evaluation_sets: bool = False


def known_part(name: str, settings: CorpusSettings) -> list[Instance]:
    """The labelled instances of a corpus whose relations are known ones.

    FewRel, wiki80, TACRED, NYT+FB: the known relations of the published split. SemEval-2010 and Re-DocRED: all relations of
    the training file.

    Args:
        name (`str`): one of `CORPUS_NAMES`.
        settings ([`CorpusSettings`]): how to read it.

    Returns:
        `list[Instance]`: sentences of evaluation sets included; [`prepare_data`] drops them.

    Raises:
        UsageError: files are missing.
    """
    return _KNOWN[name](settings)


def novel_part(name: str, settings: CorpusSettings) -> NovelPart:
    """The instances of a corpus whose relations are novel ones, when the known ones come from this or another corpus.

    FewRel and wiki80: FewRel's unlabelled part and frozen test. TACRED: the same of its split. NYT+FB: validation and test
    relations of NYT+FB-sup, no unlabelled part. SemEval-2010: training and test file. Re-DocRED: pairs of the training
    documents, where they are there, and of the development documents.

    Args:
        name (`str`): one of `CORPUS_NAMES`.
        settings ([`CorpusSettings`]): how to read it.

    Returns:
        [`NovelPart`].

    Raises:
        UsageError: files are missing.
    """
    return _NOVEL[name](settings)


def unsupervised_part(name: str, settings: CorpusSettings) -> NovelPart:
    """The instances of a corpus for methods that learn without any label: as [`novel_part`], of all relations.

    wiki80: its training and validation file without FewRel's novel relations. NYT+FB: the rows without a relation, and the
    labelled ones as [`load_nyt_fb_labelled`] divides them.

    Args:
        name (`str`): one of `CORPUS_NAMES`.
        settings ([`CorpusSettings`]): how to read it.

    Returns:
        [`NovelPart`].

    Raises:
        UsageError: files are missing.
    """
    if name == "wiki80":
        train, test = (_load("wiki80", split, settings) for split in ("train", "validation"))
        return NovelPart(train, test)
    if name == "nyt_fb":
        unlabelled = nyt_fb_unlabelled(nyt_fb_file(corpus_dir(settings.data_dir, "nyt_fb")))
        validation, test = (load_nyt_fb_labelled(settings.data_dir, split) for split in ("validation", "test"))
        return NovelPart(list(unlabelled), test, validation)
    return novel_part(name, settings)


def same_names(train_name: str, known: list[Instance], settings: CorpusSettings) -> list[Instance]:
    """Give wiki80's relations the Wikidata ids that FewRel and Re-DocRED use, so that the same relation has one name.

    Args:
        train_name (`str`): the corpus of `known`.
        known (`list[Instance]`): its instances.
        settings ([`CorpusSettings`]): where FewRel's `pid2name.json` is.

    Returns:
        `list[Instance]`: `known` itself unless `train_name` is `"wiki80"`.

    Raises:
        UsageError: `pid2name.json` is missing.
    """
    if train_name != "wiki80":
        return known
    ids = {name: identifier for identifier, name in relation_names(settings.data_dir).items()}
    return [{**row, "relations": [ids.get(name, name) for name in row["relations"]]} for row in known]


def _load(name: str, split: str, settings: CorpusSettings) -> list[Instance]:
    return load_corpus(
        name,
        settings.data_dir,
        split,
        drop_evaluation_sentences=False,  # `prepare_data` drops and counts them
        semeval_labels=settings.semeval_labels,
    )


def _known_wiki80(settings: CorpusSettings) -> list[Instance]:
    return [*_load("wiki80", "train", settings), *_load("wiki80", "validation", settings)]


def _known_redocred(settings: CorpusSettings) -> list[Instance]:
    if settings.train_on_evaluation_sets and not _has_redocred_train(settings):
        return _load("redocred_pairs", "dev", settings)
    return _load("redocred_pairs", "train", settings)


def _has_redocred_train(settings: CorpusSettings) -> bool:
    folder = corpus_dir(settings.data_dir, "redocred")
    return any((folder / f"{name}{end}").is_file() for name in REDOCRED_FILES["train"] for end in ("", ".gz"))


def _novel_published(name: str) -> Callable[[CorpusSettings], NovelPart]:
    return lambda settings: NovelPart(_load(name, "novel_unlabeled", settings), _load(name, "test", settings))


def _nyt_fb(split: str, settings: CorpusSettings) -> list[Instance]:
    if not settings.nyt_fb_overlapping:
        return _load("nyt_fb", split, settings)
    return load_nyt_fb_sup(settings.data_dir, split, overlapping=True, labels="first", drop_evaluation_sentences=False)


def _novel_nyt_fb(settings: CorpusSettings) -> NovelPart:
    if settings.nyt_fb_overlapping:
        return NovelPart(_nyt_fb("validation", settings), _nyt_fb("test", settings))
    return NovelPart([], _nyt_fb("test", settings), _nyt_fb("validation", settings))


def _novel_semeval(settings: CorpusSettings) -> NovelPart:
    return NovelPart(_load("semeval2010_pairs", "train", settings), _load("semeval2010_pairs", "test", settings))


def _novel_redocred(settings: CorpusSettings) -> NovelPart:
    test = _load("redocred_pairs", "dev", settings)
    if not _has_redocred_train(settings):
        return NovelPart([], test)
    names = {name for row in test for name in row["relations"]}
    return NovelPart(only_relations(_load("redocred_pairs", "train", settings), names), test)


_KNOWN: Mapping[str, Callable[[CorpusSettings], list[Instance]]] = {
    "fewrel": lambda settings: _load("fewrel", "train", settings),
    "wiki80": _known_wiki80,
    "tacred": lambda settings: _load("tacred", "train", settings),
    "nyt_fb": lambda settings: _nyt_fb("train", settings),
    "semeval": lambda settings: _load("semeval2010_pairs", "train", settings),
    "redocred": _known_redocred,
}
_NOVEL: Mapping[str, Callable[[CorpusSettings], NovelPart]] = {
    "fewrel": _novel_published("fewrel"),
    "wiki80": _novel_published("fewrel"),  # wiki80's novel relations are FewRel's
    "tacred": _novel_published("tacred"),
    "nyt_fb": _novel_nyt_fb,
    "semeval": _novel_semeval,
    "redocred": _novel_redocred,
}

CORPUS_NAMES: tuple[str, ...] = tuple(_KNOWN)
"""The corpora that have roles."""

NOT_DIVIDED = ("semeval", "redocred")
"""Corpora without a published split into known and novel relations."""

FROZEN_TESTS = ("fewrel", "wiki80", "tacred")
"""Corpora whose test is published, or drawn as published, and not to be divided further."""
