"""What a corpus is made of: configurations, splits, files, licence."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import UsageError
from .files import rows_naming_file
from .jsonl import read_jsonl
from .kinds import Kind
from .locations import corpus_dir, corpus_file
from .schema import Document, Instance
from .task_schema import LabelledText, TaggedSentence


Row = Instance | Document | TaggedSentence | LabelledText


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


def file_split(
    names: tuple[str, ...], source: str, read: Callable[[Path], Iterator[Any]], *, optional: bool = False
) -> Split:
    """A split that is one file.

    Args:
        names (`tuple[str, ...]`): file names, in order of preference.
        source (`str`): where the file can be had, for the message when none is there.
        read: the file's reader.
        optional (`bool`): see `Split`.

    Returns:
        `Split`: for a configuration.
    """

    def files(folder: Path) -> list[Path]:
        return [corpus_file(folder, *names, source=source)]

    return Split(files, lambda folder: rows_naming_file(files(folder)[0], read), optional)


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
        redistributable (`bool`): whether the licence lets anyone publish the rows; if not, they are pushed to private
            repositories only.
        folders (`tuple[str, ...]`): other names of its folder, within a data folder.
    """

    name: str
    title: str
    about: str
    source: str
    licence: str
    licence_text: str
    configurations: Mapping[str, Configuration] = field(default_factory=dict)
    redistributable: bool = True
    folders: tuple[str, ...] = ()

    def folder(self, data_dir: str | os.PathLike[str] | None) -> Path:
        """The folder of the corpus: one of its names within the data folder, else the data folder itself.

        Args:
            data_dir (`str`, `PathLike` or `None`): folder of one or of several corpora; `None` takes `find_data_dir()`.

        Raises:
            UsageError: no folder given and none in the environment, or the folder does not exist.
        """
        found = corpus_dir(data_dir, self.name)
        if found.name == self.name:
            return found
        return next((found / name for name in self.folders if (found / name).is_dir()), found)

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
    folder = recipe.folder(data_dir)
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
        kind (`str`): what a row is, see `read_jsonl`.

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
        title="Relations" if kind in ("instance", "document") else "Labels",
        about="Converted from JSON lines.",
        source="the files given",
        licence="",
        licence_text="not stated",
        configurations={"default": Configuration("The rows as they are.", splits, kind)},
    )


def _jsonl_split(path: Path, kind: Kind) -> Split:
    def rows(_: Path) -> Iterator[Row]:
        return rows_naming_file(path, partial(read_jsonl, kind=kind))

    return Split(lambda _: [path], rows)
