"""What each corpus is made of, for builders and converters alike: configurations, splits, files, licence."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..errors import UsageError
from .corpora import REDOCRED_FILES, SEMEVAL_FILES
from .docred import REDOCRED_SOURCE, read_docred
from .fewrel import FEWREL_SOURCE, read_fewrel
from .fewrel_openre import FEWREL_SPLITS, fewrel_train_files, load_fewrel_openre
from .folding import explode_document
from .jsonl import read_jsonl
from .locations import corpus_dir, corpus_file
from .schema import Document, Instance
from .semeval import SEMEVAL_SOURCE, read_semeval2010_task8
from .wiki80 import WIKI80_FILES, WIKI80_SOURCE, load_wiki80_known, read_wiki80, wiki80_file


Row = Instance | Document
Kind = Literal["instance", "document"]


@dataclass(frozen=True)
class Split:
    """One split of a configuration.

    Args:
        files: gives the split's files within the corpus folder, or raises `UsageError` when one is missing.
        rows: reads the split from the corpus folder.
        optional (`bool`): the split is left out when its files are missing.
    """

    files: Callable[[Path], list[Path]]
    rows: Callable[[Path], Iterator[Row]]
    optional: bool = False


@dataclass(frozen=True)
class Configuration:
    """One configuration of a corpus: what it is, the kind of its rows, its splits."""

    about: str
    splits: Mapping[str, Split]
    kind: Kind = "instance"


@dataclass(frozen=True)
class Recipe:
    """One corpus.

    Args:
        name (`str`): name of the corpus, and of its folder in a data folder.
        title (`str`): for the dataset card.
        about (`str`): one or two sentences for the card.
        source (`str`): where the files can be had.
        licence (`str`): identifier for the card's header, or `""` when there is none.
        licence_text (`str`): what upstream states, in words.
        configurations (`Mapping[str, Configuration]`): by name; the first is the default.
    """

    name: str
    title: str
    about: str
    source: str
    licence: str
    licence_text: str
    configurations: Mapping[str, Configuration] = field(default_factory=dict)

    def configuration(self, name: str) -> Configuration:
        """The configuration of that name; `UsageError` names the ones there are."""
        if name not in self.configurations:
            raise UsageError(f"{self.name} has no configuration {name!r}; it has {', '.join(self.configurations)}.")
        return self.configurations[name]


def available_splits(recipe: Recipe, configuration: str, data_dir: str | os.PathLike[str] | None) -> dict[str, Split]:
    """The splits of a configuration whose files are there.

    Args:
        recipe (`Recipe`): the corpus.
        configuration (`str`): name of the configuration.
        data_dir (`str`, `PathLike` or `None`): folder with the files, or with a folder of the corpus' name.

    Returns:
        `dict[str, Split]`: at least one.

    Raises:
        UsageError: files of a split that is not optional are missing, or there is none at all.
    """
    folder = corpus_dir(data_dir, recipe.name)
    found: dict[str, Split] = {}
    missing: UsageError | None = None
    for name, split in recipe.configuration(configuration).splits.items():
        try:
            split.files(folder)
        except UsageError as error:
            if not split.optional:
                raise
            missing = missing or error
        else:
            found[name] = split
    if not found and missing is not None:
        raise missing
    return found


def jsonl_recipe(data_files: Mapping[str, str | os.PathLike[str]], *, kind: Kind = "instance") -> Recipe:
    """The recipe for JSONL files of one's own.

    Args:
        data_files (`Mapping[str, path]`): split name -> file.
        kind (`"instance"` or `"document"`): what a row is.

    Returns:
        `Recipe`: with the one configuration `"default"`.

    Raises:
        UsageError: no files are given, or one does not exist.
    """
    paths = {split: Path(path) for split, path in data_files.items()}
    if not paths:
        raise UsageError("no data files given. Name at least one, for instance train=rows.jsonl.")
    for path in paths.values():
        if not path.is_file():
            raise UsageError(f"the file {path} does not exist. Check the path.")
    splits = {split: _jsonl_split(path, kind) for split, path in paths.items()}
    return Recipe(
        name="jsonl",
        title="Relations",
        about="Converted from JSON lines.",
        source="the files given",
        licence="",
        licence_text="not stated",
        configurations={"default": Configuration("The rows as they are.", splits, kind)},
    )


def _jsonl_split(path: Path, kind: Kind) -> Split:
    def rows(_: Path) -> Iterator[Row]:
        return read_jsonl(path) if kind == "instance" else read_jsonl(path, kind="document")

    return Split(lambda _: [path], rows)


def _fewrel_openre(split: str) -> Split:
    def files(folder: Path) -> list[Path]:
        if split == "train":
            return fewrel_train_files(folder)
        return [corpus_file(folder, "val_wiki.json", source=FEWREL_SOURCE)]

    return Split(files, lambda folder: iter(load_fewrel_openre(folder, split)))


def _fewrel_train(folder: Path) -> Iterator[Row]:
    return (row for path in fewrel_train_files(folder) for row in read_fewrel(path))


def _one_file(names: tuple[str, ...], source: str, read: Callable[[Path], Iterator[Any]], optional: bool) -> Split:
    def files(folder: Path) -> list[Path]:
        return [corpus_file(folder, *names, source=source)]

    return Split(files, lambda folder: read(files(folder)[0]), optional)


def _semeval(labels: Literal["directed", "undirected", "oriented"]) -> dict[str, Split]:
    def read(path: Path) -> Iterator[Row]:
        return read_semeval2010_task8(path, labels=labels)

    return {split: _one_file(names, SEMEVAL_SOURCE, read, False) for split, names in SEMEVAL_FILES.items()}


def _redocred(read: Callable[[Path], Iterator[Any]]) -> dict[str, Split]:
    # The Hub's usual name of a development set is `validation`.
    named = {"validation" if split == "dev" else split: names for split, names in REDOCRED_FILES.items()}
    return {split: _one_file(names, REDOCRED_SOURCE, read, True) for split, names in named.items()}


def _sentence_pairs(path: Path) -> Iterator[Row]:
    return (row for document in read_docred(path) for row in explode_document(document, scope="sentence"))


def _wiki80_known(split: str) -> Split:
    return Split(
        lambda folder: [wiki80_file(folder, split)], lambda folder: iter(load_wiki80_known(folder, split)), True
    )


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
                    "validation": _one_file(("val_wiki.json",), FEWREL_SOURCE, read_fewrel, True),
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
                {split: _one_file(names, WIKI80_SOURCE, read_wiki80, True) for split, names in WIKI80_FILES.items()},
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
                _redocred(_sentence_pairs),
            ),
        },
    ),
}
"""The published corpora, by name."""
