"""`datasets` builders over the readers of this package, for people who work with `datasets` directly.

```python
from hf_relation.data.builders import FewRel

builder = FewRel(data_dir="path/to/fewrel", config_name="openre")
builder.download_and_prepare()
dataset = builder.as_dataset(split="test")
```
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import datasets

from ..errors import UsageError
from .kinds import KINDS, Kind
from .recipe import Recipe, available_splits, jsonl_recipe
from .recipes import RECIPES


@cache
def _source_hash(kind: Kind) -> str:
    """The hash of this room's source and the kind of rows: `datasets` keys its cache by it."""
    digest, folder = hashlib.sha256(kind.encode()), Path(__file__).parent
    for path in sorted([*folder.glob("*.py"), *folder.glob("*.json")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def builder_configurations(name: str) -> list[datasets.BuilderConfig]:
    """What a builder's class lists: the configurations of a corpus.

    Args:
        name (`str`): one of `RECIPES`.

    Returns:
        `list[datasets.BuilderConfig]`: in the recipe's order.
    """
    return [
        datasets.BuilderConfig(name=configuration, version=datasets.Version("1.0.0"), description=content.about)
        for configuration, content in RECIPES[name].configurations.items()
    ]


class RelationBuilder(datasets.GeneratorBasedBuilder):
    """What the builders below share. `datasets` caches by folder, so the files of a split are part of the cache key.

    Args:
        data_dir (`str` or `PathLike`, *optional*): folder with the upstream files, or with a folder of the corpus' name;
            by default the one of `find_data_dir()`.
        config_name (`str`, *optional*): one of the corpus' configurations; the first by default.
        kwargs: the other arguments of `datasets.GeneratorBasedBuilder`, such as `cache_dir`.

    Raises:
        UsageError: the configuration is unknown, or files are missing; nothing is downloaded.
    """

    VERSION = datasets.Version("1.0.0")
    corpus = ""

    def __init__(
        self,
        *,
        data_dir: str | os.PathLike[str] | None = None,
        config_name: str | None = None,
        recipe: Recipe | None = None,
        **kwargs: Any,
    ) -> None:
        self._recipe = RECIPES[self.corpus] if recipe is None else recipe
        config_name = config_name or next(iter(self._recipe.configurations))
        configuration = self._recipe.configuration(config_name)
        self._kind: Kind = configuration.kind
        self._folder = Path(".") if recipe is not None else self._recipe.folder(data_dir)
        self._splits = available_splits(self._recipe, config_name, self._folder)
        files = {name: [str(path) for path in split.files(self._folder)] for name, split in self._splits.items()}
        kwargs.setdefault("dataset_name", self._recipe.name)
        kwargs.setdefault("hash", _source_hash(self._kind))
        super().__init__(config_name=config_name, data_files=files, **kwargs)

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(
            description=f"{self._recipe.title}. {self._recipe.about}",
            features=KINDS[self._kind].features(),
            homepage=self._recipe.source,
            license=self._recipe.licence,
        )

    def _split_generators(self, dl_manager: datasets.DownloadManager) -> list[datasets.SplitGenerator]:
        return [datasets.SplitGenerator(name=name, gen_kwargs={"split": name}) for name in self._splits]

    def _generate_examples(self, split: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
        yield from enumerate(self._splits[split].rows(self._folder))


class FewRel(RelationBuilder):
    """FewRel; configurations `"openre"` (default) and `"fewrel"`. See `RelationBuilder` for the arguments."""

    corpus = "fewrel"
    BUILDER_CONFIGS = builder_configurations("fewrel")


class Wiki80(RelationBuilder):
    """Wiki80; configurations `"wiki80"` (default) and `"known"`. See `RelationBuilder` for the arguments."""

    corpus = "wiki80"
    BUILDER_CONFIGS = builder_configurations("wiki80")


class SemEval2010Task8(RelationBuilder):
    """SemEval-2010 Task 8.

    Configurations `"directed"` (default), `"oriented"`, `"undirected"`, and each with `"_pairs"` behind, which leaves `Other` out.
    See `RelationBuilder` for the arguments.
    """

    corpus = "semeval2010_task8"
    BUILDER_CONFIGS = builder_configurations("semeval2010_task8")


class ReDocRED(RelationBuilder):
    """Re-DocRED; configurations `"documents"` (default), `"sentence_pairs"` and `"discovery_pairs"`. See `RelationBuilder`."""

    corpus = "redocred"
    BUILDER_CONFIGS = builder_configurations("redocred")


class TACRED(RelationBuilder):
    """TACRED, from licensed files of one's own; configurations `"openre"` (default), `"openre_cropped"` and `"supervised"`.

    See `RelationBuilder` for the arguments.
    """

    corpus = "tacred"
    BUILDER_CONFIGS = builder_configurations("tacred")


class NytFb(RelationBuilder):
    """NYT+FB, from a licensed file of one's own.

    Configurations `"sup"` (default), `"sup_overlapping"`, `"unsupervised"` and `"all"`. See `RelationBuilder` for the arguments.
    """

    corpus = "nyt_fb"
    BUILDER_CONFIGS = builder_configurations("nyt_fb")


class WebNLG(RelationBuilder):
    """WebNLG with whole entities; configurations `"documents"` (default) and `"pairs"`. See `RelationBuilder`."""

    corpus = "webnlg"
    BUILDER_CONFIGS = builder_configurations("webnlg")


class WebNLGStar(RelationBuilder):
    """WebNLG*, the last word of each entity; configurations `"documents"` (default) and `"pairs"`. See `RelationBuilder`."""

    corpus = "webnlg_star"
    BUILDER_CONFIGS = builder_configurations("webnlg_star")


class NytTriples(RelationBuilder):
    """NYT as triples, from licensed files of one's own; configurations `"documents"` (default) and `"pairs"`.

    See `RelationBuilder` for the arguments.
    """

    corpus = "nyt_triples"
    BUILDER_CONFIGS = builder_configurations("nyt_triples")


class RelationJsonl(RelationBuilder):
    """JSONL files of one's own.

    Args:
        data_files (`Mapping[str, path]`): split name -> file.
        kind (`str`): what a row is, see `read_jsonl`.
        kwargs: the other arguments of `datasets.GeneratorBasedBuilder`.

    Raises:
        UsageError: no files are given, or one does not exist.
    """

    BUILDER_CONFIGS = [datasets.BuilderConfig(name="default", version=datasets.Version("1.0.0"))]

    def __init__(
        self, *, data_files: Mapping[str, str | os.PathLike[str]], kind: Kind = "instance", **kwargs: Any
    ) -> None:
        if isinstance(data_files, (str, os.PathLike)):
            raise UsageError(f"`data_files` must map split names to files, e.g. {{'train': {str(data_files)!r}}}.")
        super().__init__(recipe=jsonl_recipe(data_files, kind=kind), **kwargs)
